"""Datasets read part by part, so that memory is bounded whatever the size of a file.

A part ends with a whole conversation. Each part comes with the place after it, from which another
reading can go on.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, cast

from strategies.conversations import records
from strategies.conversations.assembly import Assembly, Reject
from strategies.conversations.conversation import Conversation, count_turns
from strategies.conversations.datasets import all_of
from strategies.conversations.detect import detect, formats, needs
from strategies.conversations.direct import DirectConversations, Part, read_directly
from strategies.conversations.files import open_file
from strategies.conversations.json_records import START_BYTES, begins_lines, read_lines
from strategies.conversations.options import ReadOptions
from strategies.conversations.parquet_records import parquet_batches
from strategies.conversations.reading import items_of, refuse_other, unpacked, unreadable
from strategies.conversations.records import Record, Unread
from strategies.errors import InputError

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

    from strategies.conversations.format import Format

PART_BYTES = 1 << 23
"""Bytes of a part, unless a single conversation is longer."""

FIRST_PART = 8
"""The first part has one of so many bytes of the others: it is held while a tokenizer is loaded."""

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
    groups, any_read, form, left_out, rejected, first
        What the `Assembly` knows there; the format by its name.
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
        Bytes of the file that are read, about.
    """

    conversations: Sequence[Conversation]
    rejects: Sequence[Reject]
    place: Place | None
    done: int

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

    Attributes
    ----------
    size
        Bytes of the file.

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
    ) -> None:
        self.path = path
        self._name = str(path)
        self._options = options
        self._directly = directly
        self._start = start or Place()
        self._assembly = _assembly(self._name, options, self._start, finished)
        self._lines = self._start.lines
        self._reading: Generator[Batch] | None = None
        self._sha256: str | None = None
        self._held = ExitStack()
        self._stream: IO[bytes] = self._held.enter_context(open_file(path))
        try:
            self.size = path.stat().st_size
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
        """What a user should know about the reading so far, one line each."""
        return self._assembly.warnings()

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes of the file."""
        if self._sha256 is None:
            with _failures(self._name):
                self._stream.seek(0)
                digest = hashlib.file_digest(self._stream, "sha256")  # type: ignore[arg-type]  # it reads and no more
            self._sha256 = digest.hexdigest()
        return self._sha256

    @property
    def not_read(self) -> int:
        """How many records were refused so far."""
        return self._assembly.rejected

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
        found = self._start.any_read
        with _failures(self._name):
            for batch in self._parts():
                found = found or bool(len(batch.conversations))
                yield batch
        if not found:
            raise self._assembly.nothing()

    def _parts(self) -> Generator[Batch]:
        stream = self._stream
        magic = stream.read(8)
        stream.seek(0)
        refuse_other(magic, self._name)
        if self._options.records == "request":
            yield self._whole(stream)
        elif magic.startswith(b"PAR1"):
            yield from self._parquet(stream)
        else:
            packed = magic[:2] == b"\x1f\x8b"
            text: IO[bytes] = stream
            if packed:
                unpacking = self._held.enter_context(gzip.GzipFile(fileobj=stream))
                text = unpacked(unpacking)
            buffered = io.BufferedReader(cast("io.RawIOBase", text), START_BYTES)
            try:
                if begins_lines(buffered.peek(START_BYTES), self._name):
                    yield from self._by_lines(buffered, packed=packed)
                else:
                    stream.seek(0)
                    yield self._whole(stream)
            finally:
                # Or the file would be closed with it.
                buffered.detach()

    def _whole(self, stream: IO[bytes]) -> Batch:
        """Read all as one part."""
        data = stream.read(records.MAX_DOCUMENT_BYTES + 1)
        if len(data) > records.MAX_DOCUMENT_BYTES:
            limit = records.MAX_DOCUMENT_BYTES >> 30
            raise InputError(
                f"larger than {limit} GiB, and has to be in memory as a whole; split it",
                file=self._name,
            )
        if self._directly:
            direct = read_directly(data, self._name, self._options)
            if isinstance(direct, DirectConversations):
                self._assembly.any_read = True
                return Batch(direct, (), None, self.size)
        conversations = all_of(self._assembly, items_of(data, self._name, needs()))
        return Batch(conversations, conversations.rejects, None, self.size)

    def _by_lines(self, stream: io.BufferedReader[Any], *, packed: bool) -> Generator[Batch]:
        digest = hashlib.sha256()
        offset = self._start.offset + self._pass_over(stream, digest)
        carry = b""
        # Bytes are read into the same memory again and again: new memory takes time.
        room = bytearray()
        least = max(PART_BYTES // FIRST_PART, 1)
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
            self._lines += part.count(b"\n") + (not part.endswith(b"\n"))
            if overlong and not part.endswith(b"\n"):
                offset += _end_line(stream, digest)
            if ended and not packed:
                # All bytes are read, and need not be read again for it.
                self._sha256 = digest.hexdigest()
            yield Batch(
                conversations,
                self._assembly.take_rejects(),
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
        return self._stream.tell() if packed else offset

    def _check_packed(self, offset: int) -> None:
        if offset > max(records.MAX_DOCUMENT_BYTES, MOST_PACKED * self.size):
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
        if end and not ended and self._assembly.form is not None and self._assembly.form.whole:
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
        if self._assembly.form is not None:
            return self._assembly.form.whole
        form = _form_of(read_lines(io.BytesIO(block), self._name))
        return form is None or form.whole

    def _read_part(self, part: bytes) -> Sequence[Conversation]:
        assembly = self._assembly
        if self._directly:
            known = Part(self._lines, assembly.groups, self._form_name())
            direct = read_directly(part, self._name, self._options, known)
            if isinstance(direct, DirectConversations) and self._takes(direct):
                return direct
        return assembly.add_whole(read_lines(io.BytesIO(part), self._name, before=self._lines))

    def _takes(self, direct: DirectConversations) -> bool:
        """Note what the core has read; or say that Python has to read it."""
        assembly = self._assembly
        form = assembly.form or _named(direct.records.format)
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
        digest = self.sha256()
        if self._start.offset and digest != self._start.digest:
            raise InputError("is not the file that was read before", file=self._name)
        stream.seek(0)
        row = self._start.offset
        most = max(records.MAX_DOCUMENT_BYTES, MOST_PACKED * self.size)
        rows: list[Record | Unread] = []
        for batch in parquet_batches(stream, self._name, needs(), before=row, most=most):
            row += len(batch)
            form = self._assembly.form or _form_of(batch)
            if form is not None and not form.whole:
                rows += batch
                continue
            conversations = self._assembly.add_whole(batch)
            rejects = self._assembly.take_rejects()
            yield Batch(conversations, rejects, self._place(row, digest), stream.tell())
        if rows:
            yield Batch(
                self._assembly.add_whole(rows), self._assembly.take_rejects(), None, self.size
            )

    def _form_name(self) -> str | None:
        form = self._assembly.form
        return None if form is None else form.name

    def _place(self, offset: int, digest: str) -> Place:
        assembly = self._assembly
        return Place(
            offset,
            self._lines,
            digest,
            assembly.groups,
            assembly.any_read,
            self._form_name(),
            dict(assembly.left_out),
            assembly.rejected,
            assembly.first,
        )


def _assembly(name: str, options: ReadOptions, start: Place, finished: Iterable[str]) -> Assembly:
    assembly = Assembly(name, options, form=_named(start.form) if start.form else None)
    assembly.groups, assembly.any_read = start.groups, start.any_read
    assembly.finished.update(finished)
    assembly.rejected, assembly.first = start.rejected, start.first
    assembly.left_out.update(start.left_out)
    return assembly


def _named(name: str) -> Format:
    return next(form for form in formats() if form.name == name)


def _form_of(items: Iterable[Record | Unread]) -> Format | None:
    """Return the format of the first record that shows one."""
    for item in items:
        if not isinstance(item, Unread):
            with suppress(InputError):
                return detect(item.value)
    return None


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
