"""Prompts and errors are the same as those of apply_chat_template."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from strategies import (
    ChatTokenizer,
    Conversation,
    Message,
    TurnError,
    chat_spec,
    client_turns,
    load_chat,
)
from strategies.chat.clock import frozen_clock
from tests.conftest import REAL, bundled_chat, real_conversations, real_path

TEMPLATES = sorted(path.name for path in (REAL / "templates").glob("*.jinja"))
DATASETS = ("agentic_coding_2.5h", "glaive_toolcall_en", "reason_tool_use", "bfcl_multi_turn")

HARD_MESSAGES: list[list[Message]] = [
    [{"role": "user", "content": ""}],
    [{"role": "system", "content": " s "}, {"role": "user", "content": "<b>&'\"\n"}],
    [
        {"role": "user", "content": "é 你好 👩‍👩‍👧"},
        {"role": "assistant", "content": None, "reasoning": "why"},
        {"role": "user", "content": "again", "name": None},
    ],
    [
        {"role": "user", "content": "use it"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "123456789",
                    "type": "function",
                    "function": {"name": "f", "arguments": {"x": 1e-7, "y": [True, None]}},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "123456789", "name": "f", "content": "{}"},
        {"role": "tool", "tool_call_id": "123456789", "name": "f", "content": ""},
    ],
]
HARD = [
    Conversation(f"hard-{i}", tuple(messages), None, client_turns(messages))
    for i, messages in enumerate(HARD_MESSAGES)
]


def plain(chat: ChatTokenizer, conversation: Conversation, k: int) -> str | None:
    """Render by transformers alone; None if it raises."""
    try:
        with frozen_clock(chat.spec.clock):
            text: str = chat.tokenizer.apply_chat_template(
                list(conversation.messages[:k]),
                tools=None if conversation.tools is None else list(conversation.tools),
                chat_template=chat.spec.template,
                tokenize=False,
                add_generation_prompt=True,
                **chat.template_kwargs,
            )
    except Exception:
        return None
    return text


@pytest.mark.parametrize("messages", ["vllm", "as-written"])
@pytest.mark.parametrize("template", TEMPLATES or [pytest.param("", id="none there")])
def test_prompts_of_real_templates_are_equal(template: str, messages: str) -> None:
    path = real_path("templates", template)
    # This tokenizer has a bos_token, which some templates use.
    chat = bundled_chat("sp-bpe", path.read_text(encoding="utf-8"), messages)
    real = [real_conversations(name)[1] for name in DATASETS]
    data = [*HARD, *(replace(c, turns=tuple(sorted({*c.turns[:6], c.turns[-1]}))) for c in real)]
    rendered = 0
    for given in data:
        conversation = chat.serve(given).conversation
        for index, prompt in chat.prompts(conversation, "skip"):
            assert prompt == plain(chat, conversation, conversation.turns[index])
            rendered += prompt is not None
    assert rendered, "a template that renders nothing is not tested"


def test_kwargs_and_documents_reach_the_template() -> None:
    template = "{{ mood }} {{ documents[0].title }} {{ messages[0].content }}"
    chat = load_chat(
        bundled_chat("bpe-chatml").spec.name_or_path,
        template=template,
        template_kwargs={"mood": "fine", "documents": [{"title": "t", "text": "x"}]},
    )
    conversation = Conversation("c", ({"role": "user", "content": "hi"},), None, (1,))
    assert chat.renderer(conversation).render(0) == "fine t hi"
    assert plain(chat, conversation, 1) == "fine t hi"


def test_the_clock_stands_still_in_prompts_and_in_the_reference() -> None:
    spec = chat_spec(
        bundled_chat("bpe-chatml").spec.name_or_path,
        template="{{ strftime_now('%d %B %Y') }}{{ messages[0].content }}",
        clock=datetime(1999, 12, 31),  # noqa: DTZ001  # local, as templates write it
    )
    chat = ChatTokenizer(spec)
    conversation = Conversation("c", ({"role": "user", "content": ""},), None, (1,))
    assert chat.renderer(conversation).render(0) == "31 December 1999"
    ids = chat.apply_chat_template(conversation, 0)
    assert chat.tokenizer.decode(ids) == "31 December 1999"
    assert chat.fingerprint["clock"] == "1999-12-31T00:00:00"


def test_other_users_of_transformers_keep_the_true_clock() -> None:
    with frozen_clock(datetime(1999, 12, 31)):  # noqa: DTZ001  # local, as templates write it
        pass
    tokenizer = bundled_chat("bpe-chatml").tokenizer
    year = tokenizer.apply_chat_template(
        [{"role": "user", "content": ""}],
        chat_template="{{ strftime_now('%Y') }}",
        tokenize=False,
    )
    assert year == str(datetime.now().year)  # noqa: DTZ005  # likewise


def test_a_template_cannot_change_what_later_turns_see() -> None:
    template = "{% set _ = messages[0].update({'content': 'gone'}) %}{{ messages[0].content }}"
    chat = bundled_chat("bpe-chatml", template)
    conversation = Conversation("c", ({"role": "user", "content": "here"},), None, (1,))
    with pytest.raises(TurnError, match="access to attribute 'update' of 'dict' object is unsafe"):
        chat.renderer(conversation).render(0)
    assert conversation.messages[0]["content"] == "here"


def test_an_error_names_conversation_turn_and_reason() -> None:
    chat = bundled_chat("bpe-chatml", "{{ raise_exception('roles must\nalternate') }}")
    conversation = Conversation("c 1", ({"role": "user", "content": "x"},) * 3, None, (2, 3))
    expected = "conversation 'c 1', turn 1 (its first 2 messages): roles must alternate"
    with pytest.raises(TurnError) as caught:
        list(chat.prompts(conversation))
    assert str(caught.value) == expected


def test_a_conversation_whose_first_message_is_refused_has_no_prompts() -> None:
    conversation = Conversation("c", ({"role": "user", "content": 1},), None, (1,))
    chat = bundled_chat("bpe-chatml")
    assert list(chat.prompts(conversation, "skip")) == [(0, None)]
    with pytest.raises(TurnError, match=r"messages\[0\].content: must be a text"):
        list(chat.prompts(conversation))
