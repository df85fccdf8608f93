"""Rows of MLCommons endpoints whose requests bring templates and variables of their own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from bench.dropins.places import Edit, edited, members
from strategies import ChatSpec, Conversation, InputError
from strategies.conversations.json_text import parse_loosely
from strategies.conversations.whole import read_kwargs
from strategies.errors import placed

TEMPLATE = "chat_template"
KWARGS = "chat_template_kwargs"
MARK = f'"{TEMPLATE}'.encode()
"""What a file of rows holds if any of them has one of the two fields."""

_ASKING = ("user", "tool")
"""Roles of the rows that are requests. The fields of other rows are not sent."""


class Own(NamedTuple):
    """What a request brings for its own prompt.

    Attributes
    ----------
    template
        Its template; None for that of the tokenizer.
    kwargs
        Its variables for the template, as canonical JSON; None for those of the command. The
        client sends one or the other, and never both together.
    """

    template: str | None = None
    kwargs: str | None = None


Requests: TypeAlias = Mapping[str, Sequence[Own]]
"""What the requests bring, in order of their turns, by the id of the conversation."""


def own_fields(text: str) -> tuple[str, Requests]:
    """Return rows without templates and variables, and what their requests bring.

    A null is in the place of each, so that all lines stay where they are.

    Parameters
    ----------
    text
        The rows, as JSON Lines.

    Raises
    ------
    InputError
        If such a field is not of its type.
    """
    lines = text.split("\n")
    requests: dict[str, dict[int, Own]] = defaultdict(dict)
    for number, line in enumerate(lines):
        try:
            row = parse_loosely(line)
        except ValueError:
            # The reader says what is wrong with it.
            continue
        if not isinstance(row, dict):
            continue
        with placed(line=number + 1):
            if row.get(TEMPLATE) is not None or row.get(KWARGS) is not None:
                spans = members(line, line.index("{"))
                own = [spans[key] for key in (TEMPLATE, KWARGS) if key in spans]
                lines[number] = edited(line, [Edit(span, "null") for span in own])
            turn = row.get("turn")
            # The reader refuses a row whose id or turn is something else.
            if row.get("role") in _ASKING and isinstance(turn, int):
                requests[str(row.get("conversation_id"))][turn] = _own(row)
    ordered = {name: [turns[turn] for turn in sorted(turns)] for name, turns in requests.items()}
    return "\n".join(lines), ordered


def _own(row: dict[str, Any]) -> Own:
    template = row.get(TEMPLATE)
    if template is not None and (not isinstance(template, str) or not template):
        raise InputError("must be the text of a template", field=TEMPLATE)
    kwargs = None
    if row.get(KWARGS) is not None:
        kwargs = json.dumps(read_kwargs({KWARGS: row[KWARGS]}), sort_keys=True)
    return Own(template, kwargs)


@dataclass(frozen=True, slots=True)
class Part:
    """The turns of a dataset that one tokenizer with one template counts.

    Parameters
    ----------
    spec
        The tokenizer, with the template.
    conversations
        The conversations, each with some of its turns.
    places
        For each of them the conversation in the dataset, and the places of its turns there.
    """

    spec: ChatSpec
    conversations: list[Conversation]
    places: list[tuple[int, list[int]]]


def parts_of(
    conversations: Sequence[Conversation], requests: Requests, spec: ChatSpec
) -> list[Part]:
    """Return the turns of a dataset, by the tokenizer that counts them.

    Parameters
    ----------
    conversations
        The dataset, read without what its requests bring.
    requests
        What they bring.
    spec
        The tokenizer for requests that bring nothing.
    """
    parts: dict[ChatSpec, Part] = {}
    for i, conversation in enumerate(conversations):
        by_own: dict[Own, list[int]] = defaultdict(list)
        for k, own in zip(range(len(conversation.turns)), requests[conversation.id], strict=True):
            by_own[own].append(k)
        for own, places in by_own.items():
            own_spec = _spec_with(spec, own)
            part = parts.setdefault(own_spec, Part(own_spec, [], []))
            turns = tuple(conversation.turns[k] for k in places)
            some = replace(
                conversation, turns=turns, continued=conversation.continued.intersection(turns)
            )
            part.conversations.append(some)
            part.places.append((i, places))
    return list(parts.values())


def _spec_with(spec: ChatSpec, own: Own) -> ChatSpec:
    if own.template is not None:
        if spec.renderer is not None:
            raise InputError(
                f"a row brings a template of its own, and the renderer {spec.renderer} reads none",
                field=TEMPLATE,
            )
        # Never a file: whoever wrote the rows does not choose which files are read here.
        spec = replace(spec, template=own.template, template_name=None, template_file=None)
    return spec if own.kwargs is None else replace(spec, template_kwargs=own.kwargs)
