"""Records and their line numbers out of JSONL, JSON, gzip and Parquet.

Datasets are untrusted: every read has a limit, so that a hostile file ends in an error and
does not exhaust the machine.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO, Any, TypeAlias, cast

from strategies.conversations.conversation import shown
from strategies.errors import InputError, one_line, placed

Record: TypeAlias = tuple[int, dict[str, Any]]
"""The line on which a record starts, or its row in a Parquet file, from 1; and the record."""

MAX_RECORD_BYTES = 256 * 2**20
"""Longest line of a JSONL file. The longest real conversations take a few megabytes."""

MAX_DOCUMENT_BYTES = 2 * 2**30
"""Largest JSON document, and the most that all lines or rows of a file may unpack to."""

BYTES_PER_VALUE = 32
"""The least that a value counts against these limits. Python needs more for an empty list."""

PARQUET_BATCH_ROWS = 256
"""Rows that are unpacked together. They are few, because one row can be a long conversation."""


def read_records(path: Path) -> Iterator[Record]:
    """Yield the JSON objects of a dataset file with their line numbers.

    Parameters
    ----------
    path
        A JSONL, JSON or Parquet file; the first two may be gzipped. The content shows which
        it is, so the name needs no ending.

    Raises
    ------
    InputError
        With file and line, if it cannot be read as a sequence of JSON objects.
    """
    with _file_errors(path), path.open("rb") as stream:
        yield from records_of(stream, str(path))


def read_file(path: Path) -> bytes:
    """Return the bytes of a dataset file, read once, so that the digest is of what is counted.

    Raises
    ------
    InputError
        With file, if it cannot be read or is larger than any dataset may be.
    """
    with _file_errors(path), path.open("rb") as stream:
        data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InputError(f"larger than {MAX_DOCUMENT_BYTES >> 30} GiB; split it", file=path)
    return data


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except IsADirectoryError:
        raise InputError("is a folder; name a dataset file in it", file=path) from None
    except FileNotFoundError:
        raise InputError("no such file", file=path) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=path) from None


def records_of(data: bytes | IO[bytes], name: str) -> Iterator[Record]:
    """Yield the JSON objects of a dataset with their line numbers.

    Parameters
    ----------
    data
        The content of a dataset file, see `read_records`: its bytes, or a binary stream that
        can seek and is at its start. A stream stays open.
    name
        The name that errors use. An ending ``.jsonl`` or ``.ndjson`` says that each line is
        one object.

    Raises
    ------
    InputError
        With name and line, if it cannot be read as a sequence of JSON objects.
    """
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    try:
        magic = stream.read(8)
        stream.seek(0)
        for start, (kind, advice) in _NOT_READ.items():
            if magic.startswith(start):
                raise InputError(f"this is {kind}, which is not read; {advice}", file=name)
        if magic.startswith(b"PAR1"):
            yield from _read_parquet(stream, name)
        elif magic[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=stream) as unpacked:
                yield from _read_json(cast("IO[bytes]", unpacked), name)
        else:
            yield from _read_json(stream, name)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be read: {reason}", file=name) from None


_NOT_READ = {
    b"\x28\xb5\x2f\xfd": ("zstd", "unpack it first"),
    b"BZh": ("bzip2", "unpack it first"),
    b"\xfd7zXZ\0": ("xz", "unpack it first"),
    b"PK\x03\x04": ("a zip archive", "unpack it first"),
    b"ARROW1": ("an Arrow file", "write it as Parquet"),
    b"\xff\xfe": ("UTF-16 text", "write it as UTF-8"),
    b"\xfe\xff": ("UTF-16 text", "write it as UTF-8"),
}
"""First bytes of files that people bring, with their names and what to do about each."""


def parse_json(text: str) -> Any:
    """Parse strict JSON, as servers do.

    Unlike the standard library's parser, this refuses NaN and Infinity, which are no JSON, and
    objects that name a key twice: all but one value would be dropped silently.

    Raises
    ------
    ValueError
        With a one-line reason.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"key {shown(twice)} appears twice in one object")
    return result


_SPACE = b" \t\r\n"
_SPACES = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)


def _read_json(stream: IO[bytes], name: str) -> Iterator[Record]:
    buffered = io.BufferedReader(cast("io.RawIOBase", stream), 1 << 20)
    try:
        first = buffered.peek(1 << 20).removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE)[:1]
        names_lines = {".jsonl", ".ndjson"}.intersection(PurePath(name).suffixes)
        if first == b"[" or (first == b"{" and not names_lines):
            yield from _read_document(buffered, name)
        else:
            yield from _read_lines(buffered, name)
    finally:
        # Or the stream would be closed with it, and it may belong to the caller.
        buffered.detach()


def _read_lines(stream: IO[bytes], name: str) -> Iterator[Record]:
    number = total = 0
    while line := stream.readline(MAX_RECORD_BYTES + 1):
        number += 1
        total += len(line)
        if len(line) > MAX_RECORD_BYTES:
            raise InputError(
                f"longer than {MAX_RECORD_BYTES >> 20} MiB: no conversation", file=name, line=number
            )
        if total > MAX_DOCUMENT_BYTES:
            raise InputError(
                f"the file unpacks to more than {MAX_DOCUMENT_BYTES >> 30} GiB; split it",
                file=name,
                line=number,
            )
        if _holds_too_many(line, MAX_RECORD_BYTES):
            raise InputError("too many values: no conversation", file=name, line=number)
        text = _decode(line, name, number)
        if text.strip(" \t\r\n"):
            yield number, _object(_parse(text, name, number), name, number)


def _read_document(stream: IO[bytes], name: str) -> Iterator[Record]:
    data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InputError(
            f"larger than {MAX_DOCUMENT_BYTES >> 30} GiB as one JSON document; use JSONL",
            file=name,
        )
    if _holds_too_many(data, MAX_DOCUMENT_BYTES):
        raise InputError("too many values for one JSON document; use JSONL", file=name)
    text = _decode(data, name, None)
    start = _skip_space(text, 0)
    if text[start : start + 1] != "[":
        line = 1 + text.count("\n", 0, start)
        try:
            value = parse_json(text)
        except ValueError as error:
            if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
                # Several documents in one file are lines, even if the ending says otherwise.
                yield from _read_lines(io.BytesIO(data), name)
                return
            at = 1 if isinstance(error, json.JSONDecodeError) else line
            raise _not_json(error, name, at) from None
        yield line, _object(value, name, line)
        return
    # Elements are parsed one by one, so that an error can name the line it is on.
    position, line, counted = start + 1, 1, 0
    separator = ""
    while True:
        position = _skip_space(text, position)
        if text[position : position + 1] == "]" and separator != ",":
            break
        line += text.count("\n", counted, position)
        counted = position
        try:
            value, position = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            # Its line is counted from the start of the text.
            raise _not_json(error, name, 1) from None
        except (ValueError, RecursionError) as error:
            raise _not_json(error, name, line) from None
        yield line, _object(value, name, line)
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


def _holds_too_many(data: bytes, limit: int) -> bool:
    """Whether a JSON text may hold more values than a limit in bytes has room for.

    Commas and brackets inside strings are counted too; there they are rare.
    """
    most = limit // BYTES_PER_VALUE
    # Only a long text can hold too many values, and hardly any is so long.
    return len(data) > most and sum(map(data.count, (b",", b"[", b"{"))) > most


def _skip_space(text: str, position: int) -> int:
    # A loop over single characters would hang on a large file of white space.
    return cast("re.Match[str]", _SPACES.match(text, position)).end()


def _read_parquet(stream: IO[bytes], name: str) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(stream) as file:
            columns = Counter(file.schema_arrow.names)
            for column, count in columns.items():
                if count > 1:
                    raise InputError("column appears twice", file=name, field=shown(column))
            number = unpacked = 0
            for batch in file.iter_batches(batch_size=PARQUET_BATCH_ROWS):
                # Nulls take no bytes: a few hundred bytes may unpack to any number of nulls.
                unpacked += max(batch.nbytes, BYTES_PER_VALUE * _arrow_values(batch.columns))
                if unpacked > MAX_DOCUMENT_BYTES:
                    raise InputError(
                        f"the file unpacks to more than {MAX_DOCUMENT_BYTES >> 30} GiB; split it",
                        file=name,
                        line=number + 1,
                    )
                for row in _parquet_rows(batch, number, name):
                    number += 1
                    with placed(file=name, line=number):
                        record = {k: _without_union_nulls(v, k, k) for k, v in row.items()}
                    yield number, record
    except (pa.ArrowException, MemoryError, *_NO_PYTHON_VALUE) as error:
        # The error may quote names of columns, which are as untrusted as the values.
        raise InputError(f"cannot be read as Parquet: {error}", file=name) from None


def _arrow_values(columns: Iterable[Any]) -> int:
    """Return how many Python objects Arrow arrays become."""
    from pyarrow import types

    count = 0
    for column in columns:
        count += len(column)
        if types.is_struct(column.type):
            count += _arrow_values(column.flatten())
        elif types.is_map(column.type):
            # Keys and items belong to the whole array; this one is a slice of it.
            start, stop = column.offsets[0].as_py(), column.offsets[-1].as_py()
            pairs = (column.keys, column.items)
            count += _arrow_values(half.slice(start, stop - start) for half in pairs)
        elif types.is_nested(column.type) and not types.is_union(column.type):
            count += _arrow_values([column.flatten()])
    return count


_NO_PYTHON_VALUE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""Errors of pyarrow for a value that Python cannot hold, such as text that is not UTF-8."""


def _parquet_rows(batch: Any, before: int, name: str) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = batch.to_pylist(maps_as_pydicts="strict")
    except _NO_PYTHON_VALUE as error:
        reason = f"cannot be read: {one_line(error)}"
    else:
        return rows
    # Convert the values one by one, to name the place.
    for i in range(batch.num_rows):
        for title, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                column.slice(i, 1).to_pylist(maps_as_pydicts="strict")
            except _NO_PYTHON_VALUE as error:
                reason = f"cannot be read: {one_line(error)}"
                raise InputError(
                    reason, file=name, line=before + i + 1, field=shown(title)
                ) from None
    raise InputError(reason, file=name, line=before + 1)


def _without_union_nulls(value: Any, key: str, field: str, *, free_form: bool = False) -> Any:
    """Drop the nulls that Parquet adds to objects.

    A Parquet struct has the same keys in every row; a key that a row lacks comes back as
    null. In messages and calls a null means the same as a missing key. In arguments and
    tools it does not: templates write them out whole, so that the prompt would differ.
    """
    if isinstance(value, dict):
        free_form = free_form or key in {"arguments", "parameters", "tools"}
        if free_form and None in value.values():
            raise InputError(
                "a null in a Parquet struct may be a missing key; "
                "store arguments and tools as JSON strings",
                field=field,
            )
        return {
            k: _without_union_nulls(v, k, f"{field}.{k}", free_form=free_form)
            for k, v in value.items()
            if v is not None
        }
    if isinstance(value, list):
        return [
            _without_union_nulls(v, key, f"{field}[{i}]", free_form=free_form)
            for i, v in enumerate(value)
        ]
    return value


def _decode(data: bytes, name: str, line: int | None) -> str:
    try:
        # Files that were put together have a mark at the start of each; it is no character.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = line if line is not None else 1 + data.count(b"\n", 0, error.start)
        raise InputError("not UTF-8 text", file=name, line=at) from None


def _parse(text: str, name: str, line: int) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        raise _not_json(error, name, line) from None


def _not_json(error: Exception, name: str, line: int) -> InputError:
    if isinstance(error, json.JSONDecodeError):
        line = line + error.lineno - 1
        return InputError(f"not JSON: {error.msg} at column {error.colno}", file=name, line=line)
    reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    return InputError(f"not JSON: {reason}", file=name, line=line)


def _object(value: Any, name: str, line: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(
            f"expected an object, one per conversation or message, got {json_type(value)}",
            file=name,
            line=line,
        )
    return value


def json_type(value: object) -> str:
    """Return the JSON name of a value's type, with its article."""
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    names |= {dict: "an object", type(None): "null"}
    return names.get(type(value), "an array")
