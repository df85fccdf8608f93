"""The bytes of dataset files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from strategies.conversations import records
from strategies.errors import InputError


def read_file(path: Path) -> bytes:
    """Return the bytes of a dataset file, read once, so that the digest is of what is counted.

    Raises
    ------
    InputError
        With file, if it cannot be read or is larger than any dataset may be.
    """
    limit = records.MAX_DOCUMENT_BYTES
    with open_file(path) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"larger than {limit >> 30} GiB; split it", file=path)
    return data


@contextmanager
def open_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a dataset file to read its bytes.

    Raises
    ------
    InputError
        With the file, if it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            yield stream
    except IsADirectoryError:
        raise InputError("is a folder; name a dataset file in it", file=path) from None
    except FileNotFoundError:
        raise InputError("no such file", file=path) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=path) from None
