"""What a chat template does: the markers it writes, what it drops, and how its prompts grow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

from jinja2 import nodes

from strategies.chat.rendering import parse_template
from strategies.errors import TurnError
from strategies.linting.cuts import spans_of
from strategies.linting.probes import CALL_ID, NEEDLE, Probe, growing, probes, with_text_arguments

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation
    from strategies.linting.subject import Subject

Kept: TypeAlias = Literal["kept", "dropped later", "dropped", "refused"]
"""``dropped later``: kept until a user message follows. ``refused``: the template raises."""

EXCERPT = 32
"""Characters of a prompt that are shown where it stops growing."""

_LIKE_A_MARKER = re.compile(
    r"<[|｜][^|｜<>\s]{1,40}[|｜]>|</?[A-Za-z][\w:-]{0,40}>|\[/?[A-Z][A-Z_]{1,40}\]"
)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a role or a field.

    Parameters
    ----------
    subject
        The role, or the field as ``role.field``.
    kept
        Whether it reaches the prompt.
    reason
        Why the template refuses it, or None.
    """

    subject: str
    kept: Kept
    reason: str | None


@dataclass(frozen=True, slots=True)
class Break:
    """A turn whose prompt does not begin with the prompt of the turn before.

    Parameters
    ----------
    conversation
        Its id.
    turn
        Its number, from 1.
    character
        How many characters the two prompts have in common at their start.
    before, after
        What follows there in the prompt before, and in this one.
    in_generation_prompt
        Whether only what asks for the next answer is written anew.
    """

    conversation: str
    turn: int
    character: int
    before: str
    after: str
    in_generation_prompt: bool


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """What is known of a template.

    Parameters
    ----------
    written
        The ids of the added tokens that it can write.
    unknown
        Texts that look like markers, but are plain text for the tokenizer.
    fates
        What becomes of each role and field.
    breaks
        The first turn of each conversation that is not the turn before with something added.
    conversations
        How many conversations were looked at for `breaks`: those with two prompts or more.
    refusals
        Conversations of which the template refused a turn, each with its reason.
    """

    written: tuple[int, ...]
    unknown: tuple[str, ...]
    fates: tuple[Fate, ...]
    breaks: tuple[Break, ...]
    conversations: int
    refusals: tuple[str, ...]

    @property
    def appends_only(self) -> bool | None:
        """Whether each prompt begins with the prompt of the turn before; None if none was there."""
        return not self.breaks if self.conversations else None


def template_facts(
    chat: ChatTokenizer, subject: Subject, conversations: Iterable[Conversation] = ()
) -> tuple[TemplateFacts, list[str]]:
    """Return what is known of a chat's template, and the prompts that were rendered for it.

    Parameters
    ----------
    chat
        The tokenizer with its template.
    subject
        The same tokenizer, as the lint asks it.
    conversations
        Conversations that are looked at besides the ones of this package.
    """
    prompts: dict[str, None] = {}
    fates = []
    for probe in probes():
        fate, rendered = _fate(chat, probe)
        fates.append(fate)
        prompts.update(dict.fromkeys(rendered))
    breaks, refusals, count = [], [], 0
    for conversation in (_willing(chat, each) for each in growing()):
        texts, reason = _rendered(chat, conversation)
        prompts.update(dict.fromkeys(texts))
        count += len(texts) > 1
        if reason is not None:
            refusals.append(f"{conversation.id}: {reason}")
        breaks += _first_break(chat, conversation, texts)
    for conversation in conversations:
        texts, _ = _rendered(chat, conversation)
        count += len(texts) > 1
        breaks += _first_break(chat, conversation, texts)
    literals = _literals(chat)
    facts = TemplateFacts(
        written=_written(chat, subject, literals, prompts),
        unknown=_unknown(subject, literals, prompts),
        fates=tuple(fates),
        breaks=tuple(breaks),
        conversations=count,
        refusals=tuple(refusals),
    )
    return facts, list(prompts)


def _rendered(chat: ChatTokenizer, conversation: Conversation) -> tuple[list[str], str | None]:
    """Return the prompts of a conversation up to the first that fails, and why that one does."""
    texts: list[str] = []
    try:
        for _, text in chat.prompts(conversation):
            assert text is not None  # noqa: S101  # for the type checker: it would have raised
            texts.append(text)
    except TurnError as error:
        return texts, error.reason
    return texts, None


def _willing(chat: ChatTokenizer, conversation: Conversation) -> Conversation:
    """Return one of our conversations in the form that the template accepts, if there is one."""
    other = with_text_arguments(conversation)
    refused = _rendered(chat, conversation)[1] is not None
    return other if refused and _rendered(chat, other)[1] is None else conversation


def _fate(chat: ChatTokenizer, probe: Probe) -> tuple[Fate, list[str]]:
    now, reasons = _prompts_of(chat, probe.conversations)
    later, more = _prompts_of(chat, probe.later)
    held = any(_holds(text) for text in now)
    held_later = any(_holds(text) for text in later)
    reasons += more
    kept: Kept
    if not now and not later:
        kept = "refused"
    elif held and later and not held_later:
        kept = "dropped later"
    else:
        kept = "kept" if held or held_later else "dropped"
    reason = reasons[0] if kept == "refused" and reasons else None
    return Fate(probe.subject, kept, reason), [*now, *later]


def _holds(text: str) -> bool:
    return NEEDLE in text or CALL_ID in text


def _prompts_of(
    chat: ChatTokenizer, conversations: Sequence[Conversation]
) -> tuple[list[str], list[str]]:
    found = [_rendered(chat, _willing(chat, conversation)) for conversation in conversations]
    texts = [text for texts, _ in found for text in texts]
    return texts, [reason for _, reason in found if reason is not None]


def _first_break(
    chat: ChatTokenizer, conversation: Conversation, prompts: Sequence[str]
) -> list[Break]:
    for turn, (last, text) in enumerate(pairwise(prompts), 2):
        if text.startswith(last):
            continue
        same = _shared(last, text)
        history = _without_generation_prompt(chat, conversation, turn - 2)
        return [
            Break(
                conversation=conversation.id,
                turn=turn,
                character=same,
                before=last[same : same + EXCERPT],
                after=text[same : same + EXCERPT],
                in_generation_prompt=history is not None
                and last.startswith(history)
                and same >= len(history),
            )
        ]
    return []


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _without_generation_prompt(
    chat: ChatTokenizer, conversation: Conversation, index: int
) -> str | None:
    """Return a prompt without what asks for the next answer, or None if that fails."""
    served = chat.serve(conversation).conversation
    try:
        text: str = chat.tokenizer.apply_chat_template(
            list(served.messages[: served.turns[index]]),
            tools=None if served.tools is None else list(served.tools),
            chat_template=chat.template,
            tokenize=False,
            add_generation_prompt=False,
            **chat.kwargs_of(served),
        )
    except Exception:  # a template may raise anything
        return None
    return text


def _literals(chat: ChatTokenizer) -> tuple[str, ...]:
    """Return the texts that stand in the templates of a chat."""
    templates = dict.fromkeys(
        chat.template_text(conversation)
        for probe in probes()
        for conversation in probe.conversations[:1]
    )
    return tuple(dict.fromkeys(text for each in templates for text in _texts_in(each)))


def _texts_in(template: str) -> Iterator[str]:
    tree = parse_template(template)
    for node in tree.find_all((nodes.Const, nodes.TemplateData, nodes.Name)):
        if isinstance(node, nodes.TemplateData):
            yield node.data
        elif isinstance(node, nodes.Const) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, nodes.Name) and node.name.endswith("_token"):
            # transformers gives the template its special tokens under such names.
            yield f"{{{node.name}}}"


def _written(
    chat: ChatTokenizer, subject: Subject, literals: Iterable[str], prompts: Iterable[str]
) -> tuple[int, ...]:
    """Return the ids of added tokens in the template's own texts, or in what it rendered."""
    named = {f"{{{name}}}": text for name, text in chat.tokenizer.special_tokens_map.items()}
    texts = [*(str(named.get(text, text)) for text in literals), *prompts]
    return tuple(
        number
        for number, token in subject.added.items()
        if any(token.content in text for text in texts)
    )


def _unknown(
    subject: Subject, literals: Iterable[str], prompts: Sequence[str] | Iterable[str]
) -> tuple[str, ...]:
    """Return texts that look like markers, are written, and are no added tokens."""
    added = frozenset(token.content for token in subject.added.values())
    found: dict[str, None] = {}
    rendered = "\n".join(prompts)
    for text in (*literals, rendered):
        for match in _LIKE_A_MARKER.finditer(text):
            known = spans_of(match[0], added, added)[:-1] if added else []
            if not known and match[0] in rendered and NEEDLE not in match[0]:
                found[match[0]] = None
    return tuple(found)
