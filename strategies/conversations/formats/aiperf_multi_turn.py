"""AIPerf's multi-turn data: a session per record, with the text of each of its turns."""

from __future__ import annotations

from typing import Any

from strategies.conversations.conversation import Conversation, Message, check_plain
from strategies.conversations.fields import Reader
from strategies.conversations.format import BrokenExample, Example, Format, stands_alone
from strategies.conversations.known_fields import RECORD, Known
from strategies.conversations.live import live_turns
from strategies.conversations.messages import brief
from strategies.conversations.records import Record
from strategies.conversations.whole import NAMES, conversation_of, named, read_array
from strategies.errors import InputError

_TURN = Known(
    refused={name: why for name, why in RECORD.refused.items() if name != "text"},
    harmless=RECORD.harmless,
)


def _matches(record: dict[str, Any]) -> bool:
    turns = record.get("turns")
    return stands_alone(record) and isinstance(turns, list) and bool(turns)


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    ((line, record),) = records
    parts: list[list[Message]] = []
    system: list[Message] = []
    for i, turn in enumerate(read_array(record, "turns")):
        message = _message(turn, f"turns[{i}]", reader)
        if message["role"] == "system":
            if i:
                raise InputError(
                    "only the first turn can be the system's", field=f"turns[{i}].role"
                )
            # AIPerf sends it with the next turn.
            system.append(message)
        else:
            parts.append([message])
    if not parts:
        raise InputError("holds a system prompt and no request", field="turns")
    parts[0] = [*system, *parts[0]]
    messages, turns = live_turns(parts, reader)
    fields = named(record, record.get("session_id"))
    return conversation_of(Record(line, fields), messages, number, reader, turns=turns)


def _message(turn: Any, at: str, reader: Reader) -> Message:
    if not isinstance(turn, dict):
        raise InputError("must be an object", field=at)
    kept = reader.needed(turn, frozenset({"role", "text", "texts", "extra"}), _TURN, at)
    role = kept.get("role") or "user"
    if role not in ("user", "system"):
        raise InputError(f"must be user or system, got {brief(role)}", field=f"{at}.role")
    extra = kept.get("extra")
    if not isinstance(extra, (dict, type(None))):
        raise InputError("must be an object", field=f"{at}.extra")
    # It becomes a part of the body of the request.
    reader.check(extra or {}, frozenset(), RECORD, f"{at}.extra")
    text, texts = kept.get("text"), kept.get("texts")
    if text and texts:
        raise InputError("stands beside text; keep one of them", field=f"{at}.texts")
    if isinstance(text, str):
        check_plain(text, f"{at}.text")
        return {"role": role, "content": text}
    if not isinstance(texts, list) or not texts:
        field, value = ("text", text) if texts is None else ("texts", None)
        reason = "is missing" if value is None and texts is None else "must hold texts"
        raise InputError(reason, field=f"{at}.{field}")
    for i, each in enumerate(texts):
        if not isinstance(each, str):
            raise InputError("must be a string", field=f"{at}.texts[{i}]")
        check_plain(each, f"{at}.texts[{i}]")
    if len(texts) == 1:
        return {"role": role, "content": texts[0]}
    return {"role": role, "content": [{"type": "text", "text": each} for each in texts]}


FORMAT = Format(
    "AIPerf multi-turn",
    "one session per record with turns of text",
    _matches,
    frozenset({"session_id", "turns"}) | NAMES,
    _read,
    examples=(
        Example(
            "sessions without answers",
            (
                {
                    "session_id": "s1",
                    "turns": [
                        {"role": "system", "text": "Be brief."},
                        {"text": "What is 1 + 1?", "output_length": 8},
                        {"text": "And 2 + 2?", "delay": 100},
                    ],
                },
                {"turns": [{"texts": ["What is", "1 + 1?"]}]},
            ),
            (
                Conversation(
                    "s1",
                    (
                        {"role": "system", "content": "Be brief."},
                        {"role": "user", "content": "What is 1 + 1?"},
                        {"role": "user", "content": "And 2 + 2?"},
                    ),
                    None,
                    (2, 3),
                ),
                Conversation(
                    "conversation-2",
                    (
                        {
                            "role": "user",
                            "content": [
                                {"type": "text", "text": "What is"},
                                {"type": "text", "text": "1 + 1?"},
                            ],
                        },
                    ),
                    None,
                    (1,),
                ),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "an image",
            ({"session_id": "s1", "turns": [{"text": "What is this?", "image": "a.png"}]},),
            line=1,
            field="turns[0].image",
            reason="media cannot be counted",
        ),
        BrokenExample(
            "a turn without text",
            ({"turns": [{"text": "x"}]}, {"turns": [{"text": "x"}, {"delay": 1}]}),
            line=2,
            field="turns[1].text",
            reason="is missing",
        ),
        BrokenExample(
            "tools in the body",
            ({"turns": [{"text": "x", "extra": {"tools": [{"name": "f"}]}}]},),
            line=1,
            field="turns[0].extra.tools",
            reason="can change the prompt",
        ),
    ),
)
