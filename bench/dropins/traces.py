"""ISLs written back into traces: the same records, but for the field that holds the ISL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from bench.dropins.places import (
    Edit,
    Item,
    Span,
    edited,
    elements,
    members,
    records_in,
    with_number,
)
from strategies import Conversation, InputError
from strategies.conversations.json_text import next_value
from strategies.errors import placed

NoAnswers: TypeAlias = Literal["refuse", "leave", "count"]
"""What becomes of a prompt with an answer of the server that the trace does not hold."""

FIELDS = {
    "mooncake messages": "input_length",
    "mooncake text": "input_length",
    "SGLang agentic trace": "prompt_tokens",
}
"""The field that holds the ISL, by the name of the format."""


class Place(NamedTuple):
    """Where the ISL of a turn belongs.

    Attributes
    ----------
    start
        Place of the object in the text, in characters.
    line
        Of its record.
    """

    start: int
    line: int


def field_of(form: str | None) -> str:
    """Return the field of a format that holds ISLs.

    Raises
    ------
    InputError
        If the records of the format have none.
    """
    if form not in FIELDS:
        raise InputError(
            f"is read as {form}, whose records have no field for ISLs; there is one in "
            f"{', '.join(FIELDS)}"
        )
    return FIELDS[form]


def places_of(text: str, form: str, conversations: Sequence[Conversation]) -> list[list[Place]]:
    """Return where the ISL of each turn belongs.

    Parameters
    ----------
    text
        The trace.
    form
        Name of its format, one of `FIELDS`.
    conversations
        What was read from the text, all of it.

    Raises
    ------
    InputError
        If a turn has no place of its own: an object holds one number, so it can have one turn.
    """
    records = list(records_in(text))
    try:
        if form == "SGLang agentic trace":
            places = list(_turns_of_trace(text, records))
        else:
            places = list(_requests(text, records, conversations))
        for conversation, found in zip(conversations, places, strict=True):
            if len(conversation.turns) != len(found):
                raise InputError(
                    f"conversation {conversation.id!r} has {len(conversation.turns)} turns, and "
                    f"{len(found)} objects for their ISLs",
                    line=conversation.line,
                )
    except ValueError:
        raise InputError(
            f"holds {len(records)} records and {len(conversations)} conversations, which do not "
            "belong to each other one by one"
        ) from None
    return places


def _turns_of_trace(text: str, records: Sequence[Item]) -> Iterator[list[Place]]:
    for record in records:
        with placed(line=record.line):
            conversations = members(text, record.start)["conversations"]
            for conversation in elements(text, conversations.start):
                turns = (span.start for span in elements(text, conversation.start))
                yield [Place(start, record.line) for start in turns if _asks(text, start)]


def _asks(text: str, start: int) -> bool:
    """Whether a turn has messages. SGLang sends no request for one that has none."""
    span = members(text, start).get("messages")
    return span is not None and bool(next_value(text, span.start)[0])


def _requests(
    text: str, records: Sequence[Item], conversations: Sequence[Conversation]
) -> Iterator[list[Place]]:
    by_line: dict[int, list[Item]] = defaultdict(list)
    for record in records:
        by_line[record.line].append(record)
    sessions: dict[str, list[Place]] = defaultdict(list)
    for record in records:
        with placed(line=record.line):
            span: Span | None = members(text, record.start).get("session_id")
        name = None if span is None else next_value(text, span.start)[0]
        if isinstance(name, str):
            sessions[name].append(Place(record.start, record.line))
    for conversation in conversations:
        here = by_line[conversation.line or 0]
        if len(here) != 1:
            raise InputError(
                "several records are on this line; write one record a line", line=conversation.line
            )
        (record,) = here
        if len(conversation.turns) == 1:
            yield [Place(record.start, record.line)]
        else:
            yield sessions[conversation.id]


def first_unknown(conversation: Conversation) -> int:
    """Return how many turns come before the first whose prompt holds an answer not in the data."""
    turns = conversation.turns
    for i in range(1, len(turns)):
        if conversation.messages[turns[i - 1]]["role"] != "assistant":
            return i
    return len(turns)


def written_back(
    text: str,
    form: str,
    conversations: Sequence[Conversation],
    counts: Sequence[Sequence[int | None]],
    no_answers: NoAnswers,
) -> tuple[str, int, int]:
    """Return a trace with the ISLs of its turns.

    Parameters
    ----------
    text
        The trace.
    form
        Name of its format, one of `FIELDS`.
    conversations
        What was read from the text, all of it.
    counts
        The ISL of each turn of each, in tokens.
    no_answers
        What becomes of a prompt with an answer of the server that the trace does not hold:
        an error, nothing, or its ISL without the answer.

    Returns
    -------
    tuple of str, int and int
        The new text, the number of ISLs in it, and the number of turns that were left as they are.

    Raises
    ------
    InputError
        If an ISL has no place, or is not known.
    """
    field = field_of(form)
    edits: list[Edit] = []
    left = 0
    places = places_of(text, form, conversations)
    for conversation, isls, found in zip(conversations, counts, places, strict=True):
        known = first_unknown(conversation)
        if known < len(isls) and no_answers == "refuse":
            raise InputError(
                f"turn {known + 1} of conversation {conversation.id!r} sends an answer of the "
                "server again, which is not in the trace; --no-answers leave writes the ISLs "
                "before it, and --no-answers count counts without it",
                line=found[known].line,
            )
        if no_answers == "count":
            known = len(isls)
        left += len(isls) - known
        for isl, (start, line) in zip(isls[:known], found, strict=False):
            if isl is None:
                raise InputError("a turn has no ISL", line=line)
            with placed(line=line):
                edits.append(with_number(text, start, field, isl))
    return edited(text, edits), len(edits), left
