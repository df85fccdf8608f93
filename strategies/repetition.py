"""How much of the rendered text repeats: the upper bound of what reuse can save."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from strategies.conversations.given import given_conversations
from strategies.plain import reference_ids
from strategies.splicing import Cutter, SpanPath, markers_of

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation
    from strategies.conversations.counts import Progress


@dataclass(frozen=True, slots=True)
class Amplification:
    """The size of all prompts of some conversations, and of their distinct parts.

    A renderer in code makes ids and no text. Its prompts are measured in ids, four bytes each.

    Parameters
    ----------
    rendered_characters, rendered_bytes
        Of all prompts together; bytes are UTF-8.
    distinct_characters
        Of the distinct spans between markers, or of the distinct prompts if nothing can be
        cut. In ids: of what each prompt does not share with the one before it.
    """

    rendered_characters: int
    rendered_bytes: int
    distinct_characters: int

    @property
    def factor(self) -> float:
        """Characters rendered over characters of distinct spans, at least 1."""
        if not self.distinct_characters:
            return 1.0
        return max(1.0, self.rendered_characters / self.distinct_characters)


def amplification(
    conversations: Iterable[Conversation],
    chat: ChatTokenizer,
    *,
    progress: Progress | None = None,
) -> Amplification:
    """Render all turns and measure how much of their text is distinct.

    Turns that fail to render add nothing.

    Parameters
    ----------
    conversations
        The conversations to render; a generator is read once.
    chat
        The tokenizer whose template renders them, and whose markers cut.
    progress
        Called with 1 after each turn.

    Returns
    -------
    Amplification
        Sizes in characters and bytes, and their ratio.

    Raises
    ------
    InputError
        If something else than conversations is given, or an iterator yields none.
    """
    if chat.coded is not None:
        return _in_ids(conversations, chat, progress)
    markers = markers_of(chat)
    cutter = None if isinstance(markers, str) else Cutter(markers)
    characters = size = distinct = 0
    seen: set[int] = set()
    for conversation in given_conversations(conversations):
        path = None if cutter is None else SpanPath(cutter)
        for _, prompt in chat.prompts(conversation, "skip"):
            if progress:
                progress(1)
            if prompt is None:
                continue
            characters += len(prompt)
            size += len(prompt.encode())
            texts = [prompt] if path is None else [text for _, text, _ in path.advance(prompt)[1]]
            for text in texts:
                # This is a measure, no count: a hash for each text keeps memory small.
                key = hash(text)
                if key not in seen:
                    seen.add(key)
                    distinct += len(text)
    return Amplification(characters, size, distinct)


BYTES_OF_AN_ID = 4


def _in_ids(
    conversations: Iterable[Conversation], chat: ChatTokenizer, progress: Progress | None
) -> Amplification:
    total = distinct = 0
    for conversation in given_conversations(conversations):
        before: list[int] = []
        for index in range(len(conversation.turns)):
            ids = reference_ids(chat, conversation, index, "skip")
            if progress:
                progress(1)
            if ids is None:
                continue
            same = (one == other for one, other in zip(before, ids, strict=False))
            total += len(ids)
            distinct += len(ids) - sum(takewhile(bool, same))
            before = ids
    return Amplification(total, BYTES_OF_AN_ID * total, distinct)
