"""Long texts without markers are cut inside, and counted as the tokenizers library counts them."""

from __future__ import annotations

from random import Random

import pytest
from tokenizers import Tokenizer

from bench.bundled import tokenizer_names
from tests.conftest import bundled_chat, real_chat
from tests.engines import assert_counted, growing_prompts

BYTE_LEVEL = ("qwen3", "gpt-oss", "smollm3", "mistral-nemo-tekken", "phi-4-mini", "minimind")
NO_WORDS = ("gemma-4", "phi-3-mini", "mistral-v3", "mistral-v3-spm")
UNIGRAM = ("t5-small", "xlm-roberta-unigram")

TURN = (
    "<|IM_START|>user\n" + "Some words, in a line. " * 99 + "\n\n  日本語。<|IM_END|>\nend of it\n"
)


def backend(name: str) -> Tokenizer:
    chat = bundled_chat(name) if name in tokenizer_names() else real_chat(name)
    if chat.backend is None:
        pytest.skip("it has no tokenizers backend")
    return chat.backend


@pytest.mark.parametrize("name", [*tokenizer_names(), *BYTE_LEVEL, *NO_WORDS, *UNIGRAM])
def test_growing_text_is_cut_where_no_token_reaches(name: str) -> None:
    prompts = [TURN * turns for turns in range(1, 12)]
    figures = assert_counted(backend(name), [prompts])
    # At least once for each turn, and not all of them again.
    assert len(prompts) <= figures["markers_found"] < len(prompts) * 9


@pytest.mark.parametrize("name", [*tokenizer_names(), *BYTE_LEVEL, *NO_WORDS, *UNIGRAM])
def test_text_that_grows_and_changes(name: str) -> None:
    tokenizer = backend(name)
    random = Random(name)  # noqa: S311  # no secret
    markers = [token.content for token in tokenizer.get_added_tokens_decoder().values()][:5]
    for rare in ((), markers):
        prompts = [growing_prompts(random, 12, markers=rare, longest=900) for _ in range(2)]
        assert max(len(prompt) for turns in prompts for prompt in turns) > 4000
        assert_counted(tokenizer, prompts)
