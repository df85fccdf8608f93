"""Compare what is kept of tokenizers between runs with what the libraries say of them now."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from strategies.chat.keeping import keep, kept_of, spec_from
from strategies.chat.tokenizer import ChatTokenizer
from strategies.errors import IslError
from strategies.kept.entry import read_head
from strategies.kept.store import Kept
from strategies.native import PART as COUNTER
from strategies.native import Rust
from strategies.native_templates import PART as TEMPLATES
from strategies.native_templates import Templates
from strategies.traces import PART as TRACES
from strategies.traces import find_traces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strategies.kept.folder import Folder, Stored

Status: TypeAlias = Literal["used", "stale", "damaged", "equal", "different"]
"""Of an entry: the next run uses it; something that it depends on has changed, so no run uses
it any more; it is no whole entry, so no run uses it. Checked against the libraries, an entry
that is used is equal or different."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the folder.

    Parameters
    ----------
    name
        Its file.
    tokenizer
        Name or path of the tokenizer; None if the entry is damaged.
    size
        In bytes.
    used
        When it was last used, in seconds since the epoch.
    status
        Whether it can be used.
    reason
        What is wrong with it, if something is.
    """

    name: str
    tokenizer: str | None
    size: int
    used: float
    status: Status
    reason: str | None = None


def entries(folder: Folder) -> list[Entry]:
    """Return the entries of a folder, the most recently used first."""
    return [_entry(folder, stored)[0] for stored in folder.entries()]


def checked_entries(folder: Folder) -> list[Entry]:
    """Return the entries of a folder, each compared with what the libraries say now.

    Each tokenizer is loaded again, with all checks.
    """
    found = []
    for stored in folder.entries():
        entry, kept = _entry(folder, stored)
        if kept is not None and entry.status == "used":
            reason = _difference(kept)
            status: Status = "equal" if reason is None else "different"
            entry = Entry(entry.name, entry.tokenizer, entry.size, entry.used, status, reason)
        found.append(entry)
    return found


def _entry(folder: Folder, stored: Stored) -> tuple[Entry, Kept | None]:
    about = _about(folder, stored.name)
    if about is None:
        reason = "it is no whole entry, or others could have changed it"
        return Entry(stored.name, None, stored.size, stored.used, "damaged", reason), None
    spec = spec_from(about["spec"])
    kept = kept_of(spec, folder)
    row = (stored.name, spec.name_or_path, stored.size, stored.used)
    if kept is None or kept.key != stored.name:
        reason = "its files, a library or this program has changed"
        return Entry(*row, "stale", reason), None
    return Entry(*row, "used"), kept


def _about(folder: Folder, name: str) -> Mapping[str, Any] | None:
    descriptor = folder.open_entry(name, notes_use=False)
    if descriptor is None:
        return None
    try:
        head = read_head(descriptor)
    finally:
        os.close(descriptor)
    return None if head is None or head.key != name else head.about


def _difference(kept: Kept) -> str | None:
    """Return what the libraries say otherwise than an entry; None if they agree."""
    now = Kept(kept.key, kept.about, None)
    try:
        chat = ChatTokenizer(spec_from(kept.about["spec"]), now)
        keep(chat)
        _repeat(kept, chat)
    except IslError as error:
        return str(error)
    for name in sorted(kept.names):
        then = kept.get(name)
        if then is None:
            return f"the part {name} is damaged"
        if then != now.get(name):
            return f"the part {name} is different"
    return None


def _repeat(kept: Kept, chat: ChatTokenizer) -> None:
    """Find out again all that an entry holds."""
    traces = kept.get(TRACES)
    if traces is not None:
        find_traces(chat, json.loads(traces))
    templates = Templates(chat)
    rows = kept.get(TEMPLATES)
    for text, kwargs, *_ in () if rows is None else json.loads(rows):
        templates.check(text, kwargs)
    if COUNTER in kept.names:
        with Rust().open(chat, workers=1):
            pass
    templates.keep()
