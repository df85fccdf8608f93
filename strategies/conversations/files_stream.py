"""The files of a dataset, read one after the other as one, each part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from strategies.conversations.assembly import Assembly
from strategies.conversations.dataset_stream import DatasetStream, first_assembly
from strategies.conversations.datasets import ReadFile
from strategies.conversations.files import is_pipe, open_file, shown_path
from strategies.conversations.options import ReadOptions
from strategies.conversations.parts import Batch, Place
from strategies.errors import InputError


class FilesStream:
    """The files of a dataset, read one after the other, each part by part.

    Use it as a context manager, and iterate it once. A file may have a format and a container of
    its own. Conversations are numbered over all of them.

    Parameters
    ----------
    files
        At least one, in order.
    options, directly, finished
        As for `DatasetStream`. Requests are joined if they are in the same file.
    start
        A place of an earlier reading of the same files with the same options. There may be more
        files now.

    Attributes
    ----------
    size
        Bytes of all files that are no pipes.
    files
        As they were given.
    read
        The files that were read so far, with the one that is read now.
    notes
        What is worth a line about the reading, but no warning.

    Raises
    ------
    InputError
        If a file cannot be read, or is another one before the place to start at.
    """

    def __init__(
        self,
        files: Sequence[Path],
        options: ReadOptions,
        *,
        directly: bool = False,
        start: Place | None = None,
        finished: Iterable[str] = (),
    ) -> None:
        start = start or Place()
        if len(files) <= start.file or len(start.before) != start.file:
            raise InputError("has fewer files than were read before", file="the dataset")
        self.files = tuple(files)
        self._several = len(files) > 1
        self._options, self._directly = options, directly
        self._sizes = [0 if is_pipe(path) else _size(path) for path in files]
        self.size = sum(self._sizes)
        self._before = [
            ReadFile(shown_path(path), None, digest)
            for path, digest in zip(files, start.before, strict=False)
        ]
        self.notes: list[str] = []
        self._held = ExitStack()
        self._reading: Generator[Batch] | None = None
        path = files[start.file]
        assembly = first_assembly(shown_path(path), options, start, finished)
        assembly.several = self._several
        self._current = self._opened(path, assembly, start)

    def _opened(self, path: Path, assembly: Assembly, start: Place | None = None) -> DatasetStream:
        current = DatasetStream(
            path,
            self._options,
            directly=self._directly,
            start=start,
            assembly=assembly,
            notes=self.notes,
        )
        return self._held.enter_context(current)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.close()
        self._held.close()

    @property
    def read(self) -> tuple[ReadFile, ...]:
        """The files so far; the digest of the last one is not there before all of it is read."""
        current = self._current
        return (*self._before, ReadFile(shown_path(current.path), current.form))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know about the reading so far, one line each."""
        return self._current.warnings

    @property
    def not_read(self) -> int:
        """How many records were refused so far."""
        return self._current.not_read

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes of the file; of several, that of their digests."""
        return joined_digest(self.digests())

    def digests(self) -> list[str]:
        """Return the SHA-256 of each file up to the one that is read now."""
        return [*(each.sha256 or "" for each in self._before), self._current.sha256()]

    def stop(self) -> None:
        """Let a thread that waits for a pipe get an error, because nobody needs the rest."""
        self._current.stop()

    def __iter__(self) -> Iterator[Batch]:
        """Return the parts of the files in order.

        Raises
        ------
        InputError
            As `DatasetStream` does.
        """
        self._reading = self._read()
        return self._reading

    def _read(self) -> Generator[Batch]:
        self._check_before()
        while True:
            current = self._current
            before = sum(self._sizes[: len(self._before)])
            for batch in current:
                place = batch.place and replace(
                    batch.place,
                    file=len(self._before),
                    before=tuple(each.sha256 or "" for each in self._before),
                )
                name = shown_path(current.path)
                whole = [
                    replace(
                        batch,
                        place=place,
                        done=before + batch.done,
                        file=name if self._several else None,
                        source=(name, current.form, current.container or ""),
                    )
                ]
                # Nobody else may hold it when it is counted.
                del batch
                yield whole.pop()
            if len(self._before) + 1 == len(self.files):
                break
            name = shown_path(current.path)
            self._before.append(ReadFile(name, current.form, current.sha256()))
            self._held.close()
            path = self.files[len(self._before)]
            self._current = self._opened(path, current.assembly.following(shown_path(path)))
        self._current.assembly.check_found()

    def _check_before(self) -> None:
        for path, read in zip(self.files, self._before, strict=False):
            with DatasetStream(path, self._options) as stream:
                if stream.sha256() != read.sha256:
                    raise InputError("is not the file that was read before", file=path)


def joined_digest(digests: Sequence[str]) -> str:
    """Return the SHA-256 of a dataset: of its file, or of the digests of its files, one a line."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("".join(f"{each}\n" for each in digests).encode()).hexdigest()


def _size(path: Path) -> int:
    with open_file(path):
        return path.stat().st_size
