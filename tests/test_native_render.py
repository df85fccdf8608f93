# ruff: noqa: E501  # a case reads best on one line
"""Published chat templates, rendered by transformers and natively, byte for byte.

The templates are not part of the project. Without them the tests are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from transformers.utils import chat_template_utils

from strategies import _native
from strategies.chat.syntax import template_tree
from tests.conftest import REAL

NOW = datetime(2025, 1, 9, 3, 4, 5)  # noqa: DTZ001  # templates write local dates
BASE = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
VARIANTS: list[dict[str, Any]] = [
    {},
    {"enable_thinking": False},
    {"reasoning_effort": "high", "thinking": True, "builtin_tools": ["browser", "python"]},
]
#: The largest share of the prompts of a template that may be left to Jinja2.
LEFT_TO_JINJA = 0.02

Case = tuple[list[dict[str, Any]], list[dict[str, Any]] | None]

TEMPLATES = REAL / "templates"
DATASETS = REAL / "datasets"
needs_templates = pytest.mark.skipif(
    not TEMPLATES.is_dir(), reason="the real inputs are not there: shared/real/templates"
)


def message(role: str, content: Any = ..., **rest: Any) -> dict[str, Any]:
    return {"role": role, **({} if content is ... else {"content": content}), **rest}


def call(name: str, arguments: Any, call_id: str = "call12345") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


ARGUMENTS = {
    "city": "Zürich", "n": 3, "f": 1.0, "g": 1e-7, "big": 10**20, "t": True, "no": False,
    "nul": None, "l": [1, "a", {"x": []}], "d": {}, "html": "<a href=\"x\">&'</a>", "uni": "日本語 😀",
}  # fmt: skip
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get weather <b>&",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "City\nname", "enum": ["a", "b"]},
                    "opts": {
                        "type": "object",
                        "properties": {
                            "deep": {"type": "array", "items": {"type": "integer", "default": 3}}
                        },
                        "required": ["deep"],
                    },
                    "u": {"type": ["string", "null"]},
                    "n": {"type": "number", "default": 1.5, "minimum": 0},
                },
                "required": ["city"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "noargs",
            "description": "No args",
            "parameters": {"type": "object", "properties": {}},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "code_interpreter",
            "description": "",
            "parameters": {
                "type": "object",
                "properties": {
                    "items": {"type": "array", "items": {"type": "string"}},
                    "any": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                    "ref": {"oneOf": [{"type": "string"}, {"type": "boolean", "default": False}]},
                },
                "additionalProperties": False,
            },
            "return": {"type": "string"},
        },
    },
]


def user(content: Any = "Hello") -> dict[str, Any]:
    return message("user", content)


def assistant(content: Any = "Hi there", **rest: Any) -> dict[str, Any]:
    return message("assistant", content, **rest)


def system(content: Any = "You are terse.") -> dict[str, Any]:
    return message("system", content)


def tool(content: Any, call_id: str = "call12345", name: str = "noargs") -> dict[str, Any]:
    return message("tool", content, tool_call_id=call_id, name=name)


@cache
def written_cases() -> dict[str, Case]:
    cases: dict[str, Case] = {
        "plain": ([user()], None),
        "system": ([system(), user()], None),
        "turns": (
            [system(), user("1"), assistant("2"), user("3"), assistant("4"), user("5")], None,
        ),
        "no system": ([user("One"), assistant("Two"), user("Three")], None),
        "ends in assistant": ([user("One"), assistant("Two")], None),
        "empty": ([user(""), assistant(""), user(" ")], None),
        "empty system": ([system(""), user("x")], None),
        "unicode": (
            [system("Ünï"), user("日本語 😀 \u00a0 x\u2028y"), assistant("ok\t\n"), user("\n\n  t  \n")],
            None,
        ),
        "html": ([user("<b>&amp; \"q\" 's' </b> {{ x }} {% if %}")], None),
        "markers in text": ([user("<|im_start|>user\n<|im_end|> [INST] </s> <think>a</think>")], None),
        "tools": ([user()], TOOLS),
        "one tool": ([system(), user()], TOOLS[:1]),
        "empty tools": ([user()], []),
        "bare tools": ([user()], [item["function"] for item in TOOLS]),
        "loop": (
            [
                system(),
                user("w?"),
                assistant("a", reasoning_content="t1", tool_calls=[
                    call("get_weather", {"city": "a"}), call("noargs", {}, "call67890"),
                ]),
                tool("r1", name="get_weather"),
                tool("r2", "call67890"),
                assistant("b", reasoning_content="t2", tool_calls=[call("noargs", {}, "callabcde")]),
                tool("r3", "callabcde"),
                assistant("final", reasoning_content="t3"),
                user("again"),
                assistant("", thinking="old", tool_calls=[call("noargs", {}, "callzzzzz")]),
                tool("r4", "callzzzzz"),
            ],
            TOOLS,
        ),
        "reasoning": (
            [user("q"), assistant("a", reasoning_content="r"), user("q2"),
             assistant("a2", reasoning="r2"), user("q3")],
            None,
        ),
        "inline reasoning": (
            [user("q"), assistant("<think>\nhm\n</think>\n\nans"), user("q2"),
             assistant("<think>a</think>b</think>c"), user("q3")],
            None,
        ),
        "empty reasoning": ([user("q"), assistant("a", reasoning_content=""), user("q2")], None),
        "parts": (
            [user([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]), assistant("ok"),
             user([{"type": "text", "text": "x"}])],
            None,
        ),
        "image": ([user([{"type": "image"}, {"type": "text", "text": "what"}])], None),
        "tool parts": (
            [user("w"), assistant("", tool_calls=[call("noargs", {})]),
             tool([{"type": "text", "text": "tr"}])],
            TOOLS,
        ),
        "tool object": (
            [user("w"), assistant("", tool_calls=[call("noargs", {})]), tool({"a": 1, "b": [1.5, None]})],
            TOOLS,
        ),
        "no content": ([message("user")], None),
        "null content": ([user(None)], None),
        "developer": ([message("developer", "dev"), user()], None),
        "late system": ([user(), system("late"), user("x")], None),
        "strange role": ([message("alien", "?"), user()], None),
        "user twice": ([user("a"), user("b")], None),
        "assistant twice": ([user("a"), assistant("b"), assistant("c")], None),
        "number content": ([user(5)], None),
        "float content": ([user(), assistant(1.5)], None),
        "tool without call": ([user(), tool("x", "a")], TOOLS),
        "no calls": ([user(), assistant("x", tool_calls=[]), user("y")], TOOLS),
        "bare call": (
            [user(), assistant("", tool_calls=[{"name": "noargs", "arguments": {}}]), message("tool", "r")],
            TOOLS,
        ),
        "call without id": (
            [user(), assistant("", tool_calls=[{"function": {"name": "noargs", "arguments": {}}}]),
             message("tool", "r")],
            TOOLS,
        ),
        "accents": ([user("Été É"), assistant("İX")], None),
        "function role": ([user(), message("function", "r", name="f")], None),
        "names": ([message("user", "hi", name="Bob"), assistant("yo"), user("x")], None),
    }  # fmt: skip
    arguments = {
        "object": ARGUMENTS, "empty object": {}, "simple": {"city": "Paris"},
        "text": json.dumps(ARGUMENTS, ensure_ascii=False), "empty text": "",
    }  # fmt: skip
    contents = {"null": None, "no": ..., "empty": "", "some": "Let me look."}
    for kind, given in arguments.items():
        for amount, content in contents.items():
            cases[f"call with {kind} arguments and {amount} content"] = (
                [
                    user("w?"),
                    assistant(content, tool_calls=[call("get_weather", given)]),
                    tool('{"t": 20}', name="get_weather"),
                    assistant("20."),
                    user("thanks"),
                ],
                TOOLS,
            )
    return cases


@cache
def dataset_cases() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for path in sorted(DATASETS.glob("*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number in range(0, len(lines), max(1, len(lines) // 6)):
            record = json.loads(lines[number])
            if "messages" not in record:
                break
            messages = record["messages"]
            for k in sorted({1, 3, len(messages)}):
                cases[f"{path.stem}:{number}:{k}"] = (messages[:k], record.get("tools"))
    return cases


class FrozenDatetime(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # noqa: ARG003
        return NOW


def expected(template: str, case: Case, variables: dict[str, Any]) -> str | None:
    """Return what transformers renders, or None if it raises."""
    messages, tools = case
    kept = [{k: v for k, v in item.items() if v is not None} for item in messages]
    try:
        render: Callable[..., Any] = chat_template_utils.render_jinja_template
        (rendered,), _ = render(
            conversations=[kept],
            tools=tools,
            chat_template=template,
            add_generation_prompt=True,
            **variables,
        )
    except Exception:
        return None
    return str(rendered)


@needs_templates
@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.jinja")), ids=lambda path: path.stem)
def test_published_templates_render_alike(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template_utils, "datetime", FrozenDatetime)
    text = path.read_text(encoding="utf-8")
    tree = template_tree(text)
    cases = written_cases() | dataset_cases()
    rendered = left = 0
    for variant in VARIANTS:
        variables = BASE | variant
        compiled = _native.Template(
            tree, {**variables, "add_generation_prompt": True, "documents": None}, NOW.strftime
        )
        for name, case in cases.items():
            wanted = expected(text, case, variables)
            got: str | None
            try:
                got = compiled.render(*case)
            except _native.TemplateRaisedError:
                got = None
            except _native.RefusedError:
                # Count the prompts that transformers renders and the core leaves to it.
                left += wanted is not None
                continue
            assert got == wanted, (name, variant)
            rendered += wanted is not None
    assert rendered, "a template that renders nothing is not tested"
    assert left <= LEFT_TO_JINJA * (rendered + left)
