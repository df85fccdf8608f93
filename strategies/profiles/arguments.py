"""Arguments of tool calls that are JSON in a string."""

from __future__ import annotations

from typing import Any

from strategies.conversations.json_text import object_in


def parsed_object(arguments: str) -> dict[str, Any] | None:
    """Return the JSON object in a string; None if there is none, or Python cannot read it."""
    try:
        return object_in(arguments)
    except RecursionError:
        return None
