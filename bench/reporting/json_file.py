"""Reading and writing JSON files: the project's own, and those of asv."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bench.reporting.words import CONTROLS
from strategies import InputError


def read_json(path: Path) -> Any:
    """Return the content of a JSON file. Infinity and NaN are allowed, because asv writes them.

    Raises
    ------
    InputError
        If it cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", file=path) from None


def json_line(document: Any) -> str:
    """Return a document as one line of JSON, for standard output and JSON Lines.

    What a terminal obeys is written as escapes, which read back as the same text.
    """
    return escape_controls(_ON_A_LINE.encode(document))


def json_text(text: str) -> str:
    """Return a text as `json_line` does, and faster for usual texts, of which tables have many."""
    return f'"{text}"' if _USUAL.fullmatch(text) else json_line(text)


_USUAL = re.compile(r"[ !#-\[\]-~]*")
"""Texts of printable ASCII that JSON writes as they are."""

_ON_A_LINE = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def json_bytes(document: Any) -> bytes:
    """Return a document as the content of a JSON file."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    # A file name that is not UTF-8 holds lone surrogates. JSON has escapes for them.
    return f"{escape_controls(text)}\n".encode(errors="backslashreplace")


def escape_controls(text: str) -> str:
    """Return JSON in which what a terminal obeys is escaped.

    It reads back as the same. Outside of strings, JSON has no such character but line breaks.
    """
    return CONTROLS.sub(
        lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text
    )
