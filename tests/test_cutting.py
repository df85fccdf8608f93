"""The search finds the shortest text that a cut gets wrong, and none where cutting is exact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.conformance.corpus import Case
from bench.cutting.corpus import corpus_rows
from bench.cutting.search import shortest_counterexample
from bench.cutting.subject import Subject, subject_of, subject_of_backend
from bench.cutting.survey import Survey, counterexamples, heat_map, survey, ways_table
from bench.cutting.ways import WAYS, alone, between
from strategies import UnavailableError, load_chat
from strategies.linting.search import shrink
from tests.conftest import bundled_chat

ROWS = corpus_rows()


def subject(row: Case) -> Subject:
    return subject_of_backend(row.about, row.made_tokenizer())


@pytest.fixture(scope="module")
def surveyed() -> Survey:
    return survey([(subject(row), [row.text]) for row in ROWS], most_pieces=2)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_between_markers_gives_the_ids_of_the_whole(row: Case) -> None:
    found = shortest_counterexample(subject(row), between, more=[row.text])
    assert found.found is None
    assert found.tried > (0 if subject(row).panics else 200)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_what_the_corpus_calls_wrong_is_found(row: Case) -> None:
    each = subject(row)
    found = shortest_counterexample(each, alone, more=[row.text]).found
    if row.alone == "wrong":
        assert found is not None
    if found is not None:
        assert list(found.whole) == each.encode(found.text) != list(found.cut)
        assert len(found.text) <= len(row.text) or row.alone == "exact"


@pytest.mark.parametrize(
    ("name", "text", "whole", "cut"),
    [
        ("sp-bpe", "<s>\n", ["<s>", "\n"], ["<s>", "▁", "\n"]),
        ("unigram", "\n<|end|>", ["<|end|>"], ["▁", "<|end|>"]),
    ],
)
def test_the_shortest_counterexamples_of_the_bundled_tokenizers(
    name: str, text: str, whole: list[str], cut: list[str]
) -> None:
    each = subject_of(bundled_chat(name))
    found = shortest_counterexample(each, alone, most_pieces=2).found
    assert found is not None
    assert found.text == text
    assert each.tokens(list(found.whole)) == whole
    assert each.tokens(list(found.cut)) == cut


@pytest.mark.parametrize("name", ["bpe-chatml", "sentencepiece"])
def test_chatml_and_the_sentencepiece_library_are_exact_both_ways(name: str) -> None:
    each = subject_of(bundled_chat(name))
    for way in (between, alone):
        assert shortest_counterexample(each, way, most_pieces=2).found is None


def test_every_way_but_one_is_wrong_somewhere(surveyed: Survey) -> None:
    names = list(surveyed.found)
    assert {way: surveyed.exact(way) == names for way in WAYS} == {
        "between markers": True,
        "spans alone": False,
        "default call": False,
        "listed order": False,
        "line ends": False,
    }


def test_the_heat_map_has_a_field_for_each_search(surveyed: Survey) -> None:
    figure = heat_map(surveyed)
    figure.draw_without_rendering()
    (panel,) = figure.axes
    said = [text.get_text() for text in panel.texts]
    wrong = [s for ways in surveyed.found.values() for s in ways.values() if s.found]
    assert len(said) == len(surveyed.found) * len(WAYS)
    assert sum(text.startswith("wrong: ") for text in said) == len(wrong) > 20
    assert "wrong: <|m|>\\n" in said


def test_the_table_shows_every_counterexample_and_no_raw_markup(surveyed: Survey) -> None:
    head, rule, *rows = counterexamples(surveyed).splitlines()
    wrong = [s for ways in surveyed.found.values() for s in ways.values() if s.found]
    assert len(rows) == len(wrong)
    assert {row.count("|") for row in (head, rule, *rows)} == {6}
    assert "<code>&lt;&#124;m&#124;>\\n</code>" in "".join(rows)
    assert len(ways_table().splitlines()) == 2 + len(WAYS)


def test_longer_texts_are_tried_and_made_short() -> None:
    row = next(row for row in ROWS if row.name == "nested-markers")
    each = subject(row)
    naive = WAYS["listed order"].encode
    found = shortest_counterexample(
        each, naive, most_pieces=0, more=["nothing", f"so{row.text}long"]
    )
    assert found.tried == 2
    assert found.found is not None
    assert found.found.text == "<|EOS|>"


@given(st.text("abc", max_size=40))
def test_nothing_can_be_left_out_of_what_was_shrunk(text: str) -> None:
    def both(shorter: str) -> bool:
        return "a" in shorter and shorter.count("b") >= 2

    short = shrink(text, both)
    assert sorted(short) == ["a", "b", "b"] if both(text) else True
    assert not any(both(short[:i] + short[i + 1 :]) for i in range(len(short)) if both(text))


def test_a_tokenizer_that_cannot_be_cut_is_no_subject() -> None:
    chat = load_chat(bundled_chat("sentencepiece").spec.name_or_path)
    chat.tokenizer.add_tokens(["<a<"])
    with pytest.raises(UnavailableError, match="can begin inside"):
        subject_of(chat)
