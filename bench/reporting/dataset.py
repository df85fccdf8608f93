"""A dataset that was read: where it comes from, its digest, its conversations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strategies import Conversation, InputError, read_conversations
from strategies.conversations.messages import ToolArguments


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
    """Read conversations from a file, and digest it.

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
    conversations = read_conversations(path, tool_arguments=tool_arguments)
    return Dataset(str(path), file_sha256(path), conversations)


def file_sha256(path: Path) -> str:
    """Return the digest of a file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
