"""What is kept of one thing: its parts by name, read from its entry and written back to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from strategies.kept.entry import Head, packed, read_head, read_part
from strategies.kept.folder import Folder


class Kept:
    """The parts that are kept under a key.

    A part that is damaged is as good as none. What is put is in this object only, until `save`
    writes the entry.

    Parameters
    ----------
    key
        The digest of everything that the parts depend on, in hexadecimal digits.
    about
        What they are of. JSON data.
    folder
        Where the entry lies; None to keep nothing beyond this object.
    """

    def __init__(self, key: str, about: Mapping[str, Any], folder: Folder | None) -> None:
        self.key = key
        self.about = about
        self._folder = folder
        self._new: dict[str, bytes] = {}
        self._entry = None if folder is None else folder.open_entry(key)
        self._head: Head | None = None
        if self._entry is not None:
            self._head = read_head(self._entry)
            if self._head is not None and self._head.key != key:
                # Somebody has renamed it.
                self._head = None

    def __del__(self) -> None:
        """Close the entry."""
        if getattr(self, "_entry", None) is not None:
            os.close(self._entry)  # type: ignore[arg-type]  # it is not None
            self._entry = None

    @property
    def names(self) -> frozenset[str]:
        """The names of the parts; of those in the entry, the contents are not checked yet."""
        return frozenset(self._new).union(self._head.parts if self._head is not None else ())

    @property
    def changed(self) -> bool:
        """Whether a part was put that is not in the entry."""
        return bool(self._new)

    def get(self, name: str) -> bytes | None:
        """Return a part; None if there is none, or it is damaged."""
        if name in self._new:
            return self._new[name]
        if self._head is None or self._entry is None or name not in self._head.parts:
            return None
        return read_part(self._entry, self._head.parts[name])

    def put(self, name: str, content: bytes) -> None:
        """Keep a part under a name, instead of the one that has it."""
        if self.get(name) != content:
            self._new[name] = content

    def drop(self) -> None:
        """Forget all parts of the entry, because something in them does not hold any more."""
        self._head = None

    def save(self) -> None:
        """Write the entry, if a part was put."""
        if not self._new or self._folder is None:
            return
        found = {name: self.get(name) for name in sorted(self.names)}
        parts = {name: content for name, content in found.items() if content is not None}
        self._folder.write(self.key, packed(self.key, self.about, parts))
