"""Cases as prompts: conversations and their chat templates."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.conformance.build import write_tokenizer
from strategies import ChatTokenizer, Conversation, InputError, chat_spec

CLOCK = datetime(2026, 1, 2)  # noqa: DTZ001  # templates write local dates
"""What templates read as now."""


def loaded_chat(folder: Path, conversation: Mapping[str, Any]) -> ChatTokenizer:
    """Load a tokenizer with the template of a conversation.

    Parameters
    ----------
    folder
        Where the tokenizer is.
    conversation
        ``template``, and ``kwargs`` if there are any.
    """
    return ChatTokenizer(
        chat_spec(
            folder,
            template=conversation["template"],
            template_kwargs=conversation.get("kwargs"),
            clock=CLOCK,
            messages="as-written",
        )
    )


def prompt_of(description: Mapping[str, Any], conversation: Mapping[str, Any]) -> str:
    """Return the prompt of a conversation.

    Parameters
    ----------
    description
        The tokenizer's.
    conversation
        ``messages`` and ``template``; also ``tools`` and ``kwargs``, if there are any.

    Raises
    ------
    InputError
        If the template refuses it.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_tokenizer(description, Path(folder))
        chat = loaded_chat(Path(folder), conversation)
        ((_, text),) = chat.prompts(conversation_of("case", conversation))
    if text is None:
        raise InputError("the template gives no prompt")
    return text


def conversation_of(name: str, written: Mapping[str, Any]) -> Conversation:
    """Return the conversation of a case, with one turn at its end."""
    messages, tools = tuple(written["messages"]), written.get("tools")
    return Conversation(name, messages, None if tools is None else tuple(tools), (len(messages),))
