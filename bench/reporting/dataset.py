"""A dataset that was read: where it comes from, its digest, its conversations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strategies import Conversation, parse_conversations
from strategies.conversations.conversation import ToolArguments
from strategies.conversations.reading import read_file


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where conversations come from.

    Parameters
    ----------
    path
        As the user named it, or the name of a bundled sample.
    sha256
        Of the bytes of the file.
    conversations
        What was read from it.
    """

    path: str
    sha256: str
    conversations: Sequence[Conversation]


def read_dataset_file(path: Path, tool_arguments: ToolArguments) -> Dataset:
    """Read a dataset from a file, once, so that the digest is of the bytes that are counted.

    Parameters
    ----------
    path
        The file.
    tool_arguments
        Whether arguments of tool calls that are JSON strings become objects.

    Raises
    ------
    InputError
        If it cannot be read, or is no dataset.
    """
    return dataset_of(read_file(path), str(path), tool_arguments)


def dataset_of(data: bytes, name: str, tool_arguments: ToolArguments) -> Dataset:
    """Return the dataset in some bytes.

    Parameters
    ----------
    data
        The bytes of a whole file.
    name
        Its path, or the name of a bundled sample; for reports and errors.
    tool_arguments
        As for `read_dataset_file`.

    Raises
    ------
    InputError
        If the bytes are no dataset.
    """
    conversations = parse_conversations(data, name=name, tool_arguments=tool_arguments)
    return Dataset(name, hashlib.sha256(data).hexdigest(), conversations)
