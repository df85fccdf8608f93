"""Random prompts, as texts: the native core counts what the loaded library counts.

The prompts of a conversation mostly grow, and now and then their history changes. They are made
of code points of every general category, of words of the tokenizer's own vocabulary and pieces of
them, of its added tokens whole and broken, and of long runs. The run is small.
`bench fuzz` searches for longer, and compares every strategy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.bundled import tokenizer_names, tokenizer_path
from strategies import ChatTokenizer, get, load_chat
from strategies.testing.texts import TextWriter
from tests.conftest import REAL

SMALL = 400
BATCH = 200

PATHS = [tokenizer_path(name) for name in tokenizer_names()]
if (REAL / "tokenizers").is_dir():
    PATHS += sorted(path for path in (REAL / "tokenizers").iterdir() if path.is_dir())


def writer_for(chat: ChatTokenizer, dice: Random) -> TextWriter:
    """Return what writes texts of a tokenizer's own words and tokens."""
    added = [token.content for token in chat.tokenizer.added_tokens_decoder.values()]
    words: list[str] = sorted(chat.tokenizer.get_vocab())
    # Entries as they stand: byte-level ones are strange texts, which is as well.
    return TextWriter(dice, added, [dice.choice(words) for _ in range(5_000)])


def attack(path: Path, seed: int, until: int) -> Iterator[tuple[int, list[str]]]:
    """Yield after each batch the number of prompts so far, and what is wrong in it."""
    chat = load_chat(path, template="{{ messages[0].content }}")
    rust = get("rust")
    reason = rust.availability(chat)
    if reason:
        pytest.skip(f"rust cannot count here: {reason}")
    writer = writer_for(chat, Random(seed))  # noqa: S311  # no secret
    done = 0
    with rust.open(chat, workers=2) as counter:
        native: Any = getattr(counter, "native")  # noqa: B009  # of this strategy only
        while done < until:
            conversations = [writer.growing() for _ in range(BATCH)]
            counts, failures, _ = native.count_prompts(conversations)
            failed = {(place, turn) for place, turn, _, _ in failures}
            expected = iter(chat.lengths([text for each in conversations for text in each]))
            wrong = []
            for place, prompts in enumerate(conversations):
                for turn, prompt in enumerate(prompts):
                    length, count = next(expected), counts[place][turn]
                    # A turn that the core fails is counted by the plain call, and said.
                    if count != length and (place, turn) not in failed:
                        wrong.append(f"{path.name}: {count} for {length} tokens: {prompt!r}")
            # Few turns may be left to the plain call, or nothing would be tested.
            assert len(failed) < BATCH / 4
            done += sum(map(len, conversations))
            yield done, wrong


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_random_texts_are_counted_as_by_the_library(path: Path) -> None:
    for _, wrong in attack(path, 1, SMALL):
        assert not wrong, "\n".join(wrong[:3])
