"""The lint's verdicts agree with brute force, and each counterexample reproduces.

The brute force here cuts in its own way: it shares no code with the lint but the tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from bench.conformance.build import NORMALIZERS, PRE_TOKENIZERS, small_tokenizer
from strategies import ChatTokenizer, Lint, lint
from strategies.exactness.conditions import CONDITIONS
from strategies.exactness.overlaps import Overlaps
from strategies.linting.engines import ENGINES, Asked, EngineVerdict, engine_verdicts
from strategies.linting.markers import marker_texts, marker_verdict
from strategies.linting.rules import RULES, verdict_by_rules
from strategies.linting.search import Counterexample
from strategies.linting.subject import Subject, subject_of, subject_of_backend
from strategies.linting.verdict import ALONE, NEIGHBOURS, NEVER, MarkerVerdict
from tests.conftest import bundled_chat, real_chat

REAL = {
    "deepseek-v3": (ALONE, None),
    "gemma-4": (ALONE, None),
    "gpt-oss": (ALONE, None),
    "minimind": (ALONE, None),
    "mistral-nemo-tekken": (ALONE, None),
    "mistral-v3": (NEIGHBOURS, "prepend scheme"),
    "mistral-v3-spm": (NEIGHBOURS, "prepend scheme"),
    "phi-3-mini": (NEIGHBOURS, "strip flags"),
    "phi-4-mini": (NEIGHBOURS, "strip flags"),
    "qwen3": (ALONE, None),
    "smollm3": (ALONE, None),
    "t5-small": (ALONE, None),
    "xlm-roberta-unigram": (NEIGHBOURS, "strip flags"),
}
BUNDLED = {
    "bpe-chatml": (ALONE, None),
    "sentencepiece": (ALONE, None),
    "sp-bpe": (NEIGHBOURS, "prepend scheme"),
    "unigram": (NEIGHBOURS, "strip flags"),
}
VERDICTS = {**REAL, **BUNDLED}

#: What stands on either side of a marker in the brute force: white space of every kind that
#: tokens strip or do not, letters, digits, marks, signs.
SIDES = (
    *("", " ", "  ", "\n", "\r\n", "\t", "\x1c", "\u00a0", "\u2003", "\u3000", "\u200b"),
    *("a", "the", "B", "1", "'s", "_", ".", "\u0301", "\u00e9", "\u2581", "\u6587", "\U0001f600"),
)
MOST_MARKERS = 12
"""Markers of one tokenizer that are tried: those that are written, and some of the others."""

_lints: dict[str, Lint] = {}


def chat_named(name: str) -> ChatTokenizer:
    return bundled_chat(name) if name in BUNDLED else real_chat(name)


def linted(name: str) -> Lint:
    if name not in _lints:
        _lints[name] = lint(chat_named(name))
    return _lints[name]


def cut_alone(subject: Subject, marker: str, number: int, text: str) -> list[int]:
    ids: list[int] = []
    for place, piece in enumerate(text.split(marker)):
        ids += [number] if place else []
        ids += subject.encode(piece) if piece else []
    return ids


def cut_between(subject: Subject, cuts: dict[str, int], text: str) -> list[int]:
    """Cut at some tokens where the search finds them, with a loop in place of the Cutter."""
    ids: list[int] = []
    before, start, place = "", 0, 0
    while place < len(text):
        here = [token for token in subject.searched if text.startswith(token, place)]
        found = max(here, key=len, default="")
        if found in cuts:
            ids += spanned(subject, before, text[start:place], found)
            ids.append(cuts[found])
            before, start = found, place + len(found)
        place += max(1, len(found))
    return ids + spanned(subject, before, text[start:], "")


def spanned(subject: Subject, before: str, span: str, after: str) -> list[int]:
    ids = subject.encode(before + span + after)
    return ids[bool(before) : len(ids) - bool(after)]


def tried_markers(subject: Subject, written: Sequence[int]) -> list[int]:
    others = [number for number in subject.added if number not in written]
    step = max(1, len(others) // MOST_MARKERS)
    return [*written, *others[::step]][: MOST_MARKERS + len(written)]


def brute_texts(marker: str, others: Sequence[str]) -> Iterator[str]:
    sides = [*SIDES, marker, *others]
    for left in sides:
        for right in sides:
            yield left + marker + right


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict_on_each_tokenizer_names_its_rule(name: str) -> None:
    found = linted(name)
    assert (found.verdict.exactness, found.verdict.rule) == VERDICTS[name]
    assert found.is_exact
    assert (found.verdict.condition is None) == (found.verdict.exactness == ALONE)


@pytest.mark.parametrize("name", VERDICTS)
def test_no_marker_called_exact_has_a_counterexample(name: str) -> None:
    # The bound: one marker, with one of SIDES, itself or one other marker on each side.
    chat = chat_named(name)
    subject = subject_of(chat)
    written = linted(name).template.written
    exact = {
        number: verdict_by_rules(subject, subject.added[number])
        for number in tried_markers(subject, written)
    }
    others = [subject.added[number].content for number in list(exact)[:2]]
    for number, verdict in exact.items():
        marker = subject.added[number].content
        for text in brute_texts(marker, others):
            whole = subject.encode(text)
            if verdict.exactness == ALONE:
                assert cut_alone(subject, marker, number, text) == whole, (marker, text)
            if verdict.exactness != NEVER and len(subject.searched) < 50:
                assert cut_between(subject, {marker: number}, text) == whole, (marker, text)


@pytest.mark.parametrize("name", VERDICTS)
def test_each_counterexample_reproduces_with_the_loaded_tokenizer(name: str) -> None:
    chat, found = chat_named(name), linted(name)
    subject = subject_of(chat)
    for each in found.markers:
        assert each.tried > 0
        if each.verdict.exactness == ALONE:
            assert each.counterexample is None
        if each.counterexample is None:
            continue
        assert reproduces(subject, each)
    if found.counterexample is not None:
        assert found.marker is not None
        number = next(n for n, t in subject.added.items() if t.content == found.marker)
        again = marker_verdict(subject, number)
        assert again.counterexample == found.counterexample


def reproduces(subject: Subject, each: MarkerVerdict) -> bool:
    """Whether the ids of a counterexample are those of the tokenizer, and of the cut."""
    shown = each.counterexample
    assert shown is not None
    if each.verdict.exactness == NEIGHBOURS:
        cut = cut_alone(subject, each.text, each.number, shown.text)
    else:
        searched = subject.searched
        if each.text not in searched:
            searched |= {token.content for token in subject.added.values()}
        seen = replace(subject, searched=searched)
        cut = cut_between(seen, {each.text: each.number}, shown.text)
    return subject.encode(shown.text) == list(shown.whole) != cut == list(shown.cut)


def test_real_markers_that_are_not_exact_have_a_counterexample_or_say_that_none_was_found() -> None:
    none_found = {
        (name, each.text)
        for name in REAL
        for each in linted(name).markers
        if each.verdict.exactness != ALONE and each.counterexample is None
    }
    # Its normalized tokens are never a place to cut, because no condition covers them.
    assert {name for name, _ in none_found} == {"deepseek-v3"}
    assert all(
        each.verdict.condition == "A7"
        for each in linted("deepseek-v3").markers
        if ("deepseek-v3", each.text) in none_found
    )


M = "<|m|>"


@pytest.mark.parametrize(
    ("tokens", "setup", "exactness", "condition", "text"),
    [
        pytest.param([{}], {}, ALONE, None, None, id="plain"),
        pytest.param([{}], {"normalizer": "nfc"}, ALONE, None, None, id="NFC"),
        pytest.param([{}], {"normalizer": "prepend"}, ALONE, None, None, id="prepend normalizer"),
        pytest.param([{}], {"pre_tokenizer": "always"}, ALONE, None, None, id="prepend always"),
        pytest.param([{}], {"post_processor": "bos"}, ALONE, None, None, id="BOS"),
        pytest.param([{"rstrip": True}], {}, NEIGHBOURS, "D1", f"{M}\n", id="rstrip"),
        pytest.param([{"lstrip": True}], {}, NEIGHBOURS, "D1", f"\n{M}", id="lstrip"),
        pytest.param(
            [{"content": "mm"}, {"content": "ww", "single_word": True}],
            {},
            NEIGHBOURS,
            "D2",
            "mmww",
            id="beside a single word",
        ),
        pytest.param(
            [{}, {"content": "w", "single_word": True}], {}, ALONE, None, None, id="no word's edge"
        ),
        pytest.param(
            [{}], {"pre_tokenizer": "first"}, NEIGHBOURS, "D3", f"{M}\n", id="prepend first"
        ),
        pytest.param(
            [{"content": "<|"}, {"content": "<|EOS|>"}],
            {},
            NEIGHBOURS,
            "D4",
            "<|EOS|>",
            id="nested",
        ),
        pytest.param(
            [{"content": "|>x"}, {"content": "<|m|>"}],
            {},
            NEIGHBOURS,
            "D4",
            "<|m|>x",
            id="overlapping",
        ),
        pytest.param(
            [{"content": "\nm"}, {"content": " <|", "lstrip": True}],
            {},
            NEIGHBOURS,
            "D5",
            None,
            id="beside one that reaches back",
        ),
        pytest.param(
            [{"normalized": True}, {"content": "|>x"}], {}, NEVER, "A7", f"{M}x", id="normalized"
        ),
        pytest.param([{"single_word": True}], {}, NEVER, "A8", f"{M}a", id="single word"),
        pytest.param(
            [{"content": " <|", "lstrip": True}], {}, NEVER, "A9", None, id="reaches back"
        ),
        pytest.param(
            [{"special": True}], {"split_special_tokens": True}, NEVER, "A6", M, id="split special"
        ),
        pytest.param(
            [{"content": " ", "normalized": True}],
            {"normalizer": "strip"},
            NEVER,
            "A13",
            None,
            id="nothing is left of a token",
        ),
    ],
)
def test_each_rule_decides_by_its_condition(
    tokens: list[dict[str, Any]],
    setup: dict[str, Any],
    exactness: str,
    condition: str | None,
    text: str | None,
) -> None:
    backend = small_tokenizer([{"content": M, **token} for token in tokens], **setup)
    subject = subject_of_backend(backend)
    number = backend.token_to_id(tokens[0].get("content", M))
    assert number is not None
    found = marker_verdict(subject, number)
    assert (found.verdict.exactness, found.verdict.condition) == (exactness, condition)
    assert (None if found.counterexample is None else found.counterexample.text) == text
    assert found.counterexample is None or reproduces(subject, found)


def test_parts_that_nobody_has_read_are_never_exact() -> None:
    backend = Tokenizer(models.BPE({"a": 0}, []))
    backend.add_tokens([AddedToken(M, normalized=False)])
    backend.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(object())
    refusal = subject_of_backend(backend).refusal
    assert refusal is not None
    assert refusal.condition == "A3"
    backend.pre_tokenizer = None
    backend.normalizer = normalizers.Normalizer.custom(object())
    refusal = subject_of_backend(backend).refusal
    assert refusal is not None
    assert refusal.condition == "A2"


def test_the_search_makes_a_verdict_worse_if_no_rule_explains_a_text() -> None:
    backend = small_tokenizer([{"content": M}])
    subject = subject_of_backend(backend)
    number = backend.token_to_id(M)
    assert number is not None
    assert marker_verdict(subject, number).verdict.exactness == ALONE

    def odd(text: str) -> list[int]:
        # Tokens that depend on the whole text.
        return [*backend.encode(text).ids, len(text)]

    found = marker_verdict(replace(subject, encode=odd), number)
    assert (found.verdict.exactness, found.verdict.rule) == (NEVER, "search")
    assert found.counterexample is not None


def test_each_condition_belongs_to_one_rule_or_to_cuts_and_counts() -> None:
    named = [condition for rule in RULES for condition in rule.conditions]
    assert len(named) == len(set(named))
    assert set(named) <= set(CONDITIONS)
    # What the code does for every tokenizer, and cuts inside of a span.
    rest = {condition for condition in CONDITIONS if condition not in named}
    assert {each for each in rest if not each.startswith("C")} == {"A10", "A11", "A12"}


texts = st.text(" \n\tahelo<|>m▁é\u0301_1\x1c\u00a0\u2003", max_size=8)
contents = st.sampled_from(
    [M, "<|", "|>", "<|m", "<<", f"{M}{M}", " <|", "|> ", "\n", "  ", "he", "a", "_", "é", "\x1c<"]
)
sides = st.lists(st.one_of(texts, contents), max_size=2).map("".join)
FLAGS = ("lstrip", "rstrip", "single_word", "normalized", "special")


@st.composite
def backends(draw: st.DrawFn) -> Tokenizer:
    markers = [
        {
            "content": content,
            **dict.fromkeys(draw(st.sets(st.sampled_from(FLAGS), max_size=2)), True),
        }
        for content in draw(st.lists(contents, min_size=1, max_size=4, unique=True))
    ]
    return small_tokenizer(
        markers,
        pre_tokenizer=draw(st.sampled_from([*PRE_TOKENIZERS, "none"])),
        normalizer=draw(st.sampled_from([None, *NORMALIZERS])),
        split_special_tokens=draw(st.sampled_from([False, False, False, True])),
    )


@settings(max_examples=120, deadline=None)
@given(backends(), st.lists(st.tuples(sides, sides), min_size=20, max_size=20))
def test_no_verdict_on_any_tokenizer_has_a_counterexample(
    backend: Tokenizer, around: list[tuple[str, str]]
) -> None:
    subject = subject_of_backend(backend)
    found = [marker_verdict(subject, number, most_pieces=2) for number in subject.added]
    assert all(each.verdict.rule != "search" for each in found)
    cuts = {each.text: each.number for each in found if each.verdict.exactness != NEVER}
    for each in found:
        assert each.counterexample is None or reproduces(subject, each)
        for left, right in around:
            text = left + each.text + right
            if subject.may_panic(text):
                continue
            whole = subject.encode(text)
            if each.verdict.exactness == ALONE:
                assert cut_alone(subject, each.text, each.number, text) == whole
            if cuts:
                assert cut_between(subject, cuts, text) == whole


def test_what_hides_a_token_is_found() -> None:
    overlaps = Overlaps(["<a>", "<a><b>", "x<", "a", "\0", "\0a", "<"])
    assert overlaps.hiding("<a>") == ["x<", "<a><b>"]
    assert overlaps.hiding("a") == ["\0a", "<a>", "<a><b>"]
    assert overlaps.hiding("<b") == ["x<", "<a><b>"]
    assert overlaps.hiding("\0") == ["\0a"]
    assert overlaps.hiding("<a><b>") == ["x<"]
    assert overlaps.hiding("y") == []


def test_the_texts_of_a_search_come_shortest_first_and_hold_the_marker() -> None:
    subject = subject_of_backend(small_tokenizer([{"content": M}, {"content": "<|"}]))
    token = next(token for token in subject.added.values() if token.content == "<|")
    searched = marker_texts(subject, token)
    assert [len(text) for text in searched] == sorted(map(len, searched))
    assert all("<|" in text for text in searched)
    assert searched[0] == "<|"
    assert M in searched


def asked(tokens: list[dict[str, Any]], **changes: Any) -> Asked:
    backend = small_tokenizer(
        [{**token, "special": False} for token in tokens], **changes.pop("setup", {})
    )
    for token in (token for token in tokens if token.get("special")):
        backend.add_special_tokens([AddedToken(normalized=False, **token)])
    subject = subject_of_backend(backend)
    known = Asked(subject, tuple(subject.added), "BPE", splits_by_expression=False, truncates=False)
    return replace(known, **changes)


def of_engine(verdicts: Sequence[EngineVerdict], name: str, version: str) -> EngineVerdict:
    (found,) = [each for each in verdicts if (each.name, each.version) == (name, version)]
    return found


SPECIAL = {"special": True}
NESTED = [{"content": text, **SPECIAL} for text in ("〈|", "|〉", "〈|EOS|〉")]
BOS = {"setup": {"post_processor": "bos"}}


@pytest.mark.parametrize(
    ("thread", "name", "version", "given_to_it", "reason", "text"),
    [
        pytest.param(
            "ai-dynamo/dynamo#12846",
            "dynamo prefix cache",
            "before frontend-crates#216",
            asked(NESTED),
            "cuts at every occurrence of a special token",
            "〈|EOS|〉",
            id="dynamo#12846",
        ),
        pytest.param(
            "smg-project/smg#1637",
            "smg L1 cache",
            "before #1637",
            asked([{"content": M, **SPECIAL}], **BOS),
            "one entry for calls with and without special tokens",
            "\n",
            id="smg#1637",
        ),
        pytest.param(
            "smg-project/smg#1680",
            "smg L1 cache",
            "before #1680",
            asked([{"content": M, **SPECIAL}], **BOS),
            "adds BOS or EOS to the rest",
            "<s>\n",
            id="smg#1680",
        ),
        pytest.param(
            "sgl-project/sglang#17189",
            "SGLang gateway L0 cache",
            "before #17189",
            asked([{"content": M, **SPECIAL}], **BOS),
            "one entry for calls with and without special tokens",
            "\n",
            id="sglang#17189",
        ),
        pytest.param(
            "sgl-project/sglang#11688",
            "SGLang gateway L1 cache",
            "#11688",
            asked([{"content": M, "rstrip": True, **SPECIAL}]),
            "encodes by itself what follows a special token",
            f"{M}\n",
            id="sglang#11688",
        ),
        pytest.param(
            "vllm-project/vllm-ascend#16298",
            "vllm-ascend segment cache",
            "#16298",
            asked([{"content": M, "rstrip": True, **SPECIAL}]),
            "is right only if its probes hold a text like this one",
            f"{M}\n",
            id="vllm-ascend#16298",
        ),
    ],
)
def test_each_shipped_bug_would_have_been_flagged(
    thread: str, name: str, version: str, given_to_it: Asked, reason: str, text: str
) -> None:
    found = of_engine(engine_verdicts(given_to_it), name, version)
    assert thread in found.source
    (finding,) = [each for each in found.findings if each.reason == reason]
    shown = finding.counterexample
    assert shown is not None
    assert shown.text == text
    assert shown.whole != shown.cut
    assert found.outcome in ("differs", "unproven")


def test_the_bug_of_fastokens_67_would_have_been_flagged() -> None:
    found = of_engine(linted("bpe-chatml").engines, "fastokens", "before #69")
    assert "crusoecloud/fastokens#67" in found.source
    shown = found.findings[0].counterexample
    assert shown is not None
    tokenizer = bundled_chat("bpe-chatml").backend
    assert tokenizer is not None
    first, space, rest = shown.text.partition(" ")
    parted = [*tokenizer.encode(first).ids, *tokenizer.encode(space + rest).ids]
    assert list(shown.whole) == tokenizer.encode(shown.text).ids != parted == list(shown.cut)


def test_a_marker_in_a_message_is_text_if_control_tokens_are_sanitized() -> None:
    found = of_engine(linted("bpe-chatml").engines, "transformers sanitize_control_tokens", "5.23")
    (finding,) = found.findings
    shown = finding.counterexample
    assert shown is not None
    tokenizer = bundled_chat("bpe-chatml").tokenizer
    marker = tokenizer.convert_ids_to_tokens(shown.cut[0])
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": marker}],
        add_generation_prompt=True,
        return_dict=False,
        sanitize_control_tokens=True,
    )
    assert ids == list(shown.whole)
    assert list(shown.cut) == tokenizer(shown.text, add_special_tokens=False)["input_ids"]
    # The template writes a marker, and the message holds another one.
    assert len(shown.whole) > len(shown.cut)


def test_a_class_of_its_own_is_never_exact() -> None:
    chat = bundled_chat("bpe-chatml").load_again()
    kind = type(chat.tokenizer)

    def own(self: Any, *arguments: Any, **options: Any) -> Any:
        return kind.apply_chat_template(self, *arguments, **options)

    chat.tokenizer.__class__ = type("Own", (kind,), {"apply_chat_template": own})
    found = lint(chat, most_pieces=2)
    assert not found.is_exact
    assert (found.verdict.rule, found.verdict.condition) == ("backend", "A1")
    # Nothing is wrong in the texts that were tried, and that is said.
    assert found.counterexample is None
    assert found.cut_points == ()
    assert all(each.verdict.exactness == NEVER and each.tried > 0 for each in found.markers)


def test_the_mended_caches_are_not_blamed_for_what_was_mended() -> None:
    for given_to_it in (asked(NESTED), asked([{"content": M, **SPECIAL}], **BOS)):
        found = engine_verdicts(given_to_it)
        for name, version in (
            ("dynamo prefix cache", "since frontend-crates#216"),
            ("smg L1 cache", "since #1680"),
        ):
            assert of_engine(found, name, version).outcome == "none known"


@pytest.mark.parametrize(
    ("name", "version", "given_to_it", "outcome", "text"),
    [
        (
            "gigatoken",
            "0.10.0",
            asked([{"content": M, "single_word": True}]),
            "differs",
            f"{M}a",
        ),
        ("gigatoken", "0.10.0", asked([{"content": M}], model="Unigram"), "refuses", None),
        ("kitoken", "0.11.1", asked([{"content": M, "rstrip": True}]), "differs", f"{M}\n"),
        ("fastokens", "0.3.5", asked([{"content": M}], model="WordPiece"), "refuses", None),
        ("fastokens", "0.3.5", asked([{"content": M}], truncates=True), "differs", None),
        ("splintr-rs", "0.22.0", asked([{"content": M}], **BOS), "differs", "\n"),
        ("iree-tokenizer", "0.3.0", asked([{"content": M}]), "differs", M),
        ("tokenizers", "1.0.0rc3", asked([{"content": M, "rstrip": True}]), "unproven", None),
        ("vLLM router L0 cache", "#269", asked(NESTED), "none known", None),
    ],
)
def test_what_is_known_of_an_engine_is_said(
    name: str, version: str, given_to_it: Asked, outcome: str, text: str | None
) -> None:
    found = of_engine(engine_verdicts(given_to_it), name, version)
    assert found.outcome == outcome
    shown = [each.counterexample for each in found.findings if each.counterexample is not None]
    assert [each.text for each in shown[:1]] == ([] if text is None else [text])
    assert all(isinstance(each, Counterexample) for each in shown)


def test_every_engine_has_a_source_and_a_version_of_its_own() -> None:
    assert len({(each.name, each.version) for each in ENGINES}) == len(ENGINES) > 15
    assert all(each.source and each.behaviours for each in ENGINES)
