"""Reading and writing JSON files: the project's own, and those of asv."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
    """Return a document as one line of JSON, for standard output."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def json_bytes(document: Any) -> bytes:
    """Return a document as the content of a JSON file."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    # A file name that is not UTF-8 holds lone surrogates. JSON has escapes for them.
    return f"{text}\n".encode(errors="backslashreplace")
