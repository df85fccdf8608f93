"""A dataset that was read: where it comes from, its digest, its conversations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.reporting.facts import File, Reading
from strategies.conversations.conversation import count_turns
from strategies.conversations.datasets import Conversations, parse_dataset, read_files
from strategies.conversations.files import shown_path
from strategies.conversations.files_stream import joined_digest
from strategies.conversations.options import ReadOptions
from strategies.errors import TurnError
from strategies.words import many


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

    @property
    def files(self) -> tuple[File, ...]:
        """The files that it is in, as reports hold them."""
        return tuple(
            File(each.path, each.sha256 or self.sha256, each.format)
            for each in self.conversations.files
        )

    @contextmanager
    def naming_files(self) -> Iterator[None]:
        """Add the file that its conversation is from to a `TurnError` raised inside."""
        try:
            yield
        except TurnError as error:
            raise error.at(self._file_of(error.conversation)) from error

    def _file_of(self, conversation: str) -> str | None:
        every = iter(self.conversations)
        found = [
            file.path
            for file in self.conversations.files
            if conversation in {each.id for each in islice(every, file.conversations)}
        ]
        # Files may have conversations of the same id.
        return " or ".join(found) or None


def read_dataset_files(files: Sequence[Path], options: ReadOptions) -> Dataset:
    """Read a dataset from its files, each once, so that digests are of the bytes that are counted.

    Parameters
    ----------
    files
        At least one, in order.
    options
        How to read them.

    Raises
    ------
    InputError
        If they cannot be read, or are no dataset.
    """
    conversations = read_files(files, options, digests=True)
    digest = joined_digest([each.sha256 or "" for each in conversations.files])
    return Dataset(files_name(files), digest, conversations, options)


def read_dataset_file(path: Path, options: ReadOptions) -> Dataset:
    """Read a dataset from one file, as `read_dataset_files` does."""
    return read_dataset_files([path], options)


def files_name(files: Sequence[Path]) -> str:
    """Return what a dataset is called: its file, or the first one and how many more there are."""
    first, *others = map(shown_path, files)
    return f"{first} and {many(len(others), 'more file')}" if others else first


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
