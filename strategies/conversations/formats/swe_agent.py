"""Trajectories of SWE-agent: the history of its messages, and the steps that it took."""

from __future__ import annotations

from typing import Any

from strategies.conversations.conversation import Conversation, Message
from strategies.conversations.fields import Reader
from strategies.conversations.format import BrokenExample, Example, Format, stands_alone
from strategies.conversations.known_fields import MESSAGE, RECORD, Known
from strategies.conversations.lacking import check_given
from strategies.conversations.messages import read_message
from strategies.conversations.records import Record
from strategies.conversations.whole import NAMES, conversation_of, named, read_array
from strategies.errors import InputError

_MESSAGE_FIELDS = frozenset({"role", "content", "tool_calls", "tool_call_ids", "tool_call_id"})
_PARSED = frozenset({"thought", "action", "agent", "message_type", "is_demo", "tags"})
"""What SWE-agent has taken out of a content, or keeps for itself. It sends none of it."""

_MESSAGE = Known(
    {name: why for name, why in MESSAGE.refused.items() if name not in _PARSED},
    MESSAGE.harmless | _PARSED,
)
_KNOWN = Known(
    {name: why for name, why in RECORD.refused.items() if name != "history"},
    RECORD.harmless | {"environment", "replay_config"},
)


def _matches(record: dict[str, Any]) -> bool:
    if not stands_alone(record):
        return False
    return isinstance(record.get("history"), list) and isinstance(record.get("trajectory"), list)


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    ((line, record),) = records
    messages = [
        _message(item, f"history[{i}]", reader)
        for i, item in enumerate(read_array(record, "history"))
    ]
    _check_queries(record.get("trajectory"), messages)
    if any(message.get("tool_calls") for message in messages):
        check_given(reader.options, "the trajectory calls tools and", tools=True, field="history")
    return conversation_of(Record(line, named(record)), messages, number, reader)


def _message(item: Any, at: str, reader: Reader) -> Message:
    if not isinstance(item, dict):
        raise InputError("must be an object", field=at)
    kept = reader.needed(item, _MESSAGE_FIELDS, _MESSAGE, at)
    names = kept.pop("tool_call_ids", None)
    if names is not None and kept.get("role") == "tool":
        if not isinstance(names, list) or len(names) != 1:
            raise InputError("must hold one id", field=f"{at}.tool_call_ids")
        kept["tool_call_id"] = names[0]
    if not kept.get("tool_calls"):
        kept.pop("tool_calls", None)
    return read_message(kept, at, reader)


def _check_queries(steps: Any, messages: list[Message]) -> None:
    """Check that the model was asked with the history, if the steps say with what it was asked."""
    answers = [k for k, message in enumerate(messages) if message["role"] == "assistant"]
    asked = [
        (i, step["query"])
        for i, step in enumerate(steps or ())
        if isinstance(step, dict) and isinstance(step.get("query"), list) and step["query"]
    ]
    # The demonstrations before the first step are answers that nobody was asked for.
    for (i, query), k in zip(reversed(asked), reversed(answers), strict=False):
        if list(map(_said, query)) != list(map(_said, messages[:k])):
            raise InputError(
                "is not the history up to here: SWE-agent has changed it before it asked, and "
                "only the history can be counted",
                field=f"trajectory[{i}].query",
            )


def _said(message: Any) -> Any:
    """Return who said what, without marks for caches."""
    if not isinstance(message, dict):
        return message
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(
            str(part.get("text")) if isinstance(part, dict) else str(part) for part in content
        )
    return message.get("role"), content or ""


_SYSTEM = {"role": "system", "content": "Be brief."}
_USER = {"role": "user", "content": "What is 1 + 1?"}
_DID = {"role": "assistant", "content": "I look.\nls", "thought": "I look.", "action": "ls"}
_SEEN = {"role": "user", "content": "sums.txt", "message_type": "observation"}
_HISTORY = [
    {**_SYSTEM, "agent": "main", "message_type": "system_prompt"},
    {**_USER, "agent": "main", "message_type": "observation"},
    {**_DID, "agent": "main", "message_type": "action"},
    {**_SEEN, "agent": "main"},
]
_STEP = {
    "action": "ls",
    "observation": "sums.txt",
    "response": "I look.\nls",
    "thought": "I look.",
    "query": [_SYSTEM, {**_USER, "content": [{"type": "text", "text": "What is 1 + 1?"}]}],
}
_TRAJECTORY = {"environment": "main", "trajectory": [_STEP], "history": _HISTORY, "info": {}}

FORMAT = Format(
    "SWE-agent",
    "one trajectory per record with history and trajectory",
    _matches,
    frozenset({"history", "trajectory"}) | NAMES,
    _read,
    known=_KNOWN,
    examples=(
        Example(
            "actions as text",
            (_TRAJECTORY,),
            (
                Conversation(
                    "conversation-1",
                    (
                        _SYSTEM,
                        _USER,
                        {"role": "assistant", "content": "I look.\nls"},
                        {"role": "user", "content": "sums.txt"},
                    ),
                    None,
                    (2, 4),
                ),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "a history that was shortened before the model was asked",
            (_TRAJECTORY, {**_TRAJECTORY, "trajectory": [{**_STEP, "query": [_USER]}]}),
            line=2,
            field="trajectory[0].query",
            reason="is not the history up to here",
        ),
        BrokenExample(
            "calls of tools that are not in the file",
            (
                {
                    **_TRAJECTORY,
                    "trajectory": [],
                    "history": [
                        _USER,
                        {
                            "role": "assistant",
                            "content": "",
                            "tool_calls": [
                                {
                                    "id": "c1",
                                    "type": "function",
                                    "function": {"name": "ls", "arguments": "{}"},
                                }
                            ],
                        },
                        {"role": "tool", "content": "sums.txt", "tool_call_ids": ["c1"]},
                    ],
                },
            ),
            line=1,
            field="history",
            reason="the trajectory calls tools and holds no tools: give --tools FILE",
        ),
    ),
)
