"""A template may neither take all memory nor run for hours, and Ctrl-C always ends a render."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

import pytest

from bench.bundled import tokenizer_path
from strategies import ChatTokenizer, Conversation, InputError, TurnError, count, get, load_chat
from strategies.chat.limits import (
    CHARACTERS_VARIABLE,
    MAX_RENDER_CHARACTERS,
    MAX_RENDER_STEPS,
    STEPS_VARIABLE,
    render_limits,
)
from strategies.chat.rendering import compile_template
from strategies.runtime.interruptible import LONG_CALL_CHARACTERS, interruptible
from tests.conftest import BENCH, unprepared_template
from tests.template_corpus import EXPRESSIONS, MESSAGES, TEMPLATES, VARIABLES

TOKENIZER = tokenizer_path("bpe-chatml")
#: Those that run in this process, where a test can set other limits.
IN_PROCESS = ("sequential", "thread-pool", "batched", "spliced", "rust", "auto")
CHARACTERS = 20_000
STEPS = 5_000


def growing(value: str) -> str:
    """A template in which `ns.s` becomes `value` sixty times."""
    return (
        "{% set ns = namespace(s=messages[0].content) %}{% for i in range(60) %}{% set ns.s = "
        + value
        + " %}{% endfor %}{{ ns.s }}"
    )


N = "{% set n = 10000000000 %}"
LONG_TEXTS = {
    "sum": growing("ns.s + ns.s"),
    "concatenation": growing("ns.s ~ ns.s"),
    "repetition": growing("ns.s * 2"),
    "replace": growing("ns.s.replace('h', 'hh')"),
    "filter replace": growing("ns.s | replace('h', 'hh')"),
    "join": growing("''.join([ns.s, ns.s])"),
    "filter join": growing("[ns.s, ns.s] | join"),
    "format": growing("'{}{}'.format(ns.s, ns.s)"),
    "filter format": growing("'%s%s' | format(ns.s, ns.s)"),
    "percent": growing("'%s%s' % (ns.s, ns.s)"),
    "list": growing("[ns.s, ns.s] | string"),
    "list of itself": "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}"
    "{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
    "block": "{% set ns = namespace(s='hh') %}{% for i in range(60) %}"
    "{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}{% endfor %}{{ ns.s }}",
    "macro": "{% macro two(s) %}{{ s }}{{ s }}{% endmacro %}" + growing("two(ns.s)"),
    "argument": "{% macro f(s, n) %}{% if n %}{{ f(s + s, n - 1) }}{% endif %}{% endmacro %}"
    "{{ f('hh', 60) }}",
    "items": "{% for a in [messages[0].content * 90] %}" + "{% for a in [a + a] %}" * 9
    + "{{ a }}" + "{% endfor %}" * 10,
    "constant": "{{ messages[0].content * 10000000000 }}",
    "prompt": "{% set s = messages[0].content * 90 %}{% for i in range(400) %}{{ s }}{% endfor %}",
    "width": N + "{{ 'x'.ljust(n) }}",
    "width in a format": N + "{{ '{:{}}'.format('x', n) }}",
    "width in a literal format": "{{ '{:>10000000000}'.format(messages[0].content) }}",
    "width in percent": N + "{{ '%*d' % (n, 1) }}",
    "center": N + "{{ 'x' | center(n) }}",
    "indent": N + "{{ 'x' | indent(n) }}",
    "JSON": N + "{{ [1] | tojson(indent=n) }}",
    "batch": N + "{{ [1] | batch(n, 'x') | list }}",
}  # fmt: skip
MANY_STEPS = {
    "loops": "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "a condition": "{% for a in range(100000) %}{% for b in range(100000) if b < 0 %}{% endfor %}"
    "{% endfor %}",
    "macros": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}"
    "{{ f(60) }}",
    "printing": "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
}  # fmt: skip
CONSTANTS = {
    "repetition": "{{ 'x' * 10**10 }}",
    "sum of repetitions": "{{ 'x' * 20000 + 'y' * 20000 }}",
    "power": "{{ 10 ** 1000000000 }}",
    "center": "{{ 'x' | center(10**9 * 10) }}",
    "number": "{{ 2 ** 100000 }}",
}

ONE = Conversation("one", ({"role": "user", "content": "hello there"},), None, (1,))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that are reached at once."""
    monkeypatch.setenv(CHARACTERS_VARIABLE, str(CHARACTERS))
    monkeypatch.setenv(STEPS_VARIABLE, str(STEPS))


@cache
def beyond_a_limit(kind: str) -> ChatTokenizer:
    """Return a tokenizer with a template that goes beyond a limit, loaded once per run."""
    return load_chat(TOKENIZER, template=LONG_TEXTS.get(kind) or MANY_STEPS[kind])


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("strategy", IN_PROCESS)
@pytest.mark.parametrize("kind", [*LONG_TEXTS, *MANY_STEPS])
def test_a_render_beyond_a_limit_is_the_same_error_everywhere(kind: str, strategy: str) -> None:
    chat = beyond_a_limit(kind)
    with pytest.raises(TurnError) as caught:
        count([ONE], chat, strategy, workers=1)
    expected = (
        f"makes a text of more than {CHARACTERS:,} characters ({CHARACTERS_VARIABLE}"
        if kind in LONG_TEXTS
        else f"takes more than {STEPS:,} steps in its loops and macros ({STEPS_VARIABLE}"
    )
    assert str(caught.value) == (
        f"conversation 'one', turn 1 (its first 1 messages): the template {expected} sets another "
        "limit)"
    )
    assert count([ONE], chat, strategy, workers=1, on_error="skip") == [[None]]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", CONSTANTS)
def test_an_operation_on_constants_is_refused_before_jinja2_does_it(kind: str) -> None:
    with pytest.raises(InputError, match=r"the chat template has an error: line 1: the template "):
        load_chat(TOKENIZER, template=CONSTANTS[kind])


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("strategy", IN_PROCESS)
def test_what_is_within_the_limits_is_counted(strategy: str) -> None:
    template = (
        "{{ 'x' * 15000 }}{{ 1700000000 % 7 }}{{ '%d' | format(1700000000) }}{{ 2 ** 64 }}"
        "{{ '{}'.format(1700000000) }}{{ 'id 1700000000: %d' % 1700000000 }}"
        "{% for i in range(4000) %}{% endfor %}"
    )
    chat = load_chat(TOKENIZER, template=template)
    rendered = chat.renderer(ONE).render(0)
    numbers = "1700000000", "18446744073709551616", "1700000000", "id 1700000000: 1700000000"
    assert rendered == "x" * 15000 + str(1700000000 % 7) + "".join(numbers)
    expected = chat.lengths([rendered])
    assert count([ONE], chat, strategy, workers=1) == [expected]


@pytest.mark.parametrize("strategy", IN_PROCESS)
@pytest.mark.parametrize(
    "body", ["{{ f(n | string | length) }}", "{% if n is number and n == 1 %}{{ f(1) }}{% endif %}"]
)
def test_a_macro_without_end_is_the_same_error_everywhere(body: str, strategy: str) -> None:
    # Python says, besides, what it was doing when the stack was full.
    chat = load_chat(TOKENIZER, template=f"{{% macro f(n) %}}{body}{{% endmacro %}}{{{{ f(1) }}}}")
    with pytest.raises(TurnError) as caught:
        count([ONE], chat, strategy, workers=1)
    assert caught.value.reason == "RecursionError: maximum recursion depth exceeded"


def test_limits_change_no_text() -> None:
    for text in (
        *TEMPLATES.values(),
        *(f"{{{{ {text} }}}}" for texts in EXPRESSIONS.values() for text in texts),
    ):
        results = []
        for compiled in (unprepared_template(text), compile_template(text)):
            try:
                results.append(compiled.render(messages=MESSAGES, tools=None, **VARIABLES))
            except Exception as error:
                results.append(repr(error))
        assert results[0] == results[1], text


@pytest.mark.parametrize("text", ["0", "-1", "many", "", "1.5", "1" * 30])
def test_a_limit_that_is_no_number_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STEPS_VARIABLE, text)
    with pytest.raises(InputError, match=f"{STEPS_VARIABLE}: must be a whole number from 1 on"):
        render_limits()


def test_without_variables_the_limits_are_those_of_the_documentation() -> None:
    readme = Path(__file__).parents[1].joinpath("strategies", "rust", "README.md").read_text()
    assert (render_limits().steps, render_limits().characters) == (
        MAX_RENDER_STEPS,
        MAX_RENDER_CHARACTERS,
    )
    for variable, limit in (
        (STEPS_VARIABLE, MAX_RENDER_STEPS),
        (CHARACTERS_VARIABLE, MAX_RENDER_CHARACTERS),
    ):
        assert f"| `{variable}` | {limit:,} |" in readme


@pytest.mark.parametrize("strategy", ["rust", "sequential", "process-pool"])
def test_a_doubled_text_ends_the_command_in_one_line(strategy: str, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"messages": [{"role": "user", "content": "hello"}]}\n')
    template = tmp_path / "double.jinja"
    template.write_text(LONG_TEXTS["sum"])
    done = subprocess.run(
        [
            *(*BENCH, "count", str(data), "--tokenizer", str(TOKENIZER)),
            *("--template", str(template), "--strategy", strategy),
            *("--out", str(tmp_path / "isl.csv")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    place = f"{data}: conversation 'conversation-1', turn 1 (its first 1 messages): "
    assert line.startswith(f"bench: {place}")
    assert f"of more than {MAX_RENDER_CHARACTERS:,} characters" in line
    assert not (tmp_path / "isl.csv").exists()


# Ctrl-C.

INTERRUPTED = """
import sys
from strategies import Conversation, count, load_chat
messages = tuple({"role": "user", "content": str(i)} for i in range(8))
data = [Conversation("c", messages, None, tuple(range(1, 9)))]
chat = load_chat(sys.argv[1], template=sys.argv[2])
count(data, chat, sys.argv[3], workers=2, progress=lambda _: print("going on", flush=True))
"""
# Its passes differ, so that the core has to run each of them.
LATE = (
    "{% for m in messages %}{{ m.content }}{% endfor %}{% if messages | length > 6 %}"
    "{% for a in range(100000) %}{% for b in range(100000) %}{% if b < 0 %}{% endif %}"
    "{% endfor %}{% endfor %}{% endif %}"
)


@pytest.mark.parametrize("strategy", ["rust", "sequential", "spliced", "batched"])
def test_ctrl_c_ends_a_render_that_takes_hours(strategy: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(TOKENIZER), LATE, strategy],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, STEPS_VARIABLE: str(10**15)},
    )
    assert process.stdout is not None
    if strategy in ("rust", "sequential"):
        # Then the first turns are done, and one of the long ones is rendered.
        assert process.stdout.readline() == "going on\n"
    # The others say nothing before they render. They need seconds for their imports.
    seconds = 1 if strategy in ("rust", "sequential") else 4
    timer = threading.Timer(seconds, process.send_signal, (signal.SIGINT,))
    timer.start()
    try:
        _, errors = process.communicate(timeout=120)
    finally:
        timer.cancel()
        process.kill()
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_a_long_call_leaves_the_main_thread_free_for_ctrl_c() -> None:
    begun, end = threading.Event(), threading.Event()
    ended = []

    def library_call() -> None:
        begun.set()
        end.wait(60)
        ended.append(threading.current_thread())

    def interrupt() -> None:
        begun.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            interruptible(library_call, LONG_CALL_CHARACTERS)
        assert not ended
    finally:
        end.set()
        interrupting.join()


def test_a_long_call_gives_its_result_and_its_error() -> None:
    for characters in (0, LONG_CALL_CHARACTERS):
        thread, result = interruptible(lambda: (threading.current_thread(), 7), characters)
        assert result == 7
        assert (thread is threading.main_thread()) == (characters == 0)
        with pytest.raises(ZeroDivisionError):
            interruptible(lambda: 1 // 0, characters)


@pytest.mark.parametrize("strategy", IN_PROCESS)
def test_a_word_of_megabytes_is_counted_as_by_the_plain_call(strategy: str) -> None:
    word = "ab" * (LONG_CALL_CHARACTERS // 2)
    long = Conversation("long", ({"role": "user", "content": word},), None, (1,))
    chat = load_chat(TOKENIZER)
    with get(strategy).open(chat, workers=1) as counter:
        assert counter.count([long]) == [[len(chat.apply_chat_template(long, 0))]]
