"""Cut prompts at markers and count each distinct span once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from strategies.chat.failures import is_failure
from strategies.conversations.counts import Counts, OnError, Progress
from strategies.errors import TurnError, UnavailableError
from strategies.piece_counter import PieceCounter
from strategies.plain import reference_turn
from strategies.runtime.parallelism import library_threads
from strategies.splicing import Cutter, Span, SpanPath, between_markers, markers_of

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.contract import Counter
    from strategies.conversations.conversation import Conversation

_Result = TypeVar("_Result")

PENDING_CHARACTERS = 1_000_000
"""Distinct spans are counted in batches of this many characters."""


@dataclass(frozen=True, slots=True)
class Spliced:
    """Count every distinct span once over the whole dataset, between its two markers."""

    name: str = "spliced"
    summary: str = "cut at markers, count each distinct span once, with its neighbours"

    def availability(self, chat: ChatTokenizer) -> str | None:
        """Return None, or what makes the tokenizer look past a marker."""
        if chat.coded is not None:
            return chat.coded.renderer.splices
        markers = markers_of(chat)
        return markers if isinstance(markers, str) else None

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[Counter]:
        """Yield the counter; there is nothing to start."""
        if chat.coded is not None:
            yield PieceCounter(chat, chat.coded)
        else:
            yield _Counter(chat, workers, between_markers)


@dataclass(frozen=True, slots=True)
class SplicedAlone(Spliced):
    """The obvious way to splice, and the wrong one: spans without their neighbours."""

    name: str = "spliced-alone"
    summary: str = "spans counted without neighbours: wrong if a marker strips or prepends"
    control: bool = True

    def availability(self, chat: ChatTokenizer) -> str | None:
        """Return None, or what makes the tokenizer look past a marker."""
        return chat.no_separate_rendering or Spliced.availability(self, chat)

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[Counter]:
        """Yield the counter; there is nothing to start."""
        yield _Counter(chat, workers, _alone)


def _alone(span: Span) -> tuple[str, int]:
    return span[1], 0


@dataclass(slots=True)
class _Counter:
    chat: ChatTokenizer
    workers: int
    counted_text: Callable[[Span], tuple[str, int]]
    """The text to encode for a span, and how many of its tokens are not the span's."""
    note: str | None = None
    parts: dict[str, float] = field(default_factory=dict)

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        markers = markers_of(self.chat)
        if isinstance(markers, str):
            raise UnavailableError(markers)
        cutter = Cutter(markers)
        lengths = _SpanLengths(self.chat, self.counted_text)
        clock = _Parts()
        with library_threads(self.workers):
            paths: list[list[_Step | None]] = []
            refused = None
            try:
                for conversation in conversations:
                    paths.append([])
                    _walk(self.chat, conversation, paths[-1], cutter, lengths, clock, on_error)
                    if progress:
                        progress(len(conversation.turns))
            except TurnError as error:
                # A turn before it may fail to encode, and the error must name the first.
                refused = error
            clock.timed("encode", lengths.flush)
            counts: Counts = [
                _totals(self.chat, conversation, path, lengths.known, on_error)
                for conversation, path in zip(conversations, paths, strict=False)
            ]
            if refused is not None:
                raise refused
        self.parts = clock.seconds
        self.note = None if lengths.saw_marker else "no cut points: prompts counted whole"
        return counts


@dataclass(slots=True)
class _Parts:
    """Seconds by part of the work."""

    seconds: dict[str, float] = field(
        default_factory=lambda: {"render": 0.0, "cut": 0.0, "encode": 0.0}
    )

    def timed(self, part: str, work: Callable[[], _Result]) -> _Result:
        """Do `work` and add its time to `part`."""
        started = perf_counter()
        try:
            return work()
        finally:
            self.seconds[part] += perf_counter() - started


class _SpanLengths:
    """Numbers the distinct spans of a dataset, and counts each of them once."""

    def __init__(
        self, chat: ChatTokenizer, counted_text: Callable[[Span], tuple[str, int]]
    ) -> None:
        self._chat = chat
        self._counted_text = counted_text
        self._numbers: dict[Span, int] = {}
        self._pending: list[Span] = []
        self._pending_characters = 0
        self.known: list[int | None] = []
        """Tokens of each span by number, without its markers; None if encoding raises."""
        self.saw_marker = False

    def number(self, span: Span) -> int:
        """Return the number of a span."""
        number = self._numbers.setdefault(span, len(self._numbers))
        if number == len(self.known) + len(self._pending):
            self._pending.append(span)
            self._pending_characters += len(span[1])
            self.saw_marker |= span[0] is not None
        return number

    @property
    def full(self) -> bool:
        """Whether enough spans wait to make a batch."""
        return self._pending_characters >= PENDING_CHARACTERS

    def flush(self) -> None:
        """Count the spans that wait."""
        texts, markers = [], []
        for span in self._pending:
            text, others = self._counted_text(span)
            texts.append(text)
            markers.append(others)
        for length, others in zip(self._lengths(texts), markers, strict=True):
            self.known.append(None if length is None else length - others)
        self._pending.clear()
        self._pending_characters = 0

    def _lengths(self, texts: list[str]) -> list[int | None]:
        try:
            return list(self._chat.lengths(texts))
        except BaseException as error:
            if not is_failure(error):
                raise
            # One text that the model cannot encode fails the whole batch. Find it.
            return [self._length(text) for text in texts]

    def _length(self, text: str) -> int | None:
        try:
            return self._chat.lengths([text])[0]
        except BaseException as error:
            if not is_failure(error):
                raise
            # The reference counts the turns that hold it, and raises the reason.
            return None


@dataclass(frozen=True, slots=True)
class _Step:
    """The spans of a turn: the first `kept` of the last turn's, then `numbers`."""

    kept: int
    numbers: list[int]


def _walk(
    chat: ChatTokenizer,
    conversation: Conversation,
    steps: list[_Step | None],
    cutter: Cutter,
    lengths: _SpanLengths,
    clock: _Parts,
    on_error: OnError,
) -> None:
    """Render and cut every turn. Each step keeps the numbers of its new spans only."""
    path = SpanPath(cutter)
    prompts = chat.prompts(conversation, on_error)
    while True:
        turn = clock.timed("render", lambda: next(prompts, None))
        if turn is None:
            return
        prompt = turn[1]
        if prompt is None:
            steps.append(None)
            continue
        steps.append(clock.timed("cut", partial(_step, path, prompt, lengths)))
        if lengths.full:
            clock.timed("encode", lengths.flush)


def _step(path: SpanPath, prompt: str, lengths: _SpanLengths) -> _Step:
    kept, spans = path.advance(prompt)
    return _Step(kept, [lengths.number(span) for span in spans])


def _totals(
    chat: ChatTokenizer,
    conversation: Conversation,
    steps: list[_Step | None],
    known: list[int | None],
    on_error: OnError,
) -> list[int | None]:
    """Add up the spans of each turn and the markers between them."""
    totals: list[int | None] = []
    # Tokens, and spans without a count, up to and including each marker.
    tokens, failed = [0], [0]
    for index, step in enumerate(steps):
        if step is None:
            totals.append(None)
            continue
        del tokens[step.kept + 1 :], failed[step.kept + 1 :]
        for number in step.numbers:
            length = known[number]
            tokens.append(tokens[-1] + (length or 0) + 1)
            failed.append(failed[-1] + (length is None))
        if failed[-1]:
            totals.append(reference_turn(chat, conversation, index, on_error))
        else:
            # The last span ends at the end of the prompt, not at a marker.
            totals.append(tokens[-1] - 1)
        tokens.pop()
        failed.pop()
    return totals
