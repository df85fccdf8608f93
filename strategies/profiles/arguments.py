"""Arguments of tool calls that are JSON in a string."""

from __future__ import annotations

import json
from typing import Any


def parsed_object(arguments: str) -> dict[str, Any] | None:
    """Return the JSON object in a string, or None if there is none.

    If the model wrote a key twice the last value counts, as in Python's own parser, which
    servers use.
    """
    try:
        parsed = json.loads(arguments)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
