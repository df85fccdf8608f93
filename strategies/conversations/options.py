"""How a dataset is read: the options of the reader."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from strategies.conversations.conversation import Tool, ToolArguments, check_plain
from strategies.conversations.counts import OnError
from strategies.conversations.tools import wrapped
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
    format
        The name of the format; None to find it by the first record.
    messages_field
        Name of the field of a record that holds its messages, with dots between the names of
        fields in fields; None if it is where the formats look for it.
    tools
        Tools for conversations that have none, as requests have them; an Anthropic tool or a bare
        function is wrapped, as servers do it. None to supply none.
    system
        The text of a system prompt for conversations that have none; None to supply none.

    Raises
    ------
    InputError
        If a value is none of these.
    """

    tool_arguments: ToolArguments = "objects"
    unknown_fields: UnknownFields = "refuse"
    on_error: OnError = "raise"
    records: Records = "conversation"
    format: str | None = None
    messages_field: str | None = None
    tools: Sequence[Tool] | None = None
    system: str | None = None

    def __post_init__(self) -> None:
        for name, known in _KNOWN.items():
            value = getattr(self, name)
            if value not in known:
                either = " or ".join(map(repr, known))
                raise InputError(f"must be {either}, got {value!r}", field=name)
        for name in ("messages_field", "system"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value):
                raise InputError("must be a text that is not empty", field=name)
        check_plain(self.system, "system")
        if self.tools is not None:
            # It is the only way to set a field of a frozen object, and nobody has it yet.
            object.__setattr__(self, "tools", _checked(self.tools))

    @property
    def supplies(self) -> bool:
        """Whether conversations get tools or a system prompt."""
        return self.tools is not None or self.system is not None

    def facts(self) -> dict[str, Any]:
        """Return all that decides what is counted, as JSON; of long texts their SHA-256."""
        return {
            **{name: getattr(self, name) for name in (*_KNOWN, "format", "messages_field")},
            "tools_sha256": None if self.tools is None else _sha256(json.dumps(self.tools)),
            "system_sha256": None if self.system is None else _sha256(self.system),
        }


def _checked(tools: Any) -> tuple[Tool, ...]:
    if not isinstance(tools, (list, tuple)):
        raise InputError("must be an array of tools", field="tools")
    if not tools:
        raise InputError("holds no tools; leave it out", field="tools")
    for place, tool in enumerate(tools):
        field = f"tools[{place}]"
        if not isinstance(tool, dict):
            raise InputError("must be an object", field=field)
        check_plain(tool, field)
        if "name" not in tool and "function" not in tool:
            raise InputError("is no tool: it has neither function nor name", field=field)
    return tuple(map(wrapped, tools))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_KNOWN = {
    "tool_arguments": get_args(ToolArguments),
    "unknown_fields": get_args(UnknownFields),
    "on_error": get_args(OnError),
    "records": get_args(Records),
}
