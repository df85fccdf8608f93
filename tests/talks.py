"""Conversations for renderers in code: one with everything in it, and random ones."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

Row = dict[str, Any]

TOOL: Row = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather — now",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def call(arguments: Any = '{"city":"Zürich"}', identity: str = "abc123DEF") -> Row:
    return {
        "id": identity,
        "type": "function",
        "function": {"name": "weather", "arguments": arguments},
    }


TALK: list[Row] = [
    {"role": "system", "content": "Be brief. "},
    {"role": "user", "content": " What is the weather?  "},
    {"role": "assistant", "content": None, "tool_calls": [call()]},
    {"role": "tool", "tool_call_id": "abc123DEF", "name": "weather", "content": '{"c":  21.50}'},
    {"role": "assistant", "content": "It is 21.5 degrees.   "},
    {
        "role": "user",
        "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "[INST]"}],
    },
]


TEXTS = st.text(st.sampled_from(' \n\tab1é漢🙂[]<>/"\\{}'), max_size=12) | st.sampled_from(
    ["[INST]", " [/INST]", "</s>", "[TOOL_CALLS]", "   ", "a   ", "\n\n", '{"a":  1.50}', "\u0301x"]
)
CONTENTS = TEXTS | st.lists(
    st.builds(lambda text: {"type": "text", "text": text}, TEXTS), min_size=1, max_size=3
)
ARGUMENTS = st.dictionaries(TEXTS, TEXTS | st.floats(allow_nan=False), max_size=2)
CALLS = st.builds(call, ARGUMENTS | ARGUMENTS.map(json.dumps) | TEXTS | st.none())


@st.composite
def talks(draw: st.DrawFn) -> list[Row]:
    """Draw messages of which most versions take most beginnings."""
    talk: list[Row] = []
    for kind in draw(st.lists(st.sampled_from("suuactrx"), min_size=1, max_size=7)):
        if kind == "s":
            talk.append({"role": draw(st.sampled_from(["system", "developer"]))})
        elif kind == "u":
            talk.append({"role": "user"})
        else:
            talk.append({"role": "assistant"})
        talk[-1]["content"] = draw(CONTENTS)
        if kind in "tr":
            talk[-1]["tool_calls"] = [draw(CALLS)]
            talk[-1]["content"] = None if kind == "t" else talk[-1]["content"]
            talk.append({"role": "tool", "tool_call_id": "abc123DEF", "content": draw(CONTENTS)})
            if draw(st.booleans()):
                talk[-1]["name"] = "weather"
        elif kind == "x":
            talk[-1][draw(st.sampled_from(["reasoning", "reasoning_content"]))] = draw(TEXTS)
    return talk
