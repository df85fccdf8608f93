"""What a dataset file is in: told by its first bytes, whatever its name says.

A file that is not read is named as what it is, with what to do about it.
"""

from __future__ import annotations

import gzip
import io
import re
from typing import IO, Any, Literal, TypeAlias, cast

from strategies.conversations.textless import without_text
from strategies.errors import InputError

Container: TypeAlias = Literal["Parquet", "an Arrow stream", "gzip", "zstd", "JSON"]

LOOKED_AT_BYTES = 1 << 12
"""How many of its first bytes show what a file is."""


def container_of(start: bytes, name: str, packed: Container | None = None) -> Container:
    """Return what a file is in.

    Parameters
    ----------
    start
        Its first bytes, at most `LOOKED_AT_BYTES`.
    name
        The name that errors use.
    packed
        What these bytes were unpacked from, if they were. They can only be JSON then.

    Raises
    ------
    InputError
        If it is something that is not read.
    """
    within = f" in {packed}" if packed else ""
    for magic, container in _READ:
        if start.startswith(magic):
            if packed is None:
                return container
            raise InputError(f"this is {container}{within}; unpack it first", file=name)
    for kind, advice, shows in _NOT_READ:
        if shows(start):
            if shows is _is_table and (reason := without_text(_columns(start))):
                raise InputError(reason, file=name)
            raise InputError(f"this is {kind}{within}, which is not read; {advice}", file=name)
    return "JSON"


def unpacked(stream: IO[bytes], container: Container) -> IO[bytes]:
    """Return the bytes in a gzip or zstd file, as a stream for `io.BufferedReader`.

    Closing it leaves the packed stream open.

    Parameters
    ----------
    stream
        The packed bytes, at their start.
    container
        ``"gzip"`` or ``"zstd"``.
    """
    unpacking = gzip.GzipFile(fileobj=stream) if container == "gzip" else _zstd(stream)
    return cast("IO[bytes]", _Unpacked(unpacking))


def _zstd(stream: IO[bytes]) -> Any:
    """Return zstd frames unpacked by Arrow: whoever reads Parquet has its decoder already."""
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(_Open(stream), "r"), "zstd")


class _Open:
    """A stream that Arrow cannot close: it closes what it reads from when it is collected."""

    closed = False

    def __init__(self, stream: IO[bytes]) -> None:
        self.read = stream.read

    def close(self) -> None:
        """Do nothing."""


class _Unpacked(io.RawIOBase):
    """Unpacked bytes for `io.BufferedReader`, which asks its stream at each line if it is closed.

    `gzip.GzipFile` answers in Python. If Ctrl-C comes then, the reader loses it and raises
    `SystemError`. This class answers without Python.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer and return how many bytes that took: fewer only at the end."""
        view = memoryview(buffer)
        filled = 0
        while filled < len(view) and (length := self._file.readinto(view[filled:])):
            filled += length
        return filled


def _begins(*magics: bytes) -> Any:
    return lambda start: start.startswith(magics)


def _matches(pattern: bytes) -> Any:
    return re.compile(pattern, re.IGNORECASE).match


def _is_tar(start: bytes) -> bool:
    return start[257:262] == b"ustar"


_CELL = rb'(?:"[^"{}\[\]]*"|[^\W\d][\w .-]*)'
_SEPARATED = re.compile(
    rb"(?:\xef\xbb\xbf)?" + _CELL + rb"(?:([,;\t])" + _CELL + rb")(?:\1" + _CELL + rb")*\r?\n"
)


def _is_table(start: bytes) -> bool:
    """Whether a text begins with the names of columns, and no line of JSON follows."""
    found = _SEPARATED.match(start)
    return found is not None and start[found.end() :].lstrip()[:1] not in {b"{", b"["}


def _columns(start: bytes) -> list[str]:
    """Return the names of the columns of a table of text."""
    head = start.partition(b"\n")[0].decode("utf-8-sig", errors="replace")
    return [name.strip(' "\r') for name in re.split(r"[,;\t]", head)]


_UNPACK = "unpack it first"
_PARQUET = "write it as Parquet"
_UTF8 = "write it as UTF-8"
_JSON_LINES = "write it as JSON Lines, one conversation to a line"
_READ: tuple[tuple[bytes, Container], ...] = (
    (b"PAR1", "Parquet"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    # A frame of zstd that holds no data, which some writers put first.
    *((bytes([each]) + b"\x2a\x4d\x18", "zstd") for each in range(0x50, 0x60)),
    (b"\xff\xff\xff\xff", "an Arrow stream"),
)
_NOT_READ: tuple[tuple[str, str, Any], ...] = (
    ("bzip2", _UNPACK, _begins(b"BZh")),
    ("xz", _UNPACK, _begins(b"\xfd7zXZ\0")),
    ("a zip archive", _UNPACK, _begins(b"PK\x03\x04", b"PK\x05\x06")),
    ("a 7z archive", _UNPACK, _begins(b"7z\xbc\xaf\x27\x1c")),
    ("lz4", _UNPACK, _begins(b"\x04\x22\x4d\x18")),
    ("a tar archive", _UNPACK, _is_tar),
    ("an Arrow file", _PARQUET, _begins(b"ARROW1", b"FEA1")),
    ("ORC", _PARQUET, _begins(b"ORC")),
    ("Avro", _PARQUET, _begins(b"Obj\x01")),
    ("a SQLite database", _JSON_LINES, _begins(b"SQLite format 3\0")),
    ("a Python pickle", _JSON_LINES, _matches(rb"\x80[\x02-\x05]")),
    ("an HDF5 file", _JSON_LINES, _begins(b"\x89HDF")),
    # The mark of UTF-32 begins with that of UTF-16.
    ("UTF-32 text", _UTF8, _matches(rb"\xff\xfe\0\0|\0\0\xfe\xff|[\[{]\0\0\0|\0\0\0[\[{]")),
    ("UTF-16 text", _UTF8, _matches(rb"\xff\xfe|\xfe\xff|[\[{]\0|\0[\[{]")),
    (
        "an HTML page",
        "a download may have failed: look into it, and fetch the file again",
        _matches(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)"),
    ),
    (
        "an XML document",
        "if it is an error, a download has failed: fetch the file again",
        _matches(rb"(?:\xef\xbb\xbf)?\s*<\?xml"),
    ),
    (
        "a pointer of Git LFS, not the file",
        "fetch the file with git lfs pull",
        _begins(b"version https://git-lfs"),
    ),
    ("a table of text (CSV or TSV)", _JSON_LINES, _is_table),
)
"""Kinds of files that people bring: their names, what to do about each, and what shows it."""
