"""A lint as tables and sentences, for people."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from rich.text import Text

from bench.reporting.fitting import READABLE, Head, print_table
from strategies.linting.verdict import ALONE
from strategies.words import many, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from strategies import Lint
    from strategies.linting.engines import EngineVerdict
    from strategies.linting.search import Counterexample
    from strategies.linting.template import Break, TemplateFacts
    from strategies.linting.verdict import Verdict

_MARKERS = (
    Head("marker", left=True),
    Head("verdict", left=True),
    Head("rule", left=True),
    Head("shortest text", left=True, wraps=True),
    Head("ids whole", left=True, wraps=True, rank=2),
    Head("ids cut", left=True, wraps=True, rank=2),
)
_ENGINES = (
    Head("engine or cache", left=True, wraps=True),
    Head("differs?", left=True),
    Head("why", left=True, wraps=True),
    Head("text", left=True, wraps=True, rank=2),
)
_NONE_FOUND = "none found"
MOST_NAMED = 3
"""Markers of a group that are named."""


def print_lint(console: Console, lint: Lint) -> None:
    """Print a lint: the verdict, the markers, the template, other engines."""
    _say(console, f"{lint.tokenizer} ({lint.kind}, {lint.family}): {lint.verdict.exactness}")
    _say(console, _why(lint.verdict) if lint.verdict.rule else lint.verdict.reason)
    if lint.counterexample is not None:
        _say(console, _shown(lint.counterexample))
    if lint.markers:
        rows = [
            [
                shown_text(each.text),
                each.verdict.exactness,
                _rule(each.verdict),
                *_cells(each.counterexample, none="" if _is_best(each.verdict) else _NONE_FOUND),
            ]
            for each in lint.markers
        ]
        print_table(console, _MARKERS, rows)
        for why in dict.fromkeys(_why(each.verdict) for each in lint.markers if each.verdict.rule):
            _say(console, why)
    for group in lint.unwritten:
        names = ", ".join(shown_text(text) for text in group.texts[:MOST_NAMED])
        more = ", …" if len(group.texts) > MOST_NAMED else ""
        why = f" ({_why(group.verdict)})" if group.verdict.rule else ""
        _say(
            console,
            f"not written by the template: {many(len(group.texts), 'marker')} "
            f"{group.verdict.exactness}{why}: {names}{more}",
        )
    _say(
        console,
        f"searched: {many(lint.tried, 'text')} of at most {lint.most_pieces} pieces "
        f"({', '.join(map(shown_text, lint.pieces))}, the marker, tokens that could matter)",
    )
    console.print()
    _print_template(console, lint.template, lint.cut_points)
    if lint.amplification is not None:
        _say(
            console,
            f"expected amplification: {lint.amplification:.1f} "
            "(characters rendered over characters of distinct spans)",
        )
    if lint.engines:
        _print_engines(console, lint.engines)


def _print_engines(console: Console, engines: Sequence[EngineVerdict]) -> None:
    rows = [
        [
            f"{each.name} {each.version}",
            each.outcome,
            "; ".join(finding.reason for finding in each.findings),
            next(
                (
                    _short(finding.counterexample.text)
                    for finding in each.findings
                    if finding.counterexample is not None
                ),
                "",
            ),
        ]
        for each in engines
        if each.outcome != "none known"
    ]
    if rows:
        print_table(console, _ENGINES, rows)
    others = [f"{each.name} {each.version}" for each in engines if each.outcome == "none known"]
    if others:
        _say(console, f"no known difference here: {', '.join(others)}")
    _say(console, "engines and caches: by what is known of each; none of them was run")


def _short(text: str) -> str:
    """Return a text as it is shown, or its length if it is a whole prompt."""
    shown = shown_text(text)
    return shown if len(shown) <= READABLE else f"{many(len(text), 'character')}, in the JSON"


def shown_text(text: str) -> str:
    """Return a text as Python writes it, so that white space can be seen."""
    if any(map(unicodedata.combining, text)):
        # It would join the character before it.
        return ascii(text)
    return repr(text) if text != text.strip() or not text.isprintable() or " " in text else text


def _print_template(console: Console, template: TemplateFacts, cut_points: Sequence[str]) -> None:
    if cut_points:
        _say(console, f"cut points that the template can write: {len(cut_points)}")
    else:
        _say(
            console,
            "cut points that the template can write: none, so cutting saves nothing here",
        )
    if template.unknown:
        names = ", ".join(map(shown_text, template.unknown))
        _say(console, f"looks like a marker, is plain text for the tokenizer: {names}")
    for kept, title in (
        ("kept", "reaches the prompt"),
        ("dropped later", "dropped once a user message follows"),
        ("dropped", "dropped"),
        ("refused", "refused"),
    ):
        named = [
            fate.subject if fate.reason is None else f"{fate.subject} ({fate.reason})"
            for fate in template.fates
            if fate.kept == kept
        ]
        if named:
            _say(console, f"{title}: {', '.join(named)}")
    looked = many(template.conversations, "conversation")
    if template.appends_only is None:
        _say(console, "append-only from turn to turn: not known, the template takes no second turn")
    elif template.appends_only:
        _say(console, f"append-only from turn to turn: yes, in {looked}")
    else:
        count = len(template.breaks)
        _say(console, f"append-only from turn to turn: no, in {count} of {looked}")
        _say(console, _broken(template.breaks[0]))
    for refusal in template.refusals:
        _say(console, f"refused: {refusal}")


def _broken(found: Break) -> str:
    where = "only in the generation prompt, " if found.in_generation_prompt else ""
    return (
        f"first in {found.conversation!r}, turn {found.turn}: {where}after "
        f"{many(found.character, 'character')} stood {found.before!r}, and now stands "
        f"{found.after!r}"
    )


def _is_best(verdict: Verdict) -> bool:
    return verdict.exactness == ALONE


def _rule(verdict: Verdict) -> str:
    return " ".join(filter(None, (verdict.rule, verdict.condition)))


def _why(verdict: Verdict) -> str:
    return f"{_rule(verdict)}: {verdict.reason}"


def _cells(shown: Counterexample | None, *, none: str) -> list[str]:
    if shown is None:
        return [none, "", ""]
    return [shown_text(shown.text), _ids(shown.whole), _ids(shown.cut)]


def _ids(ids: Sequence[int]) -> str:
    return " ".join(map(str, ids)) or "none"


def _shown(shown: Counterexample) -> str:
    return (
        f"shortest text: {shown_text(shown.text)}; ids whole: {_ids(shown.whole)}; "
        f"ids cut: {_ids(shown.cut)}"
    )


def _say(console: Console, line: str) -> None:
    console.print(Text(printable(line)))
