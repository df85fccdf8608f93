"""The columns beside the ISL, computed by hand, and by the ids of whole prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, models

import strategies
from strategies import ChatTokenizer, Conversation, InputError, TurnError, load_chat
from strategies.columns import (
    Figures,
    figures_with,
    new_tokens,
    reference_figures,
    shared_blocks,
)
from strategies.conversations.counts import Column
from strategies.testing import TokenizerFile

BOTH: set[Column] = {"shared", "osl"}
LETTERS = "abcdefghijklmnopqrstuvwxyz \n"
GENERATION = "{% if add_generation_prompt %}<a>\n{% endif %}"
TEMPLATE = (
    "{% for m in messages %}{{ '<u>' if m.role == 'user' else '<a>' }}\n{{ m.content }}<e>\n"
    "{% endfor %}" + GENERATION
)
#: It shortens what the assistant said before the last question, as templates drop reasoning.
FORGETS = (
    "{% for m in messages %}{% if m.role == 'user' %}<u>\n{{ m.content }}<e>\n"
    "{% elif loop.index0 >= messages|length - 2 %}<a>\n{{ m.content }}<e>\n"
    "{% else %}<a>\n{{ m.content[-1:] }}<e>\n{% endif %}{% endfor %}" + GENERATION
)
RAISES = "{% if 'x' in messages[-1].content %}{{ raise_exception('no x') }}{% endif %}" + TEMPLATE


def letters(folder: Path, template: str = TEMPLATE) -> ChatTokenizer:
    """Return a tokenizer with a token for each letter; some of them merge."""
    vocabulary = {text: number for number, text in enumerate([*LETTERS, "\n\n", "yz", "xyz"])}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=[("\n", "\n"), ("y", "z"), ("x", "yz")])
    )
    tokenizer.add_special_tokens([AddedToken(text) for text in ("<u>", "<a>", "<e>", "qu", "quk")])
    file = TokenizerFile(
        json.loads(tokenizer.to_str()),
        {"tokenizer_class": "PreTrainedTokenizerFast"},
    )
    return load_chat(file.save(folder), template=template, messages="as-written")


def said(*contents: str, turns: tuple[int, ...] | None = None, **more: Any) -> Conversation:
    """Return a conversation in which user and assistant take turns."""
    messages = tuple(
        {"role": "assistant" if place % 2 else "user", "content": content}
        for place, content in enumerate(contents)
    )
    return Conversation("c", messages, None, turns or strategies.client_turns(messages), **more)


def figures(
    chat: ChatTokenizer,
    *conversations: Conversation,
    wanted: set[Column] = BOTH,
    strategy: str = "rust",
    on_error: strategies.OnError = "raise",
) -> list[list[Figures]]:
    with strategies.open_available(strategies.get(strategy), chat, 1) as counter:
        return figures_with(counter, chat, conversations, wanted, on_error=on_error)


WAYS = ("rust", "auto", "sequential", "spliced")


@pytest.mark.parametrize("way", WAYS)
def test_figures_computed_by_hand(tmp_path: Path, way: str) -> None:
    # <u> \n a b <e> \n <a> \n, and then c d e <e> \n <u> \n f <e> \n <a> \n. The model generates
    # c d e <e>, and not the line end that the template writes after it.
    rows = [[Figures(8, 0, 4), Figures(20, 8, 2)]]
    assert figures(letters(tmp_path), said("ab", "cde", "f", "g"), strategy=way) == rows


@pytest.mark.parametrize("way", WAYS)
def test_a_line_end_that_merges_with_the_answer_is_not_shared(tmp_path: Path, way: str) -> None:
    # <u> \n a <e> \n <a> \n becomes <u> \n a <e> \n <a> \n\n b <e> \n <u> \n c <e> \n <a> \n.
    rows = [[Figures(7, 0, 2), Figures(17, 6, None)]]
    assert figures(letters(tmp_path), said("a", "\nb", "c"), strategy=way) == rows


@pytest.mark.parametrize("way", WAYS)
def test_history_that_is_rewritten_shares_less(tmp_path: Path, way: str) -> None:
    chat = letters(tmp_path, FORGETS)
    # The second prompt has c d <e> in its history, and the third one d <e> in that place. So it
    # differs from the second behind the first one's tokens, and so does the text with the second
    # answer.
    rows = [[Figures(7, 0, 3), Figures(18, 7, None), Figures(28, 7, None)]]
    assert figures(chat, said("a", "cd", "e", "fg", "h"), strategy=way) == rows


@pytest.mark.parametrize("way", WAYS)
def test_equal_prompts_share_all_of_their_tokens(tmp_path: Path, way: str) -> None:
    chat = letters(tmp_path, "{{ messages[0].content }}")
    rows = [[Figures(3, 0, 0), Figures(3, 3, 0)]]
    assert figures(chat, said("abc", "d", "e", "f"), strategy=way) == rows


@pytest.mark.parametrize("way", WAYS)
def test_a_turn_that_is_skipped_is_passed_over(tmp_path: Path, way: str) -> None:
    chat = letters(tmp_path, RAISES)
    conversation = said("a", "b", "x", "c", "d")
    rows = [[Figures(7, 0, 2), Figures(None, None, None), Figures(27, 7, None)]]
    assert figures(chat, conversation, strategy=way, on_error="skip") == rows
    with pytest.raises(TurnError, match=r"turn 2 .*no x"):
        figures(chat, conversation, strategy=way)


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_cannot_be_rendered_has_no_length(tmp_path: Path, way: str) -> None:
    rows = [[Figures(7, 0, None), Figures(17, 7, 2)]]
    assert figures(letters(tmp_path, RAISES), said("a", "x", "b", "c"), strategy=way) == rows


@pytest.mark.parametrize("way", WAYS)
def test_what_is_continued_is_no_answer(tmp_path: Path, way: str) -> None:
    conversation = said("a", "b", "c", "d", turns=(1, 2, 3), continued=frozenset({2}))
    # The second prompt is <u> \n a <e> \n <a> \n b.
    rows = [[Figures(7, 0, None), Figures(8, 7, None), Figures(17, 8, 2)]]
    assert figures(letters(tmp_path), conversation, strategy=way) == rows


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("template", "osl"),
    [
        # The white space after the answer is no line end of the template after a marker.
        ("{% for m in messages %}{{ m.content }}{% endfor %}", 4),
        # The end token is a part of the prompt, and the white space is all of the answer.
        ("{{ messages[0].content }}<e>{{ ' \n' if messages|length > 1 }}", 2),
        # Another text than the prompt and the answer.
        ("{{ 'a' if add_generation_prompt else 'b' }}", None),
        # It begins with the prompt, and goes on with nothing.
        ("{{ messages[0].content }}<e>\n", 0),
        # It is shorter than the prompt, which is not its beginning.
        ("{{ messages[0].content }}" + GENERATION, None),
        # The line ends are one token, as the line end alone is.
        ("{{ messages[0].content }}\n{{ '\n' if messages|length > 1 }}", 0),
        # Three line ends are two tokens, and four of them, too.
        ("{{ messages[0].content }}\n\n\n{{ '\n' if messages|length > 1 }}", 0),
        # The prompt ends with x and y; with the answer it ends with one token.
        ("{{ messages[0].content }}xy{{ 'z' if messages|length > 1 }}", None),
        ("{{ messages[0].content }}<e> <e>{% if not add_generation_prompt %} \n<e> {% endif %}", 3),
    ],
)
def test_lengths_of_answers(tmp_path: Path, way: str, template: str, osl: int | None) -> None:
    (((_, _, got),),) = figures(letters(tmp_path, template), said("ab", "cd \n"), strategy=way)
    assert got == osl


@pytest.mark.parametrize("way", WAYS)
def test_only_the_assistant_answers(tmp_path: Path, way: str) -> None:
    chat = letters(tmp_path, "{% for m in messages %}{{ m.content }}{% endfor %}")
    rows = [[Figures(1, 0, 1), Figures(2, 1, None)]]
    assert figures(chat, said("a", "b", "c", turns=(1, 2)), strategy=way) == rows


@pytest.mark.parametrize("way", WAYS)
def test_a_longer_marker_is_another_one(tmp_path: Path, way: str) -> None:
    chat = letters(tmp_path, "{{ messages[-1].content }}")
    rows = [[Figures(3, 0, 0), Figures(3, 2, None)]]
    assert figures(chat, said("abqu", "abquk", turns=(1, 2)), strategy=way) == rows


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_wanted_is_none(tmp_path: Path, way: str) -> None:
    chat, conversation = letters(tmp_path), said("ab", "cde", "f", "g")
    wholes = figures(chat, conversation, strategy=way)
    choices: list[set[Column]] = [set(), {"shared"}, {"osl"}]
    for wanted in choices:
        expected = [
            [
                row._replace(
                    shared=row.shared if "shared" in wanted else None,
                    osl=row.osl if "osl" in wanted else None,
                )
                for row in rows
            ]
            for rows in wholes
        ]
        assert figures(chat, conversation, strategy=way, wanted=wanted) == expected
        plain = [reference_figures(chat, conversation, wanted)]
        assert plain == expected


def test_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    wanted: Any = {"shared", "tpot"}
    with pytest.raises(InputError, match="wanted: there is no column 'tpot'"):
        figures(letters(tmp_path), said("a"), wanted=wanted)


def test_new_tokens_and_whole_blocks() -> None:
    assert new_tokens(Figures(19, 8, None)) == 11
    assert new_tokens(Figures(None, None, None)) is None
    assert [shared_blocks(Figures(99, shared, None), 16) for shared in (0, 15, 16, 33)] == [
        *(0, 0, 1, 2)
    ]
    assert shared_blocks(Figures(99, None, 5), 16) is None
