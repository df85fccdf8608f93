"""A decision in Markdown, as a pull request shows it.

Names and reasons come from reports, which anyone may have written. So every text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from bench.deciding.cases import Evidence
from bench.deciding.reports import shown_command
from bench.deciding.rule import rule
from bench.deciding.tables import (
    Table,
    break_even_table,
    counts_line,
    mean_table,
    strategy_tables,
    who_table,
)
from bench.deciding.verdict import Decision
from strategies.words import many, printable

LONGEST_TEXT = 300
"""Characters of a cell or a line from a report."""
LONGEST_COMMENT = 60_000
"""Characters. GitHub takes comments of at most 65,536."""

_ACTS = re.compile(r"([\\`*_<>|~$&]|\](?=\())")
"""Characters with which Markdown or HTML could begin, and the end of a link's text."""
_CALLS = re.compile(r"@|#(?=\d)|:(?=//)|www(?=\.)")
"""What a hosting service makes links of, or calls somebody by."""
_LABELS = {"decided": "Decided", "inconclusive": "Inconclusive", "wrong": "Wrong counts"}


def escaped(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text that Markdown shows as it is: on one line, and not too long."""
    flat = " ".join(printable(" ".join(text.split())).split())
    if len(flat) > longest:
        flat = f"{flat[: longest - 1]}…"
    # An empty comment is not seen, and parts what would be taken for a name or an address.
    return _CALLS.sub(r"\g<0><!-- -->", _ACTS.sub(r"\\\1", flat))


def markdown(decision: Decision) -> str:
    """Return the whole decision."""
    return "\n".join(chain(_head(decision), _long(decision))) + "\n"


def markdown_for_pr(decision: Decision) -> str:
    """Return the verdict, and the rest folded, for a comment in a pull request."""
    short = "\n".join(_head(decision))
    rest = "\n".join(_long(decision))
    folded = f"<details><summary>All numbers, and how they came about</summary>\n\n{rest}\n\n"
    whole = f"{short}\n{folded}</details>\n"
    if len(whole) <= LONGEST_COMMENT:
        return whole
    command = _code(shown_command(decision.command))
    if len(short) > LONGEST_COMMENT - 2000:
        short = "\n".join(_head(decision, who=False))
    return f"{short}\nAll numbers are too many for a comment. This command shows them: {command}\n"


def _head(decision: Decision, *, who: bool = True) -> Iterator[str]:
    """Yield what a reader needs first: the verdict, whether counts match, what to use."""
    yield f"## {_LABELS[decision.status]}: which way to count"
    yield ""
    yield f"**{escaped(decision.verdict, 2000)}**"
    yield ""
    yield escaped(counts_line(decision), 2000)
    yield ""
    if who:
        yield from _table(who_table(decision), title=False)
    warnings = len(decision.evidence.caveats)
    yield (
        f"{many(warnings, 'caveat')}{', listed below' if who else ''}."
        if warnings
        else "No caveat."
    )
    yield ""


def _long(decision: Decision) -> Iterator[str]:
    evidence: Evidence = decision.evidence
    yield "### The rule"
    yield ""
    for each in rule(evidence):
        yield f"- {escaped(each, 2000)}"
    yield ""
    for table in strategy_tables(decision):
        yield from _table(table)
    for found in (mean_table(decision), break_even_table(decision)):
        if found is not None:
            yield from _table(found)
    yield "### Caveats"
    yield ""
    for caveat in evidence.caveats or ("None.",):
        yield f"- {escaped(caveat, 1000)}"
    yield ""
    yield "### Where this comes from"
    yield ""
    for line in evidence.provenance:
        yield f"- {escaped(line, 1000)}"
    yield f"- This decision again: {_code(shown_command(decision.command))}"
    yield f"- Fingerprint of the decision: `{decision.fingerprint}`"


def _table(table: Table, *, title: bool = True) -> Iterator[str]:
    if title:
        yield f"### {escaped(table.title)}"
        yield ""
    yield _line([escaped(head.title) for head in table.heads])
    yield f"|{'|'.join('---' if head.left else '--:' for head in table.heads)}|"
    for i, row in enumerate(table.rows):
        cells = [escaped(cell) for cell in row]
        if i in table.strong:
            cells[0] = f"**{cells[0]}**"
        yield _line(cells)
    yield ""
    for note in table.notes:
        yield f"- {escaped(note, 1000)}"
    if table.notes:
        yield ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """Return a text as code that no backtick in it can end."""
    flat = printable(" ".join(text.split()))[:1000]
    ticks = "`" * (1 + max(map(len, re.findall("`+", flat)), default=0))
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{ticks}{space}{flat}{space}{ticks}"
