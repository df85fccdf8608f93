"""Records out of JSON: one to a line, in an array, or alone in a document."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Any, cast

from strategies.conversations import records
from strategies.conversations.json_text import json_type, next_value, parse_loosely
from strategies.conversations.records import Record, Unread
from strategies.errors import InputError

_SPACE = b" \t\r\n"
_SPACES = re.compile(r"[ \t\r\n]*")
_HEAD = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\[")


def read_json(stream: IO[bytes], name: str) -> Iterator[Record | Unread]:
    """Yield the records of a JSON text, also those that cannot be read, each for itself.

    Parameters
    ----------
    stream
        The text, at its start.
    name
        The name that errors use. An ending ``.jsonl`` or ``.ndjson`` says that each line is
        one object.

    Raises
    ------
    InputError
        With name and line, if nothing after this place can be read.
    """
    buffered = io.BufferedReader(cast("io.RawIOBase", stream), START_BYTES)
    try:
        if begins_lines(buffered.peek(START_BYTES), name):
            yield from read_lines(buffered, name, most=records.MAX_DOCUMENT_BYTES)
        else:
            yield from _read_document(buffered, name)
    finally:
        # Or the stream would be closed with it, and it may belong to the caller.
        buffered.detach()


START_BYTES = 1 << 20
"""How much of a JSON text is looked at to tell what it is."""


def begins_lines(start: bytes, name: str) -> bool:
    """Whether a JSON text has one record to a line, and is no document.

    Parameters
    ----------
    start
        Its first bytes, at most `START_BYTES`.
    name
        Of the file. An ending ``.jsonl`` or ``.ndjson`` says that each line is one object.
    """
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE)
    names_lines = bool({".jsonl", ".ndjson"}.intersection(PurePath(name).suffixes))
    return start[:1] not in {b"[", b"{"} or _is_lines(start, names_lines=names_lines)


def _is_lines(start: bytes, *, names_lines: bool) -> bool:
    """Whether a text that begins with an array or an object has one value to a line.

    It has if its first line is a whole value and something follows. If its name says so, only
    an array that goes on in the next line says otherwise.
    """
    if names_lines and start[:1] == b"{":
        return True
    line, _, after = start.partition(b"\n")
    if not after.strip(_SPACE):
        return False
    try:
        value = parse_loosely(line.decode())
    except ValueError:
        return False
    return names_lines or isinstance(value, dict) or _holder(value) is not None


def read_lines(
    stream: IO[bytes], name: str, *, before: int = 0, most: int | None = None
) -> Iterator[Record | Unread]:
    """Yield the records of JSON lines, also those that cannot be read, each for itself.

    Parameters
    ----------
    stream
        The lines.
    name
        The name that errors use.
    before
        Number of lines of the file before these.
    most
        The most bytes that all lines together may have; None for any number.

    Raises
    ------
    InputError
        With name and line, if there are more bytes.
    """
    number, total = before, 0
    longest = records.MAX_RECORD_BYTES
    whole = True
    while line := stream.readline(longest + 1):
        number += whole
        total += len(line)
        if most is not None and total > most:
            raise InputError(
                f"the file unpacks to more than {most >> 30} GiB; split it",
                file=name,
                line=number,
            )
        begins, whole = whole, len(line) <= longest or line.endswith(b"\n")
        if not begins:
            continue  # the rest of a line that is too long
        if len(line) > longest:
            yield Unread(
                InputError(
                    f"longer than {longest >> 20} MiB: no conversation", file=name, line=number
                )
            )
        elif _holds_too_many(line, longest):
            yield Unread(InputError("too many values: no conversation", file=name, line=number))
        else:
            try:
                text = _decode(line, name, number)
            except InputError as error:
                yield Unread(error, line.decode(errors="backslashreplace"))
                continue
            # Without its end, so that what is missing there is in this line.
            text = text.rstrip(" \t\r\n")
            if text:
                yield _line(text, name, number)


def _line(text: str, name: str, number: int) -> Record | Unread:
    try:
        return _record(parse_loosely(text), name, number)
    except InputError as error:
        return Unread(error, text)
    except ValueError as error:
        return Unread(_not_json(error, name, number), text)


def _read_document(stream: IO[bytes], name: str) -> Iterator[Record | Unread]:
    largest = records.MAX_DOCUMENT_BYTES
    data = stream.read(largest + 1)
    if len(data) > largest:
        raise InputError(
            f"larger than {largest >> 30} GiB as one JSON document; use JSONL", file=name
        )
    _check_values(data, name)
    text = _decode(data, name, None)
    start = _skip_space(text, 0)
    if text[start : start + 1] == "[":
        yield from _elements(text, start + 1, name, Within())
        return
    line = 1 + text.count("\n", 0, start)
    try:
        value = parse_loosely(text)
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            # Several documents in one file are lines, even if the ending says otherwise.
            yield from read_lines(io.BytesIO(data), name, most=largest)
            return
        at = 1 if isinstance(error, json.JSONDecodeError) else line
        raise _not_json(error, name, at) from None
    yield _record(value, name, line)


@dataclass(frozen=True, slots=True)
class Within:
    """Which part of an array a text is. It begins before an element, unless it is all.

    Parameters
    ----------
    line
        The line on which it begins, from 1.
    column
        Characters before it in this line.
    first
        Whether no element is before it.
    more
        Whether it ends with a comma, and others follow.
    """

    line: int = 1
    column: int = 0
    first: bool = True
    more: bool = False


def head_of_array(start: bytes) -> bytes | None:
    """Return what a document has up to the bracket that opens an array; None if it is none.

    Parameters
    ----------
    start
        Its first bytes.
    """
    found = _HEAD.match(start)
    return found and found[0]


def begins_conversation(part: bytes) -> bool:
    """Whether the first element says that its array holds the messages of one conversation.

    Parameters
    ----------
    part
        The array from there on.
    """
    text = part.decode(errors="replace")
    try:
        value, _ = next_value(text, _skip_space(text, 0))
    except ValueError:
        return False
    return _is_message(value)


def read_elements(part: bytes, name: str, within: Within) -> Iterator[Record | Unread]:
    """Yield the elements of a part of an array, as `read_json` does of a whole one.

    Parameters
    ----------
    part
        The part, which begins with an element. The last one goes on to the end of the file.
    name
        The name that errors use.
    within
        Which part it is.

    Raises
    ------
    InputError
        With name and line, if nothing after this place can be read.
    """
    _check_values(part, name)
    try:
        text = part.decode()
    except UnicodeDecodeError as error:
        line = within.line + part.count(b"\n", 0, error.start)
        raise InputError("not UTF-8 text", file=name, line=line) from None
    yield from _elements(text, 0, name, within)


def _elements(text: str, position: int, name: str, within: Within) -> Iterator[Record | Unread]:
    """Yield the elements of an array, parsed one by one, so that an error can name its line."""
    line, counted, first = within.line, 0, within.line
    separator = "" if within.first else ","
    messages: list[Any] | None = None
    while True:
        position = _skip_space(text, position)
        if text[position : position + 1] == "]" and separator != ",":
            break
        if within.more and separator == "," and position == len(text):
            return
        line += text.count("\n", counted, position)
        counted = start = position
        value, position = _element(text, position, name, within, line)
        if not separator and _is_message(value):
            messages, first = [], line
        if messages is not None:
            messages.append(value)
        else:
            try:
                yield _record(value, name, line)
            except InputError as error:
                yield Unread(error, text[start:position])
        position = _skip_space(text, position)
        separator = text[position : position + 1]
        if separator not in {",", "]"}:
            line += text.count("\n", counted, position)
            raise InputError("not JSON: expected ',' or ']' here", file=name, line=line)
        if separator == ",":
            position += 1
    rest = _skip_space(text, position + 1)
    if rest < len(text):
        line += text.count("\n", counted, rest)
        raise InputError("not JSON: text after the closing ']'", file=name, line=line)
    if messages is not None:
        # The whole document is one conversation.
        yield _record(messages, name, first)


def _element(text: str, position: int, name: str, within: Within, line: int) -> tuple[Any, int]:
    """Return the element that begins in a line, and the place after it."""
    try:
        return next_value(text, position)
    except json.JSONDecodeError as error:
        # Its line is counted from the start of the text.
        raise _not_json(error, name, within.line, within.column) from None
    except ValueError as error:
        raise _not_json(error, name, line) from None


def _record(value: Any, name: str, line: int) -> Record:
    if isinstance(value, dict):
        return Record(line, value)
    if isinstance(value, list) and (field := _holder(value)):
        return Record(line, {field: value})
    raise InputError(
        f"expected an object, one per conversation or message, got {json_type(value)}",
        file=name,
        line=line,
    )


def _holder(value: Any) -> str | None:
    """Return the field that holds such messages, if a list is nothing but messages."""
    if not isinstance(value, list) or not value or not all(map(_is_message, value)):
        return None
    return "messages" if "role" in value[0] else "conversations"


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and ("role" in value or {"from", "value"} <= value.keys())
        and not _NO_MESSAGE & value.keys()
    )


_NO_MESSAGE = {"conversation_id", "messages", "conversations", "conversation"}
"""An object with one of these fields is a record or a row."""


def _check_values(document: bytes, name: str) -> None:
    if _holds_too_many(document, records.MAX_DOCUMENT_BYTES):
        raise InputError("too many values for one JSON document; use JSONL", file=name)


def _holds_too_many(data: bytes, limit: int) -> bool:
    """Whether a JSON text may hold more values than a limit in bytes has room for.

    Commas and brackets inside strings are counted too; there they are rare.
    """
    most = limit // records.BYTES_PER_VALUE
    # Only a long text can hold too many values, and hardly any is so long.
    return len(data) > most and sum(map(data.count, (b",", b"[", b"{"))) > most


def _skip_space(text: str, position: int) -> int:
    # A loop over single characters would hang on a large file of white space.
    return cast("re.Match[str]", _SPACES.match(text, position)).end()


def _decode(data: bytes, name: str, line: int | None) -> str:
    try:
        # Files that were put together have a mark at the start of each; it is no character.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from after the mark.
        at = line if line is not None else 1 + error.object.count(b"\n", 0, error.start)
        raise InputError("not UTF-8 text", file=name, line=at) from None


def _not_json(error: ValueError, name: str, line: int, column: int = 0) -> InputError:
    if isinstance(error, json.JSONDecodeError):
        column = error.colno + (column if error.lineno == 1 else 0)
        line = line + error.lineno - 1
        return InputError(f"not JSON: {error.msg} at column {column}", file=name, line=line)
    return InputError(f"not JSON: {error}", file=name, line=line)
