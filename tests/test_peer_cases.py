"""What peers count wrong is kept as small cases, and each is counted again."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

import bench
from bench.conformance.peer_cases import count_of, library_versions, peer_case, pieces
from bench.measuring.causes import Difference
from bench.measuring.shrinking import File, smallest_tokenizer
from strategies import get, is_peer, names
from strategies.fewest import fewest
from tests.conftest import Bench, bundled_chat

DATA = Path(bench.__file__).parent / "data"
CASES = {
    row["id"]: row
    for row in json.loads((DATA / "conformance" / "peers.json").read_text(encoding="utf-8"))[
        "cases"
    ]
}
COUNTS = json.loads((DATA / "peer_counts.json").read_text(encoding="utf-8"))
WRONG: dict[str, dict[str, int]] = COUNTS["wrong"]
PEERS = [name for name in names() if is_peer(get(name))]


def test_there_are_cases_of_every_peer_that_counts_wrong() -> None:
    assert len(CASES) >= 10
    assert set(CASES) == set(WRONG)
    assert {"tokie", "kitoken", "iree-tokenizer"} <= {
        peer for row in WRONG.values() for peer in row
    }


@pytest.mark.parametrize("case", CASES)
def test_the_ids_of_a_case_are_those_of_the_library(case: str) -> None:
    row = CASES[case]
    tokenizer = Tokenizer.from_str(json.dumps(row["tokenizer"]["file"]))
    assert tokenizer.encode(row["text"], add_special_tokens=False).ids == row["ids"]


@pytest.mark.parametrize(
    ("case", "peer"), [(case, peer) for case, wrong in WRONG.items() for peer in wrong]
)
def test_a_peer_still_counts_a_case_wrong(case: str, peer: str) -> None:
    installed = library_versions([get(peer)]).get(peer)
    recorded = COUNTS["versions"][peer]
    if installed != recorded:
        pytest.skip(f"the count is that of {peer} {recorded}; here is {installed}")
    row = CASES[case]
    counted = count_of(row["tokenizer"]["file"], row["text"], get(peer))
    assert counted == WRONG[case][peer] != len(row["ids"])


def small_file() -> dict[str, Any]:
    file: dict[str, Any] = json.loads(bundled_chat("sp-bpe").backend_state())
    return file


def test_a_tokenizer_becomes_as_small_as_its_difference() -> None:
    # The control counts the text between markers by itself, where a word begins anew.
    file, control = small_file(), get("spliced-alone")
    text = "a[/INST]nt"
    tokens, counted = pieces(file, text), count_of(file, text, control)
    assert tokens is not None
    assert counted != len(tokens)
    found = Difference("cause", text, len(tokens), None)
    case = peer_case(file, found, control, "sp-bpe", [control])
    assert case is not None
    assert len(case.file["added_tokens"]) < len(file["added_tokens"])
    assert len(case.file["model"]["vocab"]) < 20
    assert len(json.dumps(case.file)) < 2_000
    assert pieces(case.file, text) == tokens
    assert case.wrong == {"spliced-alone": counted}


def test_a_large_table_of_a_normalizer_gives_way_to_an_empty_one() -> None:
    file = small_file()
    # The tree of a table, and a hundred thousand bytes of texts.
    table = b64encode((1024).to_bytes(4, "little") + bytes(1024 + 100_000)).decode()
    file["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": table}

    def differs(smaller: File) -> bool:
        return smaller["normalizer"] is not None and pieces(smaller, "a ") == pieces(file, "a ")

    small = smallest_tokenizer(file, "a ", differs)
    assert small is not None
    assert small["normalizer"]["type"] == "Precompiled"
    assert len(json.dumps(small)) < 5_000


def test_words_that_span_a_lost_white_space_stay() -> None:
    file = small_file()
    words = file["model"]["vocab"]
    assert "in" in words

    def differs(smaller: File) -> bool:
        return "in" in smaller["model"]["vocab"]

    small = smallest_tokenizer(file, "i\nn", differs)
    assert small is not None
    assert "in" in small["model"]["vocab"]


def test_a_part_is_left_out_once_another_is() -> None:
    # "a" is only needed while there is a "b" after it.
    def holds(parts: object) -> bool:
        text = "".join(parts)  # type: ignore[arg-type]
        return "c" in text and ("b" not in text or "a" in text)

    assert list(fewest("abc", holds)) == ["c"]


def test_a_difference_that_needs_the_whole_tokenizer_has_no_case() -> None:
    file = small_file()
    assert smallest_tokenizer(file, "text", lambda small: small == file) is None
    other = {**file, "model": {"type": "WordLevel", "vocab": {}, "unk_token": ""}}
    assert smallest_tokenizer(other, "text", lambda _: True) is None


def test_the_command_writes_a_page_and_cases(bench: Bench, tmp_path: Path) -> None:
    data, page = tmp_path / "data.jsonl", tmp_path / "page.md"
    chats = ([{"role": "user", "content": text}] for text in ("a[INST]nt", "nt[INST]nt"))
    data.write_text("".join(f"{json.dumps({'messages': chat})}\n" for chat in chats))
    page.write_text(
        "Before.\n<!-- bench peers: begin -->\nold\n<!-- bench peers: end -->\nAfter.\n"
    )
    (tmp_path / "corpus").mkdir()
    cases = tmp_path / "corpus" / "peers.json"
    options = ("--tokenizer", "sp-bpe", "--strategies", "spliced-alone,batched")
    result = bench("peers", data, *options, "--page", page, "--cases", cases)
    assert result.code == 0
    written = page.read_text()
    assert written.startswith("Before.\n<!-- bench peers: begin -->\nVersions: tokenizers ")
    assert written.endswith("\n<!-- bench peers: end -->\nAfter.\n")
    assert "| sp-bpe | 2 | 2 wrong | equal |" in written
    assert "old" not in written
    (row, *_) = json.loads(cases.read_text())["cases"]
    counts = json.loads((tmp_path / "peer_counts.json").read_text())["wrong"][row["id"]]
    assert set(counts) == {"spliced-alone"}
    assert counts["spliced-alone"] != len(row["ids"])


def test_a_page_without_the_two_lines_is_bad_input(bench: Bench, tmp_path: Path) -> None:
    data, page = tmp_path / "data.jsonl", tmp_path / "page.md"
    data.write_text(json.dumps({"messages": [{"role": "user", "content": "a"}]}))
    page.write_text("No place.\n")
    options = ("--tokenizer", "sp-bpe", "--strategies", "batched", "--page", page)
    result = bench("peers", data, *options)
    assert result.code == 3
    assert "the page needs the lines <!-- bench peers: begin -->" in result.error
    assert page.read_text() == "No place.\n"


def test_the_page_shows_every_peer() -> None:
    page = (Path(__file__).parents[1] / "docs" / "peers.md").read_text(encoding="utf-8")
    (heads,) = [line for line in page.splitlines() if line.startswith("| tokenizer | turns |")]
    assert heads.strip("| ").split(" | ")[2:] == PEERS
