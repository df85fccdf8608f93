"""The figures of a conversation by the ids of whole prompts: what every quicker way is held to."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import TYPE_CHECKING

from strategies.chat.failures import is_failure
from strategies.columns.figures import Figures
from strategies.conversations.counts import Column, OnError
from strategies.plain import reference_ids
from strategies.runtime.interruptible import interruptible
from strategies.runtime.parallelism import library_threads

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation


def reference_figures(
    chat: ChatTokenizer,
    conversation: Conversation,
    wanted: AbstractSet[Column],
    on_error: OnError = "raise",
) -> list[Figures]:
    """Return the figures of every turn of a conversation, in the plain way.

    It encodes the whole prompt of each turn, so it takes a time that grows with the square of the
    number of turns.

    Parameters
    ----------
    chat
        The tokenizer to count with.
    conversation
        The conversation.
    wanted
        The columns beside the ISL.
    on_error
        ``"raise"`` fails at a turn that has no ISL; ``"skip"`` gives it None in all columns.

    Raises
    ------
    TurnError
        For the first turn that fails, if `on_error` is ``"raise"``.
    """
    found = []
    before: list[int] = []
    with library_threads(1):
        for index in range(len(conversation.turns)):
            ids = reference_ids(chat, conversation, index, on_error)
            if ids is None:
                found.append(Figures(None, None, None))
                continue
            shared = _in_common(before, ids) if "shared" in wanted else None
            osl = _answer(chat, conversation, index, len(ids)) if "osl" in wanted else None
            found.append(Figures(len(ids), shared, osl))
            before = ids
    return found


def _in_common(one: Sequence[int], two: Sequence[int]) -> int:
    pairs = enumerate(zip(one, two, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(two)))


def _answer(chat: ChatTokenizer, given: Conversation, index: int, isl: int) -> int | None:
    """Return the length of the answer to a turn in tokens, or None.

    Parameters
    ----------
    chat
        The tokenizer.
    given
        The conversation, as the dataset has it.
    index
        Place of the turn, from 0.
    isl
        Its ISL.
    """
    conversation = chat.serve(given).conversation
    k = conversation.turns[index]
    if not chat.renders_plainly or not conversation.continued.isdisjoint({k, k + 1}):
        return None
    if k >= len(conversation.messages) or conversation.messages[k].get("role") != "assistant":
        return None
    try:
        prompt = _text(chat, conversation, k, prompted=True)
        answered = _text(chat, conversation, k + 1, prompted=False)
        if not answered.startswith(prompt):
            return None
        answered = _generated(chat, answered, len(prompt))
        encode = partial(chat.tokenizer, answered, add_special_tokens=False)
        osl = len(interruptible(encode, len(answered))["input_ids"]) - isl
    except BaseException as error:
        if not is_failure(error):
            raise
        return None
    return None if osl < 0 else osl


def _generated(chat: ChatTokenizer, answered: str, start: int) -> str:
    """Return the text up to the end of what the model has generated, which begins at `start`."""
    written = answered.rstrip()
    added = (token.content for token in chat.tokenizer.added_tokens_decoder.values())
    if len(written) > start and written.endswith(tuple(text for text in added if text)):
        return written
    return answered


def _text(chat: ChatTokenizer, conversation: Conversation, k: int, *, prompted: bool) -> str:
    """Return the text of the first messages by transformers' plain call.

    Parameters
    ----------
    chat
        The tokenizer.
    conversation
        The conversation, as the messages profile gives it to the template.
    k
        How many messages.
    prompted
        Whether it ends with a generation prompt.
    """
    from strategies.chat.clock import frozen_clock
    from strategies.chat.limiting import limited
    from strategies.chat.rendering import compile_template

    compile_template(chat.template_text(conversation))
    with frozen_clock(chat.spec.clock), limited():
        text: str = chat.tokenizer.apply_chat_template(
            list(conversation.messages[:k]),
            tools=None if conversation.tools is None else list(conversation.tools),
            chat_template=chat.template,
            tokenize=False,
            add_generation_prompt=prompted,
            **chat.kwargs_of(conversation),
        )
    return text
