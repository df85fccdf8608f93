"""The native strategy says which of its paths ran."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

from strategies import (
    ChatTokenizer,
    Conversation,
    TurnError,
    UnavailableError,
    load_chat,
    verify,
)
from strategies.native import Rust
from tests.conftest import bundled_chat, plain_counts

CHANGES = "the template uses a loop condition that its body changes"
OTHERWISE = "the template renders another text than Jinja2 does in a check"
MARKED = "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"


def conversation(*texts: str) -> Conversation:
    messages = tuple({"role": "user", "content": text} for text in texts)
    return Conversation("c", messages, None, tuple(range(1, len(texts) + 1)))


@pytest.mark.parametrize(
    ("template", "text", "note"),
    [
        (MARKED, "hello", None),
        (
            MARKED + "{{ messages | batch(2) | list | length }}",
            "hello",
            "rendered by Jinja2, counted natively: the template uses the filter batch",
        ),
        (
            # This shows only when it runs, and then at every turn.
            "{% set ns = namespace(k=1) %}{% for m in messages if ns.k %}{% set ns.k = 0 %}"
            "{% endfor %}" + MARKED,
            "hello",
            f"rendered by Jinja2, counted natively: {CHANGES}",
        ),
        ("{{ messages[0].content }}", "hello", "no cut points: prompts counted whole"),
        (
            MARKED + "{{ messages[0].content | upper }}",
            "\u0264",
            "1 turn left to the plain call: the case of U+0264",
        ),
        (
            # Jinja2 folds the constant, in its own way: what is no list has no slice.
            MARKED + "{% if messages[0].content == 'odd' %}{{ (1)[1:] }}{% endif %}",
            "odd",
            "1 turn left to the plain call: 'int' object is not subscriptable",
        ),
        (
            MARKED + "{{ (1)[1:] }}",
            "hello",
            f"rendered by Jinja2, counted natively: {OTHERWISE}",
        ),
    ],
)
def test_the_note_says_which_path_ran(template: str, text: str, note: str | None) -> None:
    chat = bundled_chat("bpe-chatml", template)
    data = [conversation(text)]
    with Rust().open(chat, workers=1) as counter:
        assert counter.count(data) == plain_counts(chat, data)
        assert counter.note == note


def test_a_tokenizer_that_the_core_cannot_load_is_unavailable() -> None:
    chat = bundled_chat("bpe-chatml").load_again()
    newer = SimpleNamespace(to_str=lambda: '{"model": {"type": "Newer"}}', post_processor=None)
    vars(chat)["backend"] = newer
    with (
        pytest.raises(UnavailableError, match="the native core cannot load its tokenizer: "),
        Rust().open(chat, workers=1),
    ):
        pass


def test_turns_that_raise_are_no_turns_left_to_the_plain_call() -> None:
    chat = bundled_chat("bpe-chatml", MARKED + "{{ raise_exception('no') if messages[1] }}")
    with Rust().open(chat, workers=1) as counter:
        assert counter.count([conversation("a", "b")], on_error="skip")[0][1] is None
        assert counter.note is None
        with pytest.raises(TurnError, match=r"turn 2 .*no"):
            counter.count([conversation("a", "b")])


def word_level(folder: Path, words: list[str], single: str) -> ChatTokenizer:
    """A tokenizer that encodes its own words and raises on every other one."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken("<m>", normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=[])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return load_chat(folder, template="{% for m in messages %}<m>{{ m.content }}{% endfor %}")


def test_a_post_processor_that_repeats_the_text_is_refused(tmp_path: Path) -> None:
    chat = word_level(tmp_path, ["hello", "world"], "$A $A")
    assert Rust().availability(chat) == "its post-processor repeats the text or leaves it out"
    assert verify("auto", [conversation("hello", "world")], chat) == []


def test_the_check_is_made_on_a_text_that_can_be_encoded(tmp_path: Path) -> None:
    chat = word_level(tmp_path, ["hello", "world"], "$A")
    assert verify("rust", [conversation("hello", "world")], chat) == []


def test_a_tokenizer_that_encodes_no_check_text_is_refused(tmp_path: Path) -> None:
    # Its only entry is never a word of its own.
    chat = word_level(tmp_path, ["two words"], "$A")
    with pytest.raises(UnavailableError, match="can encode no text"), Rust().open(chat, workers=1):
        pass
