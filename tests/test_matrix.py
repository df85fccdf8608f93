"""Every exact strategy with counting of its own, on every real tokenizer and dataset.

This takes minutes of plain calls, so `make test` leaves it out. `make test-matrix` runs it.
"""

from __future__ import annotations

from functools import cache

import pytest

import strategies
from strategies import Counts, reference_counts
from strategies.verification import mismatches
from tests.conftest import REAL, real_chat, real_conversations

TOKENIZERS = sorted(path.name for path in (REAL / "tokenizers").glob("*"))
DATASETS = sorted(path.stem for path in (REAL / "datasets").glob("*.jsonl"))

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("dataset", DATASETS or [pytest.param("", id="none there")])
@pytest.mark.parametrize("tokenizer", TOKENIZERS or [pytest.param("", id="none there")])
def test_every_turn_is_exact_or_fails_alike(tokenizer: str, dataset: str) -> None:
    chat, conversations = real_chat(tokenizer), real_conversations(dataset)
    expected = reference_counts(conversations, chat, on_error="skip")
    for name in ("rust", "spliced", "batched"):
        got = strategies.count(conversations, chat, name, workers=2, on_error="skip")
        assert mismatches(conversations, expected, got) == [], name


def test_every_strategy_is_exact_in_every_turn_of_the_agentic_set(strategy_name: str) -> None:
    chat, conversations = real_chat("qwen3"), real_conversations("agentic_coding_2.5h")
    got = strategies.count(conversations, chat, strategy_name, workers=2)
    assert mismatches(conversations, agentic_reference(), got) == []


@cache
def agentic_reference() -> Counts:
    return reference_counts(real_conversations("agentic_coding_2.5h"), real_chat("qwen3"))
