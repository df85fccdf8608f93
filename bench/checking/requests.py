"""What is sent: the messages as the dataset has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.checking.strata import Turn
from strategies import Message
from strategies.conversations.tools import wrapped

REQUEST_FIELDS = frozenset({"reasoning_effort"})
"""Template kwargs that OpenAI's interface has as fields of a request, too."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a turn asks of a server, in the form of OpenAI's interface.

    Parameters
    ----------
    messages
        As the dataset has them.
    tools
        Tool definitions, or None.
    kwargs
        Variables for the template.
    is_continued
        Whether the last message is to be continued.
    model
        Name of the server's model; None to send none.
    fields
        Further fields by name.
    """

    messages: list[Message]
    tools: list[dict[str, Any]] | None = None
    kwargs: Mapping[str, Any] | None = None
    is_continued: bool = False
    model: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return what all endpoints for chats take. Nothing is there that is not asked for.

        Some servers refuse fields that they do not know.
        """
        body: dict[str, Any] = {} if self.model is None else {"model": self.model}
        body["messages"] = self.messages
        if self.tools is not None:
            body["tools"] = self.tools
        if self.kwargs:
            body["chat_template_kwargs"] = dict(self.kwargs)
        body.update(self.fields)
        if self.is_continued:
            body["add_generation_prompt"] = False
            body["continue_final_message"] = True
        return body


def request_of(
    turn: Turn,
    kwargs: Mapping[str, Any],
    model: str | None,
    fields: frozenset[str] = frozenset(),
) -> Request:
    """Return the request of a turn.

    Parameters
    ----------
    turn
        The turn.
    kwargs
        Variables for the template that all turns get; the turn's own come over them.
    model
        Name of the server's model, or None.
    fields
        Which of these variables are sent as fields of the request instead.
    """
    conversation = turn.conversation
    tools = conversation.tools
    every = {**kwargs, **(conversation.template_kwargs or {})}
    return Request(
        [_sent(message) for message in turn.messages],
        None if tools is None else [wrapped(tool) for tool in tools],
        {name: value for name, value in every.items() if name not in fields},
        turn.is_continued,
        model,
        {name: value for name, value in every.items() if name in fields},
    )


def _sent(message: Message) -> Message:
    """Return a message; arguments of calls that are objects become a text.

    OpenAI's interface has only the text, and clients write it before they send.
    """
    calls = message.get("tool_calls")
    if not calls:
        return message
    return {**message, "tool_calls": [_sent_call(call) for call in calls]}


def _sent_call(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    if not isinstance(function, dict):
        function = {key: call[key] for key in ("name", "arguments") if key in call}
        call = {key: value for key, value in call.items() if key not in function}
    if isinstance(function.get("arguments"), dict):
        text = json.dumps(function["arguments"], ensure_ascii=False)
        function = {**function, "arguments": text}
    # Keys stay in their order: some servers hand it on to the template.
    return {**call, "type": call.get("type", "function"), "function": function}
