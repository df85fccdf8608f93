"""Parts of a file with one record to a line: each ends with a whole conversation."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Generator, Sequence
from typing import IO, TYPE_CHECKING, Any

from strategies.conversations import records
from strategies.conversations.conversation import Conversation
from strategies.conversations.direct import DirectConversations, Part, read_directly
from strategies.conversations.json_records import read_lines
from strategies.conversations.opened import OpenedFile
from strategies.conversations.parts import Batch
from strategies.errors import InputError

if TYPE_CHECKING:
    from hashlib import _Hash as Digest


class LineParts:
    """Reads JSON lines part by part.

    Parameters
    ----------
    file
        The file.
    """

    def __init__(self, file: OpenedFile) -> None:
        self._file = file

    def read(self, stream: io.BufferedReader[Any], *, packed: bool) -> Generator[Batch]:
        """Yield the parts in order.

        Parameters
        ----------
        stream
            The lines.
        packed
            Whether the file holds them packed.
        """
        digest = hashlib.sha256()
        offset = self._file.start.offset + self._pass_over(stream, digest)
        carry = b""
        # Bytes are read into the same memory again and again: new memory takes time.
        room = bytearray()
        least = min(records.FIRST_PART_BYTES, records.PART_BYTES)
        ended = False
        while not ended:
            # A conversation that is longer than a part is looked for in twice as many bytes.
            more, least = max(least, len(carry)), records.PART_BYTES
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
                self._file.check_packed(offset)
            conversations = self._read_part(part)
            self._file.lines += _lines_of(part, conversations)
            if overlong and not part.endswith(b"\n"):
                offset += _end_line(stream, digest)
            if ended and not packed:
                # All bytes are read, and need not be read again for it.
                self._file.digest = digest.hexdigest()
            yield Batch(
                conversations,
                self._file.assembly.take_rejects(),
                self._file.place(offset, digest.hexdigest()),
                self._position(offset, packed=packed),
            )

    def _pass_over(self, stream: IO[bytes], digest: Digest) -> int:
        """Read up to the place to start at, and check that it is what was read before.

        Returns how many bytes were read beyond it, to the end of a line.
        """
        last = self._file.pass_over(stream, digest)
        return self._end_last_line(stream, last, digest)

    def _end_last_line(self, stream: IO[bytes], last: bytes, digest: Digest) -> int:
        """Read the end of a line that was the last one of the file before, and had none."""
        if last in {b"", b"\n"}:
            return 0
        end = stream.read(1)
        if end not in {b"", b"\n"}:
            raise InputError(
                "its last line goes on now, and was counted as it was",
                file=self._file.name,
                line=self._file.lines,
            )
        digest.update(end)
        return len(end)

    def _position(self, offset: int, *, packed: bool) -> int:
        return self._file.taken if packed else offset

    def _check_held(self, block: bytes) -> None:
        if len(block) > records.MAX_DOCUMENT_BYTES:
            limit = records.MAX_DOCUMENT_BYTES >> 30
            raise InputError(
                f"more than {limit} GiB have to be in memory at the same time; split the file",
                file=self._file.name,
                line=self._file.lines + 1,
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
        form = self._file.assembly.form
        if end and not ended and form is not None and form.whole:
            return b"".join((carry, read[:end])), bytes(read[end:])
        block = b"".join((carry, read))
        if ended:
            return block, b""
        end = block.rfind(b"\n") + 1
        if not self._is_whole(block):
            if self._file.options.on_error == "skip":
                # A conversation is left out if any of its rows is, wherever that stands.
                return b"", block
            end = _start_of_last(block, end)
        return block[:end], block[end:]

    def _is_whole(self, block: bytes) -> bool:
        """Whether each line is a conversation, as far as the block shows that."""
        if self._file.assembly.form is not None:
            return self._file.assembly.form.whole
        form = self._file.form_of(read_lines(io.BytesIO(block), self._file.name))
        return form is None or form.whole

    def _read_part(self, part: bytes) -> Sequence[Conversation]:
        assembly = self._file.assembly
        if self._file.directly:
            known = Part(self._file.lines, assembly.groups, self._file.form)
            direct = read_directly(part, self._file.name, self._file.options, known)
            if isinstance(direct, DirectConversations) and self._file.takes(direct):
                return direct
        lines = read_lines(io.BytesIO(part), self._file.name, before=self._file.lines)
        return assembly.add_whole(lines)


def _lines_of(part: bytes, conversations: Sequence[Conversation]) -> int:
    """Return how many lines a part has. The core has counted them as it read."""
    if isinstance(conversations, DirectConversations):
        return conversations.records.lines
    return part.count(b"\n") + (not part.endswith(b"\n"))


def _end_line(stream: IO[bytes], digest: Digest) -> int:
    """Read up to the end of a line that is too long, and return how many bytes that are."""
    length = 0
    while part := stream.readline(records.PART_BYTES):
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
