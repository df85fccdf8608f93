"""Records and their line numbers out of JSONL, JSON, gzip and Parquet.

Datasets are untrusted: every read has a limit, so that a hostile file ends in an error and
does not exhaust the machine.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Generator
from typing import IO, Any, cast

from strategies.conversations.json_records import read_json
from strategies.conversations.parquet_records import read_parquet
from strategies.conversations.records import EVERYTHING, Needs, Record, Unread
from strategies.errors import InputError


def items_of(
    data: bytes | IO[bytes], name: str, needs: Needs = EVERYTHING
) -> Generator[Record | Unread]:
    """Yield the records of a dataset, also those that cannot be read, each for itself.

    Parameters
    ----------
    data
        The content of a dataset file: JSONL, JSON or Parquet, the first two may be gzipped.
        Its bytes, or a binary stream that can seek and is at its start. A stream stays open.
        The content shows which it is, so the name needs no ending.
    name
        The name that errors use. An ending ``.jsonl`` or ``.ndjson`` says that each line is
        one object.
    needs
        What is needed of them. Other values of a Parquet file are not converted.

    Raises
    ------
    InputError
        With name and line, if nothing after this place can be read.
    """
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    try:
        magic = stream.read(8)
        stream.seek(0)
        refuse_other(magic, name)
        if magic.startswith(b"PAR1"):
            yield from read_parquet(stream, name, needs)
        elif magic[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=stream) as file:
                yield from read_json(unpacked(file), name)
        else:
            yield from read_json(stream, name)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(error, name) from None


def unreadable(error: Exception, name: str) -> InputError:
    """Return the error of a file that the system or a library cannot read."""
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"cannot be read: {reason}", file=name)


def refuse_other(start: bytes, name: str) -> None:
    """Raise `InputError` if the first bytes of a file are those of a kind that is not read."""
    for magic, (kind, advice) in _NOT_READ.items():
        if start.startswith(magic):
            raise InputError(f"this is {kind}, which is not read; {advice}", file=name)


def unpacked(file: gzip.GzipFile) -> IO[bytes]:
    """Return a gzip file as a stream for `io.BufferedReader`."""
    return cast("IO[bytes]", _Unpacked(file))


class _Unpacked(io.RawIOBase):
    """A gzip file for `io.BufferedReader`, which asks its stream at each line if it is closed.

    `gzip.GzipFile` answers in Python. If Ctrl-C comes then, the reader loses it and raises
    `SystemError`. This class answers without Python.
    """

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer and return how many bytes that took."""
        return self._file.readinto(buffer)


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
