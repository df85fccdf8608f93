"""Counting span by span with neighbours is exact, and the tests can find when it is not.

The corpus holds a row for each thing that can look past a cut. The row also says whether counting
spans alone is right. The rows in which it is wrong prove that a check can fail.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from bench.conformance.build import NORMALIZERS, PRE_TOKENIZERS, small_tokenizer
from bench.conformance.corpus import Case, chosen_cases
from strategies import availability, get, load_chat, open_available
from strategies.splicing import (
    Cutter,
    Markers,
    Span,
    SpanPath,
    backend_markers,
    between_markers,
    markers_of,
)
from strategies.testing.case import of_texts
from strategies.testing.tokenizers import CONFIG
from tests.conftest import bundled_chat, real_chat, real_conversations

ROWS = chosen_cases(["splicing"])


def whole(tokenizer: Tokenizer, text: str) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False))


def spliced(tokenizer: Tokenizer, text: str, *, neighbours: bool = True) -> int:
    _, spans = SpanPath(Cutter(backend_markers(tokenizer))).advance(text)
    total = len(spans) - 1
    for span in spans:
        counted, markers = between_markers(span) if neighbours else (span[1], 0)
        total += whole(tokenizer, counted) - markers
    return total


def test_the_corpus_is_there() -> None:
    assert len(ROWS) > 20
    assert len({row.about for row in ROWS}) == len(ROWS)
    assert {row.alone for row in ROWS} == {"exact", "wrong"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_spans_between_their_markers_count_exactly(row: Case) -> None:
    tokenizer = row.made_tokenizer()
    assert spliced(tokenizer, row.text) == whole(tokenizer, row.text)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_spans_alone_are_wrong_where_the_corpus_says_so(row: Case) -> None:
    tokenizer = row.made_tokenizer()
    equal = spliced(tokenizer, row.text, neighbours=False) == whole(tokenizer, row.text)
    assert ("exact" if equal else "wrong") == row.alone


def test_cutting_at_every_occurrence_is_wrong_where_markers_nest() -> None:
    tokenizer = small_tokenizer([{"content": "<|"}, {"content": "<|EOS|>"}])
    text = "<|EOS|>a<|b"
    naive = text.replace("<|EOS|>", "\0<|EOS|>\0").replace("<|", "\0<|\0").split("\0")
    assert sum(whole(tokenizer, piece) for piece in naive) != whole(tokenizer, text)
    assert spliced(tokenizer, text) == whole(tokenizer, text)


marker_texts = st.sampled_from(
    ["<|m|>", "<|", "|>", "<|m", "m|>", "<<", "<|m|><|m|>", " <|", "|> ", "\n", "  ", "he", "hello"]
)
flags = st.fixed_dictionaries(
    {},
    optional={
        "lstrip": st.booleans(),
        "rstrip": st.booleans(),
        "single_word": st.booleans(),
        "normalized": st.booleans(),
        "special": st.booleans(),
    },
)
texts = st.lists(
    st.one_of(marker_texts, st.text(" \n\tahelo<|>m▁é\u0301", max_size=6)), max_size=14
).map("".join)


@st.composite
def tokenizers(draw: st.DrawFn) -> Tokenizer:
    contents = draw(st.lists(marker_texts, max_size=5, unique=True))
    markers = [{"content": content, **draw(flags)} for content in contents]
    # Some normalized tokens under a normalizer make the library itself hang.
    has_normalized = any(marker.get("normalized") for marker in markers)
    normalizer = None if has_normalized else draw(st.sampled_from([None, *NORMALIZERS]))
    return small_tokenizer(
        markers,
        pre_tokenizer=draw(st.sampled_from([*PRE_TOKENIZERS, "none"])),
        normalizer=normalizer,
        split_special_tokens=draw(st.booleans()),
    )


@settings(max_examples=400, deadline=None)
@given(tokenizers(), texts)
def test_any_text_counts_exactly_with_any_added_tokens(tokenizer: Tokenizer, text: str) -> None:
    try:
        expected = whole(tokenizer, text)
    except BaseException as error:
        # Some stripping tokens beside wide characters make the library itself panic.
        assume(type(error).__name__ != "PanicException")
        raise
    assert spliced(tokenizer, text) == expected


@settings(max_examples=300, deadline=None)
@given(
    st.sets(marker_texts, max_size=6),
    st.lists(st.tuples(texts, st.sampled_from([0.0, 0.5, 0.9, 1.0, 1.0])), min_size=1, max_size=5),
)
def test_a_path_that_resumes_cuts_as_one_that_begins_anew(
    contents: set[str], edits: list[tuple[str, float]]
) -> None:
    cutter = Cutter(Markers(frozenset(contents), frozenset()))
    path, spans, prompt = SpanPath(cutter), list[Span](), ""
    for edit, kept_share in edits:
        # The prompt grows, or its end is replaced, as happens with a generation prompt.
        prompt = prompt[: round(len(prompt) * kept_share)] + edit
        kept, new = path.advance(prompt)
        spans = spans[:kept] + new
        assert (0, spans) == SpanPath(cutter).advance(prompt)


@settings(max_examples=200, deadline=None)
@given(st.sets(marker_texts, min_size=1), texts)
def test_the_cutter_is_leftmost_longest(contents: set[str], text: str) -> None:
    expected, position = [], 0
    while position < len(text):
        found = [m for m in contents if text.startswith(m, position)]
        if found:
            end = position + max(map(len, found))
            expected.append((position, end))
            position = end
        else:
            position += 1
    assert list(Cutter(Markers(frozenset(contents), frozenset())).find(text)) == expected


def test_a_marker_at_the_end_of_a_prompt_can_become_a_longer_one() -> None:
    tokenizer = small_tokenizer([{"content": "<s>"}, {"content": "\n"}, {"content": "\n\n\n"}])
    path = SpanPath(Cutter(backend_markers(tokenizer)))
    _, first = path.advance("<s>assistant\n")
    kept, new = path.advance("<s>assistant\n\n\nand<s>")
    assert [marker for *_, marker in first[:kept] + new] == ["<s>", "\n\n\n", "<s>", None]


def test_what_is_new_alone_is_scanned() -> None:
    path = SpanPath(Cutter(Markers(frozenset({"<|m|>"}), frozenset())))
    history = "".join(f"<|m|>message {i}" for i in range(100))
    path.advance(history)
    kept, new = path.advance(f"{history}<|m|>one more")
    assert kept == 100
    assert [text for _, text, _ in new][-1] == "one more"


def test_the_sentencepiece_library_is_cut_where_that_is_proven() -> None:
    assert isinstance(markers_of(bundled_chat("sentencepiece")), Markers)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (AddedToken("word", single_word=True), "single_word"),
        (AddedToken("<a<", normalized=False), "can begin inside"),
        (AddedToken("\n", normalized=False), None),
    ],
    ids=["single word", "overlapping", "white space without stripping"],
)
def test_the_sentencepiece_library_is_not_cut_elsewhere(
    token: AddedToken, reason: str | None
) -> None:
    from strategies import ChatTokenizer

    chat = ChatTokenizer(bundled_chat("sentencepiece").spec)
    chat.tokenizer.add_tokens([token])
    markers = markers_of(chat)
    if reason is None:
        assert isinstance(markers, Markers)
    else:
        assert isinstance(markers, str)
        assert reason in markers


def test_deepseek_is_not_cut_at_its_normalized_tokens() -> None:
    chat = real_chat("deepseek-v3")
    markers = markers_of(chat)
    assert isinstance(markers, Markers)
    added = chat.tokenizer.added_tokens_decoder.values()
    normalized = {token.content for token in added if token.normalized}
    assert len(normalized) == 17
    assert not normalized & markers.cuts


@pytest.mark.parametrize("name", ["qwen3", "gemma-4", "gpt-oss"])
def test_memory_follows_distinct_text(name: str) -> None:
    chat = real_chat(name)
    data = real_conversations("agentic_coding_2.5h")[:1]
    markers = markers_of(chat)
    assert isinstance(markers, Markers)
    path, kept, seen = SpanPath(Cutter(markers)), 0, 0
    for _, prompt in chat.prompts(data[0]):
        assert prompt is not None
        before, spans = path.advance(prompt)
        kept += before
        seen += len(spans)
    # Nearly all spans of a turn were in the turn before.
    assert kept > 10 * seen


def test_a_span_on_which_the_library_never_ends_is_not_tried(
    tmp_path: Path, strategy_name: str
) -> None:
    # The plain call fails on the first piece, \u00e9. The span <m>a alone would take all memory.
    backend = small_tokenizer(
        [{"content": "<m>"}, *({"content": text, "normalized": True} for text in (" ", "ab"))],
        normalizer="strip",
    )
    backend.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    chat = load_chat(tmp_path, template="{{ messages[-1].content }}")
    reason = availability(get(strategy_name), chat)
    # Before anything is counted, since a wrong answer here would take all memory.
    refused = {"rust", "spliced"}
    for name in refused:
        assert availability(get(name), chat) == "nothing is left of ' ' when it is normalized"
    if strategy_name in refused:
        return
    assert reason is None
    data = [of_texts("c", ["\u00e9<m>a"])]
    with open_available(get(strategy_name), chat, 1) as counter:
        assert counter.count(data, on_error="skip") == [[None]]
