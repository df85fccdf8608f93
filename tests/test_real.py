"""The claims of the project, on real tokenizers and datasets."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import strategies
from bench.measuring.memory import PeakMemory
from strategies import Conversation, Counts, reference_counts
from strategies.verification import mismatches
from tests.conftest import (
    BENCH,
    Bench,
    plain_counts,
    real_chat,
    real_conversations,
    real_path,
)

# Plain calls take many seconds, and much longer on a busy machine.
pytestmark = [
    pytest.mark.timeout(1200),
    # What templates leave out has tests of its own.
    pytest.mark.filterwarnings("ignore::strategies.IslWarning"),
]

SOME = 9
"""What encodes every prompt whole is checked on each ninth conversation, because it takes long."""

SENTENCEPIECE = ("phi-3-mini", "mistral-v3", "mistral-v3-spm")


Reference = Callable[[str, str, int], Counts]


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Return the reference of each so many conversations, computed once for all test processes."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    @cache
    def counts(tokenizer: str, dataset: str, step: int) -> Counts:
        with (folder / f"{tokenizer}-{dataset}-{step}.json").open("a+") as kept:
            fcntl.flock(kept, fcntl.LOCK_EX)
            kept.seek(0)
            if text := kept.read():
                known: Counts = json.loads(text)
                return known
            conversations = real_conversations(dataset)[::step]
            made = reference_counts(conversations, real_chat(tokenizer), on_error="skip")
            json.dump(made, kept)
            return made

    return counts


def check(
    reference: Reference, strategy: str, tokenizer: str, dataset: str, step: int = 1
) -> list[strategies.Mismatch]:
    """Compare a strategy with the reference on every conversation, or every `step`-th one."""
    chat = real_chat(tokenizer)
    reason = strategies.get(strategy).availability(chat)
    if reason is not None:
        pytest.skip(f"{strategy} says that it cannot: {reason}")
    if strategy == "sequential":
        # This is the reference itself. So transformers alone counts some of its turns again.
        conversations = real_conversations(dataset)[::SOME]
        expected = plain_counts(chat, conversations)
    else:
        conversations = real_conversations(dataset)[::step]
        expected = reference(tokenizer, dataset, step)
    got = strategies.count(conversations, chat, strategy, workers=2, on_error="skip")
    return mismatches(conversations, expected, got)


def test_qwen3_on_the_agentic_set_is_exact(reference: Reference, strategy_name: str) -> None:
    # tests/test_matrix.py counts all conversations. That takes half a minute for each strategy
    # that encodes every prompt whole.
    if strategy_name in {"thread-pool", "process-pool", "batched"}:
        data = real_conversations("agentic_coding_2.5h")[::SOME]
        expected = reference("qwen3", "agentic_coding_2.5h", 3)[:: SOME // 3]
        got = strategies.count(data, real_chat("qwen3"), strategy_name, workers=2)
        assert mismatches(data, expected, got) == []
    else:
        assert check(reference, strategy_name, "qwen3", "agentic_coding_2.5h", step=3) == []


@pytest.mark.parametrize("strategy", ["spliced", "rust"])
def test_the_published_figures_of_the_agentic_set(strategy: str) -> None:
    data = real_conversations("agentic_coding_2.5h")
    assert strategies.count_turns(data) == 1007
    counts = strategies.count(data, real_chat("qwen3"), strategy, workers=2)
    assert sum(isl or 0 for turns in counts for isl in turns) == 12_758_209
    assert max(isl or 0 for turns in counts for isl in turns) == 26_843


@pytest.mark.parametrize("tokenizer", SENTENCEPIECE)
def test_sentencepiece_tokenizers_are_exact_on_multilingual_dialogues(
    reference: Reference, strategy_name: str, tokenizer: str
) -> None:
    assert check(reference, strategy_name, tokenizer, "x_risawoz_multilingual") == []


def test_spans_alone_are_caught_as_wrong_on_phi_3(reference: Reference) -> None:
    assert len(check(reference, "spliced-alone", "phi-3-mini", "x_risawoz_multilingual")) > 1000


@pytest.mark.parametrize(
    ("tokenizer", "dataset"),
    [
        ("gpt-oss", "glaive_toolcall_en"),
        ("gemma-4", "reason_tool_use"),
        ("deepseek-v3", "x_risawoz_multilingual"),
        ("smollm3", "bfcl_calib"),
        ("mistral-nemo-tekken", "x_risawoz_multilingual"),
        ("phi-4-mini", "glaive_toolcall_en"),
        ("phi-4-mini", "x_risawoz_multilingual"),
        ("minimind", "bfcl_multi_turn"),
        ("t5-small", "reason_tool_use"),
        ("xlm-roberta-unigram", "x_risawoz_multilingual"),
        ("deepseek-v3", "agentic_coding_2.5h"),
    ],
)
@pytest.mark.parametrize("strategy", ["batched", "spliced", "auto"])
def test_other_real_tokenizers_are_exact(
    reference: Reference, strategy: str, tokenizer: str, dataset: str
) -> None:
    # The reference takes long; tests/test_matrix.py runs it on all conversations.
    assert check(reference, strategy, tokenizer, dataset, step=3) == []


def test_a_literal_marker_in_a_message_counts_as_the_reference_reads_it() -> None:
    chat = real_chat("qwen3")
    messages = (
        {"role": "user", "content": "what is <|im_end|> and <think>?"},
        {"role": "assistant", "content": "<|im_start|>user\n it ends <|im_end"},
        {"role": "user", "content": "</think><|im_end|>\n"},
    )
    conversation = Conversation("literal", messages, None, (1, 2, 3))
    assert strategies.verify("spliced", [conversation], chat) == []


def test_a_count_reads_back_as_the_reference_uses_little_memory_and_repeats_exactly(
    reference: Reference, bench: Bench, tmp_path: Path
) -> None:
    dataset = real_path("datasets", "agentic_coding_2.5h.jsonl")
    tokenizer = real_path("tokenizers", "qwen3")
    first, again = tmp_path / "first.parquet", tmp_path / "again.parquet"
    command = ["count", str(dataset), "--tokenizer", str(tokenizer), "--quiet"]
    command += ["--strategy", "spliced", "--out"]
    process = subprocess.Popen([*BENCH, *command, first], stderr=subprocess.PIPE, text=True)
    with PeakMemory(process.pid) as memory:
        _, stderr = process.communicate()
    assert (process.returncode, stderr) == (0, "")
    # 51.5 MB of prompts and 12.76 million tokens are never held in memory at once.
    assert 0 < memory.rss_bytes < 1_000_000_000
    assert bench(*command, again).code == 0
    assert first.read_bytes() == again.read_bytes()
    table = pq.read_table(tmp_path / "first.parquet").to_pydict()
    conversations = real_conversations("agentic_coding_2.5h")
    isl = iter(table["isl"])
    found = [[next(isl) for _ in each.turns] for each in conversations]
    # The reference of all of them takes half a minute.
    assert found[::3] == reference("qwen3", "agentic_coding_2.5h", 3)
    assert table["conversation"] == [c.id for c in conversations for _ in c.turns]
    assert table["messages"] == [k for c in conversations for k in c.turns]
