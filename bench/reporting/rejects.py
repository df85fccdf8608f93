"""Records that were not read and turns that a template refuses, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bench.reporting.json_file import escape_controls
from strategies import (
    ChatTokenizer,
    Conversation,
    Counts,
    Reject,
    TurnError,
    hinted,
)
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
    for place, lengths in enumerate(counts):
        for index, isl in enumerate(lengths):
            if isl is None:
                conversation = conversations[place]
                try:
                    reference_turn(chat, conversation, index)
                except TurnError as error:
                    yield hinted(error, [conversation], chat)


def reject_lines(
    rejects: Iterable[Reject],
    conversations: Sequence[Conversation],
    counts: Counts,
    chat: ChatTokenizer,
    file: str | None = None,
) -> bytes:
    """Return what was left out, one JSON object a line, each with its reason.

    Parameters
    ----------
    rejects
        The records that were not read.
    conversations
        The conversations that were.
    counts
        For each conversation one count per turn; None for a turn that was skipped.
    chat
        The tokenizer that counted them.
    file
        The file that all are from, if the dataset has several.
    """
    named = {} if file is None else {"file": file}
    lines = [named | _of_record(reject) for reject in rejects]
    lines += [named | _of_turn(error) for error in refused_turns(conversations, counts, chat)]
    # A lone surrogate is written as JSON escapes it.
    texts = (f"{escape_controls(json.dumps(line, ensure_ascii=False))}\n" for line in lines)
    return "".join(texts).encode("utf-8", "backslashreplace")


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
