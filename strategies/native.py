"""Render, cut and count in the native core, on threads that do not need the GIL."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from strategies import _native
from strategies.chat.failures import is_failure
from strategies.chat.keeping import let_go
from strategies.chat.serving import Served, serve_all
from strategies.conversations.conversation import Conversation
from strategies.conversations.counts import Columns
from strategies.conversations.direct import DirectConversations
from strategies.conversations.given import given_conversations
from strategies.errors import TurnError, UnavailableError, WorkerError, one_line
from strategies.exactness.pipeline import backend_refusal
from strategies.native_sentencepiece import PART as SENTENCEPIECE_PART
from strategies.native_sentencepiece import (
    check_sentencepiece,
    keep_sentencepiece,
    kept_sentencepiece,
    sentencepiece_loader,
    sentencepiece_reason,
)
from strategies.native_templates import Templates
from strategies.plain import first_failure, reference_turn
from strategies.profiles.catalog import profiles
from strategies.runtime.memory import give_back
from strategies.runtime.workers import no_threads
from strategies.words import many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from tokenizers import Tokenizer

    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.counts import Column, Counts, OnError, Progress

CHECK_WORDS = 50
"""Entries of a vocabulary that are tried as words of a check text."""

BATCH_CHARACTERS = 16_000_000
"""Prompts that Jinja2 renders go to the core in batches of this many characters."""


@dataclass(frozen=True, slots=True)
class Rust:
    """Count each distinct span once, without Python between the messages and the counts."""

    name: str = "rust"
    summary: str = "the native core renders, cuts and counts in parallel without the GIL"

    def availability(self, chat: ChatTokenizer) -> str | None:
        """Return None, or why the core cannot stand in for this tokenizer."""
        if _native.build_profile != "release":
            return "the native core is a debug build, whose timings would mislead; run make setup"
        if _is_kept(chat):
            # It was kept after all this had been asked, and the counts had been compared.
            return None
        return self._reason(chat)

    def _reason(self, chat: ChatTokenizer) -> str | None:
        if chat.no_separate_rendering is not None:
            return chat.no_separate_rendering
        if chat.backend is None:
            return sentencepiece_reason(chat)
        if chat.tokenizer.split_special_tokens:
            # The library keeps a set of texts that were special once, and saves it nowhere.
            return "split_special_tokens depends on more than the saved tokenizer says"
        refusal = backend_refusal(chat.backend)
        return None if refusal is None else refusal.reason

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[_Counter]:
        """Load the tokenizer into the core and compile its templates.

        Its threads live for one call. So there is no thread to stop, or to lose in a fork.
        """
        native, templates = self.core(chat, workers=workers)
        if _is_kept(chat):
            # The core has all that a count needs.
            let_go(chat)
        yield _Counter(chat, native, templates)
        templates.keep()

    def core(self, chat: ChatTokenizer, *, workers: int) -> tuple[_native.Counter, Templates]:
        """Return the core's counter of a tokenizer, and its templates, the usual ones compiled.

        Raises
        ------
        UnavailableError
            If the core cannot load the tokenizer, or counts it in another way than it does.
        """
        templates = Templates(chat)
        native = _kept(chat, workers)
        if native is None:
            # What is kept turned out to be damaged, so the question is still open.
            reason = self._reason(chat) if _is_kept(chat) else None
            if reason is not None:
                raise UnavailableError(reason)
            native = _loaded(chat, workers, templates)
        else:
            templates.compile_usual()
        return native, templates


PART, TOKENIZER_PART = "counter", "tokenizer"
"""Names under which the native counter is kept, and the JSON of its tokenizer."""


def _is_kept(chat: ChatTokenizer) -> bool:
    """Whether a counter is kept from an earlier run; whether it is damaged shows later."""
    return chat.kept is not None and not chat.kept.names.isdisjoint({PART, SENTENCEPIECE_PART})


def _kept(chat: ChatTokenizer, workers: int) -> _native.Counter | None:
    """Return the counter that is kept from an earlier run; None if there is none."""
    kept = chat.kept
    if kept is None:
        return None
    saved = kept.get(PART)
    if saved is None:
        return kept_sentencepiece(kept, workers=workers)

    def load() -> str:
        state = kept.get(TOKENIZER_PART)
        return chat.backend_state() if state is None else state.decode()

    try:
        return _native.Counter.restore(saved, load, workers=workers)
    except _native.NativeError:
        return None


def _loaded(chat: ChatTokenizer, workers: int, templates: Templates) -> _native.Counter:
    """Return the counter of a loaded tokenizer, and compile the usual templates meanwhile.

    Parameters
    ----------
    chat
        The tokenizer.
    workers
        Threads of a call.
    templates
        The templates of the tokenizer.
    """
    from concurrent.futures import ThreadPoolExecutor

    backend = chat.backend
    # To load a tokenizer takes more memory than it needs then.
    give_back()
    if backend is None:
        load = sentencepiece_loader(chat, workers=workers)
    else:
        load = partial(
            _native.Counter,
            chat.backend_state(),
            workers=workers,
            split_special_tokens=bool(chat.tokenizer.split_special_tokens),
        )
    with ThreadPoolExecutor(1) as loader:
        # Loading does not hold the GIL, so templates are compiled at the same time.
        try:
            loading = loader.submit(load)
        except RuntimeError as error:
            raise no_threads("threads of rust", error) from error
        templates.compile_usual()
        try:
            native = loading.result()
        except _native.NativeError as error:
            # Its version of the library may be older than the installed one.
            reason = f"the native core cannot load its tokenizer: {one_line(error)}"
            raise UnavailableError(reason) from error
    if backend is None:
        check_sentencepiece(chat, native)
        keep_sentencepiece(chat)
        return native
    _check_vocabulary(backend, native)
    _check_native(chat, native)
    saved = native.save()
    if chat.kept is not None and saved is not None:
        chat.kept.put(PART, saved)
        chat.kept.put(TOKENIZER_PART, chat.backend_state().encode())
    return native


def _given(conversation: Conversation) -> tuple[Any, Any, Any]:
    return conversation.messages, conversation.tools, conversation.turns


@dataclass(slots=True)
class _Taken:
    """Conversations that the core or Jinja2 renders, as they are counted.

    If a turn that is refused ends the call, those after it are not here.
    """

    conversations: list[Conversation]
    refusal: TurnError | None
    waiting: _native.Waiting
    groups: dict[_native.Template, list[int]] = field(default_factory=dict)
    """Places by the template of the core."""
    plain: list[int] = field(default_factory=list)
    """Places that Jinja2 renders."""
    reasons: list[str] = field(default_factory=list)
    """Why it does."""
    odd: dict[int, str] = field(default_factory=dict)
    """Places that the plain call counts, and why."""

    def add(self, place: int, template: _native.Template | str) -> None:
        if isinstance(template, str):
            self.plain.append(place)
            self.reasons.append(template)
        else:
            self.groups.setdefault(template, []).append(place)


class _Found:
    """What is found of the turns of some conversations.

    Parameters
    ----------
    turns
        How many turns each of them has.
    wanted
        The columns beside the counts.
    remembers
        Whether the core may know spans and words from the calls before.
    """

    def __init__(
        self, turns: Sequence[int], wanted: AbstractSet[Column], *, remembers: bool = False
    ) -> None:
        self.wanted = wanted
        self.remembers = remembers
        self.counts: Counts = [[None] * number for number in turns]
        self.shared: Counts = [[None] * number for number in turns] if "shared" in wanted else []
        self.osl: Counts = [[None] * number for number in turns] if "osl" in wanted else []
        self.left: set[int] = set()
        """Places of conversations of which the core has not found every column."""

    def take(self, places: Sequence[int], shared: Counts, osl: Counts, left: Sequence[int]) -> None:
        """Take over what the core has found of the conversations at some places."""
        for column, more in ((self.shared, shared), (self.osl, osl)):
            # It is empty if it is not wanted.
            for place, turns in zip(places, more, strict=bool(more)):
                column[place] = turns
        self.left.update(places[place] for place in left)

    def columns(self, refused: Sequence[int]) -> Columns:
        """Return the columns, with so many turns more for each conversation that have none."""

        def whole(column: Counts) -> Counts:
            if not any(refused):
                return column
            return [[*turns, *[None] * more] for turns, more in zip(column, refused, strict=True)]

        return Columns(
            whole(self.counts),
            whole(self.shared) if "shared" in self.wanted else None,
            whole(self.osl) if "osl" in self.wanted else None,
            sorted(self.left) if self.wanted else (),
        )


@dataclass(slots=True)
class _Counter:
    serves: ClassVar[bool] = True

    chat: ChatTokenizer
    native: _native.Counter
    templates: Templates
    note: str | None = None
    parts: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    """Numbers of the last call: seconds of each part, characters, markers found, statements."""
    restarts: str | None = None
    """A construct of a template that was rendered again in every turn of the last call."""

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        return self._count(conversations, frozenset(), progress, on_error).counts

    def count_columns(
        self,
        conversations: Sequence[Conversation],
        wanted: AbstractSet[Column],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Columns:
        """Return the counts, and the columns that are found with them.

        Parameters
        ----------
        conversations, wanted
            As for `strategies.contract.ColumnsCounter`.
        progress, on_error
            As for `count`.

        Raises
        ------
        TurnError
            As `count` does.
        """
        if isinstance(conversations, DirectConversations):
            direct = self._count_directly(conversations, wanted, progress, on_error)
            if direct is not None:
                return direct
        return self._count(given_conversations(conversations), wanted, progress, on_error)

    def _count(
        self,
        conversations: Sequence[Conversation],
        wanted: AbstractSet[Column],
        progress: Progress | None,
        on_error: OnError,
    ) -> Columns:
        self.figures, self.parts, self.restarts = {}, {}, None
        taken = self._take_over(conversations, on_error)
        counted = taken.conversations
        found = _Found([len(conversation.turns) for conversation in counted], wanted)
        failures = [
            (place, index, False, reason)
            for place, reason in taken.odd.items()
            for index in range(len(counted[place].turns))
        ]
        if progress and failures:
            progress(len(failures))
        for template, places in taken.groups.items():
            failures += self._count_waiting(found, template, taken.waiting, places, progress)
        skipped: list[tuple[int, int]] = []
        try:
            for places, prompts in self._rendered(counted, taken.plain, on_error, skipped):
                run = partial(self.native.count_prompts, prompts)
                failures += self._merge(found, places, run, progress)
        except TurnError as error:
            raise first_failure(counted, self.chat, error) from error

        for place, index in skipped:
            found.counts[place][index] = None
        left = self._count_left(found, counted, failures, on_error)
        self.note = self._note(taken.reasons, left)
        if taken.refusal is not None:
            raise taken.refusal
        refused = [
            len(one.turns) - len(two) for one, two in zip(conversations, found.counts, strict=True)
        ]
        if progress and any(refused):
            progress(sum(refused))
        found.left.update(taken.plain)
        return found.columns(refused)

    def _take_over(self, conversations: Sequence[Conversation], on_error: OnError) -> _Taken:
        """Give conversations to the core, as the messages profile gives them to the template.

        Raises
        ------
        InputError
            If messages are written by another profile already.
        """
        started = time.perf_counter()
        waiting = _native.Waiting(len(conversations))
        templates = [self._template(each) for each in conversations]
        by_python = {
            place
            for place, conversation in enumerate(conversations)
            if isinstance(templates[place], str) or not self._serve(waiting, place, conversation)
        }
        places = iter(range(len(conversations)))

        def serve_one(conversation: Conversation) -> Served:
            if next(places) in by_python:
                return self.chat.serve(conversation)
            return Served(conversation, None)

        served, refusal = serve_all(conversations, serve_one, on_error)
        taken = _Taken(served, refusal, waiting)
        for place, conversation in enumerate(served):
            template = templates[place]
            if place in by_python:
                # It may have fewer turns now, and none of them continued.
                template = self._template(conversation)
                if not isinstance(template, str):
                    try:
                        waiting.put(place, _given(conversation))
                    except _native.RefusedError as error:
                        taken.odd[place] = one_line(error)
                        continue
            taken.add(place, template)
        self.figures["convert_seconds"] = time.perf_counter() - started
        return taken

    def _template(self, conversation: Conversation) -> _native.Template | str:
        """Return the template of a conversation, or why the core does not render it."""
        try:
            return self.templates.of(conversation)
        except Exception as error:
            # Choosing the template failed, and so does the reference.
            return f"no template: {one_line(error)}"

    def _serve(self, waiting: _native.Waiting, place: int, conversation: Conversation) -> bool:
        """Let the core apply the messages profile; return whether it did.

        It leaves to Python what it is not sure of.
        """
        profile = self.chat.profile
        if conversation.profile is not None or profiles().get(profile.name) is not profile:
            return False
        traits = self.chat.traits(self.chat.template_text(conversation))
        return waiting.serve(
            place,
            _given(conversation),
            profile.name,
            reads_parts=traits.reads_parts,
            parses_arguments=conversation.tool_arguments == "objects",
        )

    def count_direct(
        self,
        conversations: DirectConversations,
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts | None:
        """Count conversations that the core has read, and make no Python objects of them.

        Parameters
        ----------
        conversations
            As the dataset has them.
        progress, on_error
            As for `count`.

        Returns
        -------
        list of list of int or None, or None
            The counts that `count` returns; None, before anything is counted, if it needs Python
            objects for them.

        Raises
        ------
        TurnError
            As `count` does.
        """
        columns = self._count_directly(conversations, frozenset(), progress, on_error)
        return None if columns is None else columns.counts

    def _count_directly(
        self,
        conversations: DirectConversations,
        wanted: AbstractSet[Column],
        progress: Progress | None,
        on_error: OnError,
    ) -> Columns | None:
        served = self._served_directly(conversations)
        if served is None:
            return None
        waiting, groups = served
        self.figures, self.parts, self.restarts = {}, {}, None
        # They are a part of a dataset. What comes in one part often comes in the next, too.
        turns = [len(turns) for _, turns in conversations.outlines]
        found = _Found(turns, wanted, remembers=True)
        failures: list[tuple[int, int, bool, str]] = []
        for template, places in groups.items():
            failures += self._count_waiting(found, template, waiting, places, progress)
        left = self._count_left(found, conversations, failures, on_error)
        self.note = self._note([], left)
        return found.columns([0] * len(found.counts))

    def _served_directly(
        self, conversations: DirectConversations
    ) -> tuple[_native.Waiting, dict[_native.Template, list[int]]] | None:
        """Return what the core counts, and the places that each template renders."""
        groups: dict[_native.Template, list[int]] = {}
        reads_parts = {False: False, True: False}
        for with_tools in (False, True):
            places = conversations.records.places(with_tools)
            if not places:
                continue
            # Template and traits depend on nothing else of a conversation.
            probe = Conversation("probe", _PROBE, () if with_tools else None, (1,))
            try:
                served = self.chat.serve(probe).conversation
                template = self.templates.of(served)
            except Exception:
                # There is no template for it, and the reference words the error.
                return None
            if isinstance(template, str):
                return None
            reads_parts[with_tools] = isinstance(served.messages[0]["content"], list)
            groups.setdefault(template, []).extend(places)
        try:
            waiting = conversations.records.serve(
                self.chat.profile.name,
                reads_parts=reads_parts[False],
                reads_parts_with_tools=reads_parts[True],
            )
        except _native.RefusedError:
            return None
        return waiting, groups

    def _count_left(
        self,
        found: _Found,
        conversations: Sequence[Conversation],
        failures: list[tuple[int, int, bool, str]],
        on_error: OnError,
    ) -> list[str]:
        """Let the reference count the turns that the core has not; return why it has not.

        A turn that the template raises for, here and there, is no news. The core has compared the
        prompt after it with the one before it.
        """
        left = []
        for place, index, raised, reason in sorted(failures):
            count = reference_turn(self.chat, conversations[place], index, on_error)
            found.counts[place][index] = count
            if count is not None or not raised:
                left.append(reason)
                found.left.add(place)
        return left

    def _count_waiting(
        self,
        found: _Found,
        template: _native.Template,
        waiting: _native.Waiting,
        places: Sequence[int],
        progress: Progress | None,
    ) -> list[tuple[int, int, bool, str]]:
        """Count conversations that the core renders, as `_merge` does."""
        if not found.wanted:
            run = partial(self.native.count, template, waiting, places, remembers=found.remembers)
            return self._merge(found, places, run, progress)

        def with_columns(**options: Any) -> tuple[Any, Any, Any]:
            counted, (shared, osl, left) = self.native.count_columns(
                template,
                waiting,
                places,
                shared="shared" in found.wanted,
                osl="osl" in found.wanted,
                remembers=found.remembers,
                **options,
            )
            found.take(places, shared, osl, left)
            return counted

        return self._merge(found, places, with_columns, progress)

    def _merge(
        self,
        found: _Found,
        places: Sequence[int],
        run: Callable[..., tuple[Any, Any, Any]],
        progress: Progress | None,
    ) -> list[tuple[int, int, bool, str]]:
        """Count some conversations; return turns without a count, whether they raise, and why."""
        done = 0

        def advance(total: int) -> None:
            nonlocal done
            if progress and total > done:
                progress(total - done)
                done = total

        try:
            counted, failures, figures = run(progress=advance)
        except _native.ThreadsError as error:
            raise WorkerError(f"the threads of rust cannot be started: {error}") from error
        for place, turns in zip(places, counted, strict=True):
            if None not in turns:
                found.counts[place] = turns
                continue
            for index, count in enumerate(turns):
                if count is not None:
                    found.counts[place][index] = count
        self.restarts = figures.pop("restarts", self.restarts)
        for name, value in figures.items():
            self.figures[name] = self.figures.get(name, 0) + value
        for part, name in _PARTS.items():
            self.parts[part] = self.figures[name]
        return [(places[place], *failure) for place, *failure in failures]

    def _rendered(
        self,
        conversations: Sequence[Conversation],
        places: Sequence[int],
        on_error: OnError,
        skipped: list[tuple[int, int]],
    ) -> Iterator[tuple[list[int], list[list[str]]]]:
        """Yield batches of prompts that Jinja2 renders, with the places of their conversations.

        A turn that fails and is skipped is an empty prompt there, and is added to `skipped`.
        """
        batch: list[list[str]] = []
        batched: list[int] = []
        characters = 0
        for place in places:
            prompts = []
            for index, prompt in self.chat.prompts(conversations[place], on_error):
                if prompt is None:
                    skipped.append((place, index))
                prompts.append(prompt or "")
            batch.append(prompts)
            batched.append(place)
            characters += sum(map(len, batch[-1]))
            if characters >= BATCH_CHARACTERS:
                yield batched, batch
                batch, batched, characters = [], [], 0
        if batch:
            yield batched, batch

    def _note(self, reasons: list[str], left: list[str]) -> str | None:
        notes = []
        if reasons:
            notes.append(f"rendered by Jinja2, counted natively: {reasons[0]}")
        if self.restarts:
            notes.append(f"rendered again in every turn: {self.restarts}")
        if left:
            notes.append(f"{many(len(left), 'turn')} left to the plain call: {left[0]}")
        if self.figures.get("characters") and not self.figures.get("markers_found"):
            notes.append("no cut points: prompts counted whole")
        return "; ".join(notes) or None


def _check_vocabulary(backend: Tokenizer, native: _native.Counter) -> None:
    """Raise unless the core has every entry of the loaded model's vocabulary.

    If two entries share an id, the library writes only one of them.
    """
    loaded = backend.get_vocab_size(with_added_tokens=False)
    if native.vocabulary != loaded:
        raise UnavailableError(
            f"the native core knows {native.vocabulary} of the {loaded} entries of the "
            "vocabulary: some share an id"
        )


def _check_native(chat: ChatTokenizer, native: _native.Counter) -> None:
    """Raise unless the core counts a text with every added token as the loaded library does."""
    for text in _check_texts(chat):
        counts, failures, _ = native.count_prompts([[text]])
        try:
            expected: int | None = chat.lengths([text])[0]
        except BaseException as error:
            if not is_failure(error):
                raise
            # The library cannot encode it, and the core must find the same.
            expected = None
        if counts != [[expected]]:
            raise UnavailableError(
                f"the native core counts {counts[0][0]} tokens in a check, the tokenizers library "
                f"{expected}{f' ({failures[0][3]})' if failures else ''}"
            )
        if expected is not None:
            return
    # Two failures are equal, whatever each would have counted.
    raise UnavailableError("the tokenizers library can encode no text that the core is checked on")


def _check_texts(chat: ChatTokenizer) -> Iterator[str]:
    """Yield texts with every added token, the most telling first."""
    markers = [token.content for token in chat.tokenizer.added_tokens_decoder.values()]
    yield "".join(f"{marker} Straße {marker}\n\nx" for marker in markers) + "the end"
    # A vocabulary without bytes or an unknown token encodes only words that it has.
    assert chat.backend is not None  # noqa: S101  # for the type checker; `open` has asked
    known = sorted(set(chat.backend.get_vocab(with_added_tokens=False)) - set(markers))
    for word in known[:CHECK_WORDS]:
        yield "".join(f"{marker} {word} {marker}\n\n{word} " for marker in markers) + word


_PROBE: tuple[dict[str, Any], ...] = ({"role": "user", "content": "a"},)

_PARTS = {
    "convert": "convert_seconds",
    "render": "render_seconds",
    "cut": "cut_seconds",
    "encode": "encode_seconds",
}
