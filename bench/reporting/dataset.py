"""A dataset that was read: where it comes from, its digest, its conversations."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from bench.reporting.facts import Reading
from strategies.conversations.conversation import count_turns
from strategies.conversations.datasets import Conversations, parse_dataset
from strategies.conversations.files import read_file
from strategies.conversations.options import ReadOptions


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
        What was read from it, with warnings and with the records that were not read.
    options
        How it was read.
    """

    path: str
    sha256: str
    conversations: Conversations
    options: ReadOptions

    @property
    def turns(self) -> int:
        """Number of client turns over all conversations."""
        return count_turns(self.conversations)

    @property
    def reading(self) -> Reading:
        """How it was read, as reports hold it."""
        return Reading(**self.options.facts(), not_read=len(self.conversations.rejects))


def read_dataset_file(path: Path, options: ReadOptions) -> Dataset:
    """Read a dataset from a file, once, so that the digest is of the bytes that are counted.

    Parameters
    ----------
    path
        The file.
    options
        How to read it.

    Raises
    ------
    InputError
        If it cannot be read, or is no dataset.
    """
    return dataset_of(read_file(path), str(path), options)


def dataset_of(data: bytes, name: str, options: ReadOptions) -> Dataset:
    """Return the dataset in some bytes.

    Parameters
    ----------
    data
        The bytes of a whole file.
    name
        Its path, or the name of a bundled sample; for reports and errors.
    options
        How to read it.

    Raises
    ------
    InputError
        If the bytes are no dataset.
    """
    conversations = parse_dataset(data, name, options)
    return Dataset(name, hashlib.sha256(data).hexdigest(), conversations, options)
