"""The shapes in which people write tools."""

from __future__ import annotations

from strategies.conversations.conversation import Tool


def wrapped(tool: Tool) -> Tool:
    """Return a tool as servers hand it to a template: a function under its own key.

    A bare function, also one of the Responses interface, has its name beside its other fields.
    An Anthropic tool calls its parameters `input_schema`.
    """
    if "name" not in tool or "function" in tool:
        return tool
    function = {key: value for key, value in tool.items() if key != "type"}
    if "input_schema" in function:
        function["parameters"] = function.pop("input_schema")
    return {"type": "function", "function": function}
