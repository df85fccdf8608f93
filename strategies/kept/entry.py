"""The bytes of one entry: a head that says what it is of, and parts, each with its digest.

An entry may be cut off, changed or written by another program. Each byte that is used is
checked first, and an entry that is not whole is as good as none.

A part is read when it is asked for. The file is read and not mapped: a mapped file that another
program cuts off ends this one with SIGBUS, and a page that changes after its digest was checked
would be used unchecked. Reading 10 MB takes 2 ms.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAGIC = b"isl-bench kept 1\n"
"""First bytes of each entry. The number is that of the format."""

MAX_HEAD_BYTES = 1 << 20

_LENGTH = struct.Struct("<Q")
_DIGEST = hashlib.sha256
_START = len(MAGIC) + _LENGTH.size + _DIGEST().digest_size


@dataclass(frozen=True, slots=True)
class Part:
    """Where a part lies in the file.

    Parameters
    ----------
    start, length
        In bytes.
    sha256
        Digest of its bytes, in hexadecimal digits.
    """

    start: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Head:
    """What an entry says of itself.

    Parameters
    ----------
    key
        The digest of everything that the entry depends on.
    about
        What it is of, for people and for `bench cache verify`. JSON data.
    parts
        Its parts by name.
    """

    key: str
    about: Mapping[str, Any]
    parts: Mapping[str, Part]


def packed(key: str, about: Mapping[str, Any], parts: Mapping[str, bytes]) -> list[bytes]:
    """Return the bytes of an entry, in pieces.

    Parameters
    ----------
    key
        The digest of everything that the entry depends on.
    about
        What it is of. JSON data.
    parts
        The contents by name.
    """
    start, places = 0, {}
    for name, content in parts.items():
        places[name] = (start, len(content), _DIGEST(content).hexdigest())
        start += len(content)
    head = json.dumps({"key": key, "about": about, "parts": places}).encode()
    return [MAGIC, _LENGTH.pack(len(head)), _DIGEST(head).digest(), head, *parts.values()]


def read_head(descriptor: int) -> Head | None:
    """Return the head of the entry in an open file; None unless the file is a whole entry.

    The digests of its parts are checked when they are read.
    """
    start = os.pread(descriptor, _START, 0)
    if len(start) != _START or not start.startswith(MAGIC):
        return None
    (length,) = _LENGTH.unpack_from(start, len(MAGIC))
    if length > MAX_HEAD_BYTES:
        return None
    written = os.pread(descriptor, length, _START)
    if _DIGEST(written).digest() != start[len(MAGIC) + _LENGTH.size :]:
        return None
    # From here on it is what `packed` has made, and of this format.
    head = json.loads(written)
    body = _START + length
    parts = {
        name: Part(body + place, size, digest)
        for name, (place, size, digest) in head["parts"].items()
    }
    end = max((part.start + part.length for part in parts.values()), default=body)
    if os.fstat(descriptor).st_size != end:
        return None
    return Head(head["key"], head["about"], parts)


def read_part(descriptor: int, part: Part) -> bytes | None:
    """Return the content of a part; None if it is not what was written."""
    content = os.pread(descriptor, part.length, part.start)
    if len(content) != part.length or _DIGEST(content).hexdigest() != part.sha256:
        return None
    return content
