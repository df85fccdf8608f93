"""Whether a count can be stored with the dataset, or be estimated."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from bench.bundled import tokenizer_names, tokenizer_path
from bench.claims.claim import Case, Claim, Evidence, Range, exactly
from bench.claims.interval import median_of
from bench.claims.lab import Lab
from strategies import ChatTokenizer, Counts, count_turns, load_chat, reference_counts
from strategies.words import many

TOKENIZER = "bpe-chatml"


def _counts(lab: Lab, tokenizer: str) -> Counts:
    return lab.once(
        f"counts with {tokenizer}", lambda: reference_counts(lab.sample, lab.chat(tokenizer))
    )


def changed(stored: Counts, real: Counts) -> float:
    """Return how many of 100 turns have another ISL."""
    pairs = [
        (a, b)
        for one, other in zip(stored, real, strict=True)
        for a, b in zip(one, other, strict=True)
    ]
    return 100 * sum(a != b for a, b in pairs) / len(pairs)


def measure_stored(lab: Lab) -> Evidence:
    """Compare the counts of one tokenizer with those of others, and of other template kwargs."""
    stored = _counts(lab, TOKENIZER)
    cases = [
        Case(f"another model: {name}", exactly(changed(stored, _counts(lab, name))))
        for name in tokenizer_names()
        if name != TOKENIZER
    ]
    other = load_chat(tokenizer_path(TOKENIZER), template_kwargs={"enable_thinking": False})
    kwargs = changed(stored, reference_counts(lab.sample, other))
    cases.append(Case("the same model, enable_thinking false", exactly(kwargs)))
    profile = load_chat(tokenizer_path(TOKENIZER), messages="as-written")
    written = changed(stored, reference_counts(lab.sample, profile))
    cases.append(Case("the same model, messages as written", exactly(written), judged=False))
    turns = many(count_turns(lab.sample), "turn")
    return Evidence(tuple(cases), f"counts of {TOKENIZER} on the small sample, {turns}")


def _contents(chat: ChatTokenizer, messages: Sequence[Any]) -> int:
    texts = [message.get("content") or "" for message in messages]
    return sum(chat.lengths([str(text) for text in texts]))


def _characters(_chat: ChatTokenizer, messages: Sequence[Any]) -> int:
    return round(sum(len(str(message.get("content") or "")) for message in messages) / 4)


def _json(chat: ChatTokenizer, messages: Sequence[Any]) -> int:
    return chat.lengths([json.dumps(list(messages), ensure_ascii=False)])[0]


SHORTCUTS: dict[str, Callable[[ChatTokenizer, Sequence[Any]], int]] = {
    "contents without the template": _contents,
    "characters of the contents ÷ 4": _characters,
    "the messages as JSON": _json,
}


def measure_framework(lab: Lab) -> Evidence:
    """Compare counts by shortcuts with what the server sees."""
    chat = lab.chat(TOKENIZER)
    counts = _counts(lab, TOKENIZER)
    cases = []
    for name, shortcut in SHORTCUTS.items():
        errors = [
            100 * abs(shortcut(chat, conversation.messages[:place]) - isl) / isl
            for conversation, turns in zip(lab.sample, counts, strict=True)
            for place, isl in zip(conversation.turns, turns, strict=True)
            if isl
        ]
        cases.append(Case(name, median_of(errors)))
    turns = many(count_turns(lab.sample), "turn")
    return Evidence(tuple(cases), f"{TOKENIZER} on the small sample, {turns}; median over turns")


STORED = Claim(
    name="stored-counts",
    question="Is a count that is stored in the dataset right for one model only?",
    experiment="The ISLs of one tokenizer are compared with those of other models and settings.",
    quantity="turns with another ISL, of 100",
    supports=Range(low=1),
    measure=measure_stored,
)

FRAMEWORK = Claim(
    name="shortcuts-differ",
    question="Do counts without the whole template differ from what the server sees?",
    experiment=(
        "Three ways to count that benchmark clients use, and the ISL by the whole template. "
        "Whether a right count matters more than a fast one is for the reader to say; this says "
        "how wrong a fast one is."
    ),
    quantity="error of a turn, % of its ISL",
    supports=Range(low=1),
    measure=measure_framework,
)
