"""A dataset format: how to recognize its records, how to read them, and examples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from strategies.conversations.conversation import Conversation
from strategies.conversations.fields import Reader
from strategies.conversations.json_text import Doubled
from strategies.conversations.known_fields import RECORD, Known
from strategies.conversations.records import Record, Unread
from strategies.errors import InputError


@dataclass(frozen=True, slots=True)
class Example:
    """Records of a format, and the conversations that they hold.

    Parameters
    ----------
    name
        The subject of the example, in a few words.
    records
        The JSON objects of a file, in order.
    conversations
        The conversations that the records become, complete with ids, messages, tools and
        turns. Arguments of tool calls are objects.
    options
        Values of `ReadOptions` without which the records cannot be read.
    """

    name: str
    records: tuple[dict[str, Any], ...]
    conversations: tuple[Conversation, ...]
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BrokenExample:
    """Records that must be refused, and the place that the error must name.

    Parameters
    ----------
    name
        The mistake, in a few words.
    records
        The JSON objects of a file, in order. The first one shows the format.
    line
        Number of the record that is wrong, from 1.
    field
        Place in that record, such as ``messages[0].role``.
    reason
        Beginning of the error's text after the field.
    options
        Values of `ReadOptions` with which they are read.
    """

    name: str
    records: tuple[dict[str, Any], ...]
    line: int
    field: str
    reason: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """The records of one conversation, or why there is none.

    Parameters
    ----------
    records
        In file order.
    error
        Why they cannot be read, if that is known already.
    name
        The id of the conversation, if its records are several. If one of its groups is
        refused, all are.
    text
        The text of a record that its container cannot give.
    """

    records: tuple[Record, ...]
    error: InputError | None = None
    name: str | None = None
    text: str | None = None


def one_by_one(items: Iterable[Record | Unread], _finished: set[str]) -> Iterator[Group]:
    """Yield a group for each record."""
    for item in items:
        yield Group((item,)) if isinstance(item, Record) else unread(item)


def torn(lost: InputError | None, name: str) -> InputError | None:
    """Return why a conversation is not read if a record that may belong to it is lost."""
    if lost is None:
        return None
    return InputError(
        f"this row was not read, and may belong to conversation {name!r}", line=lost.line
    )


def each_of(
    parts: Callable[[dict[str, Any]], Iterator[dict[str, Any]]],
) -> Callable[[Iterable[Record | Unread], set[str]], Iterator[Group]]:
    """Return how to group records of which each holds several conversations.

    Parameters
    ----------
    parts
        Yields a record for each conversation in a record.
    """

    def groups(items: Iterable[Record | Unread], _finished: set[str]) -> Iterator[Group]:
        for item in items:
            if isinstance(item, Unread):
                yield unread(item)
                continue
            for part in parts(item.value):
                yield Group((Record(item.line, part),))

    return groups


def unread(item: Unread) -> Group:
    """Return the group of a record that its container cannot give."""
    return Group((), item.error, text=item.text)


@dataclass(frozen=True, slots=True)
class Format:
    """A dataset format.

    Parameters
    ----------
    name, summary
        For errors and documentation.
    matches
        Whether a file has this format if this is its first record. No record of a format may
        match two: one that does, such as a mixture of two, is refused.
    fields
        The fields of records that are read. `read` gets no others.
    read
        Turns the records of one conversation into it; the number is its place in the file, from
        1. It raises `InputError` with the field; with the line, if there are several records.
    examples
        Files of this format, at least one.
    broken
        Files that must be refused, at least one.
    known
        The other fields of records that are known.
    groups
        Puts the records of each conversation together. The set holds the ids of conversations
        that are complete, if a format needs them; it adds to them.
    whole
        Whether a record holds all that a request needs.
    shows
        Fields that are not read, and that `matches` looks at.
    lacks
        What no record of this format holds, of ``tools`` and ``system``. It has to be given.
    """

    name: str
    summary: str
    matches: Callable[[dict[str, Any]], bool]
    fields: AbstractSet[str]
    read: Callable[[tuple[Record, ...], int, Reader], Conversation]
    examples: tuple[Example, ...]
    broken: tuple[BrokenExample, ...]
    known: Known = RECORD
    groups: Callable[[Iterable[Record | Unread], set[str]], Iterator[Group]] = one_by_one
    whole: bool = True
    shows: AbstractSet[str] = frozenset()
    lacks: AbstractSet[str] = frozenset()


def is_metadata(record: dict[str, Any]) -> bool:
    """Whether a record describes its file and holds nothing of a conversation."""
    return record.get("_type") == "dataset_metadata"


def with_beside(inner: dict[str, Any], record: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object out of a field of a record, with the fields that are beside that field.

    So what is beside is checked as that of a record.

    Parameters
    ----------
    inner
        The object.
    record
        The record.
    name
        The field.
    """
    beside = {key: value for key, value in record.items() if key != name}
    both = list({**beside, **inner}.items())
    if not (isinstance(inner, Doubled) or isinstance(record, Doubled)):
        return dict(both)
    found = Doubled(both)
    for each in (inner, record):
        if isinstance(each, Doubled):
            found.doubled |= each.doubled
    return found


def messages_field(record: dict[str, Any]) -> str | None:
    """Return the field of a record that holds all messages of a conversation, if there is one."""
    present = [field for field in _WHOLE if field in record]
    for field in present:
        if record[field] is not None:
            return field
    # A prompt is more often a text, and a text is no conversation.
    if isinstance(record.get("prompt"), list):
        return "prompt"
    return present[0] if present else None


_WHOLE = ("messages", "conversations", "conversation")


def holds_lists_of_turns(record: dict[str, Any]) -> bool:
    """Whether the conversations of a record are several, each a list of its turns."""
    conversations = record.get("conversations")
    return isinstance(conversations, list) and any(isinstance(c, list) for c in conversations[:1])


def stands_alone(record: dict[str, Any]) -> bool:
    """Whether a record has none of the fields by which most formats are known."""
    known = is_metadata(record) or "conversation_id" in record
    return not known and messages_field(record) is None


def is_request(record: dict[str, Any]) -> bool:
    """Whether a record is the body of one request to a chat server.

    It names a model, says how to answer, and ends with what is asked. A record of a whole
    conversation ends with an answer, or says nothing of how to answer.
    """
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        return False
    last = messages[-1]
    open_ended = record.get("continue_final_message") or last.get("prefix") or last.get("partial")
    return (
        isinstance(record.get("model"), str)
        and any(record.get(field) is not None for field in REQUEST_FIELDS - {"model"})
        and (last.get("role") != "assistant" or bool(open_ended))
    )


def is_mooncake(record: dict[str, Any]) -> bool:
    """Whether a record is a request of a mooncake trace that holds messages."""
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        return False
    lengths = any(record.get(name) is not None for name in ("output_length", "hash_ids"))
    return lengths and "model" not in record and messages[-1].get("role") != "assistant"


REQUEST_FIELDS = frozenset(
    {
        *("model", "stream", "stream_options", "max_tokens", "max_completion_tokens"),
        *("temperature", "top_p", "n", "stop", "frequency_penalty", "presence_penalty"),
        *("logit_bias", "parallel_tool_calls", "tool_choice", "service_tier", "store"),
    }
)
"""Fields by which the body of a request is known: the model, and how it is to answer."""


def is_anthropic(record: dict[str, Any]) -> bool:
    """Whether the messages of a record are Anthropic's, by what only these have."""
    messages = record.get("messages")
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        return False
    if any(_is_openai(each) for each in messages):
        return False
    thinking, tools = record.get("thinking"), record.get("tools")
    return (
        bool(record.get("anthropic_version"))
        or _has_system(record)
        # Others have such a field, too, but no budget.
        or (isinstance(thinking, dict) and thinking.get("budget_tokens") is not None)
        or (
            _has_input_schemas(tools) and not any(each.get("role") == "system" for each in messages)
        )
        or any(_is_block(block) for each in messages for block in _blocks(each))
    )


def _has_system(record: dict[str, Any]) -> bool:
    """Whether there is a system prompt in the place that it has in requests to Anthropic."""
    system = record.get("system")
    is_request = isinstance(record.get("model"), str) and record.get("max_tokens") is not None
    return bool(system) and (isinstance(system, list) or (isinstance(system, str) and is_request))


def _is_openai(message: dict[str, Any]) -> bool:
    return message.get("role") in ("tool", "function", "developer") or any(
        message.get(name) for name in _OPENAI
    )


_OPENAI = ("tool_calls", "tool_call_id", "function_call", "reasoning_content", "reasoning")


def _has_input_schemas(tools: Any) -> bool:
    """Whether there are tools of Anthropic's, which some also give to OpenAI's interface."""
    if isinstance(tools, str):
        return '"input_schema"' in tools
    return isinstance(tools, list) and any(
        isinstance(tool, dict) and isinstance(tool.get("input_schema"), dict) for tool in tools
    )


def _blocks(message: dict[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _is_block(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    kind = block.get("type")
    return kind in _BLOCKS or (kind == "thinking" and isinstance(block.get("signature"), str))


_BLOCKS = ("tool_use", "tool_result", "redacted_thinking")
"""Types of blocks that only Anthropic's interface has."""
