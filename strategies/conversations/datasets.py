"""Datasets, from a file or from memory, as conversations."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO

from strategies.conversations.assembly import Assembly, Reject
from strategies.conversations.conversation import Conversation, Tool, ToolArguments
from strategies.conversations.counts import OnError
from strategies.conversations.detect import needs
from strategies.conversations.files import Pipe, all_bytes, open_file, shown_path
from strategies.conversations.options import ReadOptions, Records, UnknownFields
from strategies.conversations.reading import items_of
from strategies.conversations.records import Record, Unread
from strategies.conversations.requests import join_requests
from strategies.conversations.sources import find_files
from strategies.errors import IslWarning


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file of a dataset that was read.

    Parameters
    ----------
    path
        As errors name it.
    format
        Name of its format; None if no record shows one.
    sha256
        Of its bytes; None if they were not all at hand.
    conversations
        How many were read from it; None if they are read part by part.
    """

    path: str
    format: str | None
    sha256: str | None = None
    conversations: int | None = None


class Conversations(list[Conversation]):
    """The conversations of a dataset, and what a user should know about reading them.

    Parameters
    ----------
    conversations
        In the order of the data.
    warnings
        One line each.
    rejects
        The records that were left out, if `on_error` is ``"skip"``.
    files
        What they were read from.
    """

    def __init__(
        self,
        conversations: Iterable[Conversation] = (),
        warnings: tuple[str, ...] = (),
        rejects: tuple[Reject, ...] = (),
        files: tuple[ReadFile, ...] = (),
    ) -> None:
        super().__init__(conversations)
        self.warnings = warnings
        self.rejects = rejects
        self.files = files


def read_conversations(
    path: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    tool_arguments: ToolArguments = "objects",
    unknown_fields: UnknownFields = "refuse",
    on_error: OnError = "raise",
    records: Records = "conversation",
    format: str | None = None,  # noqa: A002  # as the option of the command line is called
    messages_field: str | None = None,
    tools: Sequence[Tool] | None = None,
    system: str | None = None,
) -> Conversations:
    """Read a dataset from files. The first record of each shows which format it has.

    What a user should know about the reading is in the ``warnings`` of the result, and each is
    issued as an `IslWarning`.

    Parameters
    ----------
    path
        A file in one of the formats of docs/formats.md: as JSONL or JSON, which may be packed
        with gzip or zstd, Parquet, or an Arrow stream. Also a pattern such as
        ``"shards/*.jsonl"``, a folder with one set of files, ``"-"`` for standard input, or
        several of these, which make one dataset.
    tool_arguments
        ``"objects"`` parses tool-call arguments that are JSON strings, as serving
        frameworks do before they render. ``"as-given"`` leaves them as they are, for the
        few templates that concatenate strings.
    unknown_fields
        ``"refuse"`` fails at a field that is neither read nor known to be harmless.
        ``"ignore"`` leaves such fields out, and a warning names them.
    on_error
        ``"raise"`` fails at the first record that cannot be read. ``"skip"`` leaves such
        records out; a warning counts them, and they are in ``rejects`` of the result. Of rows
        of one message, the whole conversation is left out.
    records
        ``"conversation"`` if each record holds a conversation with all its requests.
        ``"request"`` if each is one request, as in logs of servers: it has one turn, at its
        end. Requests of a file that share their beginning become one conversation.
    format
        Name of the format, such as ``"openai-chat"``, if the first record does not show it.
    messages_field
        Field of a record that holds its messages, if it has another name than the formats know:
        ``"history"``, or with a dot ``"info.messages"``.
    tools, system
        Tools, and the text of a system prompt, for conversations that have none. One that has
        its own is refused.

    Returns
    -------
    Conversations
        A list in file order, at least one, each with at least one turn.

    Raises
    ------
    InputError
        One line with file, line and field, for the first mistake in the file. Nothing is
        dropped silently. Also if an option has no such value, or if no record can be read.
    """
    options = ReadOptions(
        tool_arguments, unknown_fields, on_error, records, format, messages_field, tools, system
    )
    return _told(read_files(find_files(path).files, options))


def parse_conversations(
    data: bytes,
    *,
    name: str = "data",
    tool_arguments: ToolArguments = "objects",
    unknown_fields: UnknownFields = "refuse",
    on_error: OnError = "raise",
    records: Records = "conversation",
    format: str | None = None,  # noqa: A002  # as above
    messages_field: str | None = None,
    tools: Sequence[Tool] | None = None,
    system: str | None = None,
) -> Conversations:
    """Read a dataset that is in memory already, as `read_conversations` reads a file.

    Parameters
    ----------
    data
        The bytes of a whole file, in any format, and packed or not.
    name
        The name that errors use. As with a file, an ending ``.jsonl`` or ``.ndjson`` says
        that each line is one JSON object.
    tool_arguments, unknown_fields, on_error, records, format, messages_field, tools, system
        As for `read_conversations`.

    Returns
    -------
    Conversations
        A list in the order of the data, at least one, each with at least one turn.

    Raises
    ------
    InputError
        One line with name, line and field, for the first mistake in the data.
    """
    options = ReadOptions(
        tool_arguments, unknown_fields, on_error, records, format, messages_field, tools, system
    )
    return _told(parse_dataset(data, name, options))


def _told(conversations: Conversations) -> Conversations:
    for warning in conversations.warnings:
        warnings.warn(warning, IslWarning, stacklevel=3)
    return conversations


def read_files(
    files: Sequence[Path], options: ReadOptions, *, digests: bool = False
) -> Conversations:
    """Read the files of a dataset one after the other, and issue no warning.

    Parameters
    ----------
    files
        At least one.
    options
        How to read them.
    digests
        Whether the bytes of each file are read once, and their SHA-256 is computed.

    Raises
    ------
    InputError
        As `read_conversations` does.
    """
    found: list[Conversation] = []
    rejects: list[Reject] = []
    read: list[ReadFile] = []
    assembly = Assembly(shown_path(files[0]), options, several=len(files) > 1)
    for path in files:
        name = shown_path(path)
        if read:
            assembly = assembly.following(name)
        sha256 = None
        with open_file(path) as stream:
            data: bytes | IO[bytes] = stream
            if digests or isinstance(stream, Pipe):
                data = all_bytes(stream, name)
                sha256 = hashlib.sha256(data).hexdigest()
            some = _conversations(assembly, data)
        found += some
        rejects += assembly.take_rejects()
        read.append(ReadFile(name, assembly.form_name, sha256, len(some)))
    assembly.check_found()
    return Conversations(found, assembly.warnings(), tuple(rejects), tuple(read))


def parse_dataset(data: bytes | IO[bytes], name: str, options: ReadOptions) -> Conversations:
    """Read a dataset, and issue no warning.

    Parameters
    ----------
    data
        The bytes of a whole file, or a stream of them that can seek.
    name
        As for `parse_conversations`.
    options
        How to read it.

    Raises
    ------
    InputError
        As `parse_conversations` does.
    """
    assembly = Assembly(name, options)
    found = _conversations(assembly, data)
    assembly.check_found()
    file = ReadFile(name, assembly.form_name, conversations=len(found))
    return Conversations(found, assembly.warnings(), tuple(assembly.take_rejects()), (file,))


def _conversations(assembly: Assembly, data: bytes | IO[bytes]) -> list[Conversation]:
    needed = needs(assembly.options.messages_field)
    # Closed before the stream is: it may be in the middle of it if something is refused.
    with closing(items_of(data, assembly.name, needed)) as items:
        found = all_of(assembly, items)
    assembly.look_at(found)
    return found


def all_of(assembly: Assembly, items: Iterable[Record | Unread]) -> list[Conversation]:
    """Return all conversations that the records of a file hold.

    Parameters
    ----------
    assembly
        One that has read nothing of the file so far.
    items
        The records.

    Raises
    ------
    InputError
        For the first mistake.
    """
    if assembly.options.records == "request":
        # Joined one by one, so that what requests share is in memory once.
        return join_requests(each for each, _ in assembly.add(items))
    return assembly.add_whole(items)
