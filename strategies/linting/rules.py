"""The rules that decide a verdict. To add one, write its condition and add a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strategies.exactness.conditions import Refusal
from strategies.exactness.pipeline import token_refusal
from strategies.linting.verdict import ALONE, NEIGHBOURS, NEVER, Exactness, Verdict

if TYPE_CHECKING:
    from tokenizers import AddedToken

    from strategies.linting.subject import Subject


@dataclass(frozen=True, slots=True)
class Rule:
    """What can make a cut wrong.

    Parameters
    ----------
    name
        For tables.
    conditions
        The conditions of docs/cutting.md that it is about.
    summary
        One sentence for people.
    """

    name: str
    conditions: tuple[str, ...]
    summary: str


RULES = (
    Rule(
        "strip flags",
        ("A9", "B4", "D1", "D5"),
        "a token with lstrip or rstrip swallows the white space beside it",
    ),
    Rule(
        "single word",
        ("A8", "B3", "D2"),
        "a single_word token counts only if no letter or digit touches it",
    ),
    Rule("normalized", ("A7", "A13"), "a normalized token is looked for after the others"),
    Rule(
        "overlap and nesting",
        ("B5", "D4"),
        "a token that contains or overlaps another one hides it",
    ),
    Rule("prepend scheme", ("D3",), "the first piece of a text gets a prefix, and no other"),
    Rule("normalizer", ("A2",), "an unknown normalizer may look at all pieces"),
    Rule("pre-tokenizer", ("A3",), "an unknown pre-tokenizer may look at all pieces"),
    Rule("model", ("A4",), "an unknown model may look at all pieces"),
    Rule("post-processor", ("A5",), "a post-processor may repeat the text, or leave it out"),
    Rule(
        "control-token sanitizing",
        ("A6", "B2"),
        "special tokens are read as plain text (split_special_tokens)",
    ),
    Rule("backend", ("A1", "B1"), "a class of its own may do anything with a text"),
)
"""In no particular order: each condition belongs to one rule."""

UNEXPLAINED = "search"
"""Stands for the rule if a text is encoded wrongly and no rule says why."""

_RULE_OF = {condition: rule.name for rule in RULES for condition in rule.conditions}


def refused(exactness: Exactness, refusal: Refusal) -> Verdict:
    """Return the verdict that nothing better holds than `exactness`."""
    return Verdict(exactness, _RULE_OF[refusal.condition], refusal.condition, refusal.reason)


def verdict_by_rules(subject: Subject, token: AddedToken) -> Verdict:
    """Return what the conditions say about cutting at a token."""
    if subject.refusal is not None:
        return refused(NEVER, subject.refusal)
    refusal = token_refusal(token) if subject.has_backend else None
    if refusal is not None:
        return refused(NEVER, refusal)
    refusal = subject.around.refusal(token)
    if refusal is not None:
        return refused(NEIGHBOURS, refusal)
    return Verdict(ALONE, None, None, "nothing looks past it")
