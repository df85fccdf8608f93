"""Parts of a JSON document that is an array: each ends after an element."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import IO, Any, NamedTuple

from strategies import _native
from strategies.conversations import records
from strategies.conversations.conversation import Conversation
from strategies.conversations.direct import DirectConversations, Part, read_directly
from strategies.conversations.json_records import Within, begins_conversation, read_elements
from strategies.conversations.opened import OpenedFile
from strategies.conversations.parts import Batch
from strategies.errors import InputError


class _Cut(NamedTuple):
    """A part of an array.

    Attributes
    ----------
    part
        Its bytes.
    carry
        What was read after it.
    ended
        Whether it goes on to the end of the file.
    lines, column
        Line breaks in it, and characters after the last of them.
    """

    part: bytes
    carry: bytes
    ended: bool
    lines: int
    column: int


class ArrayParts:
    """Reads an array of records part by part.

    An array is read as a whole if its elements belong together: if they are messages of one
    conversation, or rows of one message each.

    Parameters
    ----------
    file
        The file.
    """

    def __init__(self, file: OpenedFile) -> None:
        self._file = file
        self._column = file.start.column or 0
        self._first = not file.start.offset

    def read(
        self, stream: io.BufferedReader[Any], head: bytes, *, packed: bool
    ) -> Generator[Batch]:
        """Yield the parts in order.

        Parameters
        ----------
        stream
            The document.
        head
            Its first bytes, up to the bracket that opens the array.
        packed
            Whether the file holds it packed.
        """
        file = self._file
        digest = hashlib.sha256()
        if self._first:
            digest.update(stream.read(len(head)))
            # A mark of the encoding is no character.
            self._pass(head.decode("utf-8-sig"))
        else:
            file.pass_over(stream, digest, in_array=True)
        offset = file.start.offset or len(head)
        for cut in self._cut(stream):
            digest.update(cut.part)
            offset += len(cut.part)
            if packed:
                file.check_packed(offset)
            try:
                conversations = self._read_part(cut)
            except InputError:
                self._check_text(cut, stream)
                raise
            self._column = cut.column if cut.lines else self._column + cut.column
            file.lines += cut.lines
            self._first = False
            if cut.ended and not packed:
                # All bytes are read, and need not be read again for it.
                file.digest = digest.hexdigest()
            place = None if cut.ended else file.place(offset, digest.hexdigest(), self._column)
            done = file.taken if packed else offset
            yield Batch(conversations, file.assembly.take_rejects(), place, done)

    def _cut(self, stream: io.BufferedReader[Any]) -> Generator[_Cut]:
        """Yield parts that end after an element, and what is left at last."""
        carry = b""
        # Bytes are read into the same memory again and again: new memory takes time.
        room = bytearray()
        least = min(records.FIRST_PART_BYTES, records.PART_BYTES)
        ended = False
        while not ended:
            # An element that is longer than a part is looked for in twice as many bytes.
            more, least = max(least, len(carry)), records.PART_BYTES
            more = min(more, records.MAX_DOCUMENT_BYTES + 1 - len(carry))
            if more != len(room):
                room = bytearray(more)
            read = stream.readinto(room)
            ended = read < more
            with memoryview(room)[:read] as block:
                part = b"".join((carry, block))
            end, closed, lines, column = _native.elements(part)
            if not ended and (closed or (end and not self._is_whole(part[:end]))):
                part, ended = _with_rest(part, stream), True
            if ended or not end:
                self._check_held(part)
            if not (ended or end):
                carry = part
                continue
            part, carry = (part, b"") if ended else (part[:end], part[end:])
            yield _Cut(part, carry, ended, lines, column)

    def _pass(self, text: str) -> None:
        self._file.lines += text.count("\n")
        self._column = len(text) - (text.rfind("\n") + 1)

    def _is_whole(self, part: bytes) -> bool:
        """Whether each element is a conversation, as far as a part shows that."""
        if self._first and begins_conversation(part):
            return False
        form = self._file.assembly.form
        if form is None:
            elements = read_elements(part, self._file.name, self._within(more=True))
            # What cannot be read is told when the part is read.
            with suppress(InputError):
                form = self._file.form_of(elements)
        return form is None or form.whole

    def _within(self, *, more: bool) -> Within:
        return Within(self._file.lines + 1, self._column, first=self._first, more=more)

    def _check_held(self, held: bytes) -> None:
        if len(held) > records.MAX_DOCUMENT_BYTES:
            raise self._file.too_large()

    def _read_part(self, cut: _Cut) -> Sequence[Conversation]:
        file, assembly, part = self._file, self._file.assembly, cut.part
        if file.directly:
            known = Part(file.lines, assembly.groups, file.form, is_lines=False)
            # Its comma is put away, so that it is an array of its own.
            inner, end = (part, b"") if cut.ended else (memoryview(part)[:-1], b"]")
            document = b"".join((b"[", inner, end))
            direct = read_directly(document, file.name, file.options, known)
            if isinstance(direct, DirectConversations) and file.takes(direct):
                return direct
        return assembly.add_whole(read_elements(part, file.name, self._within(more=not cut.ended)))

    def _check_text(self, cut: _Cut, stream: IO[bytes]) -> None:
        """Raise `InputError` if the rest is no text.

        That is said first, whatever else is wrong before, as it is if the document is read as a
        whole.
        """
        decoder = codecs.getincrementaldecoder("utf-8")()
        line = self._file.lines + 1
        block = cut.part + cut.carry
        while True:
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                raise InputError("not UTF-8 text", file=self._file.name, line=line) from None
            if not block:
                break
            line += block.count(b"\n")
            block = stream.read(records.PART_BYTES)


def _with_rest(part: bytes, stream: IO[bytes]) -> bytes:
    """Return all bytes from a part on; if there are more than may be held, some of them."""
    blocks, length = [part], len(part)
    while length <= records.MAX_DOCUMENT_BYTES and (block := stream.read(records.PART_BYTES)):
        blocks.append(block)
        length += len(block)
    return b"".join(blocks)
