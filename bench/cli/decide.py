"""`bench decide`: which strategy to use, how sure that is, and what it costs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bench.cli.console import stdout

EXIT_CODES = {"decided": 0, "wrong": 1, "inconclusive": 2}


@click.command("decide")
@click.argument("reports", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--history",
    metavar="[FOLDER]",
    is_flag=False,
    flag_value="bench/history",
    type=click.Path(path_type=Path),
    help="Decide from what asv recorded last, in bench/history or another folder.",
)
@click.option("--machine", metavar="NAME", help="With --history: the machine to look at.")
@click.option(
    "--for-pr",
    is_flag=True,
    help="Print Markdown for a comment in a pull request: the verdict, and the rest folded.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder for decision.md and decision.json.",
)
def decide_command(
    reports: Sequence[Path],
    history: Path | None,
    machine: str | None,
    for_pr: bool,
    as_json: bool,
    out: Path | None,
) -> int:
    """Decide which strategy to use.

    REPORTS are report.json files of `bench compare`. If several have the same dataset, tokenizer
    and cores, their rounds are put together.

    The exit code is 0 if it is decided, 1 if a strategy counts wrong, and 2 if it is inconclusive.
    """
    from bench.deciding.document import document, write_decision
    from bench.deciding.history import history_evidence
    from bench.deciding.markdown import markdown_for_pr
    from bench.deciding.reports import evidence_of
    from bench.deciding.terminal import print_decision
    from bench.deciding.verdict import decide
    from bench.reporting.json_file import json_line
    from bench.reporting.output import make_folder

    if bool(reports) == (history is not None):
        raise click.UsageError("name report.json files of `bench compare`, or use --history")
    evidence = evidence_of(reports) if history is None else history_evidence(history, machine)
    decision = decide(evidence, ["bench", *sys.argv[1:]])
    written = None
    if out is not None:
        make_folder(out)
        written = write_decision(out, decision, for_pr=for_pr)
    if as_json:
        click.echo(json_line(document(decision)))
    elif for_pr:
        click.echo(markdown_for_pr(decision), nl=False)
    else:
        print_decision(stdout(), decision)
        if written:
            click.echo(written)
    return EXIT_CODES[decision.status]
