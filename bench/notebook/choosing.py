"""From the file of a report to a decision, as the cells of a notebook show it."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from bench.deciding.markdown import markdown
from bench.deciding.reports import evidence_of
from bench.deciding.verdict import decide
from bench.reporting.report import Report, read_report
from bench.reporting.words import number
from strategies.words import many


def read(path: str | PathLike[str]) -> Report:
    """Return a report.

    Raises
    ------
    InputError
        If it cannot be read, or is no complete report.
    """
    return read_report(path)


def data_and_tokenizers(report: Report) -> str:
    """Return what was counted, and with which tokenizers, in Markdown."""
    data = report.dataset
    lines = [
        f"`{data.path}`: {many(data.conversations, 'conversation')}, {many(data.turns, 'turn')}.",
        "",
        "| tokenizer | family | tokens of all turns | rendered, MB | repeats |",
        "|---|---|---:|---:|---:|",
    ]
    lines += [
        f"| {each.tokenizer} | {each.family} | {each.tokens:,} | "
        f"{number(each.rendered_bytes / 1e6, 1)} | {number(each.amplification, 1)} times |"
        for each in report.tokenizers
    ]
    return "\n".join(lines)


def decision(path: str | PathLike[str]) -> str:
    """Return the decision that follows from a report, as `bench decide` writes it."""
    file = Path(path)
    # Named without its folder, which is of this machine alone.
    return markdown(decide(evidence_of([file]), ["bench", "decide", file.name]))
