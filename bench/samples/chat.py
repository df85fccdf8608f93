"""Conversations that are no tool loops: short chats, one long chat, many languages."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from bench.samples.text import SENTENCES, Dice, camel, dialogues, fill, plural, prose, snake, words

#: Tools of the conversations that are not tool loops.
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Look up a record by its name & return its fields",
            "parameters": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "description": "The record's name"},
                    "fields": {"type": "array", "items": {"type": "string"}},
                    "limit": {"type": "integer", "minimum": 1, "default": 10},
                },
                "required": ["name"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "convert",
            "description": "Convert an amount from one unit to another",
            "parameters": {
                "type": "object",
                "properties": {
                    "amount": {"type": "number"},
                    "source": {"type": "string", "enum": ["km", "mi", "°C", "°F", "€", "$"]},
                    "target": {"type": "string", "enum": ["km", "mi", "°C", "°F", "€", "$"]},
                },
                "required": ["amount", "source", "target"],
            },
        },
    },
]


def _question(dice: Dice) -> str:
    noun, verb, adjective = (
        dice.pick(words("nouns")),
        dice.pick(words("verbs")),
        dice.pick(words("adjectives")),
    )
    start = dice.pick(
        [
            f"How do I {verb} the {adjective} {noun}?",
            f"Can you explain what a {noun} is, in simple words?",
            f"I want to {verb} {plural(noun)}. Where do I start?",
            f"What's the difference between a {noun} and a {dice.pick(words('nouns'))}?",
            f"My {noun} isn't {adjective} any more, what could've happened?",
            "thanks, that helps!",
        ]
    )
    return start if dice.chance(0.4) else f"{start} {fill(dice, dice.pick(SENTENCES))}"


def _answer(dice: Dice, length: int) -> str:
    out = prose(dice, length)
    if length > 250 and dice.chance(0.6):
        items = [
            f"{n}. **{camel(dice)}**: {fill(dice, dice.pick(SENTENCES))}"
            for n in range(1, dice.between(3, 6))
        ]
        out += "\n\n" + "\n".join(items)
    if length > 250 and dice.chance(0.5):
        a, b = snake(dice), snake(dice)
        out += f"\n\n```python\ndef {a}({b}):\n    return {{{a!r}: {b} * {dice.below(100)}}}\n\n\n"
        out += f"print({a}({dice.below(10000)}))\n```"
    if length > 400 and dice.chance(0.3):
        rows = [
            f"| {dice.pick(words('nouns'))} | {dice.below(10000) / 100:.2f} | {dice.below(99)} % |"
            for _ in range(4)
        ]
        out += "\n\n| name | value | share |\n|---|---:|---:|\n" + "\n".join(rows)
    return out


def _tool_exchange(dice: Dice, number: int) -> list[dict[str, Any]]:
    noun = dice.pick(words("nouns"))
    identifier = f"call_{number:04}"
    if dice.chance(0.5):
        name, arguments = (
            "look_up",
            {"name": noun, "fields": [snake(dice), snake(dice)], "limit": dice.between(1, 9)},
        )
        result = {
            "name": noun,
            "found": True,
            snake(dice): dice.below(10**6),
            snake(dice): prose(dice, 80),
        }
    else:
        name, arguments = (
            "convert",
            {"amount": dice.below(10000) / 4, "source": "km", "target": "mi"},
        )
        result = {"amount": dice.below(10000) / 8, "unit": "mi"}
    call = {
        "id": identifier,
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
    }
    return [
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": prose(dice, 90),
            "tool_calls": [call],
        },
        {
            "role": "tool",
            "tool_call_id": identifier,
            "name": name,
            "content": json.dumps(result, ensure_ascii=False),
        },
    ]


def short_chat(dice: Dice, name: str) -> dict[str, Any]:
    """Return a chat of one to four user turns; one in four has tools and uses them.

    Parameters
    ----------
    dice
        The stream that decides everything about it.
    name
        The record's id.
    """
    messages: list[dict[str, Any]] = []
    with_tools = dice.chance(0.25)
    if dice.chance(0.5):
        messages.append(
            {"role": "system", "content": f"You are a {dice.pick(words('adjectives'))} assistant."}
        )
    for turn in range(dice.between(1, 4)):
        messages.append({"role": "user", "content": _question(dice)})
        if with_tools and dice.chance(0.7):
            messages += _tool_exchange(dice, turn)
        answer: dict[str, Any] = {
            "role": "assistant",
            "content": _answer(dice, dice.between(20, 700)),
        }
        if dice.chance(0.3):
            answer["reasoning_content"] = prose(dice, dice.between(60, 400))
        messages.append(answer)
    # Some conversations end with a request that has no answer yet.
    if dice.chance(0.3):
        messages.append({"role": "user", "content": _question(dice)})
    record: dict[str, Any] = {"id": name, "messages": messages}
    if with_tools:
        record["tools"] = TOOLS
    return record


def long_chat(dice: Dice, name: str, *, turns: int) -> dict[str, Any]:
    """Return one chat with many user turns. Some answers use tools.

    Every answer has reasoning, so a template that drops earlier reasoning rewrites the history
    at each turn.

    Parameters
    ----------
    dice
        The stream that decides everything about it.
    name
        The record's id.
    turns
        User turns.
    """
    messages: list[dict[str, Any]] = [{"role": "system", "content": prose(dice, 300)}]
    for turn in range(turns):
        messages.append({"role": "user", "content": _question(dice)})
        if dice.chance(0.2):
            messages += _tool_exchange(dice, turn)
        messages.append(
            {
                "role": "assistant",
                "content": _answer(dice, dice.between(30, 500)),
                "reasoning_content": prose(dice, dice.between(30, 250)),
            }
        )
    return {"id": name, "messages": messages, "tools": TOOLS}


def multilingual(dice: Dice, name: str, number: int) -> dict[str, Any]:
    """Return a conversation in languages other than English.

    First come the handwritten dialogues as they are (composed, NFC), then the same dialogues
    decomposed (NFD), then mixtures that change language and form from line to line. NFD is the same
    in every Python, because Unicode never changes the normalization of assigned characters.

    Parameters
    ----------
    dice
        The stream that decides everything about a mixture.
    name
        The record's id.
    number
        Which conversation of this kind it is, from 0.
    """
    pool = dialogues()
    if number < len(pool):
        return {
            "id": name,
            "messages": [{"role": role, "content": text} for role, text in pool[number][1]],
        }
    if number < 2 * len(pool):
        lines = pool[number - len(pool)][1]
        return {
            "id": name,
            "messages": [
                {"role": role, "content": unicodedata.normalize("NFD", text)}
                for role, text in lines
            ],
        }
    spoken = {
        role: [text for _, lines in pool for who, text in lines if who == role]
        for role in ("user", "assistant")
    }
    messages: list[dict[str, Any]] = []
    for _ in range(dice.between(2, 8)):
        for role in ("user", "assistant"):
            text = " ".join(dice.pick(spoken[role]) for _ in range(dice.between(1, 3)))
            messages.append(
                {
                    "role": role,
                    "content": unicodedata.normalize("NFD", text) if dice.chance(0.3) else text,
                }
            )
    return {"id": name, "messages": messages}
