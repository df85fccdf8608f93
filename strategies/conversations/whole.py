"""Conversations out of records that hold them whole: ids, tools, system prompts, kwargs, turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strategies.conversations.conversation import (
    Conversation,
    Message,
    Tool,
    check_plain,
    client_turns,
)
from strategies.conversations.fields import Reader
from strategies.conversations.json_text import parse_loosely, shown
from strategies.conversations.known_fields import PROMPT_FIELDS
from strategies.conversations.messages import MessageReader, brief, read_messages
from strategies.conversations.records import Record
from strategies.conversations.tools import wrapped
from strategies.errors import InputError, one_line

IDS = ("id", "conversation_id")
REQUEST_IDS = ("request_id", "id")

NAMES = frozenset(IDS)
"""Fields in which every record may have a name."""

WHOLE_FIELDS = PROMPT_FIELDS | {"id", "conversation_id", "request_id"}
"""What every format reads whose records hold a whole conversation, beside its messages."""


def read_whole(
    record: Record,
    field: str,
    number: int,
    reader: Reader,
    read: MessageReader,
    *,
    request: bool = False,
) -> Conversation:
    """Return the conversation of a record that holds all its messages.

    Parameters
    ----------
    record
        The record, without the fields that are not read.
    field
        The field that holds the messages.
    number
        Place of the record in the file, from 1. It makes an id for a record without one.
    reader
        How the dataset is read.
    read
        Reads one message.
    request
        Whether the messages are one request.

    Raises
    ------
    InputError
        With the field that is missing or wrong. Also if the record has no client turn.
    """
    raw = read_array(record.value, field)
    messages, continued = read_messages(raw, field, reader, read)
    return conversation_of(record, messages, number, reader, continued=continued, request=request)


def conversation_of(
    record: Record,
    messages: list[Message],
    number: int,
    reader: Reader,
    *,
    continued: bool = False,
    request: bool = False,
    turns: tuple[int, ...] | None = None,
) -> Conversation:
    """Return the conversation of messages that were read, and of the fields beside them.

    Parameters
    ----------
    record
        The record, without the fields that are not read.
    messages
        Its messages. A system prompt beside them is put in front of them.
    number
        Place of the record in the file, from 1. It makes an id for a record without one.
    reader
        How the dataset is read.
    continued
        Whether the last message says that the server continues it.
    request
        Whether the messages are one request.
    turns
        The prefix lengths at which a client sent them, if the format knows that; None for the
        rule of `client_turns`.

    Raises
    ------
    InputError
        With the field that is missing or wrong. Also if there is no client turn.
    """
    fields = record.value
    continued |= _continues_last(fields, messages)
    without = len(messages)
    read_system(fields, messages)
    if turns is not None:
        turns = tuple(k + len(messages) - without for k in turns)
    tools = read_offered(fields)
    check_request(fields, tools)
    name, requests = record_name(fields, IDS) or f"conversation-{number}", None
    if reader.options.records == "request":
        requests = (record_name(fields, REQUEST_IDS) or f"request-{number}",)
        name = record_name(fields, ("conversation_id",)) or requests[0]
    if turns is None or requests is not None:
        turns = turns_of(messages, continued=continued, request=request or requests is not None)
    return make_conversation(
        name,
        messages,
        tools,
        turns,
        kwargs=read_kwargs(fields),
        continued=continued,
        requests=requests,
        reader=reader,
        line=record.line,
        request=request,
    )


def turns_of(
    messages: list[Message], *, continued: bool = False, request: bool = False
) -> tuple[int, ...]:
    """Return the prefix lengths at which a client sent these messages.

    Parameters
    ----------
    messages
        All of the conversation.
    continued
        Whether the last request continues the last message.
    request
        Whether the messages are one request.
    """
    if request:
        answered = messages and messages[-1]["role"] == "assistant" and not continued
        return () if answered else (len(messages),)
    if not continued:
        return client_turns(messages)
    before = client_turns(messages[:-1])
    # What was asked before the message that is continued is a part of the same request.
    return (*(k for k in before if k < len(messages) - 1), len(messages))


def make_conversation(
    name: str,
    messages: list[Message],
    tools: tuple[Tool, ...] | None,
    turns: tuple[int, ...],
    *,
    kwargs: dict[str, Any] | None,
    continued: bool,
    requests: tuple[str, ...] | None,
    reader: Reader,
    line: int,
    request: bool = False,
) -> Conversation:
    """Return a conversation that was read.

    Parameters
    ----------
    name
        Its id.
    messages, tools, turns, kwargs, requests
        See `Conversation`. There must be at least one turn.
    continued
        Whether the last turn continues the last message.
    reader
        How the dataset is read.
    line
        The line on which it starts.
    request
        Whether its record is one request.

    Raises
    ------
    InputError
        If it has no client turn, or something in it is not plain JSON data.
    """
    if not turns:
        if request or requests is not None:
            raise InputError("the last message is an answer: this request asks nothing")
        raise InputError(f"conversation {name!r} has no client turn: nothing in it asks the server")
    return Conversation(
        name,
        tuple(messages),
        tools,
        turns,
        template_kwargs=kwargs or None,
        continued=frozenset(turns[-1:]) if continued else frozenset(),
        tool_arguments=reader.options.tool_arguments,
        requests=requests,
        line=line,
    )


def record_name(record: Mapping[str, Any], fields: tuple[str, ...]) -> str | None:
    """Return the id of a record, from the first of some fields that has a value.

    Raises
    ------
    InputError
        If the id is neither a string nor a number.
    """
    for field in fields:
        name = record.get(field)
        if isinstance(name, bool) or not isinstance(name, (str, int, float, type(None))):
            raise InputError("must be a string or a number", field=field)
        if name is not None:
            check_plain(name, field)
            return str(name)
    return None


def named(record: Mapping[str, Any], other: Any = None) -> dict[str, Any]:
    """Return the names of a record, or another one if it has none.

    Parameters
    ----------
    record
        The record.
    other
        The name that its format has for it.
    """
    own = {name: record[name] for name in IDS if record.get(name) is not None}
    return own or ({} if other is None else {"id": other})


def read_array(record: Mapping[str, Any], field: str) -> list[Any]:
    """Return an array that a record must have. It may be stored as a JSON string.

    Raises
    ------
    InputError
        If it is missing, empty or something else.
    """
    value = maybe_json(record.get(field), field)
    if not isinstance(value, list) or not value:
        reason = "is missing" if value is None else "must be a non-empty array"
        raise InputError(reason, field=field)
    return value


def maybe_json(value: Any, field: str) -> Any:
    """Parse a field that some writers, mostly of Parquet, store as a JSON string.

    Raises
    ------
    InputError
        If it is a string that holds no JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return parse_loosely(value) if value.strip() else None
    except ValueError as error:
        raise InputError(f"not JSON: {one_line(error)}", field=field) from None


def read_tools(value: Any, field: str = "tools") -> tuple[Tool, ...] | None:
    """Return the tools in a field of a record, which may be a JSON string.

    An empty list stays one: servers differ in whether the template sees it.

    Raises
    ------
    InputError
        If it is no array of objects.
    """
    tools = maybe_json(value, field)
    if tools is None:
        return None
    if not isinstance(tools, list):
        raise InputError("must be an array", field=field)
    for i, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise InputError("must be an object", field=f"{field}[{i}]")
    return tuple(tools)


def read_offered(record: Mapping[str, Any]) -> tuple[Tool, ...] | None:
    """Return the tools that a record offers, each as servers hand it to a template.

    Servers wrap a bare function, know an Anthropic schema by its `input_schema`, and read the
    older field `functions` as tools.

    Raises
    ------
    InputError
        If they are no array of objects, or the record has both fields.
    """
    tools = read_tools(record.get("tools"))
    functions = read_tools(record.get("functions"), "functions")
    if tools and functions:
        raise InputError("stands beside tools; keep one of them", field="functions")
    if functions or (functions is not None and tools is None):
        return tuple({"type": "function", "function": each} for each in functions)
    return tools and tuple(_plain_tool(tool, f"tools[{i}]") for i, tool in enumerate(tools))


def _plain_tool(tool: Tool, field: str) -> Tool:
    new = wrapped(tool)
    if new is not tool:
        # Checked here, so that an error names the place as the file has it.
        check_plain(tool, field)
    return new


def read_system(record: Mapping[str, Any], messages: list[Message]) -> None:
    """Put a system prompt that stands beside the messages in front of them.

    Parameters
    ----------
    record
        The record. Its field `system` or `system_prompt` is the prompt, if it has one.
    messages
        Its messages, which are changed.

    Raises
    ------
    InputError
        If it is no text, or if there is more than one.
    """
    found = [name for name in ("system", "system_prompt") if record.get(name)]
    if not found:
        return
    name = found[-1]
    prompt = record[name]
    if not isinstance(prompt, str):
        raise InputError("must be a string", field=name)
    check_plain(prompt, name)
    if len(found) > 1 or (messages and messages[0]["role"] == "system"):
        # Some readers take the one, some the other.
        raise InputError("there is another system prompt; keep one of them", field=name)
    messages.insert(0, {"role": "system", "content": prompt})


_RESERVED = frozenset(
    {
        *("messages", "conversation", "conversations", "tools", "chat_template"),
        *("add_generation_prompt", "continue_final_message", "sanitize_control_tokens"),
        *("tokenize", "padding", "truncation", "max_length", "return_tensors", "return_dict"),
        *("return_assistant_tokens_mask", "tokenizer_kwargs"),
    }
)
"""Arguments of the call that renders. No template sees them as variables of these names."""


def read_kwargs(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables for the template that a record brings.

    Raises
    ------
    InputError
        If one of its fields is of the wrong type, or names an argument of the rendering call.
    """
    field = "chat_template_kwargs"
    own = maybe_json(record.get(field), field) or {}
    if not isinstance(own, dict):
        raise InputError("must be an object", field=field)
    check_plain(own, field)
    for name in own:
        if name in _RESERVED:
            raise InputError("is no variable of a template", field=f"{field}.{shown(name)}")
    kwargs = dict(own)
    documents = maybe_json(record.get("documents"), "documents")
    if documents:
        if not isinstance(documents, list) or not all(isinstance(d, dict) for d in documents):
            raise InputError("must be an array of objects", field="documents")
        check_plain(documents, "documents")
        kwargs["documents"] = documents
    effort = record.get("reasoning_effort")
    if not isinstance(effort, (str, type(None))):
        raise InputError("must be a string", field="reasoning_effort")
    if effort and effort != "auto":
        check_plain(effort, "reasoning_effort")
        kwargs["reasoning_effort"] = effort
        # As vLLM 0.33 does (build_chat_params of its chat completion protocol).
        kwargs.setdefault("enable_thinking", effort != "none")
    return kwargs


def check_request(record: Mapping[str, Any], tools: tuple[Tool, ...] | None) -> None:
    """Refuse what a record asks of the server that may or may not change its prompts.

    Parameters
    ----------
    record
        The record.
    tools
        The tools that it offers.

    Raises
    ------
    InputError
        With the field.
    """
    for field in ("tool_choice", "function_call"):
        choice = record.get(field)
        if choice == "none" and tools:
            # By default vLLM shows the tools to the template all the same; others do not.
            raise InputError(
                "servers disagree whether 'none' takes the tools out of the prompt; take out the "
                "field or the tools",
                field=field,
            )
        if isinstance(choice, dict) and len(tools or ()) > 1:
            raise InputError(
                "servers disagree whether the other tools stay in the prompt; take out the field, "
                "or the other tools",
                field=field,
            )
    form = record.get("response_format")
    form = form.get("type") if isinstance(form, dict) else form
    if form and form != "text":
        raise InputError(
            f"a template may write the format {brief(form)} into the prompt; take out the field",
            field="response_format",
        )
    generates, continues = record.get("add_generation_prompt"), continues_final(record)
    if generates is False and not continues:
        raise InputError(
            "a prompt without a generation prompt asks nothing; take out the field, or the record",
            field="add_generation_prompt",
        )
    if generates and continues:
        raise InputError("contradicts continue_final_message", field="add_generation_prompt")


def continues_final(record: Mapping[str, Any]) -> bool:
    """Return whether a record says that its last message is continued.

    Raises
    ------
    InputError
        If it says something else.
    """
    value = record.get("continue_final_message")
    if value and value is not True:
        raise InputError("must be true or false", field="continue_final_message")
    return bool(value)


def _continues_last(record: Mapping[str, Any], messages: list[Message]) -> bool:
    continues = continues_final(record)
    if continues and messages[-1]["role"] != "assistant":
        raise InputError(
            "only an assistant message can be continued; take out the field, or the record",
            field="continue_final_message",
        )
    return continues
