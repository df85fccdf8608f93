"""OpenTelemetry spans of calls to models, by the conventions for GenAI."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from strategies.conversations.conversation import Conversation, Message
from strategies.conversations.fields import Reader
from strategies.conversations.format import (
    BrokenExample,
    Example,
    Format,
    Group,
    stands_alone,
    unread,
    with_beside,
)
from strategies.conversations.known_fields import RECORD, Known
from strategies.conversations.lacking import check_given
from strategies.conversations.messages import brief
from strategies.conversations.otel_attributes import attributes_of
from strategies.conversations.otel_messages import calls_tools, otel_message, otel_system
from strategies.conversations.records import Record, Unread
from strategies.conversations.whole import NAMES, conversation_of, maybe_json, named, read_tools
from strategies.errors import InputError, placed

_INPUT = "gen_ai.input.messages"
_OUTPUT = "gen_ai.output.messages"
_SYSTEM = "gen_ai.system_instructions"
_TOOLS = "gen_ai.tool.definitions"
_KIND = "gen_ai.output.type"
_CONVERSATION = "gen_ai.conversation.id"
_OPERATION = "gen_ai.operation.name"
_READ_ATTRIBUTES = frozenset({_INPUT, _OUTPUT, _SYSTEM, _TOOLS, _KIND, _CONVERSATION, _OPERATION})
_CALLS = ("chat", "generate_content", "text_completion")
"""Operations that are a request to a model."""

_EXPORTS = ("resourceSpans", "resource_spans")
_HARMLESS = (
    *("gen_ai.request.", "gen_ai.response.", "gen_ai.usage.", "gen_ai.agent.", "gen_ai.provider."),
    *("gen_ai.openai.", "gen_ai.azure.", "gen_ai.aws.", "gen_ai.server.", "gen_ai.client."),
    *("gen_ai.workflow.", "gen_ai.evaluation.", "gen_ai.token.", "gen_ai.prompt.name"),
    *("gen_ai.tool.name", "gen_ai.tool.type", "gen_ai.tool.call.", "gen_ai.tool.description"),
)
"""Beginnings of the names of attributes that say nothing of the prompt."""

_SPAN = Known(
    refused=RECORD.refused,
    harmless=RECORD.harmless
    | {
        *("traceId", "spanId", "parentSpanId", "traceState", "trace_state", "flags", "links"),
        *("startTimeUnixNano", "endTimeUnixNano", "start_time_unix_nano", "end_time_unix_nano"),
        *("resource", "scope", "instrumentation_scope", "instrumentationScope", "parent_span_id"),
        *("droppedAttributesCount", "droppedEventsCount", "droppedLinksCount", "context"),
        *("kind", "span_kind", "status_code", "status_message", "service_name", "name"),
    },
)


def _matches(record: dict[str, Any]) -> bool:
    if not stands_alone(record):
        return False
    if any(isinstance(record.get(name), list) for name in _EXPORTS):
        return True
    attributes = record.get("attributes")
    if isinstance(attributes, (dict, list)):
        has_place = any(name in record for name in ("traceId", "trace_id", "spanId", "span_id"))
        return has_place or "context" in record or _INPUT in attributes
    return _INPUT in record


def _groups(items: Iterable[Record | Unread], _finished: set[str]) -> Iterator[Group]:
    for item in items:
        if isinstance(item, Unread):
            yield unread(item)
            continue
        try:
            with placed(line=item.line):
                spans = list(_spans(item.value))
        except InputError as error:
            yield Group((item,), error)
            continue
        for span in spans:
            record = Record(item.line, span)
            try:
                with placed(line=item.line):
                    is_call = _is_call(span)
            except InputError as error:
                yield Group((record,), error)
                continue
            if is_call:
                yield Group((record,))


def _spans(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the spans of a record, which may be a whole export."""
    name = next((name for name in _EXPORTS if record.get(name) is not None), None)
    if name is None:
        yield record
        return
    for i, resource in enumerate(_objects(record[name], name)):
        inner = "scope_spans" if "scope_spans" in resource else "scopeSpans"
        for j, scope in enumerate(_objects(resource.get(inner), f"{name}[{i}].{inner}")):
            for span in _objects(scope.get("spans"), f"{name}[{i}].{inner}[{j}].spans"):
                yield with_beside(span, record, name)


def _objects(value: Any, at: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError("must be an array", field=at)
    for i, each in enumerate(value):
        if not isinstance(each, dict):
            raise InputError("must be an object", field=f"{at}[{i}]")
    return value


def _is_call(span: dict[str, Any]) -> bool:
    """Whether a span is a request to a model. Traces hold many others."""
    attributes = _attributes(span)
    if _OPERATION in attributes:
        return attributes[_OPERATION] in _CALLS
    return _INPUT in attributes or any(name.startswith(_OLDER) for name in attributes)


_OLDER = ("gen_ai.prompt.0.", "llm.prompts", "gen_ai.prompt")


def _attributes(span: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a span, with those of the event that holds its messages."""
    found = dict(attributes_of(span.get("attributes"), "attributes"))
    found |= {name: value for name, value in span.items() if name in _READ_ATTRIBUTES}
    if _INPUT not in found:
        for i, event in enumerate(_objects(span.get("events"), "events")):
            inner = attributes_of(event.get("attributes"), f"events[{i}].attributes")
            found |= inner if _INPUT in inner else {}
    return found


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    ((line, span),) = records
    if any(span.get(name) for name in _EXPORTS):
        raise InputError("holds several spans; write one span in each row")
    attributes = _attributes(span)
    _check_attributes(attributes, reader)
    items = _array(attributes.get(_INPUT), _INPUT)
    if not items:
        raise InputError(
            "is missing: the contents of this call were not recorded, and its ISL cannot be "
            "counted",
            field=_INPUT,
        )
    messages: list[Message] = otel_system(_json(attributes.get(_SYSTEM), _SYSTEM), _SYSTEM, reader)
    for i, item in enumerate(items):
        messages += otel_message(item, f"{_INPUT}[{i}]", reader)
    if sum(message["role"] == "system" for message in messages) > 1 and attributes.get(_SYSTEM):
        raise InputError("there is another system prompt; keep one of them", field=_SYSTEM)
    tools = read_tools(_json(attributes.get(_TOOLS), _TOOLS), _TOOLS)
    answer = _array(attributes.get(_OUTPUT), _OUTPUT)
    if tools is None and any(map(calls_tools, [*items, *answer])):
        check_given(reader.options, "the span calls a tool and", tools=True, field=_TOOLS)
    fields = {
        "conversation_id": attributes.get(_CONVERSATION),
        **named(span, _name(span)),
        "tools": None if tools is None else list(tools),
    }
    return conversation_of(Record(line, fields), messages, number, reader, request=True)


def _check_attributes(attributes: dict[str, Any], reader: Reader) -> None:
    kind = attributes.get(_KIND)
    if kind not in (None, "text"):
        raise InputError(
            f"a template may write the format {brief(kind)} into the prompt; take out the field",
            field=_KIND,
        )
    for name in attributes:
        if name.startswith(_OLDER) and not name.startswith(_HARMLESS):
            raise InputError(
                "is an older way to record a prompt, which is not read; record "
                "gen_ai.input.messages",
                field=name[:80],
            )
    if attributes.get("gen_ai.request.reasoning_effort") or attributes.get(
        "gen_ai.request.reasoning.effort"
    ):
        raise InputError(
            "may be a variable of the template; give it with --template-kwargs and take it out",
            field="gen_ai.request.reasoning_effort",
        )
    ours = {name: value for name, value in attributes.items() if name.startswith("gen_ai.")}
    known = {name for name in ours if name.startswith(_HARMLESS) or name in _OF_CALL}
    reader.check(ours, _READ_ATTRIBUTES, Known({}, frozenset(known)))


_OF_CALL = ("gen_ai.system", "gen_ai.data_source.id", "gen_ai.conversation.compacted")


def _json(value: Any, at: str) -> Any:
    try:
        return maybe_json(value, at)
    except InputError as error:
        if at == _SYSTEM and isinstance(value, str):
            # A plain text, as some write it.
            return value
        raise InputError(
            f"{error.reason}; exporters cut long attributes, so raise their limit", field=at
        ) from None


def _array(value: Any, at: str) -> list[Any]:
    found = _json(value, at)
    if found is not None and not isinstance(found, list):
        raise InputError("must be an array", field=at)
    return found or []


def _name(span: dict[str, Any]) -> Any:
    context = span.get("context")
    inner = context.get("span_id") if isinstance(context, dict) else None
    return span.get("spanId") or span.get("span_id") or inner


_ASKED = {"role": "user", "parts": [{"type": "text", "content": "What is 1 + 1?"}]}
_CALLED = {
    "role": "assistant",
    "parts": [
        {"type": "reasoning", "content": "I add."},
        {"type": "tool_call", "id": "c1", "name": "add", "arguments": {"a": 1}},
    ],
}
_GOT = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "2"}]}
_FUNCTION = {"type": "function", "name": "add", "parameters": {"type": "object"}}
_TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
_BRIEF = [{"type": "text", "content": "Be brief."}]
_USER = {"role": "user", "content": "What is 1 + 1?"}
_FULL = {
    _OPERATION: "chat",
    "gen_ai.request.model": "m",
    _SYSTEM: json.dumps(_BRIEF),
    _TOOLS: json.dumps([_FUNCTION]),
    _INPUT: json.dumps([_ASKED, _CALLED, _GOT]),
}
_CONTENT = (
    {"role": "system", "content": "Be brief."},
    _USER,
    {
        "role": "assistant",
        "reasoning": "I add.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "2"},
)
_PLACE = {"traceId": "5b", "spanId": "e1", "name": "chat m"}
_MINIMAL = {**_PLACE, "attributes": {_OPERATION: "chat", _INPUT: json.dumps([_ASKED])}}


def _listed(attributes: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]


FORMAT = Format(
    "OpenTelemetry GenAI",
    "one span per record with gen_ai.input.messages, or an export of spans",
    _matches,
    frozenset({"attributes", "events", "context", "spanId", "span_id", *_EXPORTS})
    | _READ_ATTRIBUTES
    | NAMES,
    _read,
    known=_SPAN,
    groups=_groups,
    examples=(
        Example(
            "attributes as an object, values as JSON texts, beside a span that is no call",
            (
                {**_PLACE, "spanId": "e0", "attributes": {_OPERATION: "invoke_agent"}},
                {**_PLACE, "attributes": _FULL},
                {**_MINIMAL, "spanId": "e2"},
            ),
            (
                Conversation("e1", _CONTENT, (_TOOL,), (4,)),
                Conversation("e2", (_USER,), None, (1,)),
            ),
        ),
        Example(
            "an export of OTLP",
            (
                {
                    "resourceSpans": [
                        {
                            "resource": {"attributes": []},
                            "scopeSpans": [
                                {
                                    "spans": [
                                        {**_PLACE, "attributes": _listed(_FULL)},
                                        {**_PLACE, "name": "GET /", "attributes": []},
                                    ]
                                }
                            ],
                        }
                    ]
                },
            ),
            (Conversation("e1", _CONTENT, (_TOOL,), (4,)),),
        ),
        Example(
            "messages that are no text",
            ({_INPUT: [_ASKED], _SYSTEM: _BRIEF},),
            (Conversation("conversation-1", _CONTENT[:2], None, (2,)),),
        ),
    ),
    broken=(
        BrokenExample(
            "contents that were not recorded",
            (_MINIMAL, {**_PLACE, "attributes": {_OPERATION: "chat"}}),
            line=2,
            field=_INPUT,
            reason="is missing: the contents of this call were not recorded",
        ),
        BrokenExample(
            "a call without definitions of tools",
            (
                {
                    **_PLACE,
                    "attributes": {_OPERATION: "chat", _INPUT: json.dumps([_ASKED, _CALLED, _GOT])},
                },
            ),
            line=1,
            field=_TOOLS,
            reason="the span calls a tool and holds no tools: give --tools FILE",
        ),
        BrokenExample(
            "an image",
            (
                {
                    **_PLACE,
                    "attributes": {
                        _INPUT: json.dumps(
                            [{"role": "user", "parts": [{"type": "uri", "modality": "image"}]}]
                        )
                    },
                },
            ),
            line=1,
            field=f"{_INPUT}[0].parts[0].type",
            reason="a part of type 'uri' cannot be counted",
        ),
        BrokenExample(
            "a text that was cut",
            ({**_PLACE, "attributes": {_INPUT: json.dumps([_ASKED])[:30]}},),
            line=1,
            field=_INPUT,
            reason="not JSON",
        ),
    ),
)
