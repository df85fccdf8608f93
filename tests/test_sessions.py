"""Sessions: a conversation that goes on has at every time the ISL of the plain call."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

import strategies
from bench.bundled import tokenizer_path
from strategies import ChatTokenizer, Conversation, InputError, Session, TurnError
from strategies.plain import reference_turn
from strategies.testing import Case, branches, cases
from tests.conftest import REAL, Bench, bundled_chat, real_chat

Message = dict[str, Any]

TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "does it", "parameters": {"type": "object"}},
}
CALL = {"id": "call12345", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def user(text: str = "Hello") -> Message:
    return {"role": "user", "content": text}


def assistant(text: str = "Good", **more: Any) -> Message:
    return {"role": "assistant", "content": text, **more}


def plain(
    chat: ChatTokenizer, messages: Iterable[Message], tools: Any = None, kwargs: Any = None
) -> int | str:
    """Return the ISL of the plain call, or its error."""
    given = tuple(messages)
    asked = Conversation("session", given, tools, (len(given),), kwargs)
    return outcome(lambda: reference_turn(chat, asked, 0))


def outcome(count: Callable[[], int | None]) -> int | str:
    try:
        counted = count()
    except TurnError as error:
        return str(error)
    assert counted is not None
    return counted


def compare(
    chat: ChatTokenizer, messages: Iterable[Message], tools: Any = None, kwargs: Any = None
) -> Session:
    """Compare a session with the plain call after each message."""
    session = strategies.session(chat, tools=tools, template_kwargs=kwargs)
    said: list[Message] = []
    for message in messages:
        session.add(message)
        said.append(message)
        assert outcome(session.isl) == plain(chat, said, session_tools(tools), kwargs), said
    assert len(session) == len(said)
    return session


def session_tools(tools: Any) -> Any:
    return None if tools is None else tuple(tools)


MIXED = [
    {"role": "system", "content": "Be brief."},
    user("  Hello <|im_end|> é "),
    assistant("<think>why</think>\n\nSo", reasoning_content="why"),
    user(""),
    assistant("", tool_calls=[CALL]),
    {"role": "tool", "content": "{}", "tool_call_id": "call12345"},
    assistant(),
    {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
    user("Hello"),
]


@pytest.mark.parametrize("profile", ["vllm", "as-written"])
def test_every_message_of_a_bundled_template(bundled_name: str, profile: str) -> None:
    chat = bundled_chat(bundled_name, messages=profile)
    for tools in (None, [TOOL]):
        session = compare(chat, MIXED, tools)
    assert session.incremental
    assert session.note is None


@pytest.mark.parametrize("name", ["qwen3", "gpt-oss", "mistral-v3", "deepseek-v3", "phi-3-mini"])
def test_every_message_of_a_real_template(name: str) -> None:
    if not (REAL / "tokenizers" / name).exists():
        pytest.skip("the real inputs are not there")
    chat = real_chat(name)
    compare(chat, [user("a"), assistant("b"), user("c"), assistant("<think>d</think>e"), user("a")])
    compare(chat, MIXED, [TOOL])


@given(case=cases(conversations=1, most=6))
@settings(max_examples=12)
def test_random_templates_and_conversations(
    tmp_path_factory: pytest.TempPathFactory, case: Case
) -> None:
    chat = case.load(tmp_path_factory.mktemp("case"))
    for each in case.conversations:
        compare(chat, each.messages, each.tools, each.template_kwargs)


@given(several=branches(most=6))
@settings(max_examples=8)
def test_forks_go_on_each_for_itself(several: tuple[Conversation, ...]) -> None:
    chat = bundled_chat("bpe-chatml")
    for one in several:
        session = strategies.session(chat)
        forks: list[tuple[Session, list[Message]]] = []
        for place, message in enumerate(one.messages):
            if place:
                outcome(session.isl)
                forks.append((session.copy(), list(one.messages[:place])))
            session.add(message)
        for fork, said in reversed(forks):
            said.append(user("another way"))
            fork.add(said[-1])
            assert outcome(fork.isl) == plain(chat, said)
        assert outcome(session.isl) == plain(chat, one.messages)


def chat_with(tmp_path: Path, template: str) -> ChatTokenizer:
    path = tmp_path / "template.jinja"
    path.write_text(template, encoding="utf-8")
    return strategies.load_chat(tokenizer_path("bpe-chatml"), template=path)


def test_a_message_that_the_template_refuses_leaves_the_session_usable(tmp_path: Path) -> None:
    chat = chat_with(
        tmp_path,
        "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>"
        "{% if loop.last and m.role != 'user' %}{{ raise_exception('ask first') }}{% endif %}"
        "{% endfor %}",
    )
    session = strategies.session(chat, [user("a")])
    one = session.isl()
    session.add(assistant("b"))
    with pytest.raises(TurnError, match="ask first") as raised:
        session.isl()
    assert str(raised.value) == plain(chat, [user("a"), assistant("b")])
    session.add(user("c"))
    assert session.isl() == plain(chat, [user("a"), assistant("b"), user("c")])
    assert session.incremental
    assert session.isl() > one


def test_a_message_that_the_profile_refuses_is_named(bundled_name: str) -> None:
    chat = bundled_chat(bundled_name)
    image = {"type": "image_url", "image_url": {"url": "x"}}
    messages = [user(), assistant(), {"role": "user", "content": [image]}]
    session = compare(chat, messages)
    with pytest.raises(TurnError, match=r"messages\[2\]\.content\[0\]\.type"):
        session.isl()


def test_messages_of_a_developer_are_served_with_all_others(bundled_name: str) -> None:
    chat = bundled_chat(bundled_name)
    developer = {"role": "developer", "content": "Be brief."}
    session = compare(chat, [{"role": "system", "content": "So."}, developer, user(), assistant()])
    assert not session.incremental
    assert session.note is not None
    assert "role developer" in session.note
    # This one would change what was asked before.
    compare(chat, [user(), assistant(), developer, user()])


def test_what_the_core_does_not_render_is_told(tmp_path: Path) -> None:
    chat = chat_with(
        tmp_path,
        "{% for m in messages %}<|im_start|>{{ m.content|wordwrap(5) }}<|im_end|>{% endfor %}",
    )
    session = compare(chat, [user("one two three four"), assistant(), user("five six seven")])
    assert not session.incremental
    assert session.note is not None
    assert "Jinja2" in session.note
    copy = session.copy()
    copy.add(user())
    session.add(assistant("other"))
    assert copy.isl() != session.isl()


def test_a_tokenizer_that_the_core_cannot_count_is_told() -> None:
    chat = strategies.load_chat(tokenizer_path("bpe-chatml"))
    chat.tokenizer.split_special_tokens = True
    session = compare(chat, [user("<|im_end|>"), assistant(), user()])
    assert not session.incremental
    assert session.note is not None
    assert "plain call" in session.note


@pytest.mark.parametrize("role", ["user", "developer"], ids=["core", "python"])
def test_what_the_caller_changes_afterwards_changes_nothing(role: str) -> None:
    chat = bundled_chat("bpe-chatml")
    message: Message = {"role": role, "content": [{"type": "text", "text": "Hello"}]}
    session = strategies.session(chat, [message])
    counted = session.isl()
    message["content"][0]["text"] = "something else that is longer"
    assert session.isl() == counted == session.copy().isl()


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Hello", "messages[1]: a message must be an object"),
        ({"content": "x"}, "messages[1].role: must be a string"),
        ({"role": "user", "content": {1, 2}}, "messages[1].content: set is not JSON data"),
        ({"role": "user", "content": "\ud800"}, "messages[1].content: lone surrogate"),
    ],
)
def test_what_is_no_message_is_refused_and_not_added(message: Any, field: str) -> None:
    chat = bundled_chat("bpe-chatml")
    session = strategies.session(chat)
    with pytest.raises(InputError) as raised:
        session.extend([user(), message])
    assert str(raised.value).startswith(field)
    assert len(session) == 0
    session.add(user())
    assert session.isl() == plain(chat, [user()])


def test_a_session_without_messages_and_wrong_kwargs_are_refused() -> None:
    chat = bundled_chat("bpe-chatml")
    with pytest.raises(InputError, match="no message yet"):
        strategies.session(chat).isl()
    with pytest.raises(InputError, match="one message"):
        strategies.session(chat).extend(user())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="argument of apply_chat_template"):
        strategies.session(chat, template_kwargs={"tokenize": False})


def test_kwargs_of_a_session_reach_the_template(tmp_path: Path) -> None:
    chat = chat_with(tmp_path, "{% for m in messages %}{{ m.content }}{{ more }}{% endfor %}")
    session = compare(chat, [user(), user()], kwargs={"more": "a few words more"})
    assert session.isl() > strategies.session(chat, [user(), user()]).isl()


def test_threads_see_whole_states_and_lose_no_message() -> None:
    chat = bundled_chat("bpe-chatml")
    session = strategies.session(chat, [user("start")])
    known = {plain(chat, [user("start"), *[user("more")] * more]) for more in range(81)}
    seen: list[int] = []
    failures: list[BaseException] = []

    def hammer(number: int) -> None:
        try:
            for _ in range(20):
                session.add(user("more"))
                seen.append(session.isl())
                fork = session.copy()
                fork.add(assistant(f"of thread {number}"))
                assert fork.isl() > 0
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert known.issuperset(seen)
    assert len(session) == 81
    assert session.isl() == plain(chat, [user("start"), *[user("more")] * 80])


def test_what_is_remembered_has_a_bound_and_is_counted_again_beyond_it() -> None:
    chat = strategies.load_chat(tokenizer_path("bpe-chatml"))
    random = Random(0)  # noqa: S311  # the same text in every run
    most = 0
    first = user("the very first")
    for _ in range(40):
        # Each has half a megabyte of its own.
        text = "".join(random.choices("abcdef ghij", k=2000))
        session = strategies.session(chat, [first])
        for number in range(250):
            session.add(user(f"{number} {text}"))
        session.isl()
        held = session.held()
        most = max(most, held.remembered_bytes)
        assert held.messages == 251
        assert held.prompt_bytes > 250 * 2000
        assert held.spans > 250
    assert held.remembered_most / 3 < most <= held.remembered_most
    assert strategies.session(chat, [first]).isl() == plain(chat, [first])


def test_a_long_session_does_no_more_work_in_a_call_than_a_short_one() -> None:
    chat = bundled_chat("bpe-chatml")
    session = strategies.session(chat)
    for turn in range(400):
        session.extend([assistant(f"answer {turn}"), user(f"question {turn}")])
        session.isl()
        assert session.incremental, session.note


PAGE = Path(__file__).parents[1] / "docs" / "sessions.md"


def test_the_example_of_the_page_runs() -> None:
    text = PAGE.read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    exec(compile(code, str(PAGE), "exec"), {})  # noqa: S102  # it is our own page


def test_growth_compares_a_session_with_the_plain_call(bench: Bench) -> None:
    options = ("growth", "--session", "--lengths", "12,3", "--rounds", "2")
    result = bench(*options, "--json")
    assert result.code == 0, result.error
    report = json.loads(result.out)
    assert [point["turns"] for point in report["points"]] == [3, 12]
    for point in report["points"]:
        assert point["mismatches"] == 0
        assert point["plain"]["calls"] == 2
        assert 0 < point["isl"]["p50"] <= point["isl"]["p99"]
        assert point["faster"] > 0
    assert report["growth"] > 0
    assert report["note"] is None
    shown = bench(*options)
    assert "session, bpe-chatml: microseconds per call" in shown.out
    assert "equal" in shown.out


def test_growth_of_a_session_fails_at_a_wrong_count(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    isl = Session.isl
    monkeypatch.setattr(Session, "isl", lambda session: isl(session) + 1)
    result = bench("growth", "--session", "--lengths", "2", "--rounds", "1")
    assert result.code == 1
    assert "2 WRONG" in result.out
    assert "2 counts differ" in result.error


def test_growth_of_a_session_times_no_strategy(bench: Bench) -> None:
    result = bench("growth", "--session", "--strategy", "rust")
    assert result.code == 3
    assert "times no strategy" in result.error


def test_options_that_have_no_such_value_are_refused() -> None:
    chat = bundled_chat("bpe-chatml")
    with pytest.raises(InputError, match="tool_arguments: must be 'objects' or 'as-given'"):
        strategies.session(chat, tool_arguments="bogus")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(InputError, match="template_kwargs: must be a mapping"):
        strategies.session(chat, template_kwargs=[("a", 1)])  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_by_the_standard_library_goes_on_by_itself(copied: Any) -> None:
    one = strategies.session(bundled_chat("bpe-chatml"), [{"role": "user", "content": "a"}])
    two = copied(one)
    one.add({"role": "assistant", "content": "b"})
    assert (len(one), len(two)) == (2, 1)
