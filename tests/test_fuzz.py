"""Random templates and conversations: the native core counts what transformers counts.

The default run is small. ``pytest tests/test_fuzz.py -m attack`` takes as many prompts as
``ISL_BENCH_FUZZ_PROMPTS`` says, from the seed ``ISL_BENCH_FUZZ_SEED``, and prints its figures.
"""

from __future__ import annotations

import faulthandler
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from transformers.utils import chat_template_utils

from bench.bundled import tokenizer_names, tokenizer_path
from strategies import (
    ChatTokenizer,
    Conversation,
    InputError,
    TurnError,
    get,
    load_chat,
    reference_counts,
)
from strategies.chat.serving import serve_all
from strategies.counting import count_with
from tests.conftest import REAL, unprepared_template
from tests.template_corpus import EXPRESSIONS

PROMPTS_VARIABLE = "ISL_BENCH_FUZZ_PROMPTS"
SEED_VARIABLE = "ISL_BENCH_FUZZ_SEED"
SMALL = 4_000
LARGE = 500_000
LONGEST_BATCH_SECONDS = 120
"""A batch takes well under a second. One that takes this long hangs, and the run ends with a trace
of every thread."""

TEXTS = (
    *("", " ", "\n", "a", "Hello there", "the the  the", "  edges  ", "two\n\nlines\r\n"),
    "\ttab",
    *("<|im_start|>", "<|im_end|>\n", "x<|im_end|>y", "<|im_", "start|>", "</s>", "<s>", "[INST]"),
    *(
        "<think>",
        "</think>",
        "<tool_call>",
        "▁",
        "Ġ",
        "é",
        "e\u0301",
        "日本語",
        "😀👩‍👩‍👧",
        "\u00a0",
    ),
    *("\u2028", "\u200d", "\x00", "\x7f", "{{ x }}", "{% if %}", "{#", "'", '"', "\\", "<b>&"),
    *("0", "12", "-3.5e7", "None", "true", "<f at 0x7f00>", "Straße", "İ", "ﬁ", "\ufffd", "\u0378"),
    *("user", "content", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "def f(x):\n    return x\n"),
)
ROLES = ("user", "assistant", "system", "tool", "developer", "alien", "")
FILTERS = (
    *("trim", "upper", "lower", "length", "string", "tojson", "list", "first", "last", "reverse"),
    *("int", "join", "join(', ')", "default('d')", "default('d', true)", "capitalize", "items"),
    *("replace('a', 'bb')", "tojson(indent=2)", "unique | list", "sort", "dictsort", "safe"),
    *("map('upper') | list", "map(attribute='role') | list", "select('string') | list"),
    *("selectattr('content') | list", "rejectattr('role', 'equalto', 'user') | list", "title"),
    *("reject('none') | join", "map('trim') | join('-')", "length | string", "abs", "count"),
)
TESTS = (
    *("defined", "none", "string", "mapping", "iterable", "sequence", "number", "true", "false"),
    *("undefined", "boolean", "integer", "float", "not none", "not string", "odd", "even"),
    *("equalto('user')", "in ['user', 'a']", "divisibleby(2)"),
)
METHODS = (
    *(
        "strip()",
        "split()",
        "split('<')",
        "upper()",
        "lower()",
        "startswith('a')",
        "endswith('\\n')",
    ),
    *(
        "replace('a', '')",
        "get('x')",
        "get('name', 1)",
        "items()",
        "keys() | list",
        "values() | list",
    ),
    *("strip('\\n')", "lstrip()", "rstrip()", "split('</think>')[-1]", "find('e')", "title()"),
    *("count('a')", "join(['a', 'b'])", "splitlines()", "rsplit('\\n', 1)", "format(1)", "copy()"),
)
NAMES = (
    *(
        "m",
        "m.role",
        "m.content",
        "m['content']",
        "messages",
        "messages[0]",
        "messages[-1].content",
    ),
    *(
        "tools",
        "loop.index",
        "loop.index0",
        "loop.first",
        "loop.last",
        "loop.length",
        "ns.a",
        "ns.b",
    ),
    *("bos_token", "eos_token", "add_generation_prompt", "nothing", "m.tool_calls", "x", "y"),
    *(
        "m.reasoning_content",
        "m.content[0]",
        "m.content[0].text",
        "messages[1:]",
        "messages | length",
    ),
    *("loop.previtem", "loop.nextitem.role", "messages[loop.index0 - 1].role", "m.nothing.at.all"),
)
OPERATORS = (*("~",) * 12, "+", "-", "*", "/", "//", "%", "**")
FOR_ANY = (
    "string",
    "tojson",
    "default('d')",
    "default('d', true)",
    "string | trim",
    "string | upper",
)
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")
CORPUS = tuple(text for texts in EXPRESSIONS.values() for text in texts)
MARKERS = ("<|im_start|>", "<|im_end|>\n", "<s>", "</s>", "[INST] ", "\n", " ", "x")


class Writer:
    """Writes random templates and conversations."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice

    def expression(self, depth: int = 2) -> str:
        """Return an expression; most have a value in most conversations."""
        pick = self.dice.choice
        if not depth or self.dice.random() < 0.2:
            leaves = (pick(NAMES), pick(NAMES), repr(pick(TEXTS)), str(self.dice.randint(-3, 9)))
            return pick((*leaves, pick(CORPUS)))
        one, two = self.expression(depth - 1), self.expression(depth - 1)
        forms = (
            *(f"({one} | {pick(FOR_ANY)})",) * 4,
            f"({one} | {pick(FILTERS)})",
            f"([{one}, {two}] | {pick(FILTERS)})",
            f"({one} | string | {pick(FILTERS)})",
            *(f"({one} {pick(OPERATORS)} {two})",) * 2,
            f"({one} {pick(('==', '!=', *COMPARISONS))} {two})",
            f"({one} is {pick(TESTS)})",
            *(f"({one} | string).{pick(METHODS)}",) * 2,
            pick((f"({one}).{pick(METHODS)}", one, one)),
            f"({one} {pick(('and', 'or'))} {two})",
            f"({one} if {two} else {pick(NAMES)})",
            f"[{one}, {two}]",
            f"f({one})",
        )
        return pick(forms)

    def statement(self, depth: int = 2) -> str:
        """Return a statement, or text."""
        pick = self.dice.choice
        before, after, third, last = (pick(("", "", "-")) for _ in range(4))
        printed = f"{{{{{before} {self.expression()} {after}}}}}"
        target = pick(("x", "y", "ns.a", "ns.b"))
        simple = (
            *(pick(MARKERS), pick(MARKERS), printed, printed, printed),
            f"{{%{before} set {target} = {self.expression()} {after}%}}",
        )
        if not depth or self.dice.random() < 0.45:
            return pick(simple)
        body, other = self.body(depth - 1), self.body(depth - 1)
        over = pick(("messages", "m.content", "tools or []", "range(3)", "m.tool_calls or []"))
        test = f" if {self.expression(1)}" if self.dice.random() < 0.3 else ""
        stop = pick(("", "", "{% if loop.index > 1 %}{% break %}{% endif %}"))
        choice = (
            f"{{%{before} if {self.expression()} {after}%}}{body}"
            f"{{%{third} else %}}{other}{{% endif {last}%}}"
        )
        loop = (
            f"{{%{before} for {pick(('x', 'y', 'm'))} in {over}{test} {after}%}}"
            f"{body}{stop}{{% endfor {third}%}}"
        )
        block = f"{{% set x %}}{body}{{% endset %}}"
        refusal = "{% if x %}{{ raise_exception('no') }}{% endif %}"
        return pick((choice, choice, choice, loop, loop, block, refusal))

    def body(self, depth: int) -> str:
        """Return some statements."""
        return "".join(self.statement(depth) for _ in range(self.dice.randint(1, 3)))

    def template(self) -> str:
        """Return a template that mostly looks like one for chats."""
        turn = USUAL if self.dice.random() < 0.7 else ""
        # Before the loop there is no message, so that most of its expressions fail.
        before = self.body(1) if self.dice.random() < 0.1 else "{% set x, y = 'x', 1 %}"
        body = self.body(2) if self.dice.random() < 0.8 else ""
        macro = f"{{% macro f(a, b=1) %}}{self.body(1)}{{{{ a }}}}{{% endmacro %}}"
        return (
            f"{macro}{{% set ns = namespace(a='', b=0) %}}{before}"
            f"{{% for m in messages %}}{turn}{body}{{% endfor %}}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        )

    def text(self) -> str:
        """Return a text of some pieces."""
        return "".join(self.dice.choices(TEXTS, k=self.dice.randint(0, 4)))

    def data(self, depth: int = 2) -> Any:
        """Return plain JSON data."""
        kind = self.dice.randrange(8) if depth else self.dice.randrange(6)
        if kind < 2:
            return self.text()
        if kind < 6:
            return self.dice.choice((None, True, False, 0, -7, 10**20, 1.5, 1e-7, 3.0))
        if kind == 6:
            return [self.data(depth - 1) for _ in range(self.dice.randrange(3))]
        return {self.text(): self.data(depth - 1) for _ in range(self.dice.randrange(3))}

    def message(self, place: int) -> dict[str, Any]:
        """Return a message."""
        chance = self.dice.random
        role = ROLES[place % 2] if chance() < 0.8 else self.dice.choice(ROLES)
        message: dict[str, Any] = {"role": role}
        if chance() < 0.95:
            message["content"] = self.text() if chance() < 0.85 else self.data()
        if chance() < 0.1:
            message["content"] = [{"type": "text", "text": self.text()} for _ in range(2)]
        if chance() < 0.15:
            message[self.dice.choice(("reasoning_content", "thinking", "reasoning"))] = self.text()
        if chance() < 0.15:
            arguments = {self.text(): self.data(1)} if chance() < 0.8 else self.text()
            function = {"name": self.text(), "arguments": arguments}
            message["tool_calls"] = [{"id": "c", "type": "function", "function": function}]
        if chance() < 0.1:
            message[self.text()] = self.data()
        return message

    def conversation(self, name: str) -> Conversation:
        """Return a conversation of which most prefixes are turns."""
        messages = tuple(self.message(place) for place in range(self.dice.randint(1, 14)))
        turns = [k for k in range(1, len(messages) + 1) if self.dice.random() < 0.9]
        tools = None
        if self.dice.random() < 0.2:
            parameters = {"type": "object", "properties": {self.text(): self.data(1)}}
            function = {"name": self.text(), "description": self.text(), "parameters": parameters}
            tools = ({"type": "function", "function": function},)
        return Conversation(name, messages, tools, tuple(turns))


@dataclass
class Figures:
    """What an attack has seen."""

    prompts: int = 0
    counted: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        seen = ", ".join(f"{self.seen[name]:,} {name}" for name in sorted(self.seen))
        return (
            f"{self.prompts:,} prompts ({self.counted:,} with a count), {len(self.wrong)} wrong; "
            f"templates: {seen}"
        )


def templates(dice: Random, writer: Writer) -> str:
    """Return a template: a random one, or now and then one that is published."""
    if PUBLISHED and dice.random() < 0.15:
        return dice.choice(PUBLISHED)
    return writer.template()


USUAL = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
BUNDLED = [tokenizer_path(name) for name in tokenizer_names() if name != "sentencepiece"]
#: One of each family and with every kind of marker, if they are there.
REAL_ONES = [
    path
    for name in ("phi-3-mini", "smollm3", "xlm-roberta-unigram", "mistral-v3")
    if (path := REAL / "tokenizers" / name).is_dir()
]
PUBLISHED = [path.read_text() for path in sorted((REAL / "templates").glob("*.jinja"))]


def outcome(count: Any) -> tuple[str, Any]:
    """Return what a call ends with: counts, or what its error names."""
    try:
        return "counts", count()
    except TurnError as error:
        return "raises", (error.conversation, error.turn, error.reason)
    except InputError as error:
        return "refused", str(error)


_COMPILES = "_compile_jinja_template"


def untouched(chat: ChatTokenizer, text: str, conversation: Conversation) -> list[int | None]:
    """Count with a template that this project has not prepared, and with no limits."""
    compiled = unprepared_template(text)
    before = getattr(chat_template_utils, _COMPILES)
    setattr(chat_template_utils, _COMPILES, lambda _: compiled)
    try:
        lengths: list[int | None] = []
        for index in range(len(conversation.turns)):
            messages = list(conversation.messages[: conversation.turns[index]])
            tools = None if conversation.tools is None else list(conversation.tools)
            try:
                ids = chat.tokenizer.apply_chat_template(
                    messages, tools=tools, chat_template=text, add_generation_prompt=True,
                    return_dict=False,
                )  # fmt: skip
            except Exception:
                lengths.append(None)
            else:
                lengths.append(len(ids))
    finally:
        setattr(chat_template_utils, _COMPILES, before)
    return lengths


def attack(seed: int, prompts: int, tokenizers: Sequence[Path]) -> Figures:
    """Count random prompts with the core and with transformers, and compare.

    Parameters
    ----------
    seed
        The same seed gives the same prompts.
    prompts
        How many; each tokenizer gets the same share.
    tokenizers
        Folders of tokenizers that the core can load.
    """
    dice = Random(seed)  # noqa: S311  # no secret
    writer = Writer(dice)
    figures = Figures()
    for number, path in enumerate(tokenizers, 1):
        chat = load_chat(path, template=USUAL, messages="as-written")
        attack_one(figures, chat, writer, prompts * number // len(tokenizers))
    return figures


def attack_one(figures: Figures, chat: ChatTokenizer, writer: Writer, until: int) -> None:
    """Go on until this many prompts are counted."""
    with get("rust").open(chat, workers=2) as counter:
        while figures.prompts < until:
            # Not to the stream that pytest captures.
            faulthandler.dump_traceback_later(LONGEST_BATCH_SECONDS, exit=True, file=2)
            text = templates(writer.dice, writer)
            chat.template = text
            try:
                chat.renderer(Conversation("probe", ({"role": "user"},), None, (1,)))
            except TurnError:
                figures.seen["that are none"] += 1
                continue
            some = [writer.conversation(f"c{i}") for i in range(24)]
            compare(figures, chat, counter, some, text)
    faulthandler.cancel_dump_traceback_later()


def compare(
    figures: Figures,
    chat: ChatTokenizer,
    counter: Any,
    some: Sequence[Conversation],
    text: str,
) -> None:
    """Compare both ways to count some conversations, with skip and with raise."""
    expected = outcome(lambda: reference_counts(some, chat, on_error="skip"))
    got = outcome(lambda: count_with(counter, chat, some, on_error="skip"))
    alike = expected == got
    if expected[0] == "counts":
        figures.prompts += sum(map(len, expected[1]))
        figures.counted += sum(isl is not None for isls in expected[1] for isl in isls)
        by_jinja = "rendered by Jinja2" in (counter.note or "")
        figures.seen["rendered by Jinja2" if by_jinja else "rendered by the core"] += 1
        # One conversation without anything of this project between transformers and the count.
        (served, *_), _ = serve_all(some[:1], chat.serve, "skip")
        alike &= untouched(chat, text, served) == expected[1][0][: len(served.turns)]
    else:
        figures.seen["refused"] += 1
    raised = outcome(lambda: reference_counts(some, chat))
    raised_by_core = outcome(lambda: count_with(counter, chat, some))
    alike &= raised == raised_by_core
    if not alike:
        figures.wrong.append(
            f"{chat.name}: {text!r}\n{expected}\n{got}\n{raised}\n{raised_by_core}"
        )


def check(figures: Figures) -> None:
    assert not figures.wrong, "\n\n".join(figures.wrong[:3])
    # Else both sides would be Jinja2, or both would fail.
    assert figures.seen["rendered by the core"] > sum(figures.seen.values()) / 5
    assert figures.counted > figures.prompts / 5


def test_random_prompts_are_counted_as_by_transformers() -> None:
    check(attack(1, SMALL, BUNDLED))


@pytest.mark.attack
@pytest.mark.timeout(0)
def test_half_a_million_random_prompts(capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get(SEED_VARIABLE, "0"))
    began = time.monotonic()
    figures = attack(seed, int(os.environ.get(PROMPTS_VARIABLE, LARGE)), [*BUNDLED, *REAL_ONES])
    with capsys.disabled():
        print(f"\nseed {seed}, {time.monotonic() - began:,.0f} s: {figures}")  # what the run is for
    check(figures)
