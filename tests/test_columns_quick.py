"""The quick way to the columns finds what the ids of whole prompts say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
from bench.samples import SHAPES, sample_bytes
from strategies import ChatTokenizer, Conversation, IslError, parse_conversations
from strategies.columns import COLUMNS, Figures, figures_with, reference_figures
from strategies.contract import ColumnsCounter
from strategies.conversations.direct import DirectConversations, read_directly
from strategies.conversations.options import ReadOptions
from strategies.testing import Case, cases
from tests.conftest import REAL, bundled_chat, real_chat, real_conversations
from tests.test_columns import RAISES, TEMPLATE, letters, said

ALTERNATING = ("user", "assistant")


def left_of(chat: ChatTokenizer, conversations: Sequence[Conversation], workers: int) -> int:
    """Compare the core with the plain way, and return how many conversations it left to that."""
    with strategies.open_available(strategies.get("rust"), chat, workers) as counter:
        assert isinstance(counter, ColumnsCounter)
        columns = counter.count_columns(conversations, COLUMNS, on_error="skip")
        whole = figures_with(counter, chat, conversations, COLUMNS, on_error="skip")
        lengths = counter.count_columns(conversations, {"osl"}, on_error="skip")
    assert lengths.shared is None
    assert lengths.osl is not None
    shared, osl = columns.shared, columns.osl
    assert shared is not None
    assert osl is not None
    for place, conversation in enumerate(conversations):
        expected = reference_figures(chat, conversation, COLUMNS, "skip")
        assert whole[place] == expected, conversation.id
        if place not in lengths.left:
            assert lengths.osl[place] == [row.osl for row in expected], conversation.id
        if place not in columns.left:
            found = zip(columns.counts[place], shared[place], osl[place], strict=True)
            assert [Figures(*row) for row in found] == expected, conversation.id
    return len(columns.left)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_the_sample_is_exact(bundled_name: str, shape: str) -> None:
    conversations = parse_conversations(sample_bytes("small", shapes=[shape]), name="s.jsonl")
    left = left_of(bundled_chat(bundled_name), conversations, workers=2)
    # The core makes no ids of the sentencepiece library.
    assert left == 0 or bundled_name == "sentencepiece"


@pytest.mark.parametrize(
    ("tokenizer", "dataset", "some"),
    [
        ("qwen3", "agentic_coding_2.5h", slice(3, None, 9)),
        ("qwen3", "reason_tool_use", slice(0, None, 99)),
        ("gpt-oss", "glaive_toolcall_en", slice(0, None, 20)),
        ("deepseek-v3", "x_risawoz_multilingual", slice(0, None, 99)),
        ("gemma-4", "reason_tool_use", slice(0, None, 99)),
        ("minimind", "bfcl_multi_turn", slice(0, None, 99)),
        ("xlm-roberta-unigram", "x_risawoz_multilingual", slice(0, None, 99)),
    ],
)
def test_real_tokenizers_are_exact(tokenizer: str, dataset: str, some: slice) -> None:
    # Whole prompts of long conversations would take long.
    conversations = [
        replace(each, turns=each.turns[:20]) for each in real_conversations(dataset)[some]
    ]
    assert conversations
    assert left_of(real_chat(tokenizer), conversations, workers=2) == 0


TEMPLATES = sorted((REAL / "templates").glob("*.jinja"))[::4]


@pytest.mark.skipif(not TEMPLATES, reason="the real inputs are not there")
@pytest.mark.filterwarnings("ignore::strategies.IslWarning")
def test_real_templates_are_exact() -> None:
    messages: list[dict[str, Any]] = []
    for place in range(9):
        role = ALTERNATING[place % 2]
        messages.append({"role": role, "content": f"It is {place}.\n\n* one\n"})
        if role == "assistant":
            messages[-1]["reasoning_content"] = f"Let me think about {place} for a while."
    conversation = Conversation("c", tuple(messages), None, (1, 3, 5, 7, 9))
    quick = 0
    for template in TEMPLATES:
        chat = bundled_chat("bpe-chatml", template=template.read_text(encoding="utf-8"))
        quick += not left_of(chat, [conversation], workers=1)
    assert quick > len(TEMPLATES) // 2


@settings(max_examples=30)
@given(case=cases(), workers=st.integers(1, 2))
def test_random_tokenizers_and_templates_are_exact(
    tmp_path_factory: pytest.TempPathFactory, case: Case, workers: int
) -> None:
    chat = case.load(tmp_path_factory.mktemp("case"))
    try:
        left_of(chat, case.conversations, workers)
    except IslError:
        # The core says that it cannot stand in for this tokenizer.
        return


PIECES = ("\n", "\n\n", "a", "b ", " b", "xyz", "yz", "<e>", "<a>\n", "z" * 700 + "\n", "no x ")


@pytest.fixture(scope="module")
def openings(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, ChatTokenizer]:
    """Chats without markers, by whether earlier messages are shortened."""
    # So a prompt may end in the middle of a token of the next one.
    template = (
        "{% for m in messages %}{{ m.content[:3] if not loop.last and SHORT else m.content }}"
        "{% endfor %}"
    )
    return {
        shortened: letters(
            tmp_path_factory.mktemp("letters"),
            template.replace("SHORT", "true" if shortened else "false"),
        )
        for shortened in (False, True)
    }


@settings(max_examples=60)
@given(
    contents=st.lists(
        st.lists(st.sampled_from(PIECES), max_size=4).map("".join), min_size=1, max_size=9
    ),
    shortened=st.booleans(),
)
def test_prompts_that_end_anywhere_are_exact(
    openings: dict[bool, ChatTokenizer], contents: list[str], shortened: bool
) -> None:
    conversation = said(*contents, turns=tuple(range(1, len(contents) + 1)))
    assert left_of(openings[shortened], [conversation], workers=1) == 0


PROSE = 'The price is 3.50 (in euros); "why?" she asked.\n\tIt isn\'t much, é or not: <x> 100%!\n'


@pytest.mark.parametrize("times", [1, 20])
def test_long_texts_that_differ_somewhere_are_exact(bundled_name: str, times: int) -> None:
    # They are cut inside, and a part of them is encoded from such a place on.
    text = PROSE * times
    places = range(0, len(PROSE), 17)
    contents = [text[: len(text) - place] + " and so on.\n" * (place % 3) for place in places]
    contents += [content.replace("3.50", "4", 1) for content in contents[:3]]
    conversation = said(*contents, turns=tuple(range(1, len(contents) + 1)))
    for content in ("messages[-1].content", "'<|im_start|>' ~ messages[-1].content"):
        chat = bundled_chat(bundled_name, template=f"{{{{ {content} }}}}")
        left = left_of(chat, [conversation], workers=1)
        assert left == 0 or bundled_name == "sentencepiece"


def many_turns(turns: int, odd: str) -> Conversation:
    contents = [
        f"{'c' * (place % 7)} b{odd if place % 5 == 2 else ''}" for place in range(2 * turns)
    ]
    return said(*contents)


@pytest.mark.parametrize("template", [TEMPLATE, RAISES])
def test_a_conversation_that_is_shared_out_is_exact(tmp_path: Path, template: str) -> None:
    # Its turns are given to two workers in pieces, and some of them have no prompt.
    chat = letters(tmp_path, template)
    conversation = many_turns(90, "x")
    assert left_of(chat, [conversation], workers=2) == 0
    assert left_of(chat, [conversation], workers=1) == 0


def test_a_dataset_that_the_core_has_read_is_exact() -> None:
    data = sample_bytes("small", shapes=["short-chat", "agentic", "multilingual"])
    chat = bundled_chat("bpe-chatml")
    read = parse_conversations(data, name="s.jsonl")
    direct = read_directly(data, "s.jsonl", ReadOptions())
    assert isinstance(direct, DirectConversations)
    for way in ("rust", "auto", "spliced"):
        with strategies.open_available(strategies.get(way), chat, 2) as counter:
            got = figures_with(counter, chat, direct, COLUMNS)
            assert got == figures_with(counter, chat, read, COLUMNS)
    assert got == [reference_figures(chat, each, COLUMNS) for each in read]


def test_progress_counts_every_turn_once(tmp_path: Path) -> None:
    chat = letters(tmp_path, RAISES)
    conversations = [many_turns(9, "x"), said("a", "b", "c")]
    done: list[int] = []
    for way in ("rust", "sequential"):
        done.clear()
        with strategies.open_available(strategies.get(way), chat, 1) as counter:
            figures_with(
                counter, chat, conversations, COLUMNS, progress=done.append, on_error="skip"
            )
        assert sum(done) == strategies.count_turns(conversations)
