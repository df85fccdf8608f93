"""Session logs of Claude Code: events, with the messages of Anthropic's interface in some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from strategies.conversations.anthropic_blocks import anthropic_messages
from strategies.conversations.conversation import Conversation, Message
from strategies.conversations.fields import Reader
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
from strategies.conversations.known_fields import PROMPT_FIELDS, RECORD, Known
from strategies.conversations.messages import brief
from strategies.conversations.records import Record, Unread
from strategies.conversations.whole import conversation_of
from strategies.errors import InputError, placed

_KEEPING = frozenset(
    {
        *("summary", "file-history-snapshot", "file-history-delta", "queue-operation", "progress"),
        *("custom-title", "ai-title", "last-prompt", "mode", "permission-mode", "pr-link", "tag"),
        *("agent-name", "agent-color", "agent-setting", "worktree-state", "task-summary"),
        *("attribution-snapshot", "bridge-session", "started", "result"),
    }
)
"""Types of events that are kept for the program itself, and are in no prompt."""

_SAID = frozenset({"user", "assistant"})
_SHOWN = frozenset(
    {
        *("compact_boundary", "turn_duration", "stop_hook_summary", "api_error", "away_summary"),
        *("informational", "bridge_status", "api_metrics", "scheduled_task_fire"),
    }
)
"""Subtypes of system events that are shown to the user, and are in no prompt."""

_FIELDS = frozenset(
    {
        *("type", "subtype", "message", "sessionId", "uuid", "parentUuid", "isSidechain", "id"),
        *("agentId", "isApiErrorMessage", "attachment", "compactMetadata", "leafUuid"),
    }
)


class _Others(frozenset[str]):
    """All names but those that say something of a prompt elsewhere: events have ever new ones."""

    def __contains__(self, name: object) -> bool:
        return name not in PROMPT_FIELDS and name not in RECORD.refused


_EVENT = Known(refused={}, harmless=_Others())


def _matches(record: dict[str, Any]) -> bool:
    if not stands_alone(record) or "payload" in record:
        return False
    kind = record.get("type")
    known = isinstance(kind, str) and kind in _KEEPING | _SAID | {"system", "attachment"}
    return known and any(name in record for name in ("sessionId", "leafUuid", "messageId"))


@dataclass(slots=True)
class _Chain:
    """The events of a session, or of an agent in it, since its history was last compacted."""

    name: str
    events: list[Record] = field(default_factory=list)


def _groups(items: Iterable[Record | Unread], finished: set[str]) -> Iterator[Group]:
    chains: dict[str, list[_Chain]] = {}
    roots: dict[str, str] = {}
    lost: InputError | None = None
    for item in items:
        if isinstance(item, Unread):
            yield unread(item)
            lost = lost or item.error
            continue
        event = item.value
        kind = event.get("type")
        if isinstance(kind, str) and kind in _KEEPING:
            continue
        name = _name(event, roots)
        parts = chains.setdefault(name, [_Chain(name)])
        if event.get("subtype") == "compact_boundary" and parts[-1].events:
            parts.append(_Chain(f"{name}-{len(parts) + 1}"))
        named = with_beside({"id": parts[-1].name}, event, "id")
        parts[-1].events.append(Record(item.line, named))
    for parts in chains.values():
        for chain in parts:
            if any(_is_said(record.value) for record in chain.events):
                yield Group(tuple(chain.events), torn(lost, chain.name), chain.name)
                finished.add(chain.name)


def _name(event: dict[str, Any], roots: dict[str, str]) -> str:
    """Return the name of the session of an event, and of the agent if it is one's own chain."""
    session = event.get("sessionId")
    session = session if isinstance(session, str) else "session"
    if event.get("isSidechain") is not True:
        return session
    agent = event.get("agentId")
    if isinstance(agent, str):
        return f"{session}/{agent}"
    own, parent = event.get("uuid"), event.get("parentUuid")
    root = roots.get(parent, str(own)) if isinstance(parent, str) else str(own)
    if isinstance(own, str):
        roots[own] = root
    return f"{session}/{root}"


def _is_said(event: dict[str, Any]) -> bool:
    kind = event.get("type")
    return isinstance(kind, str) and kind in _SAID and not event.get("isApiErrorMessage")


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    session = _Session(reader)
    for line, event in records:
        with placed(line=line):
            session.add(event)
    messages, turns = session.end()
    head = Record(records[0].line, {"id": records[0].value.get("id")})
    return conversation_of(head, messages, number, reader, turns=turns)


@dataclass(slots=True)
class _Session:
    """What was said so far.

    Parameters
    ----------
    reader
        How the log is read.
    messages, turns
        As those of the conversation.
    results, texts
        What the user and tools have said since the last answer; the program sends the results
        of tools first.
    answer
        The id of the last answer. It is logged in several events.
    places
        The number of each event by its id.
    last
        The number of the last event with a message.
    """

    reader: Reader
    messages: list[Message] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    results: list[Message] = field(default_factory=list)
    texts: list[Message] = field(default_factory=list)
    answer: str | None = None
    answers: set[str] = field(default_factory=set)
    places: dict[str, int] = field(default_factory=dict)
    last: int = -1

    def add(self, event: dict[str, Any]) -> None:
        place = len(self.places)
        own = event.get("uuid")
        if isinstance(own, str) and own in self.places:
            # It was copied when the session was resumed.
            return
        kind = event.get("type")
        if kind == "user":
            self._user(event)
        elif kind == "assistant":
            self._assistant(event)
        else:
            self._other(event, kind)
        if isinstance(own, str):
            self.places[own] = place
        if _is_said(event):
            self.last = place

    def _other(self, event: dict[str, Any], kind: Any) -> None:
        subtype = event.get("subtype")
        if kind == "system" and isinstance(subtype, str) and subtype in _SHOWN:
            metadata = event.get("compactMetadata")
            if isinstance(metadata, dict) and metadata.get("preservedSegment"):
                what = "keeps a part of the history, and the log does not show where it is put"
                self.reader.unclear("compactMetadata.preservedSegment", what)
            return
        shown = subtype if kind == "system" else kind
        attachment = event.get("attachment")
        if isinstance(attachment, dict):
            shown = attachment.get("type", shown)
        what = f"an event of type {brief(shown)} may be written into the prompt"
        self.reader.unclear("attachment" if attachment is not None else "type", what)

    def _user(self, event: dict[str, Any]) -> None:
        new = self._messages(event, "user")
        results = [message for message in new if message["role"] == "tool"]
        parent = event.get("parentUuid")
        if (
            not results
            and isinstance(parent, str)
            and self.places.get(parent, self.last) < self.last
        ):
            raise InputError(
                "goes back to an earlier event: this log holds several courses of the session, and "
                "only one can be counted",
                field="parentUuid",
            )
        self.results += results
        self.texts += new[len(results) :]

    def _assistant(self, event: dict[str, Any]) -> None:
        if event.get("isApiErrorMessage"):
            # The program shows it, and does not send it.
            return
        (new,) = self._messages(event, "assistant")
        message = event["message"]
        name = message.get("id")
        if isinstance(name, str) and name == self.answer:
            _extend(self.messages[-1], new)
            return
        if isinstance(name, str) and name in self.answers:
            raise InputError("goes on with an earlier answer", field="message.id")
        self._ask()
        if not self.messages or self.messages[-1]["role"] == "assistant":
            raise InputError("an answer to nothing: an event is missing before it", field="message")
        if message.get("model") != "<synthetic>":
            self.turns.append(len(self.messages))
        self.messages.append(new)
        self.answer = name if isinstance(name, str) else None
        self.answers |= {self.answer} if self.answer else set()

    def _messages(self, event: dict[str, Any], role: str) -> list[Message]:
        message = event.get("message")
        if not isinstance(message, dict):
            raise InputError("must be an object", field="message")
        if message.get("role") != role:
            raise InputError(f"must be {role}", field="message.role")
        said = {name: message[name] for name in ("role", "content") if name in message}
        return anthropic_messages(said, "message", self.reader)

    def _ask(self) -> None:
        """Put down what is said to the model together."""
        self.messages += self.results
        if self.texts:
            contents = [_parts(message["content"]) for message in self.texts]
            parts = [part for content in contents for part in content]
            content = parts[0]["text"] if len(parts) == 1 else parts
            self.messages.append({"role": "user", "content": content})
        self.results, self.texts = [], []

    def end(self) -> tuple[list[Message], tuple[int, ...]]:
        """Return all messages, and the turns, with one for what has no answer."""
        waits = bool(self.results or self.texts)
        self._ask()
        return self.messages, (*self.turns, len(self.messages)) if waits else tuple(self.turns)


def _parts(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _extend(answer: Message, new: Message) -> None:
    """Add what another event holds of the same answer."""
    if "reasoning" in new:
        answer["reasoning"] = answer.get("reasoning", "") + new["reasoning"]
    if "tool_calls" in new:
        answer["tool_calls"] = [*answer.get("tool_calls", ()), *new["tool_calls"]]
    if "content" in new:
        parts = [*_parts(answer["content"]), *_parts(new["content"])] if "content" in answer else []
        answer["content"] = parts or new["content"]


_SYSTEM = {"role": "system", "content": "Be brief."}
_TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
_GIVEN = {"tools": (_TOOL,), "system": "Be brief."}
_HEAD = {"sessionId": "s", "isSidechain": False, "version": "2.1.0", "cwd": "/home"}


def _event(kind: str, own: str, parent: str | None, **more: Any) -> dict[str, Any]:
    return {**_HEAD, "type": kind, "uuid": own, "parentUuid": parent, **more}


def _said(own: str, parent: str | None, content: Any) -> dict[str, Any]:
    return _event("user", own, parent, message={"role": "user", "content": content})


def _answered(own: str, parent: str, name: str, block: dict[str, Any]) -> dict[str, Any]:
    message = {"id": name, "type": "message", "role": "assistant", "model": "m", "content": [block]}
    return _event("assistant", own, parent, message=message, requestId="r")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _use(name: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": name, "name": "add", "input": {"a": 1}}


def _result(name: str) -> list[dict[str, Any]]:
    return [{"type": "tool_result", "tool_use_id": name, "content": "2"}]


def _call(name: str) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}


def _tool_said(name: str) -> Message:
    return {"role": "tool", "tool_call_id": name, "content": "2"}


_LOG = (
    {"type": "summary", "summary": "Sums", "leafUuid": "a3"},
    _said("u1", None, "What is 1 + 1?"),
    _answered("a1", "u1", "m1", {"type": "thinking", "thinking": "I add.", "signature": "x"}),
    _answered("a2", "a1", "m1", _use("t1")),
    _said("r1", "a2", _result("t1")),
    _answered("a3", "a2", "m1", _use("t2")),
    _said("r2", "a3", _result("t2")),
    _event("system", "y1", "r2", subtype="turn_duration", durationMs=5),
    _answered("a4", "r2", "m2", _text("It is 2.")),
)
_USER = {"role": "user", "content": "What is 1 + 1?"}
_CONTENT = (
    _SYSTEM,
    _USER,
    {"role": "assistant", "reasoning": "I add.", "tool_calls": [_call("t1"), _call("t2")]},
    _tool_said("t1"),
    _tool_said("t2"),
    {"role": "assistant", "content": "It is 2."},
)

FORMAT = Format(
    "Claude Code",
    "events of sessions, one per record, with type, sessionId and message",
    _matches,
    _FIELDS,
    _read,
    known=_EVENT,
    groups=_groups,
    whole=False,
    lacks=frozenset({"tools", "system"}),
    examples=(
        Example(
            "an answer in several events, with two calls",
            _LOG,
            (Conversation("s", _CONTENT, (_TOOL,), (2, 5)),),
            options=_GIVEN,
        ),
        Example(
            "an agent, a compacted history, and texts that are sent together",
            (
                _said("u1", None, "What is 1 + 1?"),
                {**_said("k1", None, "Add."), "isSidechain": True, "agentId": "g"},
                {**_answered("k2", "k1", "m9", _text("2")), "isSidechain": True, "agentId": "g"},
                _answered("a1", "u1", "m1", _text("2")),
                _event("system", "b1", None, subtype="compact_boundary"),
                _said("u2", "b1", "It was about sums."),
                _said("u3", "u2", [_text("And 2 + 2?")]),
                _answered("a2", "u3", "m2", _text("4")),
            ),
            (
                Conversation(
                    "s", (_SYSTEM, _USER, {"role": "assistant", "content": "2"}), (_TOOL,), (2,)
                ),
                Conversation(
                    "s-2",
                    (
                        _SYSTEM,
                        {
                            "role": "user",
                            "content": [_text("It was about sums."), _text("And 2 + 2?")],
                        },
                        {"role": "assistant", "content": "4"},
                    ),
                    (_TOOL,),
                    (2,),
                ),
                Conversation(
                    "s/g",
                    (
                        _SYSTEM,
                        {"role": "user", "content": "Add."},
                        {"role": "assistant", "content": "2"},
                    ),
                    (_TOOL,),
                    (2,),
                ),
            ),
            options=_GIVEN,
        ),
    ),
    broken=(
        BrokenExample(
            "no tools and no system prompt",
            _LOG[1:],
            line=1,
            field="a log of Claude Code holds no tools and no system prompt",
            reason="give --tools FILE and --system FILE",
        ),
        BrokenExample(
            "something that is added to a prompt in its own way",
            (*_LOG, _event("attachment", "c1", "a4", attachment={"type": "todo_reminder"})),
            line=10,
            field="attachment",
            reason="an event of type 'todo_reminder' may be written into the prompt",
            options=_GIVEN,
        ),
        BrokenExample(
            "a session that was rewound",
            (*_LOG, _said("u2", "a3", "Stop.")),
            line=10,
            field="parentUuid",
            reason="goes back to an earlier event",
            options=_GIVEN,
        ),
        BrokenExample(
            "an image",
            (*_LOG, _said("u2", "a4", [{"type": "image", "source": {"type": "base64"}}])),
            line=10,
            field="message.content[0].type",
            reason="a block of type 'image' cannot be counted",
            options=_GIVEN,
        ),
    ),
)
