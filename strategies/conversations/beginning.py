"""Texts whose first bytes are looked at before they are read."""

from __future__ import annotations

import io
from typing import IO, Any

from strategies.conversations import records
from strategies.conversations.json_records import START_BYTES, begins_lines


class Begun(io.RawIOBase):
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


def is_one_line(text: Begun) -> bool:
    """Whether a text that does not show it yet has one object to a line, and long lines."""
    size = START_BYTES
    while size < records.MAX_RECORD_BYTES:
        start = text.begins(size)
        if len(start) < size or not start.startswith(b"{") or b"\n" in start:
            # A document that is spread over lines, an array, or all of a file.
            return size > START_BYTES and begins_lines(start, "")
        size *= 2
    return False
