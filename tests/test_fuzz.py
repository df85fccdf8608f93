"""Random templates and conversations: the native core counts what transformers counts.

The run is small. `bench fuzz` searches for longer, and compares every strategy.
"""

from __future__ import annotations

import faulthandler
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

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
from strategies.testing.conversations import ConversationWriter
from strategies.testing.texts import TEXTS
from strategies.testing.wild import USUAL, WildWriter
from tests.conftest import REAL, unprepared_template
from tests.template_corpus import EXPRESSIONS

SMALL = 4_000
LONGEST_BATCH_SECONDS = 120
"""A batch takes well under a second. One that takes this long hangs, and the run ends with a trace
of every thread."""

CORPUS = tuple(text for texts in EXPRESSIONS.values() for text in texts)


class Writer:
    """Writes random templates and conversations."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self._templates = WildWriter(dice, CORPUS)
        self._conversations = ConversationWriter(dice, self._text)

    def _text(self) -> str:
        return "".join(self.dice.choices(TEXTS, k=self.dice.randint(0, 4)))

    def template(self) -> str:
        """Return a random template, or now and then one that is published."""
        if PUBLISHED and self.dice.random() < 0.15:
            return self.dice.choice(PUBLISHED)
        return self._templates.template()

    def conversation(self, name: str) -> Conversation:
        """Return a conversation of any messages."""
        return self._conversations.conversation(name, wild=True)


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


BUNDLED = [tokenizer_path(name) for name in tokenizer_names() if name != "sentencepiece"]
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
            text = writer.template()
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
