"""Tools and a system prompt that a user supplies for logs that lack them."""

from __future__ import annotations

from dataclasses import replace

from strategies.conversations.conversation import Conversation
from strategies.conversations.options import ReadOptions
from strategies.errors import InputError


def supplied(conversation: Conversation, options: ReadOptions) -> Conversation:
    """Return a conversation with the tools and the system prompt that it lacks.

    Parameters
    ----------
    conversation
        As the dataset has it.
    options
        Bring tools, a system prompt, both or neither.

    Raises
    ------
    InputError
        If it has its own already: one of the two would be lost.
    """
    tools, system = options.tools, options.system
    if tools is not None:
        if conversation.tools is not None:
            raise InputError("the conversation has tools of its own", field="tools")
        conversation = replace(conversation, tools=tuple(tools))
    if system is None:
        return conversation
    if conversation.messages[0].get("role") == "system":
        raise InputError("the conversation has a system prompt of its own", field="messages[0]")
    return replace(
        conversation,
        messages=({"role": "system", "content": system}, *conversation.messages),
        turns=tuple(k + 1 for k in conversation.turns),
        continued=frozenset(k + 1 for k in conversation.continued),
    )
