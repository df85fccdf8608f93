"""How a dataset is read: the options of the reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from strategies.conversations.conversation import ToolArguments
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

    Raises
    ------
    InputError
        If a value is none of these.
    """

    tool_arguments: ToolArguments = "objects"
    unknown_fields: UnknownFields = "refuse"
    on_error: OnError = "raise"
    records: Records = "conversation"

    def __post_init__(self) -> None:
        for name, known in _KNOWN.items():
            value = getattr(self, name)
            if value not in known:
                either = " or ".join(map(repr, known))
                raise InputError(f"must be {either}, got {value!r}", field=name)


_KNOWN = {
    "tool_arguments": get_args(ToolArguments),
    "unknown_fields": get_args(UnknownFields),
    "on_error": get_args(OnError),
    "records": get_args(Records),
}
