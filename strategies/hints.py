"""Which option would count a turn that a template refuses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strategies.chat.serving import serve
from strategies.chat.traits import traits_of
from strategies.conversations.conversation import Conversation, Message
from strategies.errors import TurnError
from strategies.profiles.catalog import profiles

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer


def hinted(
    error: TurnError, conversations: Iterable[Conversation], chat: ChatTokenizer
) -> TurnError:
    """Return an error that also names the options under which the turn has an ISL.

    Parameters
    ----------
    error
        Of a turn that was refused.
    conversations
        Those that were counted.
    chat
        The tokenizer that counted them.

    Returns
    -------
    TurnError
        The same one, if no option helps.
    """
    if chat.coded is not None:
        # There is one conversion of messages, and no option changes it.
        return error
    for conversation in conversations:
        if conversation.id != error.conversation or len(conversation.turns) < error.turn:
            continue
        if _renders(chat.serve(conversation).conversation, chat, error.turn - 1):
            # Another one of the same id is meant.
            continue
        options = [
            option
            for option, other in _variants(conversation, chat)
            if _renders(other, chat, error.turn - 1)
        ]
        if options:
            reason = f"{error.reason}; it is counted with {' or '.join(options)}"
            return TurnError(error.conversation, error.turn, error.messages, reason)
        break
    return error


def _variants(
    conversation: Conversation, chat: ChatTokenizer
) -> Iterator[tuple[str, Conversation]]:
    """Yield options and the conversation as the template would get it with each."""
    traits = traits_of(chat.template_text(conversation))
    if conversation.tool_arguments == "objects":
        texts = tuple(map(_with_texts, conversation.messages))
        given = replace(conversation, messages=texts, tool_arguments="as-given")
        yield "--tool-arguments as-given", serve(given, chat.profile, traits).conversation
    else:
        parsed = replace(conversation, tool_arguments="objects")
        yield "--tool-arguments objects", serve(parsed, chat.profile, traits).conversation
    for profile in profiles().values():
        if profile is not chat.profile:
            yield f"--messages {profile.name}", serve(conversation, profile, traits).conversation


def _with_texts(message: Message) -> Message:
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    return {**message, "tool_calls": [_with_text(call) for call in calls]}


def _with_text(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), dict):
        return call
    return {**call, "function": {**function, "arguments": json.dumps(function["arguments"])}}


def _renders(conversation: Conversation, chat: ChatTokenizer, index: int) -> bool:
    # It is served already, by whichever profile. The other turns are not asked for.
    turns = conversation.turns[index : index + 1]
    served = replace(conversation, turns=turns, profile=chat.profile.label)
    return any(prompt is not None for _, prompt in chat.prompts(served, "skip"))
