"""Conversations as a messages profile gives them to a chat template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from strategies.conversations.conversation import Conversation, Message, Tool, check_plain
from strategies.conversations.counts import OnError
from strategies.errors import InputError, TurnError
from strategies.profiles.profile import Profile, RefusedError, Traits


@dataclass(frozen=True, slots=True)
class Served:
    """A conversation as the template gets it.

    Parameters
    ----------
    conversation
        It has only the turns before the first one that is refused.
    refusal
        Why that turn has no ISL; None if no turn is refused.
    """

    conversation: Conversation
    refusal: TurnError | None


def serve(conversation: Conversation, profile: Profile, traits: Traits) -> Served:
    """Apply a profile to a conversation.

    Parameters
    ----------
    conversation
        As the dataset has it.
    profile
        The rules.
    traits
        Of the template that renders the conversation.

    Returns
    -------
    Served
        Messages that no rule changes are the same objects as before.
    """
    refused: RefusedError | None = None
    messages: list[Message] = []
    tools: tuple[Tool, ...] | None = None
    turns = conversation.turns
    try:
        tools = _tools(conversation, profile)
        for i, message in enumerate(conversation.messages):
            messages.append(_message(message, i, conversation, profile, traits))
    except RefusedError as error:
        refused = error
        # Without its tools no turn has a prompt; a bad message leaves those before it.
        turns = tuple(k for k in turns if k <= len(messages)) if messages else ()
    lengths = list(range(len(messages) + 1))
    while profile.whole is not None and turns:
        try:
            messages, lengths = profile.whole(messages, turns, traits)
            break
        except RefusedError as error:
            refused = error
            del messages[error.message or 0 :]
            turns = tuple(k for k in turns if k <= len(messages))
            lengths = list(range(len(messages) + 1))
    changed = replace(
        conversation,
        messages=tuple(messages),
        tools=tools,
        turns=tuple(lengths[k] for k in turns),
        continued=frozenset(lengths[k] for k in turns if k in conversation.continued),
        profile=profile.label,
    )
    return Served(changed, None if refused is None else _refusal(conversation, len(turns), refused))


def _refusal(conversation: Conversation, index: int, error: RefusedError) -> TurnError | None:
    if index == len(conversation.turns):
        # No turn asks with what is refused.
        return None
    line = "" if conversation.line is None else f"line {conversation.line}: "
    reason = f"{line}{error.field}: {error.reason}"
    return TurnError(conversation.id, index + 1, conversation.turns[index], reason)


def _tools(conversation: Conversation, profile: Profile) -> tuple[Tool, ...] | None:
    if conversation.tools is None:
        return None
    served = []
    for i, tool in enumerate(conversation.tools):
        try:
            served.append(profile.tool(tool))
        except RefusedError as error:
            raise RefusedError(f"tools[{i}].{error.field}", error.reason) from None
    return tuple(served)


def _message(
    message: Message, place: int, conversation: Conversation, profile: Profile, traits: Traits
) -> Message:
    field = f"messages[{place}]"
    try:
        served = profile.message(message, traits, conversation.tool_arguments)
    except RefusedError as error:
        raise RefusedError(f"{field}.{error.field}", error.reason) from None
    if served.get("tool_calls") and served is not message:
        try:
            # Parsed arguments may hold what JSON cannot carry, such as NaN.
            check_plain(served["tool_calls"], f"{field}.tool_calls")
        except InputError as error:
            raise RefusedError(error.field or field, error.reason) from None
    return served


def serve_all(
    conversations: Sequence[Conversation],
    serve_one: Callable[[Conversation], Served],
    on_error: OnError,
) -> tuple[list[Conversation], TurnError | None]:
    """Return conversations as the template gets them, with the turns that are not refused.

    Parameters
    ----------
    conversations
        As the dataset has them.
    serve_one
        `ChatTokenizer.serve`.
    on_error
        ``"raise"`` ends with the first conversation in which a turn is refused; ``"skip"``
        leaves out the turns that are refused.

    Returns
    -------
    tuple of list of Conversation and TurnError or None
        The second is the first refusal, if it ends the list. Turns before it may fail, too, so
        they are counted before it is raised.
    """
    served = []
    for conversation in conversations:
        try:
            one = serve_one(conversation)
        except TurnError as error:
            one = Served(replace(conversation, turns=()), error)
        served.append(one.conversation)
        if one.refusal is not None and on_error == "raise":
            return served, one.refusal
    return served, None
