"""Records and their line numbers out of JSONL, JSON, gzip and Parquet files.

Datasets are untrusted: every read is bounded, so that a hostile file ends in an error and
not in an exhausted machine.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

from strategies.errors import InputError

Record: TypeAlias = tuple[int, dict[str, Any]]
"""A record and where it is: the line it starts on, or its row in a Parquet file, from 1."""

MAX_RECORD_BYTES = 256 * 2**20
"""Longest line of a JSONL file. The longest real conversations take a few megabytes."""

MAX_DOCUMENT_BYTES = 2 * 2**30
"""Largest JSON document, and the most that all lines of one file may unpack to together."""


def read_records(path: Path) -> Iterator[Record]:
    """Yield the JSON objects of a dataset file with their line numbers.

    Parameters
    ----------
    path
        ``.jsonl``, ``.json`` or ``.parquet``, each plain or (the first two) gzipped. What
        the file is, is read from its content; an ending is not needed.

    Raises
    ------
    InputError
        With file and line, for whatever cannot be read as a sequence of JSON objects.
    """
    try:
        with path.open("rb") as raw:
            magic = raw.read(4)
            if magic == b"PAR1":
                yield from _read_parquet(path)
                return
            raw.seek(0)
            if magic[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    yield from _read_json(cast("IO[bytes]", unpacked), path)
            else:
                yield from _read_json(raw, path)
    except IsADirectoryError:
        raise InputError("is a folder; name a dataset file in it", file=path) from None
    except FileNotFoundError:
        raise InputError("no such file", file=path) from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be read: {reason}", file=path) from None


def parse_json(text: str) -> Any:
    """Parse strict JSON, as servers do.

    Beyond the standard library's parser this refuses NaN and Infinity, which are no JSON,
    and objects that name a key twice, where all but one value would be dropped silently.

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
        raise ValueError(f"key {twice!r} appears twice in one object")
    return result


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)


def _read_json(stream: IO[bytes], path: Path) -> Iterator[Record]:
    buffered = io.BufferedReader(cast("io.RawIOBase", stream), 1 << 20)
    first = _first_byte(buffered, path)
    names_lines = {".jsonl", ".ndjson"}.intersection(path.suffixes)
    if first == b"[" or (first == b"{" and not names_lines):
        yield from _read_document(buffered, path)
    else:
        yield from _read_lines(buffered, path)


def _first_byte(stream: io.BufferedReader[io.RawIOBase], path: Path) -> bytes:
    head = stream.peek(1 << 20).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        raise InputError("holds no conversations: the file is empty", file=path)
    return head[:1]


def _read_lines(stream: IO[bytes], path: Path) -> Iterator[Record]:
    number = total = 0
    while line := stream.readline(MAX_RECORD_BYTES + 1):
        number += 1
        total += len(line)
        if len(line) > MAX_RECORD_BYTES:
            raise InputError(
                f"longer than {MAX_RECORD_BYTES >> 20} MiB: no conversation", file=path, line=number
            )
        if total > MAX_DOCUMENT_BYTES:
            raise InputError(
                f"the file unpacks to more than {MAX_DOCUMENT_BYTES >> 30} GiB; split it",
                file=path,
                line=number,
            )
        text = _decode(line, path, number)
        if text.strip():
            yield number, _object(_parse(text, path, number), path, number)


def _read_document(stream: IO[bytes], path: Path) -> Iterator[Record]:
    data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InputError(
            f"larger than {MAX_DOCUMENT_BYTES >> 30} GiB as one JSON document; use JSONL",
            file=path,
        )
    text = _decode(data, path, None)
    start = _skip_space(text, 0)
    if text[start : start + 1] != "[":
        try:
            value = parse_json(text)
        except ValueError as error:
            if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
                # Several documents in one file: lines, whatever the ending says.
                yield from _read_lines(io.BytesIO(data), path)
                return
            raise _not_json(error, path, 1) from None
        yield 1, _object(value, path, 1)
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
            raise _not_json(error, path, 1) from None
        except (ValueError, RecursionError) as error:
            raise _not_json(error, path, line) from None
        yield line, _object(value, path, line)
        position = _skip_space(text, position)
        separator = text[position : position + 1]
        if separator not in {",", "]"}:
            line += text.count("\n", counted, position)
            raise InputError("not JSON: expected ',' or ']' here", file=path, line=line)
        if separator == ",":
            position += 1
    rest = text[position + 1 :]
    if rest.strip():
        line += text.count("\n", counted, position + 1)
        raise InputError("not JSON: text after the closing ']'", file=path, line=line)


def _skip_space(text: str, position: int) -> int:
    while text[position : position + 1] in {" ", "\t", "\n", "\r"}:
        position += 1
    return position


def _read_parquet(path: Path) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist(maps_as_pydicts="strict"):
                    number += 1
                    try:
                        yield number, {k: _without_union_nulls(v, k) for k, v in row.items()}
                    except ValueError as error:
                        raise InputError(str(error), file=path, line=number) from None
    except (pa.ArrowException, pa.ArrowInvalid) as error:
        raise InputError(f"cannot be read as Parquet: {error}", file=path) from None


def _without_union_nulls(value: Any, key: str, *, free_form: bool = False) -> Any:
    """Drop the nulls that Parquet adds to objects.

    A Parquet struct has the same keys in every row: those that a row lacks come back as
    null. In messages and calls a null means the same as a missing key; in free-form data
    (arguments, JSON schemas) it does not, and the prompt would differ.
    """
    if isinstance(value, dict):
        free_form = free_form or key in {"arguments", "parameters"}
        if free_form and None in value.values():
            raise ValueError(
                f"{key}: a null in a Parquet struct may be a missing key; "
                "store arguments and parameters as JSON strings"
            )
        return {
            k: _without_union_nulls(v, k, free_form=free_form)
            for k, v in value.items()
            if v is not None
        }
    if isinstance(value, list):
        return [_without_union_nulls(v, key, free_form=free_form) for v in value]
    return value


def _decode(data: bytes, path: Path, line: int | None) -> str:
    try:
        return data.decode("utf-8-sig" if line in {None, 1} else "utf-8")
    except UnicodeDecodeError as error:
        at = line if line is not None else 1 + data.count(b"\n", 0, error.start)
        raise InputError("not UTF-8 text", file=path, line=at) from None


def _parse(text: str, path: Path, line: int) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        raise _not_json(error, path, line) from None


def _not_json(error: Exception, path: Path, line: int) -> InputError:
    if isinstance(error, json.JSONDecodeError):
        line = line + error.lineno - 1
        return InputError(f"not JSON: {error.msg} at column {error.colno}", file=path, line=line)
    reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    return InputError(f"not JSON: {reason}", file=path, line=line)


def _object(value: Any, path: Path, line: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(
            f"expected an object, one per conversation or message, got {_json_type(value)}",
            file=path,
            line=line,
        )
    return value


def _json_type(value: object) -> str:
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), "an array")
