"""Records and their line numbers out of JSONL, JSON, Parquet and Arrow streams.

Datasets are untrusted: every read has a limit, so that a hostile file ends in an error and
does not exhaust the machine.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Generator
from typing import IO, cast

from strategies.conversations.arrow_stream import read_arrow_stream
from strategies.conversations.containers import LOOKED_AT_BYTES, container_of, unpacked
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
        The content of a dataset file: JSONL or JSON, which may be packed with gzip or zstd,
        Parquet, or an Arrow stream. Its bytes, or a binary stream that can seek and is at its
        start. A stream stays open.
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
        start = stream.read(LOOKED_AT_BYTES)
        stream.seek(0)
        container = container_of(start, name)
        if container == "Parquet":
            yield from read_parquet(stream, name, needs)
        elif container == "an Arrow stream":
            yield from read_arrow_stream(stream, name, needs)
        elif container == "JSON":
            yield from read_json(stream, name)
        else:
            with io.BufferedReader(cast("io.RawIOBase", unpacked(stream, container))) as text:
                container_of(text.peek(LOOKED_AT_BYTES)[:LOOKED_AT_BYTES], name, container)
                yield from read_json(cast("IO[bytes]", text), name)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(error, name) from None


def unreadable(error: Exception, name: str) -> InputError:
    """Return the error of a file that the system or a library cannot read."""
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"cannot be read: {reason}", file=name)
