"""Datasets, from a file or from memory, as conversations."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import IO

from strategies.conversations.assembly import Assembly, Reject
from strategies.conversations.conversation import Conversation, ToolArguments
from strategies.conversations.counts import OnError
from strategies.conversations.detect import needs
from strategies.conversations.files import open_file
from strategies.conversations.options import ReadOptions, Records, UnknownFields
from strategies.conversations.reading import items_of
from strategies.conversations.records import Record, Unread
from strategies.conversations.requests import join_requests
from strategies.errors import IslWarning


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
    """

    def __init__(
        self,
        conversations: Iterable[Conversation] = (),
        warnings: tuple[str, ...] = (),
        rejects: tuple[Reject, ...] = (),
    ) -> None:
        super().__init__(conversations)
        self.warnings = warnings
        self.rejects = rejects


def read_conversations(
    path: str | PathLike[str],
    *,
    tool_arguments: ToolArguments = "objects",
    unknown_fields: UnknownFields = "refuse",
    on_error: OnError = "raise",
    records: Records = "conversation",
) -> Conversations:
    """Read a dataset from a file. The first record shows which format it has.

    What a user should know about the reading is in the ``warnings`` of the result, and each is
    issued as an `IslWarning`.

    Parameters
    ----------
    path
        MLCommons endpoints JSONL (one row per message), OpenAI chat records or ShareGPT
        records, as JSONL, JSON (each may be gzipped) or Parquet.
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
        end. Requests that share their beginning become one conversation.

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
    options = ReadOptions(tool_arguments, unknown_fields, on_error, records)
    with open_file(Path(path)) as stream:
        read = parse_dataset(stream, str(path), options)
    return _told(read)


def parse_conversations(
    data: bytes,
    *,
    name: str = "data",
    tool_arguments: ToolArguments = "objects",
    unknown_fields: UnknownFields = "refuse",
    on_error: OnError = "raise",
    records: Records = "conversation",
) -> Conversations:
    """Read a dataset that is in memory already, as `read_conversations` reads a file.

    Parameters
    ----------
    data
        The bytes of a whole file, in any format, and gzipped or not.
    name
        The name that errors use. As with a file, an ending ``.jsonl`` or ``.ndjson`` says
        that each line is one JSON object.
    tool_arguments, unknown_fields, on_error, records
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
    options = ReadOptions(tool_arguments, unknown_fields, on_error, records)
    return _told(parse_dataset(data, name, options))


def _told(conversations: Conversations) -> Conversations:
    for warning in conversations.warnings:
        warnings.warn(warning, IslWarning, stacklevel=3)
    return conversations


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
    # Closed before the stream is: it may be in the middle of it if something is refused.
    with closing(items_of(data, name, needs())) as items:
        return all_of(assembly, items)


def all_of(assembly: Assembly, items: Iterable[Record | Unread]) -> Conversations:
    """Return all conversations that the records of a dataset hold.

    Parameters
    ----------
    assembly
        One that has read nothing so far.
    items
        The records.

    Raises
    ------
    InputError
        If there is no conversation, and for the first mistake.
    """
    conversations: list[Conversation]
    if assembly.options.records == "request":
        # Joined one by one, so that what requests share is in memory once.
        conversations = join_requests(each for each, _ in assembly.add(items))
    else:
        conversations = assembly.add_whole(items)
    if not conversations:
        raise assembly.nothing()
    return Conversations(conversations, assembly.warnings(), tuple(assembly.take_rejects()))
