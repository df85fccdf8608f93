"""The lint: is cutting exact for this tokenizer and this template, and if not, on which text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strategies.conversations.conversation import Conversation
from strategies.exactness.pipeline import steps_of
from strategies.linting.cuts import between
from strategies.linting.engines import Asked, EngineVerdict, engine_verdicts
from strategies.linting.markers import groups, marker_verdict
from strategies.linting.rules import UNEXPLAINED, refused
from strategies.linting.search import MOST_PIECES, PIECES, Counterexample, shortest, texts_of
from strategies.linting.subject import Subject, subject_of
from strategies.linting.template import TemplateFacts, template_facts
from strategies.linting.verdict import (
    ALONE,
    NEVER,
    ORDER,
    Group,
    MarkerVerdict,
    Verdict,
)
from strategies.repetition import amplification

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer

MOST_TOGETHER = 6
"""Markers that are put beside each other in a search over all of them."""


@dataclass(frozen=True, slots=True)
class Lint:
    """What the lint found.

    Parameters
    ----------
    tokenizer, kind, family
        Name, class and kind of the tokenizer.
    verdict
        What holds for cutting at all its markers.
    marker
        The marker that decides it, and that `counterexample` is about; None if it is none.
    counterexample
        The shortest text that shows why nothing better holds; None if none was found.
    markers
        The verdicts on the markers that the template can write, in the order of their ids.
    unwritten
        The other added tokens, in groups of the same verdict by rule.
    template
        What is known of the template.
    engines
        What other engines and caches would do; empty if the library may fail on any text.
    pieces, most_pieces
        The bound of the search: texts of at most `most_pieces` of the `pieces`, of the marker,
        and of tokens that could matter to it.
    tried
        Texts that were compared.
    amplification
        Characters rendered over characters of distinct spans, if conversations were given.
    """

    tokenizer: str
    kind: str
    family: str
    verdict: Verdict
    marker: str | None
    counterexample: Counterexample | None
    markers: tuple[MarkerVerdict, ...]
    unwritten: tuple[Group, ...]
    template: TemplateFacts
    engines: tuple[EngineVerdict, ...]
    pieces: tuple[str, ...]
    most_pieces: int
    tried: int
    amplification: float | None

    @property
    def is_exact(self) -> bool:
        """Whether counting spans between their neighbours is exact."""
        return self.verdict.exactness != NEVER

    @property
    def cut_points(self) -> tuple[str, ...]:
        """The markers that the template can write and at which a prompt can be cut."""
        return tuple(each.text for each in self.markers if each.verdict.exactness != NEVER)


def lint(
    chat: ChatTokenizer,
    conversations: Iterable[Conversation] = (),
    *,
    most_pieces: int = MOST_PIECES,
) -> Lint:
    """Say where cutting the prompts of a tokenizer and its template is exact, and why.

    Verdicts come from the configuration, by the conditions of docs/cutting.md. A search of short
    texts is held against each verdict, and can only make it worse. Whatever no condition covers
    is ``never``.

    Parameters
    ----------
    chat
        The tokenizer with its template.
    conversations
        Conversations for the amplification, and for how prompts grow from turn to turn.
    most_pieces
        How many pieces the texts of the search have at most.

    Returns
    -------
    Lint
        The verdicts, with a counterexample for each that is not ``exact-alone``, if one exists
        within the bound of the search.
    """
    given = list(conversations)
    subject = subject_of(chat)
    template, prompts = template_facts(chat, subject, given)
    markers = tuple(
        marker_verdict(subject, number, most_pieces=most_pieces) for number in template.written
    )
    unwritten = groups(
        subject, {n: token for n, token in subject.added.items() if n not in template.written}
    )
    verdict, decides = _whole(subject, markers, unwritten, most_pieces)
    tried = sum(each.tried for each in markers) + (0 if decides is None else decides.tried)
    found = None if decides is None else decides.counterexample
    if verdict.exactness != NEVER:
        # All markers at once, also in what the template really writes.
        texts = _together(subject, markers, most_pieces)
        searched = shortest(
            subject.encode,
            between(subject, _cuts(subject, markers, unwritten)),
            texts,
            more=(text for text in prompts if not subject.may_panic(text)),
        )
        tried += searched.tried
        if searched.found is not None:
            verdict = Verdict(
                NEVER, UNEXPLAINED, None, "a text is encoded wrongly, and no rule says why"
            )
            found, decides = searched.found, None
    return Lint(
        tokenizer=chat.name,
        kind=chat.kind,
        family=chat.family,
        verdict=verdict,
        marker=None if decides is None else decides.text,
        counterexample=found,
        markers=markers,
        unwritten=unwritten,
        template=template,
        engines=() if subject.is_unsafe else engine_verdicts(_asked(chat, subject, template)),
        pieces=PIECES,
        most_pieces=most_pieces,
        tried=tried,
        amplification=amplification(given, chat).factor if given else None,
    )


def _whole(
    subject: Subject,
    markers: tuple[MarkerVerdict, ...],
    unwritten: tuple[Group, ...],
    most_pieces: int,
) -> tuple[Verdict, MarkerVerdict | None]:
    """Return the verdict on all markers at once, and the one that decides it."""
    if subject.refusal is not None:
        verdict = refused(NEVER, subject.refusal)
        return verdict, _shown([each for each in markers if each.verdict == verdict])
    numbers = {token.content: number for number, token in subject.added.items()}
    # Markers that are no place to cut are passed over, and do not decide.
    candidates = [each for each in markers if each.verdict.exactness != NEVER]
    candidates += [
        marker_verdict(subject, numbers[group.texts[0]], most_pieces=most_pieces)
        for group in unwritten
        if group.verdict.exactness != NEVER
    ]
    if not candidates:
        refusals = [each.verdict for each in markers] or [group.verdict for group in unwritten]
        if not refusals:
            return Verdict(NEVER, "no markers", None, "it has no added tokens to cut at"), None
        worst = refusals[0]
        return Verdict(
            NEVER, worst.rule, worst.condition, f"no added token is a place to cut: {worst.reason}"
        ), _shown(list(markers))
    worst = max((each.verdict for each in candidates), key=lambda v: ORDER.index(v.exactness))
    if worst.exactness == ALONE:
        return worst, None
    decides = _shown([each for each in candidates if each.verdict.exactness == worst.exactness])
    return (worst if decides is None else decides.verdict), decides


def _shown(verdicts: list[MarkerVerdict]) -> MarkerVerdict | None:
    """Return the verdict with the shortest counterexample, or any if there is none."""
    shown = [each for each in verdicts if each.counterexample is not None]
    return min(
        shown,
        key=lambda each: len(each.counterexample.text) if each.counterexample else 0,
        default=verdicts[0] if verdicts else None,
    )


def _cuts(
    subject: Subject, markers: tuple[MarkerVerdict, ...], unwritten: tuple[Group, ...]
) -> dict[str, int]:
    never = {each.text for each in markers if each.verdict.exactness == NEVER}
    for group in unwritten:
        if group.verdict.exactness == NEVER:
            never.update(group.texts)
    return {
        token.content: number
        for number, token in subject.added.items()
        if token.content not in never
    }


def _together(subject: Subject, markers: tuple[MarkerVerdict, ...], most_pieces: int) -> list[str]:
    pieces = [*PIECES, *(each.text for each in markers[:MOST_TOGETHER])]
    return [text for text in texts_of(pieces, most_pieces) if not subject.may_panic(text)]


def _asked(chat: ChatTokenizer, subject: Subject, template: TemplateFacts) -> Asked:
    backend = chat.backend

    return Asked(
        subject=subject,
        written=template.written,
        model=None if backend is None else type(backend.model).__name__,
        splits_by_expression=subject.refusal is None
        and backend is not None
        and any(step["type"] == "Split" for step in steps_of(backend.pre_tokenizer)),
        truncates=_truncates(chat),
        sanitized=_sanitized(chat, subject, template),
    )


def _sanitized(
    chat: ChatTokenizer, subject: Subject, template: TemplateFacts
) -> Counterexample | None:
    """Return a prompt with a marker in a message that other ids than its text has."""
    texts = (subject.added[number] for number in template.written)
    marker = next((token.content for token in texts if token.special), None)
    if marker is None:
        return None
    asked = Conversation("marker", ({"role": "user", "content": marker},), None, (1,))
    (_, prompt), *_ = chat.prompts(asked, "skip")
    if prompt is None:
        return None
    try:
        ids = chat.tokenizer.apply_chat_template(
            list(asked.messages),
            chat_template=chat.template,
            tokenize=True,
            add_generation_prompt=True,
            return_dict=False,
            sanitize_control_tokens=True,
            **chat.template_kwargs,
        )
    except Exception:  # an older transformers, or a tokenizer that cannot do it
        return None
    plain = subject.encode(prompt)
    return None if plain == ids else Counterexample(prompt, tuple(ids), tuple(plain))


def _truncates(chat: ChatTokenizer) -> bool:
    """Whether tokenizer.json asks for truncation. transformers turns it off when it loads."""
    path = Path(chat.spec.name_or_path) / "tokenizer.json"
    if not path.is_file():
        return False
    with path.open("rb") as file:
        # The library writes it before the vocabulary, and reading all of it takes a second.
        head = _TRUNCATION.search(file.read(_HEAD))
    if head is not None:
        return head[1] == b"{"
    return isinstance(json.loads(path.read_bytes()).get("truncation"), dict)


_HEAD = 4096
_TRUNCATION = re.compile(rb'"truncation"\s*:\s*(\{|null)')
