"""The native core renders a turn from what it knows of the turn before: to the same prompt.

Every prompt is compared with a render of that turn alone, byte for byte, and every error, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.bundled import tokenizer_names, tokenizer_path
from strategies import _native
from strategies.chat.syntax import template_tree
from strategies.testing.conversations import ConversationWriter
from strategies.testing.ends import templates_about_ends
from tests.conftest import REAL
from tests.template_corpus import EXPRESSIONS, MESSAGES, TEMPLATES, VARIABLES
from tests.test_native_render import (
    BASE,
    NOW,
    TOOLS,
    VARIANTS,
    assistant,
    call,
    system,
    tool,
    user,
    written_cases,
)

Messages = list[dict[str, Any]]


def compiled(
    template: str, variables: dict[str, Any] | None = None, **limits: int
) -> _native.Template:
    given = {**BASE, **(variables or {}), "add_generation_prompt": True, "documents": None}
    return _native.Template(template_tree(template), given, NOW.strftime, **limits)


def own_templates(folder: Path) -> Iterable[tuple[str, str]]:
    """Yield the chat templates of a tokenizer, with their names."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        yield folder.name, path.read_text(encoding="utf-8")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    written = config.get("chat_template")
    if isinstance(written, str):
        yield folder.name, written
    for each in written if isinstance(written, list) else []:
        yield f"{folder.name} {each['name']}", each["template"]


@cache
def published() -> dict[str, str]:
    """Return all chat templates that are there, by name."""
    found = {
        path.stem: path.read_text(encoding="utf-8")
        for path in sorted((REAL / "templates").glob("*.jinja"))
    }
    for name in tokenizer_names():
        found |= own_templates(tokenizer_path(name))
    for config in sorted((REAL / "tokenizers").glob("*/tokenizer_config.json")):
        found |= own_templates(config.parent)
    return found


def outcome(
    template: _native.Template, messages: Messages, tools: Messages | None
) -> str | _native.NativeError:
    """Render some messages without anything before them."""
    try:
        return template.render(messages, tools)
    except _native.NativeError as error:
        return error


def render_turns(
    template: _native.Template,
    messages: Messages,
    tools: Messages | None,
    turns: Sequence[int],
    *,
    adding: bool = False,
) -> list[Any]:
    waiting = _native.Waiting(1)
    waiting.put(0, (messages, tools, turns))
    return template.render_turns(waiting, 0, adding=adding)


def check(
    template: _native.Template, messages: Messages, tools: Messages | None, turns: Sequence[int]
) -> int:
    """Compare the prompts of the turns with those of renders of their own; return how many.

    Once with all messages known from the start, and once with each added when a turn needs it.
    """
    added = sorted(turns)
    return compare(
        template, messages, tools, turns, render_turns(template, messages, tools, turns)
    ) + compare(
        template,
        messages,
        tools,
        added,
        render_turns(template, messages, tools, added, adding=True),
    )


def compare(
    template: _native.Template,
    messages: Messages,
    tools: Messages | None,
    turns: Sequence[int],
    rendered: Sequence[Any],
) -> int:
    before = b""
    prompts = 0
    for turn, (prompt, error, kept, _) in zip(turns, rendered, strict=True):
        expected = outcome(template, messages[:turn], tools)
        if isinstance(expected, Exception):
            assert prompt is None
            assert (type(error), str(error)) == (type(expected), str(expected)), (turns, turn)
            continue
        assert (prompt, error) == (expected, None), (turns, turn)
        text = expected.encode()
        assert text[:kept] == before[:kept]
        before = text
        prompts += 1
    return prompts


SAID = (
    *("Hello", "", "<think>a</think>\n\nb", " é \n", "/no_think"),
    "<tool_response>r</tool_response>",
)


def conversation(random: Random) -> tuple[Messages, Messages | None]:
    """Return some messages that a client and a model may exchange, or that break the rules."""
    if random.random() < 0.6:
        messages = [user("u"), assistant("a")] * random.randrange(1, 7)
        messages = [system(), *messages] if random.random() < 0.5 else messages
    else:
        messages = ConversationWriter(random, lambda: random.choice(SAID)).messages()
    return messages, random.choice([None, TOOLS, TOOLS[:1], []])


def random_turns(random: Random, count: int) -> list[int]:
    """Return prefix lengths: each, some, or any, which skip, repeat and go back."""
    every = list(range(1, count + 1))
    kind = random.randrange(3)
    if kind == 0:
        return every
    if kind == 1:
        return sorted(random.sample(every, random.randrange(1, count + 1)))
    return [random.randrange(count + 1) for _ in range(10)]


@pytest.mark.parametrize("name", published())
def test_turns_of_published_templates_render_as_alone(name: str) -> None:
    text = published()[name]
    random = Random(name)  # noqa: S311  # the same conversations in every run
    prompts = 0
    for variant in VARIANTS:
        template = compiled(text, variant)
        cases = [*written_cases().values(), *(conversation(random) for _ in range(15))]
        for messages, tools in cases:
            turns = random_turns(random, len(messages))
            prompts += check(template, messages, tools, turns)
    assert prompts, "a template that renders nothing is not tested"


def test_turns_of_the_corpus_render_as_alone() -> None:
    bodies = [f"{{{{ {expression} }}}}" for group in EXPRESSIONS.values() for expression in group]
    bodies += TEMPLATES.values()
    long = [*MESSAGES, *MESSAGES[1:], user("x")]
    turns = [*range(len(long) + 1), 3, 3, 5]
    rendered = 0
    for body in bodies:
        counted = "{% set ns = namespace(i=0) %}{% for m in messages %}{% set ns.i = ns.i + 1 %}"
        for text in (body, f"{counted}{{{{ ns.i }}}}{body}{{% endfor %}}{body}"):
            try:
                template = compiled(text, VARIABLES)
            except _native.RefusedError:
                continue
            rendered += check(template, long, TOOLS, turns)
    assert rendered > 1000


@given(text=templates_about_ends(), seed=st.integers(0, 1 << 30))
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_turns_of_any_template_render_as_alone(text: str, seed: int) -> None:
    random = Random(seed)  # noqa: S311  # hypothesis chooses it
    template = compiled(text)
    messages, tools = conversation(random)
    check(template, messages, tools, random_turns(random, len(messages)))


@pytest.mark.parametrize("name", published())
def test_a_turn_after_a_limit_renders_as_alone(name: str) -> None:
    text = published()[name]
    messages = [user("a long question " * 9), assistant("an answer " * 9)] * 6
    turns = range(1, len(messages) + 1)
    for most in (700, 1500):
        check(compiled(text, max_bytes=most), messages, None, turns)
    for most in (9, 40):
        check(compiled(text, max_steps=most), messages, None, turns)


def growing_chat(exchanges: int, *, agent: bool) -> Messages:
    messages = [system()]
    for number in range(exchanges):
        messages.append(user(f"question {number}"))
        for step in range(2 if agent else 0):
            call_id = f"c{number:04}{step:04}"
            calls = [call("noargs", {}, call_id)]
            messages.append(assistant("", reasoning_content="why", tool_calls=calls))
            messages.append(tool("result", call_id))
        messages.append(assistant("answer", reasoning_content="so"))
    return messages


#: Templates that look through other messages for each message, so that the work of a turn grows:
#: for the call that a result belongs to. Kimi's has one loop for the messages before its last
#: answer.
GROWING: dict[bool, set[str]] = {
    False: {"Kimi-K2-Thinking"},
    True: {
        "Cohere2MoE",
        "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
        "upstage-Solar-Open-100B",
    },
}


@pytest.mark.parametrize("adding", [False, True], ids=["known", "adding"])
@pytest.mark.parametrize("agent", [False, True], ids=["chat", "agent"])
@pytest.mark.parametrize("name", published())
def test_a_turn_of_a_long_chat_runs_no_more_than_one_of_a_short_chat(
    name: str, agent: bool, adding: bool
) -> None:
    messages = growing_chat(120, agent=agent)
    turns = [place for place, each in enumerate(messages) if each["role"] == "assistant"]
    template = compiled(published()[name])
    rendered = render_turns(template, messages, TOOLS if agent else None, turns, adding=adding)
    if any(error for _, error, _, _ in rendered):
        pytest.skip("the template raises for this chat")
    work = [statements for _, _, _, statements in rendered]
    flat = sum(work[-40:]) <= 1.1 * sum(work[20:60])
    assert flat == (name not in GROWING[agent])


def test_what_comes_before_the_messages_is_rendered_once() -> None:
    text = (
        "{% for tool in tools %}{{ tool|tojson }}{% endfor %}{% for m in messages %}.{% endfor %}"
    )
    rendered = render_turns(compiled(text), [user()] * 5, TOOLS, range(1, 6))
    assert [statements for _, _, _, statements in rendered[1:]] == [2] * 4


def test_a_turn_says_how_much_it_keeps() -> None:
    text = (
        "{% for m in messages %}{{ m.content }}"
        "{% if loop.last %}é!{% else %}è.{% endif %}{% endfor %}"
    )
    rendered = render_turns(compiled(text), [user("a"), user("b")], None, [1, 2, 2, 1])
    assert [(prompt, kept) for prompt, _, kept, _ in rendered] == [
        ("aé!", 0), ("aè.bé!", 1), ("aè.bé!", len("aè.bé!".encode())), ("aé!", 1),
    ]  # fmt: skip


def test_a_turn_that_fails_leaves_the_turns_after_it_alone() -> None:
    text = (
        "{% for m in messages %}{{ m.content }}"
        "{% if loop.last and m.role != 'user' %}{{ raise_exception('no') }}{% endif %}"
        "{% endfor %}end"
    )
    messages = [user("a"), assistant("b"), user("c"), assistant("d"), user("e")]
    rendered = render_turns(compiled(text), messages, None, range(1, 6))
    assert [prompt for prompt, _, _, _ in rendered] == ["aend", None, "abcend", None, "abcdeend"]
    # All but the last message stays of the turn that failed.
    assert [kept for _, _, kept, _ in rendered] == [0, 0, 1, 0, 3]


def test_a_message_that_comes_later_may_be_equal_to_an_earlier_one() -> None:
    messages = [user("a"), user("b"), assistant("c"), user("a"), user("d"), user("b"), user("b")]
    picked = "{% set users = messages|selectattr('role', 'equalto', 'user')|list %}"
    for last in ("messages[-1]", "users[-1]"):
        text = f"{picked}{{% for m in messages %}}{{{{ m == {last} }}}}{{% endfor %}}"
        assert check(compiled(text), messages, None, range(1, 8)) == 14


def test_turns_beyond_the_conversation_are_refused() -> None:
    with pytest.raises(ValueError, match="more messages than there are"):
        render_turns(compiled("x"), [user()], None, [2])


def test_a_turn_keeps_all_that_two_prompts_have_in_common() -> None:
    text = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
        "{% if loop.last %}|{% endif %}{% endfor %}"
    )
    messages = growing_chat(8, agent=True)
    before = ""
    for prompt, _, kept, _ in render_turns(compiled(text), messages, None, range(1, len(messages))):
        assert prompt is not None
        assert prompt[:kept] == before[:kept]
        assert prompt[kept : kept + 1] != before[kept : kept + 1]
        before = prompt
