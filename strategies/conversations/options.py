"""How a dataset is read: the options of the reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from strategies.conversations.conversation import Tool, ToolArguments
from strategies.conversations.counts import OnError
from strategies.errors import InputError

UnknownFields: TypeAlias = Literal["refuse", "ignore"]
"""Whether a field that nobody knows refuses its record, or is left out and told."""

Records: TypeAlias = Literal["conversation", "request"]
"""Whether a record is a conversation with all its requests, or one request."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a dataset.

    Parameters
    ----------
    tool_arguments
        ``"objects"`` parses tool-call arguments that are JSON strings, ``"as-given"`` leaves
        them as they are.
    unknown_fields
        ``"refuse"`` fails at a field that is neither read nor harmless, ``"ignore"`` leaves it
        out and says so.
    on_error
        ``"raise"`` fails at the first record that cannot be read, ``"skip"`` leaves it out.
    records
        ``"conversation"`` if each record is one conversation, ``"request"`` if each is one
        request.
    tools, system
        For data that hold none: the tools that every request offers, and the system prompt; None
        if they are not given.

    Raises
    ------
    InputError
        If a value is none of these.
    """

    tool_arguments: ToolArguments = "objects"
    unknown_fields: UnknownFields = "refuse"
    on_error: OnError = "raise"
    records: Records = "conversation"
    tools: Sequence[Tool] | None = None
    system: str | None = None

    def __post_init__(self) -> None:
        for name, known in _KNOWN.items():
            value = getattr(self, name)
            if value not in known:
                either = " or ".join(map(repr, known))
                raise InputError(f"must be {either}, got {value!r}", field=name)

    def facts(self) -> dict[str, Any]:
        """Return what reports and journals hold of the options."""
        return {name: getattr(self, name) for name in _KNOWN}


_KNOWN = {
    "tool_arguments": get_args(ToolArguments),
    "unknown_fields": get_args(UnknownFields),
    "on_error": get_args(OnError),
    "records": get_args(Records),
}
