"""Count datasets of any size: a part is read while the one before it is counted."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import dataclass
from itertools import count, islice, repeat, zip_longest
from os import PathLike
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from strategies.conversations.conversation import Conversation, Tool, ToolArguments
from strategies.conversations.counts import Column, Counts, OnError, Progress
from strategies.conversations.direct import DirectConversations
from strategies.conversations.files_stream import FilesStream
from strategies.conversations.given import given_conversations
from strategies.conversations.options import ReadOptions, Records, UnknownFields
from strategies.conversations.parts import Batch
from strategies.conversations.sources import find_files
from strategies.counting import DIRECT, count_with
from strategies.errors import IslWarning, TurnError
from strategies.runtime.cores import available_cores
from strategies.traces import Contents

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.columns import Figures
    from strategies.contract import Counter, Strategy

GIVEN_TOGETHER = 256
"""Conversations of an iterable that are counted together."""


class Row(NamedTuple):
    """The ISL of one turn.

    Attributes
    ----------
    conversation
        Id of the conversation.
    turn
        Number of the client turn, from 1.
    messages
        How many messages its prompt has.
    isl
        Tokens of the prompt; None if the turn was skipped.
    request
        Id of the request, if each record of the dataset is one.
    shared, osl
        As in `strategies.columns.Figures`; None if they were not asked for.
    file
        The file that the turn is from, if the dataset has several.
    """

    conversation: str
    turn: int
    messages: int
    isl: int | None
    request: str | None = None
    shared: int | None = None
    osl: int | None = None
    file: str | None = None


class Turns(NamedTuple):
    """The turns of one conversation.

    Attributes
    ----------
    conversation
        Its id.
    messages, isl, request, file
        One value for each turn, as in `Row`.
    more
        The same for further columns, by their names.
    """

    conversation: str
    messages: Sequence[int]
    isl: Sequence[int | None]
    request: Sequence[str] | None = None
    more: Mapping[str, Sequence[int | None]] = {}  # nobody changes it
    file: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """A part of a dataset that was counted.

    Parameters
    ----------
    batch
        What was read.
    counts
        For each of its conversations one count per turn, in tokens.
    figures
        The same with further columns; empty if none were asked for.
    """

    batch: Batch
    counts: Counts
    figures: Sequence[Sequence[Figures]] = ()


def turns_of(
    conversations: Sequence[Conversation], counts: Counts, file: str | None = None
) -> Iterator[Turns]:
    """Yield the turns of each conversation, in order.

    Parameters
    ----------
    conversations
        As they were counted.
    counts
        For each of them one count per turn, in tokens.
    file
        The file that they are from, if the dataset has several.

    Raises
    ------
    ValueError
        If there are more or fewer counts than turns.
    """
    # What the core has read has no requests, and need not become Python objects here.
    if isinstance(conversations, DirectConversations):
        for (name, prefixes), lengths in zip(conversations.outlines, counts, strict=True):
            yield _fitting(Turns(name, prefixes, lengths, file=_repeated(file, prefixes)))
        return
    for conversation, lengths in zip(conversations, counts, strict=True):
        requests, files = conversation.requests, _repeated(file, conversation.turns)
        turns = Turns(conversation.id, conversation.turns, lengths, requests, file=files)
        yield _fitting(turns)


def _repeated(file: str | None, prefixes: Sequence[int]) -> Sequence[str] | None:
    return None if file is None else [file] * len(prefixes)


def _fitting(turns: Turns) -> Turns:
    if len(turns.isl) != len(turns.messages):
        raise ValueError(f"{len(turns.isl)} counts for {len(turns.messages)} turns")
    return turns


def read_ahead(
    batches: Iterable[Batch], stop: Callable[[], object] | None = None
) -> Generator[Batch]:
    """Yield the same, and read the next one in a thread meanwhile.

    Nothing is read beside the first one: before it is counted, a strategy may load the tokenizer,
    which takes most memory. If the system gives no thread, each is read when it is needed.

    Parameters
    ----------
    batches
        The parts of a dataset.
    stop
        Called if nobody wants the rest, while the thread may wait for a pipe.
    """
    iterator = iter(batches)
    for first in iterator:
        yield first
        del first
        break
    asked: SimpleQueue[bool] = SimpleQueue()
    read: SimpleQueue[tuple[Batch | None, BaseException | None]] = SimpleQueue()

    def answer() -> None:
        while asked.get():
            try:
                read.put((next(iterator, None), None))
            except BaseException as error:
                read.put((None, error))

    thread = Thread(target=answer, name="reading", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        yield from iterator
        return
    try:
        asked.put(True)
        while True:
            batch, error = read.get()
            if error is not None:
                raise error
            if batch is None:
                return
            asked.put(True)
            yield batch
    except BaseException:
        if stop is not None:
            stop()
        raise
    finally:
        asked.put(False)
        thread.join()


def count_batches(
    batches: Iterable[Batch],
    counter: Counter,
    chat: ChatTokenizer,
    *,
    progress: Progress | None = None,
    on_error: OnError = "raise",
    wanted: AbstractSet[Column] = frozenset(),
    stop: Callable[[], object] | None = None,
) -> Generator[Counted]:
    """Count the parts of a dataset, one after the other.

    Parameters
    ----------
    batches
        The parts, such as a `DatasetStream`.
    counter
        An open counter. It is used for all of them.
    chat
        The tokenizer that it counts with.
    progress
        As for `count_with`.
    on_error
        As for `count_with`.
    wanted
        Columns beside the ISL, as for `figures_with`.
    stop
        As for `read_ahead`.

    Yields
    ------
    Counted
        Each part with its counts.

    Raises
    ------
    InputError
        For a record that cannot be read.
    TurnError
        For a turn that fails, if `on_error` is ``"raise"``.
    """
    with closing(read_ahead(batches, stop)) as read:
        for batch in read:
            conversations = batch.conversations
            if not len(conversations):
                yield Counted(batch, [])
                continue
            figures: Sequence[Sequence[Figures]] = ()
            try:
                if wanted:
                    from strategies.columns import figures_with

                    figures = figures_with(
                        counter, chat, conversations, wanted, progress=progress, on_error=on_error
                    )
                    counts = [[turn.isl for turn in turns] for turns in figures]
                else:
                    counts = count_with(
                        counter, chat, conversations, progress=progress, on_error=on_error
                    )
            except TurnError as error:
                from strategies.hints import hinted

                raise hinted(error, conversations, chat).at(batch.source[0]) from error
            yield Counted(batch, counts, figures)
            # It need not be there while the next one is counted.
            del batch, conversations, counts, figures


def stream(
    source: str | PathLike[str] | Sequence[str | PathLike[str]] | Iterable[Conversation],
    chat: ChatTokenizer,
    *,
    strategy: Strategy | str = "auto",
    workers: int | None = None,
    columns: Iterable[Column] = (),
    on_error: OnError = "raise",
    tool_arguments: ToolArguments | None = None,
    unknown_fields: UnknownFields = "refuse",
    records: Records = "conversation",
    format: str | None = None,  # noqa: A002  # as the option of the command line is called
    messages_field: str | None = None,
    tools: Sequence[Tool] | None = None,
    system: str | None = None,
) -> Generator[Row]:
    """Yield the ISL of every turn, in bounded memory, as a dataset is read.

    Parameters
    ----------
    source
        A dataset, as `read_conversations` takes it: a file, a pattern, a folder, or a list of
        them. Or conversations, which may come from a generator.
    chat
        From `load_chat`.
    strategy, workers
        As for `count`.
    columns
        Columns beside the ISL: ``"shared"``, ``"osl"`` or both (docs/columns.md).
    on_error
        ``"raise"`` fails at a record that cannot be read or a turn that has no ISL; rows
        before it have come by then. ``"skip"`` leaves such records out, with a warning at the
        end, and gives such turns None.
    tool_arguments
        As for `read_conversations`; by default ``"objects"``, and ``"as-given"`` for a chat that a
        renderer in code counts.
    unknown_fields, records, format, messages_field, tools, system
        As for `read_conversations`; only for files, as `tool_arguments`.

    Yields
    ------
    Row
        One for each turn, in the order of the data.

    Raises
    ------
    InputError
        If the strategy does not exist, or for the first mistake in the file.
    UnavailableError
        If the strategy cannot run with this tokenizer.
    TurnError
        For a turn that the template or the tokenizer refuses.
    """
    import warnings

    from strategies.registry import get, open_available

    chosen = get(strategy) if isinstance(strategy, str) else strategy
    options = ReadOptions(
        chat.spec.tool_arguments if tool_arguments is None else tool_arguments,
        unknown_fields,
        on_error,
        records,
        format,
        messages_field,
        tools,
        system,
    )
    contents = Contents(chat)
    wanted = frozenset(columns)
    with open_available(chosen, chat, workers or available_cores()) as counter:
        paths, conversations = _paths_or_conversations(source)
        if conversations is None:
            directly = chosen.name in DIRECT
            with FilesStream(find_files(paths).files, options, directly=directly) as dataset:
                yield from _rows(dataset, counter, chat, on_error, contents, wanted, dataset.stop)
            told = dataset.warnings
        else:
            yield from _rows(_given(conversations), counter, chat, on_error, contents, wanted)
            told = ()
    for warning in told:
        warnings.warn(warning, IslWarning, stacklevel=2)
    for warning in contents.traceless():
        warnings.warn(f"{chat.name}: {warning}", IslWarning, stacklevel=2)


def _paths_or_conversations(
    source: Any,
) -> tuple[list[str | PathLike[str]], Iterable[Conversation] | None]:
    """Return the paths of files; or conversations, if that is what is given."""
    if isinstance(source, str | PathLike):
        return [source], None
    if isinstance(source, list | tuple) and source and isinstance(source[0], str | PathLike):
        return list(source), None
    return [], source


def _given(conversations: Iterable[Conversation]) -> Iterator[Batch]:
    iterator = iter(conversations)
    while taken := list(islice(iterator, GIVEN_TOGETHER)):
        yield Batch(given_conversations(taken), (), None, 0)


def _rows(
    batches: Iterable[Batch],
    counter: Counter,
    chat: ChatTokenizer,
    on_error: OnError,
    contents: Contents,
    wanted: AbstractSet[Column],
    stop: Callable[[], object] | None = None,
) -> Generator[Row]:
    counted = count_batches(batches, counter, chat, on_error=on_error, wanted=wanted, stop=stop)
    with closing(counted):
        for part in counted:
            contents.add(part.batch.conversations)
            figures = iter(part.figures)
            for turns in turns_of(part.batch.conversations, part.counts, part.batch.file):
                yield from _turn_rows(turns, next(figures, ()))


def _turn_rows(turns: Turns, figures: Sequence[Figures]) -> Iterator[Row]:
    requests = turns.request or repeat(None)
    cells = zip(count(1), turns.messages, turns.isl, requests, strict=False)
    for cell, found in zip_longest(cells, figures):
        others = (found.shared, found.osl) if found else ()
        row = Row(turns.conversation, *cell, *others)
        yield row if turns.file is None else row._replace(file=turns.file[0])
