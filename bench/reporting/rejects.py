"""Records that were not read and turns that a template refuses, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.reporting.json_file import escape_controls
from bench.reporting.output import write_whole
from strategies import (
    ChatTokenizer,
    Conversation,
    Conversations,
    Counts,
    Reject,
    TurnError,
    hinted,
)
from strategies.conversations.direct import DirectConversations
from strategies.plain import reference_turn


def refused_turns(
    conversations: Sequence[Conversation], counts: Counts, chat: ChatTokenizer
) -> Iterator[TurnError]:
    """Yield the error of each turn that has no count.

    Parameters
    ----------
    conversations
        The conversations that were counted.
    counts
        For each conversation one count per turn; None for a turn that was skipped.
    chat
        The tokenizer that counted them. It renders those turns once more, for their reasons.
    """
    for conversation, lengths in zip(conversations, counts, strict=True):
        for index, isl in enumerate(lengths):
            if isl is None:
                try:
                    reference_turn(chat, conversation, index)
                except TurnError as error:
                    yield hinted(error, [conversation], chat)


def write_rejects(
    path: Path,
    conversations: Conversations | DirectConversations,
    counts: Counts,
    chat: ChatTokenizer,
) -> None:
    """Write what was left out, one JSON object a line, each with its reason.

    Parameters
    ----------
    path
        The file to write.
    conversations
        The conversations that were read, with the records that were not.
    counts
        For each conversation one count per turn; None for a turn that was skipped.
    chat
        The tokenizer that counted them.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    lines = [_of_record(reject) for reject in conversations.rejects]
    lines += [_of_turn(error) for error in refused_turns(conversations, counts, chat)]
    # A lone surrogate is written as JSON escapes it.
    texts = (f"{escape_controls(json.dumps(line, ensure_ascii=False))}\n" for line in lines)
    whole = "".join(texts).encode("utf-8", "backslashreplace")
    write_whole(path, lambda file: file.write(whole))


def _of_record(reject: Reject) -> dict[str, Any]:
    return {
        "line": reject.line,
        "field": reject.field,
        "conversation": reject.conversation,
        "reason": reject.reason,
        "record": reject.record,
    }


def _of_turn(error: TurnError) -> dict[str, Any]:
    return {
        "conversation": error.conversation,
        "turn": error.turn,
        "messages": error.messages,
        "reason": error.reason,
    }
