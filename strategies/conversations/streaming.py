"""Datasets read part by part, so that memory is bounded whatever the size of a file.

A part ends with a whole conversation. Each part comes with the place after it, from which another
reading can go on.
"""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, Self, cast

from strategies.conversations import records
from strategies.conversations.arrow_lines import json_lines
from strategies.conversations.arrow_records import ArrowRows
from strategies.conversations.arrow_stream import arrow_stream_batches
from strategies.conversations.assembly import Assembly, Reject
from strategies.conversations.containers import (
    LOOKED_AT_BYTES,
    Container,
    container_of,
    unpacked,
)
from strategies.conversations.conversation import Conversation, count_turns
from strategies.conversations.datasets import ReadFile, all_of
from strategies.conversations.detect import form_named, form_of, needs
from strategies.conversations.direct import (
    DirectConversations,
    Part,
    left_to_python,
    read_directly,
)
from strategies.conversations.files import Pipe, is_pipe, open_file, shown_path
from strategies.conversations.json_records import START_BYTES, begins_lines, read_lines
from strategies.conversations.options import ReadOptions
from strategies.conversations.parquet_records import parquet_batches
from strategies.conversations.reading import items_of, unreadable
from strategies.conversations.records import Needs, Record, Unread
from strategies.errors import InputError

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

    from strategies.conversations.format import Format

PART_BYTES = 1 << 21
"""Bytes of a part, unless a single conversation is longer."""

FIRST_PART_BYTES = 1 << 20
"""Bytes of the first part, which is held while a tokenizer is loaded."""

MOST_PACKED = 250
"""How many times its size a file may unpack to, if that is more than a document may have."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a dataset is read: up to the end of a conversation.

    Parameters
    ----------
    offset
        Bytes before it, when unpacked; in a Parquet file rows.
    lines
        Lines before it.
    digest
        SHA-256 of those bytes, as hexadecimal digits; of a Parquet file, of all of it.
    groups, any_read, form, left_out, rejected, first, read_before, empty
        What the `Assembly` knows there; the format by its name.
    file
        Number of files before the one that it is in.
    before
        SHA-256 of each of those.
    """

    offset: int = 0
    lines: int = 0
    digest: str = ""
    groups: int = 0
    any_read: bool = False
    form: str | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    rejected: int = 0
    first: str | None = None
    read_before: bool = False
    empty: Sequence[str] = ()
    file: int = 0
    before: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what `Place(**…)` makes again."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Batch:
    """Conversations that were read together.

    Parameters
    ----------
    conversations
        In the order of the file; there may be none, if all records of a part were refused.
    rejects
        The records that were refused among them.
    place
        Where the reading goes on after them; None if it cannot begin there.
    done
        Bytes of the dataset that are read, about.
    file
        The file that they are from, if the dataset has several.
    source
        Name of the file, its format (None if no record shows one), and what it is in.
    """

    conversations: Sequence[Conversation]
    rejects: Sequence[Reject]
    place: Place | None
    done: int
    file: str | None = None
    source: tuple[str, str | None, str] = ("", None, "")

    @property
    def turns(self) -> int:
        """Number of client turns."""
        if isinstance(self.conversations, DirectConversations):
            return sum(len(turns) for _, turns in self.conversations.outlines)
        return count_turns(self.conversations)


class DatasetStream:
    """A dataset file that is read part by part.

    Use it as a context manager, and iterate it once.

    Parameters
    ----------
    path
        The file.
    options
        How to read it. Requests that are joined to conversations, and rows of one message of
        which some may be skipped, are read as one part: what belongs together may be anywhere.
    directly
        Whether the native core may read it.
    start
        A place of an earlier reading of the same file with the same options.
    finished
        Ids of the conversations before that place, if their format has one row per message.
    assembly
        What is known of the dataset when this file begins; None if it is the first one.

    Attributes
    ----------
    size
        Bytes of the file; 0 of a pipe.
    container
        What it is in; None before its first part is read.
    notes
        What else is worth a line, but no warning.

    Raises
    ------
    InputError
        If the file cannot be read, or is another one before the place to start at.
    """

    def __init__(
        self,
        path: Path,
        options: ReadOptions,
        *,
        directly: bool = False,
        start: Place | None = None,
        finished: Iterable[str] = (),
        assembly: Assembly | None = None,
    ) -> None:
        self.path = path
        self._name = shown_path(path)
        self._options = options
        self._needs = needs(options.messages_field)
        self._directly = directly
        self._start = start or Place()
        self.assembly = assembly or _assembly(self._name, options, self._start, finished)
        self._lines = self._start.lines
        self._reading: Generator[Batch] | None = None
        self._sha256: str | None = None
        self._packed: Pipe | None = None
        self.container: Container | None = None
        self.notes: list[str] = []
        self._held = ExitStack()
        self._stream: IO[bytes] = self._held.enter_context(open_file(path))
        try:
            self._once = is_pipe(path)
            self.size = 0 if self._once else path.stat().st_size
        except BaseException:
            self._held.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reading is not None:
            # It is in the middle of the file if something was refused.
            self._reading.close()
        self._held.close()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know about the dataset so far, one line each."""
        return self.assembly.warnings()

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes of the file; of a pipe, of those that have come."""
        if isinstance(self._stream, Pipe):
            return self._stream.sha256()
        if self._packed is not None and self._packed.taken == self.size:
            return self._packed.sha256()
        if self._sha256 is None:
            with _failures(self._name):
                self._stream.seek(0)
                digest = hashlib.file_digest(self._stream, "sha256")  # type: ignore[arg-type]  # it reads and no more
            self._sha256 = digest.hexdigest()
        return self._sha256

    def stop(self) -> None:
        """Let a thread that waits for a pipe get an error, because nobody needs the rest."""
        if isinstance(self._stream, Pipe):
            self._stream.stop()

    @property
    def not_read(self) -> int:
        """How many records were refused so far."""
        return self.assembly.rejected

    def __iter__(self) -> Iterator[Batch]:
        """Return the parts of the file in order.

        Raises
        ------
        InputError
            As `read_conversations` does, when the mistake is reached. If there is no conversation
            at all, at the end.
        """
        self._reading = self._read()
        return self._reading

    def _read(self) -> Generator[Batch]:
        with _failures(self._name):
            yield from self._parts()
        if not self.assembly.several:
            self.assembly.check_found()

    def _parts(self) -> Generator[Batch]:
        stream = self._stream
        container = container_of(self._begins(), self._name)
        self.container = container
        by_rows = {"Parquet": self._parquet, "an Arrow stream": self._arrow_stream}
        if container in by_rows:
            if self._options.records == "request":
                yield self._whole(stream)
            else:
                yield from by_rows[container](stream)
            return
        if container != "JSON":
            self._packed = stream if isinstance(stream, Pipe) else Pipe(stream)
            stream = unpacked(cast("IO[bytes]", self._packed), container)
        text = _Begun(stream)
        if container != "JSON":
            container_of(text.begins(LOOKED_AT_BYTES), self._name, container)
        lines = begins_lines(text.begins(START_BYTES), self._name) or _is_one_line(text)
        with io.BufferedReader(text, START_BYTES) as buffered:
            if lines and self._options.records != "request":
                packed = container != "JSON"
                yield from self._by_lines(buffered, packed=packed)
            else:
                yield self._whole(cast("IO[bytes]", buffered))

    def _begins(self) -> bytes:
        """Return the first bytes, and stay before them."""
        if isinstance(self._stream, Pipe):
            return self._stream.peek(LOOKED_AT_BYTES)[:LOOKED_AT_BYTES]
        start = self._stream.read(LOOKED_AT_BYTES)
        self._stream.seek(0)
        return start

    def _whole(self, stream: IO[bytes]) -> Batch:
        """Read all as one part."""
        data = stream.read(records.MAX_DOCUMENT_BYTES + 1)
        if len(data) > records.MAX_DOCUMENT_BYTES:
            limit = records.MAX_DOCUMENT_BYTES >> 30
            raise InputError(
                f"larger than {limit} GiB, and has to be in memory as a whole; split it",
                file=self._name,
            )
        # The core numbers the conversations of a document from its start.
        if self._directly and not self.assembly.groups:
            direct = read_directly(data, self._name, self._options)
            if isinstance(direct, DirectConversations):
                self.assembly.form = form_named(direct.records.format)
                self.assembly.groups += len(direct)
                self.assembly.any_read = True
                return Batch(direct, (), None, self.size)
        conversations = all_of(self.assembly, items_of(data, self._name, self._needs))
        return Batch(conversations, self.assembly.take_rejects(), None, self.size)

    def _by_lines(self, stream: io.BufferedReader[Any], *, packed: bool) -> Generator[Batch]:
        digest = hashlib.sha256()
        offset = self._start.offset + self._pass_over(stream, digest)
        carry = b""
        # Bytes are read into the same memory again and again: new memory takes time.
        room = bytearray()
        least = min(FIRST_PART_BYTES, PART_BYTES)
        ended = False
        while not ended:
            # A conversation that is longer than a part is looked for in twice as many bytes.
            more, least = max(least, len(carry)), PART_BYTES
            if more != len(room):
                room = bytearray(more)
            read = stream.readinto(room)
            ended = read < more
            with memoryview(room)[:read] as block:
                part, carry = self._cut(carry, block, room.rfind(b"\n", 0, read) + 1, ended=ended)
            overlong = len(carry) > records.MAX_RECORD_BYTES and b"\n" not in carry
            if overlong and not part:
                part, carry = carry, b""
            if not part:
                self._check_held(carry)
                continue
            digest.update(part)
            offset += len(part)
            if packed:
                self._check_packed(offset)
            conversations = self._read_part(part)
            self._lines += _lines_of(part, conversations)
            if overlong and not part.endswith(b"\n"):
                offset += _end_line(stream, digest)
            if ended and not packed:
                # All bytes are read, and need not be read again for it.
                self._sha256 = digest.hexdigest()
            yield Batch(
                conversations,
                self.assembly.take_rejects(),
                self._place(offset, digest.hexdigest()),
                self._position(offset, packed=packed),
            )

    def _pass_over(self, stream: IO[bytes], digest: Digest) -> int:
        """Read up to the place to start at, and check that it is what was read before.

        Returns how many bytes were read beyond it, to the end of a line.
        """
        left = self._start.offset
        block = b""
        while left:
            block = stream.read(min(left, PART_BYTES))
            if not block:
                break
            digest.update(block)
            left -= len(block)
        if self._start.offset and digest.hexdigest() != self._start.digest:
            raise InputError("is not the file that was read before", file=self._name)
        return self._end_last_line(stream, block[-1:], digest)

    def _end_last_line(self, stream: IO[bytes], last: bytes, digest: Digest) -> int:
        """Read the end of a line that was the last one of the file before, and had none."""
        if last in {b"", b"\n"}:
            return 0
        end = stream.read(1)
        if end not in {b"", b"\n"}:
            raise InputError(
                "its last line goes on now, and was counted as it was",
                file=self._name,
                line=self._lines,
            )
        digest.update(end)
        return len(end)

    def _position(self, offset: int, *, packed: bool) -> int:
        return self._taken if packed else offset

    @property
    def _taken(self) -> int:
        """How many bytes of the file are read."""
        stream = self._packed or self._stream
        return stream.taken if isinstance(stream, Pipe) else stream.tell()

    def _check_packed(self, offset: int) -> None:
        size = self._taken if self._once else self.size
        if offset > max(records.MAX_DOCUMENT_BYTES, MOST_PACKED * size):
            raise InputError(
                f"unpacks to more than {MOST_PACKED} times its size; unpack it first",
                file=self._name,
                line=self._lines + 1,
            )

    def _check_held(self, block: bytes) -> None:
        if len(block) > records.MAX_DOCUMENT_BYTES:
            limit = records.MAX_DOCUMENT_BYTES >> 30
            raise InputError(
                f"more than {limit} GiB have to be in memory at the same time; split the file",
                file=self._name,
                line=self._lines + 1,
            )

    def _cut(self, carry: bytes, read: memoryview, end: int, *, ended: bool) -> tuple[bytes, bytes]:
        """Cut bytes after their last whole conversation; the first part is empty if it has none.

        Parameters
        ----------
        carry
            Bytes that were left before.
        read
            The bytes after them.
        end
            The place after the last line break of these; 0 if they have none.
        ended
            Whether no bytes follow.
        """
        if end and not ended and self.assembly.form is not None and self.assembly.form.whole:
            return b"".join((carry, read[:end])), bytes(read[end:])
        block = b"".join((carry, read))
        if ended:
            return block, b""
        end = block.rfind(b"\n") + 1
        if not self._is_whole(block):
            if self._options.on_error == "skip":
                # A conversation is left out if any of its rows is, wherever that stands.
                return b"", block
            end = _start_of_last(block, end)
        return block[:end], block[end:]

    def _is_whole(self, block: bytes) -> bool:
        """Whether each line is a conversation, as far as the block shows that."""
        if self.assembly.form is not None:
            return self.assembly.form.whole
        form = self._form_of(read_lines(io.BytesIO(block), self._name))
        return form is None or form.whole

    def _read_part(self, part: bytes) -> Sequence[Conversation]:
        assembly = self.assembly
        if self._directly:
            known = Part(self._lines, assembly.groups, self.form)
            direct = read_directly(part, self._name, self._options, known)
            if isinstance(direct, DirectConversations) and self._takes(direct):
                return direct
        return assembly.add_whole(read_lines(io.BytesIO(part), self._name, before=self._lines))

    def _read_rows(self, rows: ArrowRows) -> DirectConversations | None:
        """Return the conversations of rows, if the core reads them."""
        assembly = self.assembly
        whole = assembly.form is None or assembly.form.whole
        if not (self._directly and whole) or left_to_python(self._options):
            return None
        lines = json_lines(rows)
        if lines is None:
            return None
        known = Part(rows.before, assembly.groups, self.form)
        direct = read_directly(lines, self._name, self._options, known)
        if isinstance(direct, str) or not form_named(direct.records.format).whole:
            return None
        return direct if self._takes(direct) else None

    def _takes(self, direct: DirectConversations) -> bool:
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

    def _parquet(self, stream: IO[bytes]) -> Generator[Batch]:
        if self._once:
            stream = self._held.enter_context(self._copied(stream))
        yield from self._by_rows(stream, parquet_batches)

    def _arrow_stream(self, stream: IO[bytes]) -> Generator[Batch]:
        yield from self._by_rows(stream, arrow_stream_batches)

    def _by_rows(self, stream: IO[bytes], batches: _RowBatches) -> Generator[Batch]:
        digest = ""
        if not self._once:
            digest = self.sha256()
            if self._start.offset and digest != self._start.digest:
                raise InputError("is not the file that was read before", file=self._name)
            stream.seek(0)
        row = self._start.offset
        most = records.MAX_DOCUMENT_BYTES
        if not self._once:
            most = max(most, MOST_PACKED * self.size)
        rows: list[Record | Unread] = []
        for batch in batches(stream, self._name, self._needs, before=row, most=most):
            row += len(batch)
            # Rows of one message each are put together in Python.
            direct = None if rows else self._read_rows(batch)
            conversations: Sequence[Conversation]
            if direct is not None:
                conversations = direct
            else:
                items = list(batch)
                form = self.assembly.form or self._form_of(items)
                if form is not None and not form.whole:
                    rows += items
                    continue
                conversations = self.assembly.add_whole(items)
            rejects = self.assembly.take_rejects()
            yield Batch(conversations, rejects, self._place(row, digest), self._taken)
        if rows:
            yield Batch(
                self.assembly.add_whole(rows), self.assembly.take_rejects(), None, self.size
            )

    def _copied(self, stream: IO[bytes]) -> IO[bytes]:
        """Return a pipe of Parquet as a file: what it holds is said at its end."""
        self.notes.append(f"{self._name}: Parquet of a pipe is copied to a temporary file first")
        import tempfile

        copy = tempfile.TemporaryFile()  # noqa: SIM115  # closed with what is held
        left = records.MAX_DOCUMENT_BYTES
        while block := stream.read(PART_BYTES):
            left -= len(block)
            if left < 0:
                copy.close()
                limit = records.MAX_DOCUMENT_BYTES >> 30
                raise InputError(
                    f"Parquet of more than {limit} GiB cannot be read from a pipe; name the file",
                    file=self._name,
                )
            copy.write(block)
        copy.seek(0)
        return copy

    def _form_of(self, items: Iterable[Record | Unread]) -> Format | None:
        """Return the format of the first record that shows one."""
        for item in items:
            if not isinstance(item, Unread):
                with suppress(InputError):
                    return form_of(item.value, self._options)
        return None

    @property
    def form(self) -> str | None:
        """Name of the format; None before the first record that shows it."""
        return self.assembly.form_name

    def _place(self, offset: int, digest: str) -> Place:
        assembly = self.assembly
        return Place(
            offset,
            self._lines,
            digest,
            assembly.groups,
            assembly.any_read,
            self.form,
            dict(assembly.left_out),
            assembly.rejected,
            assembly.first,
            assembly.read_before,
            assembly.empty,
        )


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
        assembly = _assembly(shown_path(path), options, start, finished)
        assembly.several = self._several
        self._current = self._opened(path, assembly, start)

    def _opened(self, path: Path, assembly: Assembly, start: Place | None = None) -> DatasetStream:
        current = DatasetStream(
            path, self._options, directly=self._directly, start=start, assembly=assembly
        )
        current.notes = self.notes
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


def _assembly(name: str, options: ReadOptions, start: Place, finished: Iterable[str]) -> Assembly:
    assembly = Assembly(
        name,
        options,
        form=form_named(start.form) if start.form else None,
        read_before=start.read_before,
        empty=tuple(start.empty),
    )
    assembly.groups, assembly.any_read = start.groups, start.any_read
    assembly.finished.update(finished)
    assembly.rejected, assembly.first = start.rejected, start.first
    assembly.left_out.update(start.left_out)
    return assembly


class _RowBatches(Protocol):
    """Reads a container of rows, as `parquet_batches` does."""

    def __call__(
        self, stream: IO[bytes], name: str, needs: Needs, *, before: int = 0, most: int
    ) -> Iterator[ArrowRows]:
        """Yield the rows, a few at a time."""


class _Begun(io.RawIOBase):
    """A stream whose first bytes are looked at before it is read. Closing it leaves it open."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._begun = b""

    def begins(self, size: int) -> bytes:
        """Return the first bytes, fewer only if there are no more."""
        if len(self._begun) < size:
            more = bytearray(size - len(self._begun))
            length = self._stream.readinto(more)  # type: ignore[attr-defined]  # all that are given have it
            self._begun += more[:length]
        return self._begun[:size]

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, and return how many bytes that took."""
        if self._begun:
            length = min(len(buffer), len(self._begun))
            buffer[:length], self._begun = self._begun[:length], self._begun[length:]
            return length
        length = self._stream.readinto(buffer)  # type: ignore[attr-defined]  # as above
        return int(length)


def _is_one_line(text: _Begun) -> bool:
    """Whether a text that does not show it yet has one object to a line, and long lines."""
    size = START_BYTES
    while size < records.MAX_RECORD_BYTES:
        start = text.begins(size)
        if len(start) < size or not start.startswith(b"{") or b"\n" in start:
            # A document that is spread over lines, an array, or all of a file.
            return size > START_BYTES and begins_lines(start, "")
        size *= 2
    return False


def _lines_of(part: bytes, conversations: Sequence[Conversation]) -> int:
    """Return how many lines a part has. The core has counted them as it read."""
    if isinstance(conversations, DirectConversations):
        return conversations.records.lines
    return part.count(b"\n") + (not part.endswith(b"\n"))


def _end_line(stream: IO[bytes], digest: Digest) -> int:
    """Read up to the end of a line that is too long, and return how many bytes that are."""
    length = 0
    while part := stream.readline(PART_BYTES):
        digest.update(part)
        length += len(part)
        if part.endswith(b"\n"):
            break
    return length


def _start_of_last(block: bytes, end: int) -> int:
    """Return where the rows of the last conversation begin in lines of one message each."""
    name = None
    while end:
        start = block.rfind(b"\n", 0, end - 1) + 1
        found = _conversation_of(block[start:end])
        name = name or found
        if found is not None and found != name:
            return end
        end = start
    return 0


def _conversation_of(line: bytes) -> str | None:
    """Return the conversation of a row; None if it says none, and belongs to that beside it."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    name = row.get("conversation_id") if isinstance(row, dict) else None
    return None if name is None else str(name)


@contextmanager
def _failures(name: str) -> Iterator[None]:
    """Word what goes wrong when a file is read."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(error, name) from None
