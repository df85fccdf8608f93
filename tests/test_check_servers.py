"""`bench check` against servers that others wrote: `make check-servers`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench.bundled import tokenizer_path
from bench.checking.report import SCHEMA_PATH
from bench.samples import sample_bytes
from tests.conftest import Bench, real_path
from tests.servers import SERVERS, vllm_harmony, vllm_mistral

pytestmark = [pytest.mark.servers, pytest.mark.allow_hosts(["127.0.0.1"])]

SCHEMA = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))

# What is known of a server: docs/check.md has the table, and says why.
TOKENS = "the same text, other tokens"
NUMBERS = "other numbers, or written in another way"
REASONING = "as if reasoning is left out"
CONTENT = "as if content beside tool calls is left out"
BOTH = "as if reasoning is left out, content beside tool calls is left out"
AS_WRITTEN = "as if messages are those of --messages as-written"
KNOWN: dict[tuple[str, str], set[str]] = {
    ("llama.cpp", "llama-cpp"): {NUMBERS, TOKENS},
    ("llama.cpp", "chat"): {"the prompt is not shown"},
    ("transformers serve", "chat"): {REASONING, CONTENT, BOTH, AS_WRITTEN},
    ("vLLM", "render"): set(),
    ("vLLM", "tokenize"): {REASONING},
    ("Dynamo", "chat"): {"the prompt is not shown"},
}
PLAIN_SHAPES = ("multilingual",)
"""Conversations of texts alone, that every server counts as we do."""


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["bpe-chatml", "qwen3"])
def tokenizer(request: pytest.FixtureRequest) -> Path:
    if request.param == "qwen3":
        return real_path("tokenizers", "qwen3")
    return tokenizer_path(request.param)


Checked = tuple[int, dict[str, Any]]
Check = Callable[..., Checked]


@pytest.fixture
def check(bench: Bench, tmp_path: Path) -> Check:
    def run(data: bytes | Path, tokenizer: Path, url: str, *more: str) -> Checked:
        path = tmp_path / "chats.jsonl"
        path = data if isinstance(data, Path) else path
        if isinstance(data, bytes):
            path.write_bytes(data)
        result = bench(
            *("check", path, "--tokenizer", tokenizer, "--against", url, "--json"),
            *("--on-error", "skip", "--timeout", "120", *more),
        )
        assert result.code in (0, 1), result
        printed: dict[str, Any] = json.loads(result.out)
        jsonschema.Draft202012Validator(SCHEMA).validate(printed)
        return result.code, printed

    return run


def test_a_server_is_equal_but_for_what_is_known(
    check: Check, server: str, tokenizer: Path, tmp_path: Path
) -> None:
    model = () if server in ("llama.cpp", "vLLM", "Dynamo") else ("--model", "model")
    with SERVERS[server](tokenizer, tmp_path) as url:
        plain = sample_bytes("small", shapes=PLAIN_SHAPES)
        code, printed = check(plain, tokenizer, url, *model)
        assert code == 0, printed["departures"]
        assert printed["compared"] == printed["sample"]["turns"] > 30
        for (name, endpoint), kinds in KNOWN.items():
            if name == server:
                more = ("--endpoint", endpoint, "--turns", "60")
                code, printed = check(sample_bytes("small"), tokenizer, url, *more, *model)
                found = {each["kind"] for each in printed["departures"]}
                assert found <= kinds, printed["departures"]
                assert code == bool(printed["different"])
                assert printed["compared"] > 40


def test_another_template_is_found(check: Check, server: str, tmp_path: Path) -> None:
    tokenizer = tokenizer_path("bpe-chatml")
    own = (tokenizer / "chat_template.jinja").read_text(encoding="utf-8")
    planted = own.replace("'<|im_start|>assistant\\n'", "'<|im_start|>assistant\\nWell, '")
    assert planted != own
    model = ("--model", "model") if server == "transformers serve" else ()
    with SERVERS[server](tokenizer, tmp_path, planted) as url:
        plain = sample_bytes("small", shapes=PLAIN_SHAPES)
        code, printed = check(plain, tokenizer, url, *model)
    assert code == 1
    assert printed["different"] == printed["compared"] > 30


def test_harmony_counts_what_vllm_counts(check: Check, tmp_path: Path) -> None:
    pytest.importorskip("openai_harmony", reason="openai-harmony is not installed")
    vocabulary = real_path("tokenizers", "gpt-oss")
    renderer = ("--renderer", "harmony")
    with vllm_harmony(vocabulary, tmp_path) as url:
        for more in ((), ("--template-kwargs", '{"reasoning_effort": "high"}')):
            code, printed = check(sample_bytes("small"), vocabulary, url, *renderer, *more)
            assert code == 0, printed["departures"]
            assert printed["compared"] == 100
            # The library that vLLM brings writes the header of a tool's result in another order.
            assert [each["kind"] for each in printed["departures"]] == ["another order"]
            assert all(" to=assistant" in each["ours"] for each in printed["departures"])
        plain = sample_bytes("small", shapes=PLAIN_SHAPES)
        code, printed = check(plain, vocabulary, url, *renderer, "--clock", "2001-02-03")
        assert [each["kind"] for each in printed["departures"]] == ["another date"]


@pytest.mark.parametrize("version", ["v3-tekken", "v13-tekken", "v15-tekken"])
def test_mistral_common_counts_what_vllm_counts(check: Check, tmp_path: Path, version: str) -> None:
    pytest.importorskip("mistral_common", reason="mistral-common is not installed")
    from tests import mistral_vocabularies

    vocabulary = mistral_vocabularies.path_of(version, tmp_path / "made")
    with vllm_mistral(vocabulary, tmp_path) as url:
        code, printed = check(
            sample_bytes("small"), vocabulary, url, "--renderer", "mistral-common"
        )
    assert code == 0, printed["departures"]
    assert printed["departures"] == []
    assert printed["compared"] == 100
