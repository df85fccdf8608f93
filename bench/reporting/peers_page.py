"""The tables of docs/peers.md: what each peer counts with each tokenizer, and why it differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strategies import InputError

if TYPE_CHECKING:
    from bench.measuring.causes import Causes, Difference

BEGIN, END = "<!-- bench peers: begin -->", "<!-- bench peers: end -->"
"""The lines of a page between which the tables stand."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a peer counted of a dataset with a tokenizer.

    Parameters
    ----------
    tokenizer, dataset
        Their names.
    causes
        What it counted wrong, and why.
    """

    tokenizer: str
    dataset: str
    causes: Causes


def first_differences(counted: Sequence[Counted]) -> list[tuple[Counted, Difference]]:
    """Return the first text of each cause of each peer, in the order of the peers.

    Parameters
    ----------
    counted
        Of all peers, tokenizers and datasets.
    """
    found: dict[tuple[str, str], tuple[Counted, Difference]] = {}
    for each in counted:
        for difference, _ in each.causes.differences:
            key = each.causes.strategy, difference.cause
            # The shortest text says most.
            if key not in found or len(difference.text) < len(found[key][1].text):
                found[key] = each, difference
    return sorted(found.values(), key=lambda pair: _order(counted).index(pair[0].causes.strategy))


def peers_tables(counted: Sequence[Counted], versions: Mapping[str, str]) -> str:
    """Return the tables as Markdown.

    Parameters
    ----------
    counted
        Of all peers, tokenizers and datasets.
    versions
        The version of each peer's library, and that of tokenizers.
    """
    peers = _order(counted)
    lines = [
        f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}.",
        "",
    ]
    lines += _table(["tokenizer", "turns", *peers], _counts(counted, peers))
    refusals = _refusals(counted, peers)
    if refusals:
        lines += ["", "Why a tokenizer is refused:", ""]
        lines += _table(["peer", "tokenizers", "reason"], refusals)
    causes = _causes(counted)
    if causes:
        lines += ["", "Why turns are counted wrong, each with the shortest text that shows it:", ""]
        heads = ["peer", "cause", "seen with", "shortest text", "of", "tokens", "counted"]
        lines += _table(heads, causes)
    return "\n".join(lines)


def with_tables(page: str, tables: str) -> str:
    """Return a page with new tables between its two lines.

    Parameters
    ----------
    page
        The page; it has the lines `BEGIN` and `END`.
    tables
        What to put between them.
    """
    before, begin, rest = page.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"{END}\n")
    if not begin or not end:
        raise InputError(f"the page needs the lines {BEGIN} and {END}, in this order")
    return f"{before}{begin}{tables}\n{end}{after}"


def _order(counted: Sequence[Counted]) -> list[str]:
    return list(dict.fromkeys(each.causes.strategy for each in counted))


def _counts(counted: Sequence[Counted], peers: Sequence[str]) -> list[list[str]]:
    """Return a row for each tokenizer: its turns, and what each peer counted of them."""
    turns: dict[tuple[str, str], int] = defaultdict(int)
    wrong: dict[tuple[str, str], int] = defaultdict(int)
    refused = set()
    for each in counted:
        key = each.tokenizer, each.causes.strategy
        turns[key] += each.causes.turns
        wrong[key] += each.causes.wrong
        if each.causes.unavailable is not None:
            refused.add(key)
    rows = []
    for tokenizer in dict.fromkeys(each.tokenizer for each in counted):
        row = [tokenizer, f"{max(turns[tokenizer, peer] for peer in peers):,}"]
        for peer in peers:
            key = tokenizer, peer
            differs = f"{wrong[key]:,} wrong" if wrong[key] else "equal"
            row.append("refuses" if key in refused else differs)
        rows.append(row)
    return rows


def _refusals(counted: Sequence[Counted], peers: Sequence[str]) -> list[list[str]]:
    reasons: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for each in counted:
        if each.causes.unavailable is not None:
            reasons[each.causes.strategy, each.causes.unavailable][each.tokenizer] = None
    found = sorted(reasons.items(), key=lambda pair: peers.index(pair[0][0]))
    return [
        [peer, ", ".join(names), reason.removeprefix(f"{peer} cannot load its tokenizer: ")]
        for (peer, reason), names in found
    ]


def _causes(counted: Sequence[Counted]) -> list[list[str]]:
    tokenizers: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for each in counted:
        for difference, _ in each.causes.differences:
            tokenizers[each.causes.strategy, difference.cause][each.tokenizer] = None
    return [
        [
            *(each.causes.strategy, difference.cause),
            ", ".join(tokenizers[each.causes.strategy, difference.cause]),
            *(code(ascii(difference.text)), each.tokenizer, str(difference.expected)),
            "refused" if difference.got is None else str(difference.got),
        ]
        for each, difference in first_differences(counted)
    ]


def code(text: str) -> str:
    """Return a text as code in a cell of a table."""
    return f"`` {text} ``".replace("|", "\\|") if "`" in text else f"`{text}`".replace("|", "\\|")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    plain = [[cell.replace("\n", " ") for cell in row] for row in rows]
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in plain),
    ]
