"""A dataset file that is open, and how far it is read."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from strategies.conversations import records
from strategies.conversations.assembly import Assembly
from strategies.conversations.containers import LOOKED_AT_BYTES
from strategies.conversations.detect import form_named, form_of, needs
from strategies.conversations.direct import DirectConversations
from strategies.conversations.files import Pipe, is_pipe, open_file, shown_path
from strategies.conversations.options import ReadOptions
from strategies.conversations.parts import Place
from strategies.conversations.reading import unreadable
from strategies.conversations.records import Record, Unread
from strategies.errors import InputError

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

    from strategies.conversations.format import Format


class OpenedFile:
    """A dataset file that is open, and how far it is read.

    Parameters
    ----------
    path
        The file.
    options
        How to read it.
    assembly
        What is known of the dataset.
    directly
        Whether the native core may read it.
    start
        A place of an earlier reading of the same file with the same options.
    notes
        Where what is worth a line, but no warning, is added.

    Attributes
    ----------
    name
        The name that errors use.
    needs
        What is needed of its container.
    lines
        Lines that are read.
    stream
        Its bytes.
    packed
        The same if they are packed, and what is in them is read.
    once
        Whether it can be read once only.
    size
        Its bytes; 0 of a pipe.
    digest
        SHA-256 of all bytes, once it is known.
    held
        What is closed with the file.

    Raises
    ------
    InputError
        If the file cannot be read.
    """

    def __init__(
        self,
        path: Path,
        options: ReadOptions,
        assembly: Assembly,
        start: Place,
        *,
        directly: bool,
        notes: list[str],
    ) -> None:
        self.name = shown_path(path)
        self.options = options
        self.assembly = assembly
        self.start = start
        self.directly = directly
        self.needs = needs(options.messages_field)
        self.lines = start.lines
        self.digest: str | None = None
        self.packed: Pipe | None = None
        self.notes = notes
        self.held = ExitStack()
        self.stream: IO[bytes] = self.held.enter_context(open_file(path))
        try:
            self.once = is_pipe(path)
            self.size = 0 if self.once else path.stat().st_size
        except BaseException:
            self.held.close()
            raise

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes of the file; of a pipe, of those that have come."""
        if isinstance(self.stream, Pipe):
            return self.stream.sha256()
        if self.packed is not None and self.packed.taken == self.size:
            return self.packed.sha256()
        if self.digest is None:
            with failures(self.name):
                self.stream.seek(0)
                digest = hashlib.file_digest(self.stream, "sha256")  # type: ignore[arg-type]  # it reads and no more
            self.digest = digest.hexdigest()
        return self.digest

    def stop(self) -> None:
        """Let a thread that waits for a pipe get an error, because nobody needs the rest."""
        if isinstance(self.stream, Pipe):
            self.stream.stop()

    def begins(self) -> bytes:
        """Return the first bytes, and stay before them."""
        if isinstance(self.stream, Pipe):
            return self.stream.peek(LOOKED_AT_BYTES)[:LOOKED_AT_BYTES]
        start = self.stream.read(LOOKED_AT_BYTES)
        self.stream.seek(0)
        return start

    @property
    def taken(self) -> int:
        """How many bytes of the file are read."""
        stream = self.packed or self.stream
        return stream.taken if isinstance(stream, Pipe) else stream.tell()

    def check_packed(self, offset: int) -> None:
        """Raise `InputError` if more bytes than may be are unpacked.

        Parameters
        ----------
        offset
            How many are.
        """
        size = self.taken if self.once else self.size
        if offset > max(records.MAX_DOCUMENT_BYTES, records.MOST_PACKED * size):
            raise InputError(
                f"unpacks to more than {records.MOST_PACKED} times its size; unpack it first",
                file=self.name,
                line=self.lines + 1,
            )

    def takes(self, direct: DirectConversations) -> bool:
        """Note what the core has read; or say that Python has to read it."""
        assembly = self.assembly
        form = assembly.form or form_named(direct.records.format)
        if not form.whole:
            names = [name for name, _ in direct.outlines]
            if not assembly.finished.isdisjoint(names):
                return False
            assembly.finished.update(names)
        assembly.form = form
        assembly.groups += len(direct)
        assembly.any_read = True
        return True

    def form_of(self, items: Iterable[Record | Unread]) -> Format | None:
        """Return the format of the first record that shows one."""
        for item in items:
            if not isinstance(item, Unread):
                with suppress(InputError):
                    return form_of(item.value, self.options)
        return None

    @property
    def form(self) -> str | None:
        """Name of the format; None before the first record that shows it."""
        return self.assembly.form_name

    def pass_over(self, stream: IO[bytes], digest: Digest, *, in_array: bool = False) -> bytes:
        """Read up to the place to start at, and return the last byte before it.

        Parameters
        ----------
        stream
            The bytes of the file, unpacked.
        digest
            Takes what is read.
        in_array
            Whether the place must be in an array.

        Raises
        ------
        InputError
            If this is not what was read before.
        """
        left = self.start.offset
        block = b""
        while left:
            block = stream.read(min(left, records.PART_BYTES))
            if not block:
                break
            digest.update(block)
            left -= len(block)
        same = digest.hexdigest() == self.start.digest
        if self.start.offset and not (same and in_array == (self.start.column is not None)):
            raise InputError("is not the file that was read before", file=self.name)
        return block[-1:]

    def too_large(self) -> InputError:
        """Return the error of a file that cannot be read in parts."""
        limit = records.MAX_DOCUMENT_BYTES >> 30
        return InputError(
            f"larger than {limit} GiB, and has to be in memory as a whole; split it",
            file=self.name,
        )

    def place(self, offset: int, digest: str, column: int | None = None) -> Place:
        """Return the place up to which the file is read.

        Parameters
        ----------
        offset, digest, column
            As in `Place`.
        """
        assembly = self.assembly
        return Place(
            offset,
            self.lines,
            digest,
            assembly.groups,
            assembly.any_read,
            self.form,
            dict(assembly.left_out),
            assembly.rejected,
            assembly.first,
            assembly.read_before,
            assembly.empty,
            column=column,
        )


@contextmanager
def failures(name: str) -> Iterator[None]:
    """Word what goes wrong when a file is read."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(error, name) from None
