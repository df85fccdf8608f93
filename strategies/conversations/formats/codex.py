"""Session logs of Codex: events, with items of OpenAI's Responses interface in some."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from strategies.conversations.conversation import Conversation, Message, check_plain
from strategies.conversations.fields import Reader, inside, string_of
from strategies.conversations.format import (
    BrokenExample,
    Example,
    Format,
    Group,
    stands_alone,
    torn,
    unread,
    with_beside,
)
from strategies.conversations.known_fields import RECORD, Known
from strategies.conversations.lacking import check_given
from strategies.conversations.messages import brief, read_message
from strategies.conversations.records import Record, Unread
from strategies.conversations.whole import conversation_of, record_name
from strategies.errors import InputError, placed

_KINDS = frozenset({"session_meta", "response_item", "event_msg", "turn_context", "compacted"})
_KEEPING = frozenset({"event_msg", "turn_context", "token_usage_record"})
"""Types of events that are kept for the program itself, and are in no prompt."""

_FIELDS = frozenset({"type", "payload", "id"})
_EVENT = Known(
    refused=RECORD.refused, harmless=RECORD.harmless | {"ordinal", "timestamp", "parent_ordinal"}
)


def _matches(record: dict[str, Any]) -> bool:
    kind = record.get("type")
    is_event = isinstance(kind, str) and kind in _KINDS
    return is_event and stands_alone(record) and isinstance(record.get("payload"), dict)


def _groups(items: Iterable[Record | Unread], finished: set[str]) -> Iterator[Group]:
    """Yield the events of a session, up to each place where its history is replaced."""
    sessions: list[tuple[str, list[Record]]] = []
    name, parts, lost = "session", 1, None
    started = False
    for item in items:
        if isinstance(item, Unread):
            yield unread(item)
            lost = lost or item.error
            continue
        kind, payload = item.value.get("type"), item.value.get("payload")
        if isinstance(kind, str) and kind in _KEEPING and not _rolls_back(payload):
            continue
        if kind == "session_meta" and (started or not sessions):
            # A session that goes on with another one has the head of that one too.
            name, parts, started = _session(payload) or f"session-{len(sessions) + 1}", 1, False
            sessions.append((name, []))
        elif kind == "compacted" and sessions:
            head = sessions[-1][1][:1]
            parts += 1
            sessions.append((f"{name}-{parts}", head))
        elif not sessions:
            sessions.append((name, []))
        started |= kind == "response_item"
        own, events = sessions[-1]
        events.append(Record(item.line, with_beside({"id": own}, item.value, "id")))
    for own, events in sessions:
        if any(record.value.get("type") != "session_meta" for record in events):
            yield Group(tuple(events), torn(lost, own), own)
            finished.add(own)


def _rolls_back(payload: Any) -> bool:
    return isinstance(payload, dict) and payload.get("type") == "thread_rolled_back"


def _session(payload: Any) -> str | None:
    name = payload.get("id") if isinstance(payload, dict) else None
    return name if isinstance(name, str) else None


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    session = _Session(reader)
    for line, event in records:
        with placed(line=line):
            session.add(event)
    line, first = records[0].line, records[-1].value
    with placed(line=line):
        check_given(
            reader.options,
            "a log of Codex",
            tools=True,
            system=session.instructions is None,
            field="payload",
        )
    fields = {"id": record_name(first, ("id",)), "system": session.instructions}
    return conversation_of(
        Record(line, fields), session.messages, number, reader, turns=session.asked()
    )


@dataclass(slots=True)
class _Session:
    """What was said so far, by the rules of vLLM 0.33 for items of this interface."""

    reader: Reader
    instructions: str | None = None
    messages: list[Message] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    waits: bool = False

    def add(self, event: dict[str, Any]) -> None:
        payload = event.get("payload")
        if not isinstance(payload, dict):
            raise InputError("must be an object", field="payload")
        kind = event.get("type")
        if kind == "session_meta":
            self._head(payload)
        elif kind == "compacted":
            self._compacted(payload)
        elif kind == "response_item":
            with inside("payload"):
                self.item(payload)
        elif _rolls_back(payload):
            raise InputError(
                "goes back to an earlier turn: this log holds several courses of the session, and "
                "only one can be counted",
                field="payload.type",
            )
        else:
            what = f"an event of type {brief(kind)} may change the prompt"
            self.reader.unclear("type", what)

    def _head(self, payload: dict[str, Any]) -> None:
        base = payload.get("base_instructions")
        text = base.get("text") if isinstance(base, dict) else base
        if text is None or self.instructions is not None:
            return
        if not isinstance(text, str):
            raise InputError("must be a string", field="payload.base_instructions.text")
        check_plain(text, "payload.base_instructions.text")
        self.instructions = text

    def _compacted(self, payload: dict[str, Any]) -> None:
        history = payload.get("replacement_history")
        if not isinstance(history, list):
            raise InputError(
                "is missing: nobody knows what the history was replaced by",
                field="payload.replacement_history",
            )
        self.messages, self.turns, self.waits = [], [], False
        for i, item in enumerate(history):
            at = f"payload.replacement_history[{i}]"
            with inside(at):
                if not isinstance(item, dict):
                    raise InputError("must be an object")
                self.item(item)
        # These requests were those of the history before.
        self.turns = []

    def item(self, item: dict[str, Any]) -> None:
        """Read an item of a prompt or of an answer."""
        kind = item.get("type", "message" if "role" in item else None)
        if not isinstance(kind, str):
            raise InputError("is missing" if kind is None else "must be a string", field="type")
        if kind == "ghost_snapshot":
            return
        if kind not in _ITEMS:
            raise InputError(f"an item of type {brief(kind)} cannot be counted", field="type")
        _ITEMS[kind](self, item)

    def answer(self, new: Message) -> None:
        """Put a part of an answer where vLLM does: into the message before, if it has room."""
        last = self.messages[-1] if self.messages else None
        if last is None or last["role"] != "assistant":
            if self.waits:
                self.turns.append(len(self.messages))
                self.waits = False
            self.messages.append({"role": "assistant", **new})
            return
        if "tool_calls" in new:
            last["tool_calls"] = [*last.get("tool_calls", ()), *new["tool_calls"]]
        elif any(name in last for name in new):
            self.messages.append({"role": "assistant", **new})
        else:
            last.update(new)

    def message(self, item: dict[str, Any]) -> None:
        role, content = item.get("role"), item.get("content")
        if role != "assistant":
            said = {name: item[name] for name in ("role", "content") if name in item}
            self.messages.append(read_message(said, "", self.reader))
            self.waits |= role == "user"
            return
        if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
            content = content[0].get("text")
        if not isinstance(content, str):
            raise InputError("must be one text", field="content")
        check_plain(content, "content")
        self.answer({"content": content})

    def reasoning(self, item: dict[str, Any]) -> None:
        content = item.get("content")
        if content:
            parts = content if isinstance(content, list) else [content]
            text = parts[0].get("text") if isinstance(parts[0], dict) else parts[0]
            if len(parts) > 1 or not isinstance(text, str):
                raise InputError("must be one text", field="content")
            check_plain(text, "content")
            self.answer({"reasoning": text})
        elif item.get("encrypted_content"):
            what = "is sent again, and nobody else can read it"
            self.reader.unclear("encrypted_content", what)

    def call(self, item: dict[str, Any]) -> None:
        if item.get("namespace"):
            raise InputError("servers name such a tool in different ways", field="namespace")
        self._call(item, item.get("arguments"), "arguments")

    def custom_call(self, item: dict[str, Any]) -> None:
        text = item.get("input")
        if not isinstance(text, (str, type(None))):
            raise InputError("must be a string", field="input")
        self._call(item, json.dumps({"input": text or ""}, ensure_ascii=False), "input")

    def _call(self, item: dict[str, Any], arguments: Any, place: str) -> None:
        if not isinstance(arguments, str):
            reason = "is missing" if arguments is None else "must be a string"
            raise InputError(reason, field=place)
        call_id, name = (string_of(item, key) for key in ("call_id", "name"))
        function = {"name": name, "arguments": arguments}
        call = {"id": call_id, "type": "function", "function": function}
        message = read_message({"role": "assistant", "tool_calls": [call]}, "", self.reader)
        check_plain(message, "")
        self.answer({"tool_calls": message["tool_calls"]})

    def output(self, item: dict[str, Any]) -> None:
        output, at = item.get("output"), "output"
        if isinstance(output, dict):
            output, at = output.get("content"), "output.content"
        if not isinstance(output, (str, list)):
            reason = "is missing" if output is None else "must be a string"
            raise InputError(reason, field=at)
        message: Message = {"role": "tool", "content": output}
        if item.get("call_id") is not None:
            message["tool_call_id"] = item["call_id"]
        self.messages.append(read_message(message, "", self.reader))
        self.waits = True

    def asked(self) -> tuple[int, ...]:
        """Return the turns, with one for what has no answer."""
        return (*self.turns, len(self.messages)) if self.waits else tuple(self.turns)


_ITEMS: dict[str, Callable[[_Session, dict[str, Any]], None]] = {
    "message": _Session.message,
    "reasoning": _Session.reasoning,
    "function_call": _Session.call,
    "function_call_output": _Session.output,
    "custom_tool_call": _Session.custom_call,
    "custom_tool_call_output": _Session.output,
}


def _item(kind: str, **fields: Any) -> dict[str, Any]:
    return {"timestamp": "t", "type": "response_item", "payload": {"type": kind, **fields}}


def _said(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return _item("message", role=role, content=[{"type": kind, "text": text}])


_META = {
    "timestamp": "t",
    "type": "session_meta",
    "payload": {"id": "s", "cli_version": "0.150.0", "base_instructions": {"text": "Be brief."}},
}
_TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
_GIVEN = {"tools": (_TOOL,)}
_LOG = (
    _META,
    {"timestamp": "t", "type": "event_msg", "payload": {"type": "task_started"}},
    _said("developer", "No network."),
    _said("user", "What is 1 + 1?"),
    {"timestamp": "t", "type": "turn_context", "payload": {"model": "m"}},
    _item("reasoning", summary=[], content=[{"type": "reasoning_text", "text": "I add."}]),
    _said("assistant", "I add."),
    _item("function_call", name="add", arguments='{"a": 1}', call_id="c1"),
    _item("function_call_output", call_id="c1", output="2"),
    _said("assistant", "It is 2."),
)


def _part(text: str) -> list[dict[str, Any]]:
    return [{"type": "input_text", "text": text}]


_CONTENT = (
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": _part("No network.")},
    {"role": "user", "content": _part("What is 1 + 1?")},
    {
        "role": "assistant",
        "reasoning": "I add.",
        "content": "I add.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
        ],
    },
    {"role": "tool", "content": "2", "tool_call_id": "c1"},
    {"role": "assistant", "content": "It is 2."},
)

FORMAT = Format(
    "Codex",
    "events of a session, one per record, with type and payload",
    _matches,
    _FIELDS,
    _read,
    known=_EVENT,
    groups=_groups,
    whole=False,
    lacks=frozenset({"tools"}),
    examples=(
        Example(
            "a tool is called",
            _LOG,
            (Conversation("s", _CONTENT, (_TOOL,), (3, 5)),),
            options=_GIVEN,
        ),
        Example(
            "a history that was replaced, and a call whose input is a text",
            (
                _META,
                _said("user", "What is 1 + 1?"),
                _item("custom_tool_call", name="add", input="1 1", call_id="c1"),
                _item("custom_tool_call_output", call_id="c1", output="2"),
                {
                    "timestamp": "t",
                    "type": "compacted",
                    "payload": {
                        "message": "",
                        "replacement_history": [
                            {"type": "message", "role": "user", "content": _part("Sums.")}
                        ],
                    },
                },
                _said("user", "And 2 + 2?"),
                _said("assistant", "4"),
            ),
            (
                Conversation(
                    "s",
                    (
                        _CONTENT[0],
                        _CONTENT[2],
                        {
                            "role": "assistant",
                            "tool_calls": [
                                {
                                    "id": "c1",
                                    "type": "function",
                                    "function": {"name": "add", "arguments": {"input": "1 1"}},
                                }
                            ],
                        },
                        _CONTENT[4],
                    ),
                    (_TOOL,),
                    (2, 4),
                ),
                Conversation(
                    "s-2",
                    (
                        _CONTENT[0],
                        {"role": "user", "content": _part("Sums.")},
                        {"role": "user", "content": _part("And 2 + 2?")},
                        {"role": "assistant", "content": "4"},
                    ),
                    (_TOOL,),
                    (3,),
                ),
            ),
            options=_GIVEN,
        ),
    ),
    broken=(
        BrokenExample(
            "no tools",
            _LOG,
            line=1,
            field="a log of Codex holds no tools",
            reason="give --tools FILE",
        ),
        BrokenExample(
            "no system prompt",
            ({**_META, "payload": {"id": "s"}}, *_LOG[1:]),
            line=1,
            field="payload",
            reason="a log of Codex holds no system prompt: give --system FILE",
            options=_GIVEN,
        ),
        BrokenExample(
            "reasoning that nobody can read",
            (*_LOG[:4], _item("reasoning", summary=[], encrypted_content="gAAAA")),
            line=5,
            field="payload.encrypted_content",
            reason="is sent again, and nobody else can read it",
            options=_GIVEN,
        ),
        BrokenExample(
            "an image",
            (
                *_LOG,
                _item("message", role="user", content=[{"type": "input_image", "image_url": "x"}]),
            ),
            line=11,
            field="payload.content[0].type",
            reason="a part of type 'input_image' cannot be counted",
            options=_GIVEN,
        ),
        BrokenExample(
            "a call that the server runs",
            (*_LOG, _item("web_search_call", action={"type": "search"})),
            line=11,
            field="payload.type",
            reason="an item of type 'web_search_call' cannot be counted",
            options=_GIVEN,
        ),
    ),
)
