"""The native strategy says which of its paths ran."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from strategies import Conversation, TurnError, UnavailableError
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
            "é",
            "1 turns left to the plain call: changing the case of text beyond ASCII",
        ),
        (
            # Jinja2 folds the constant, in its own way: what is no list has no slice.
            MARKED + "{% if messages[0].content == 'odd' %}{{ (1)[1:] }}{% endif %}",
            "odd",
            "1 turns left to the plain call: 'int' object is not subscriptable",
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
    vars(chat)["backend"] = SimpleNamespace(to_str=lambda: '{"model": {"type": "Newer"}}')
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
