"""ATIF, the trajectory format of Harbor: the steps of an agent, of the user and of the system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from strategies.conversations.conversation import Conversation, Message, check_plain
from strategies.conversations.fields import Reader, inside
from strategies.conversations.format import (
    BrokenExample,
    Example,
    Format,
    each_of,
    stands_alone,
    with_beside,
)
from strategies.conversations.known_fields import RECORD, Known
from strategies.conversations.lacking import check_given
from strategies.conversations.messages import brief, read_message
from strategies.conversations.records import Record
from strategies.conversations.whole import NAMES, conversation_of, named, read_array, read_tools
from strategies.errors import InputError

_RECORD_FIELDS = frozenset(
    {"schema_version", "session_id", "trajectory_id", "agent", "steps", "subagent_trajectories"}
)
_KNOWN = Known(
    refused=RECORD.refused,
    harmless=RECORD.harmless | {"final_metrics", "continued_trajectory_ref", "extra"},
)
_AGENT = Known(refused={}, harmless=frozenset({"name", "version", "model_name", "extra"}))
_STEP_FIELDS = frozenset(
    {
        *("step_id", "source", "message", "reasoning_content", "reasoning_effort", "tool_calls"),
        *("observation", "llm_call_count", "is_copied_context"),
    }
)
_STEP = Known(refused={}, harmless=frozenset({"timestamp", "model_name", "metrics", "extra"}))
_CALL = Known(refused={}, harmless=frozenset({"extra"}))
_RESULT = Known(refused={}, harmless=frozenset({"extra", "subagent_trajectory_ref"}))
_PART = Known(refused={}, harmless=frozenset({"source"}))
_ROLES = {"system": "system", "user": "user", "agent": "assistant"}


def _matches(record: dict[str, Any]) -> bool:
    version = record.get("schema_version")
    return stands_alone(record) and isinstance(version, str) and version.startswith("ATIF")


def _trajectories(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a trajectory, and those of the agents that it has started."""
    inner = record.get("subagent_trajectories")
    if not isinstance(inner, list):
        yield record
        return
    # What is beside it is checked once.
    yield with_beside({}, record, "subagent_trajectories")
    for each in inner:
        if isinstance(each, dict):
            yield from _trajectories(each)
        else:
            yield {"subagent_trajectories": inner}


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    ((line, record),) = records
    if record.get("subagent_trajectories"):
        raise InputError(
            "must hold objects; in a batch, write each trajectory in a row of its own",
            field="subagent_trajectories",
        )
    agent = record.get("agent")
    if not isinstance(agent, (dict, type(None))):
        raise InputError("must be an object", field="agent")
    reader.check(agent or {}, frozenset({"tool_definitions"}), _AGENT, "agent")
    steps = _Steps(reader)
    for i, step in enumerate(read_array(record, "steps")):
        steps.add(step, f"steps[{i}]")
    with inside("agent"):
        tools = read_tools((agent or {}).get("tool_definitions"), "tool_definitions")
    if tools is None and steps.calls:
        field = "agent.tool_definitions"
        check_given(reader.options, "the trajectory calls tools and", tools=True, field=field)
    fields = {
        **named(record, record.get("trajectory_id") or record.get("session_id")),
        "tools": None if tools is None else list(tools),
        "reasoning_effort": steps.effort,
    }
    return conversation_of(
        Record(line, fields), steps.messages, number, reader, turns=steps.asked()
    )


class _Steps:
    """The messages of the steps so far, and where the agent has asked the model."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.messages: list[Message] = []
        self.turns: list[int] = []
        self.calls = False
        self.effort: str | None = None
        self._efforts: set[str | None] = set()
        self._waits = False
        self._by_user = False

    def add(self, step: Any, at: str) -> None:
        if not isinstance(step, dict):
            raise InputError("must be an object", field=at)
        kept = self.reader.needed(step, _STEP_FIELDS, _STEP, at)
        source = kept.get("source")
        if not isinstance(source, str) or source not in _ROLES:
            reason = "is missing" if source is None else f"unknown source {brief(source)}"
            raise InputError(reason, field=f"{at}.source")
        message: Message = {"role": _ROLES[source]}
        content = _content(kept.get("message"), f"{at}.message", self.reader)
        if source != "agent":
            for name in ("tool_calls", "observation", "reasoning_content", "reasoning_effort"):
                if kept.get(name):
                    raise InputError("belongs to steps of the agent", field=f"{at}.{name}")
            self._waits |= source == "user"
            self._by_user |= source == "user"
            self.messages.append(
                read_message({**message, "content": content or ""}, at, self.reader)
            )
            return
        self._ask(kept, at)
        calls = _calls(kept.get("tool_calls"), f"{at}.tool_calls", self.reader)
        if content or not calls:
            message["content"] = content or ""
        if kept.get("reasoning_content"):
            message["reasoning_content"] = kept["reasoning_content"]
        if calls:
            message["tool_calls"] = calls
            self.calls = True
        self.messages.append(read_message(message, at, self.reader))
        results = _results(kept.get("observation"), f"{at}.observation", calls, self.reader)
        self.messages += results
        self._waits, self._by_user = bool(results), False

    def _ask(self, step: dict[str, Any], at: str) -> None:
        """Note the request for a step of the agent, if there was one."""
        count = step.get("llm_call_count")
        if isinstance(count, int) and not isinstance(count, bool) and count > 1:
            raise InputError(
                "stands for several requests, and only one can be counted; take out the trajectory",
                field=f"{at}.llm_call_count",
            )
        if count == 0:
            return
        effort = step.get("reasoning_effort")
        if not isinstance(effort, (str, type(None))):
            raise InputError(
                "must be a string to be given to the template", field=f"{at}.reasoning_effort"
            )
        self._efforts.add(effort)
        if len(self._efforts) > 1:
            raise InputError(
                "differs from an earlier step; all turns of a conversation must have the same",
                field=f"{at}.reasoning_effort",
            )
        self.effort = effort
        if self._waits and not step.get("is_copied_context"):
            self.turns.append(len(self.messages))

    def asked(self) -> tuple[int, ...]:
        """Return the prefix lengths that were sent, with the end if the user has the last word.

        What comes of an agent's last action is in no request: the agent has stopped there.
        """
        if self._waits and self._by_user:
            return (*self.turns, len(self.messages))
        return tuple(self.turns)


def _content(value: Any, at: str, reader: Reader) -> Any:
    """Return the text of a message, or its parts as those of a chat."""
    if value is None or isinstance(value, str):
        check_plain(value, at)
        return value
    if not isinstance(value, list):
        raise InputError("must be a string or an array of parts", field=at)
    parts = []
    for i, part in enumerate(value):
        place = f"{at}[{i}]"
        if not isinstance(part, dict):
            raise InputError("must be an object", field=place)
        if part.get("type") != "text":
            kind = brief(part.get("type"))
            raise InputError(f"a part of type {kind} cannot be counted", field=f"{place}.type")
        reader.check(part, frozenset({"type", "text"}), _PART, place)
        if not isinstance(part.get("text"), str):
            raise InputError("must be a string", field=f"{place}.text")
        parts.append({"type": "text", "text": part["text"]})
    check_plain(parts, at)
    return parts[0]["text"] if len(parts) == 1 else parts


def _calls(value: Any, at: str, reader: Reader) -> list[dict[str, Any]]:
    calls = []
    for i, call in enumerate(_array(value, at)):
        place = f"{at}[{i}]"
        fields = frozenset({"tool_call_id", "function_name", "arguments"})
        reader.check(call, fields, _CALL, place)
        for name in ("tool_call_id", "function_name"):
            if not isinstance(call.get(name), str):
                raise InputError("must be a string", field=f"{place}.{name}")
        arguments = call.get("arguments")
        if not isinstance(arguments, (dict, str, type(None))):
            raise InputError("must be an object", field=f"{place}.arguments")
        check_plain(arguments, f"{place}.arguments")
        function = {"name": call["function_name"], "arguments": arguments or {}}
        calls.append({"id": call["tool_call_id"], "type": "function", "function": function})
    return calls


def _results(value: Any, at: str, calls: list[dict[str, Any]], reader: Reader) -> list[Message]:
    """Return the messages of an observation: of tools, or of the user if no tool was called."""
    if value is None:
        return []
    if not isinstance(value, dict):
        raise InputError("must be an object", field=at)
    reader.check(value, frozenset({"results"}), Known({}, frozenset()), at)
    known = {call["id"] for call in calls}
    found: list[Message] = []
    for i, result in enumerate(_array(value.get("results"), f"{at}.results")):
        place = f"{at}.results[{i}]"
        reader.check(result, frozenset({"source_call_id", "content"}), _RESULT, place)
        content = _content(result.get("content"), f"{place}.content", reader)
        name = result.get("source_call_id")
        if name is None and not calls:
            # The agent writes its actions as text, and what comes of them is said to it.
            found.append({"role": "user", "content": content or ""})
        elif isinstance(name, str) and name in known:
            found.append({"role": "tool", "tool_call_id": name, "content": content or ""})
        else:
            raise InputError(
                "must be the id of a call of this step", field=f"{place}.source_call_id"
            )
    return [read_message(each, at, reader) for each in found]


def _array(value: Any, at: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError("must be an array", field=at)
    for i, each in enumerate(value):
        if not isinstance(each, dict):
            raise InputError("must be an object", field=f"{at}[{i}]")
    return value


_TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
_STEPS = [
    {"step_id": 1, "source": "system", "message": "Be brief."},
    {"step_id": 2, "source": "user", "message": "What is 1 + 1?"},
    {
        "step_id": 3,
        "source": "agent",
        "message": "",
        "reasoning_content": "I add.",
        "tool_calls": [{"tool_call_id": "c1", "function_name": "add", "arguments": {"a": 1}}],
        "observation": {"results": [{"source_call_id": "c1", "content": "2"}]},
        "metrics": {"prompt_tokens": 20},
    },
    {"step_id": 4, "source": "agent", "message": "It is 2."},
]
_HEAD = {"schema_version": "ATIF-v1.7", "session_id": "s1"}
_AGENT_WITH_TOOLS = {"name": "a", "version": "1", "tool_definitions": [_TOOL]}
_USER = {"role": "user", "content": "What is 1 + 1?"}
_MESSAGES = (
    {"role": "system", "content": "Be brief."},
    _USER,
    {
        "role": "assistant",
        "reasoning_content": "I add.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "2"},
    {"role": "assistant", "content": "It is 2."},
)
_TALK = [
    {"step_id": 1, "source": "user", "message": "What is 1 + 1?"},
    {
        "step_id": 2,
        "source": "agent",
        "message": "echo 2",
        "observation": {"results": [{"content": "2"}]},
    },
]

FORMAT = Format(
    "ATIF",
    "one trajectory per record with schema_version and steps",
    _matches,
    _RECORD_FIELDS | NAMES,
    _read,
    known=_KNOWN,
    groups=each_of(_trajectories),
    examples=(
        Example(
            "a tool is called",
            (
                {
                    **_HEAD,
                    "agent": _AGENT_WITH_TOOLS,
                    "steps": _STEPS,
                    "final_metrics": {"total_steps": 4},
                },
            ),
            (Conversation("s1", _MESSAGES, (_TOOL,), (2, 4)),),
        ),
        Example(
            "actions as text, and an agent that was started",
            (
                {
                    **_HEAD,
                    "agent": {"name": "a", "version": "1"},
                    "steps": _TALK,
                    "subagent_trajectories": [
                        {
                            "schema_version": "ATIF-v1.7",
                            "trajectory_id": "t2",
                            "agent": {"name": "b", "version": "1"},
                            "steps": _TALK[:1],
                        }
                    ],
                },
            ),
            (
                Conversation(
                    "s1",
                    (
                        _USER,
                        {"role": "assistant", "content": "echo 2"},
                        {"role": "user", "content": "2"},
                    ),
                    None,
                    (1,),
                ),
                Conversation("t2", (_USER,), None, (1,)),
            ),
        ),
        Example(
            "steps that were no request, or were one of an earlier trajectory",
            (
                {
                    **_HEAD,
                    "agent": {"name": "a", "version": "1"},
                    "steps": [
                        _TALK[0],
                        {**_TALK[1], "is_copied_context": True},
                        {**_TALK[1], "step_id": 3},
                        {**_TALK[1], "step_id": 4, "llm_call_count": 0},
                        {"step_id": 5, "source": "agent", "message": "It is 2."},
                    ],
                },
            ),
            (
                Conversation(
                    "s1",
                    (
                        _USER,
                        *(
                            {"role": "assistant", "content": "echo 2"},
                            {"role": "user", "content": "2"},
                        )
                        * 3,
                        {"role": "assistant", "content": "It is 2."},
                    ),
                    None,
                    (3, 7),
                ),
            ),
        ),
    ),
    broken=(
        BrokenExample(
            "calls without definitions of tools",
            ({**_HEAD, "agent": {"name": "a", "version": "1"}, "steps": _STEPS},),
            line=1,
            field="agent.tool_definitions",
            reason="the trajectory calls tools and holds no tools: give --tools FILE",
        ),
        BrokenExample(
            "an image",
            (
                {
                    **_HEAD,
                    "agent": {"name": "a", "version": "1"},
                    "steps": [{**_TALK[0], "message": [{"type": "image", "source": {}}]}],
                },
            ),
            line=1,
            field="steps[0].message[0].type",
            reason="a part of type 'image' cannot be counted",
        ),
        BrokenExample(
            "a result of no call",
            (
                {**_HEAD, "agent": _AGENT_WITH_TOOLS, "steps": _STEPS},
                {
                    **_HEAD,
                    "agent": _AGENT_WITH_TOOLS,
                    "steps": [
                        *_STEPS[:2],
                        {**_STEPS[2], "observation": {"results": [{"content": "2"}]}},
                    ],
                },
            ),
            line=2,
            field="steps[2].observation.results[0].source_call_id",
            reason="must be the id of a call of this step",
        ),
        BrokenExample(
            "several requests in one step",
            (
                {
                    **_HEAD,
                    "agent": {"name": "a", "version": "1"},
                    "steps": [_TALK[0], {**_TALK[1], "llm_call_count": 2}],
                },
            ),
            line=1,
            field="steps[1].llm_call_count",
            reason="stands for several requests",
        ),
    ),
)
