"""One object that counts batches of conversations, for engines that run on many machines."""

from __future__ import annotations

import os
import warnings
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from os import PathLike
from threading import Lock
from typing import TYPE_CHECKING, Any

from strategies.chat.keeping import keep, kept_of
from strategies.chat.spec import ChatSpec, chat_spec
from strategies.chat.tokenizer import ChatTokenizer
from strategies.columns import Figures, TableColumns, figures_with
from strategies.conversations.batches import BatchReader, batch_of
from strategies.conversations.detect import form_named
from strategies.conversations.direct import outlines_of
from strategies.conversations.options import ReadOptions
from strategies.counting import DIRECT, count_with
from strategies.errors import InputError, IslWarning, TurnError
from strategies.hints import hinted
from strategies.kept.folder import Folder, default_place
from strategies.registry import get, open_available
from strategies.traces import traceless
from strategies.words import many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strategies.contract import Counter
    from strategies.conversations.conversation import Conversation, Tool, ToolArguments
    from strategies.conversations.counts import Column, Counts, OnError
    from strategies.conversations.options import UnknownFields

KINDS: Mapping[str, str] = {
    "conversation": "string",
    "turn": "int32",
    "messages": "int32",
    "isl": "int64",
}
"""The columns of the table that `bench count` writes, and Arrow's names of their types."""

MORE_KIND = "int64"
"""The same of further columns, which hold numbers of tokens or blocks."""


class CountTurns:
    """Counts the ISL of every turn of a batch of conversations; made for engines such as Ray Data.

    Call it with a batch that has a whole conversation in each row. It returns one row for each
    turn, in the order of the batch, with the columns of the table that `bench count` writes:
    ``conversation`` (id), ``turn`` (from 1), ``messages`` (in the prompt) and ``isl`` (tokens,
    null for a turn that is skipped).

    A batch is an Arrow table or record batch, or a dict of lists or of NumPy arrays, and so is
    what is returned. Its columns are the fields of OpenAI chat or ShareGPT records. A record is
    read as `read_conversations` reads it from Parquet. Each needs an id: a row of a batch does not
    know its place in the file. The rows that are returned depend on the record alone, not on the
    batch that it comes in.

    The object pickles without what it has loaded. It loads the tokenizer at its first call in each
    process, and keeps it until it is deleted or `close` is called. Threads take turns.

    Parameters
    ----------
    tokenizer
        From `chat_spec`, with template, variables and date: everything is then the same on all
        machines. A name or folder alone will do if the template does not read the date.
    strategy
        Name of a strategy, as for `count`.
    workers
        Threads or processes of the strategy. Engines start a process for each core, so one.
    tool_arguments
        As for `read_conversations`; by default ``"objects"``, and ``"as-given"`` with a renderer in
        code.
    unknown_fields, format, messages_field, tools, system
        As for `read_conversations`.
    on_error
        ``"raise"`` fails at a record that cannot be read and at a turn that has no ISL.
        ``"skip"`` leaves such records out and warns, and gives such turns null.
    id_column
        A column with the ids; by default they are in ``id`` or ``conversation_id``.
    columns, block_size
        Further columns: ``"shared"``, ``"new"``, ``"osl"``, and with the size of a block in tokens
        ``shared_blocks`` (docs/columns.md).
    cache
        Whether what a start needs is kept between processes, as `bench count` keeps it
        (docs/start.md). Each process asks its own environment where that is. One that starts from
        there reads the tokenizer's files again for a turn that only its library can decide.

    Raises
    ------
    InputError
        For an option that has no such value. When called: for something that is no batch, a
        record that cannot be read (with its id), or a tokenizer that cannot be loaded.
    TurnError
        When called: for a turn that the template or the tokenizer refuses.
    UnavailableError
        When called: if the strategy cannot run with this tokenizer.
    """

    def __init__(
        self,
        tokenizer: ChatSpec | str | PathLike[str],
        *,
        strategy: str = "auto",
        workers: int = 1,
        tool_arguments: ToolArguments | None = None,
        unknown_fields: UnknownFields = "refuse",
        on_error: OnError = "raise",
        id_column: str | None = None,
        columns: Sequence[str] = (),
        block_size: int | None = None,
        format: str | None = None,  # noqa: A002  # as the option of the command line is called
        messages_field: str | None = None,
        tools: Sequence[Tool] | None = None,
        system: str | None = None,
        cache: bool = True,
    ) -> None:
        self._cache = cache
        self._dated = isinstance(tokenizer, ChatSpec)
        self._spec = tokenizer if isinstance(tokenizer, ChatSpec) else chat_spec(tokenizer)
        self._strategy = strategy
        self._workers = workers
        self._options = ReadOptions(
            self._spec.tool_arguments if tool_arguments is None else tool_arguments,
            unknown_fields,
            on_error,
            format=None if format is None else form_named(format).name,
            messages_field=messages_field,
            tools=tools,
            system=system,
        )
        self._id_column = id_column
        self._columns = TableColumns.asked_for(columns, block_size)
        self._kinds = {**KINDS, **dict.fromkeys(self._columns.names, MORE_KIND)}
        # Here, so that a wrong name fails before an engine has started anything.
        get(strategy)
        self._opened: _Opened | None = None
        self._lock = Lock()

    def __call__(self, batch: Any) -> Any:
        """Return a batch of the same kind, with one row for each turn."""
        given = batch_of(batch)
        reader = BatchReader(self._options, self._id_column, directly=self._strategy in DIRECT)
        columns: dict[str, list[Any]] = {name: [] for name in self._kinds}
        for conversations in reader.read(given):
            if not conversations:
                continue
            with self._lock:
                opened = self._open()
                counts, figures = opened.count(
                    conversations, self._columns.wanted, self._options.on_error
                )
                if opened.may_keep:
                    self._opened = self._go_on(opened)
            for (name, prefixes), turns in zip(outlines_of(conversations), counts, strict=True):
                columns["conversation"] += [name] * len(turns)
                columns["turn"] += range(1, len(turns) + 1)
                columns["messages"] += prefixes
                columns["isl"] += turns
            for column, cells in self._columns.cells(list(chain(*figures))).items():
                columns[column] += cells
        for warning in _warnings(reader):
            warnings.warn(warning, IslWarning, stacklevel=2)
        return given.like_it(columns, self._kinds)

    def close(self) -> None:
        """Let go of the tokenizer, and end threads and processes. A later call loads again."""
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is not None:
                opened.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=Lock())

    def _open(self) -> _Opened:
        """Return the open counter of this process."""
        if self._opened is None or self._opened.process != os.getpid():
            # After a fork, threads and processes of the counter belong to the other process.
            self._opened = self._load()
        return self._opened

    def _load(self) -> _Opened:
        place = default_place() if self._cache and self._strategy in DIRECT else None
        kept = None if place is None else kept_of(self._spec, Folder(place))
        chat = ChatTokenizer(self._spec, kept)
        if chat.reads_clock and not self._dated:
            raise InputError(
                "its template reads the date, and each process would take its own; make the "
                "tokenizer's specification once, with strategies.chat_spec, and give that",
                file=chat.name,
            )
        for warning in chat.warnings:
            warnings.warn(f"{chat.name}: {warning}", IslWarning, stacklevel=4)
        # Its files may be gone at a later call.
        chat.stays = True
        return self._opened_with(chat, may_keep=kept is not None and chat.facts is None)

    def _go_on(self, opened: _Opened) -> _Opened:
        """Keep what was loaded for other processes, and go on with it.

        It is done after the first conversations, because engines may kill a process at any time.
        """
        # A counter says what may be kept when it is closed.
        opened.close()
        keep(opened.chat)
        again = self._opened_with(opened.chat)
        again.told |= opened.told
        return again

    def _opened_with(self, chat: ChatTokenizer, *, may_keep: bool = False) -> _Opened:
        stack = ExitStack()
        counter = stack.enter_context(open_available(get(self._strategy), chat, self._workers))
        process = os.getpid()
        # Also called at the end of the program, while there is still a way to end processes.
        close = weakref.finalize(self, _close, stack, process)
        return _Opened(chat, counter, process, close, may_keep)


@dataclass(slots=True)
class _Opened:
    """What a process has loaded."""

    chat: ChatTokenizer
    counter: Counter
    process: int
    close: Callable[[], object]
    may_keep: bool
    told: set[str] = field(default_factory=set)

    def count(
        self,
        conversations: Sequence[Conversation],
        wanted: frozenset[Column],
        on_error: OnError,
    ) -> tuple[Counts, list[list[Figures]]]:
        """Return the counts; if there are columns beside them, the figures, too."""
        for warning in traceless(conversations, self.chat):
            # How many there are in these few rows says nothing about the data.
            about, _, _ = warning.partition(": ")
            if about not in self.told:
                self.told.add(about)
                warnings.warn(f"{self.chat.name}: {about}", IslWarning, stacklevel=3)
        try:
            if not wanted:
                counts = count_with(self.counter, self.chat, conversations, on_error=on_error)
                return counts, []
            figures = figures_with(
                self.counter, self.chat, conversations, wanted, on_error=on_error
            )
            return [[turn.isl for turn in turns] for turns in figures], figures
        except TurnError as error:
            raise hinted(error, conversations, self.chat) from error


def _close(stack: ExitStack, process: int) -> None:
    if process == os.getpid():
        stack.close()
    else:
        # What is in it would end the workers of the other process as soon as it is collected.
        _OF_OTHERS.append(stack)


_OF_OTHERS: list[ExitStack] = []
"""What this process got from the one that forked it."""


def _warnings(reader: BatchReader) -> list[str]:
    told = []
    if reader.left_out:
        told.append(f"fields were left out: {', '.join(sorted(reader.left_out))}")
    if reader.refused:
        were = "was" if len(reader.refused) == 1 else "were"
        told.append(
            f"{many(len(reader.refused), 'record')} {were} not read, the first: {reader.refused[0]}"
        )
    return told
