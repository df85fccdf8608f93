"""`bench conformance`: somebody else's cutter or engine against the corpus."""

from __future__ import annotations

from collections.abc import Sequence

import click

from bench.cli.console import stdout
from bench.cli.options import complete_strategy
from strategies import InputError


@click.command("conformance")
@click.option(
    "--command",
    metavar="CMD",
    help="A command that reads a JSON object a line and writes one a line: "
    '{"id", "tokenizer", "text", …} in, {"id", "count"} or {"id", "ids"} out.',
)
@click.option(
    "--target",
    metavar="NAME",
    help="A Python function of a tokenizer.json's path and a text: module:function, "
    "file.py:function, or an entry point of the group isl_bench.conformance.",
)
@click.option(
    "--strategy",
    metavar="NAME",
    shell_complete=complete_strategy,
    help="A registered strategy; `bench strategies` lists them.",
)
@click.option(
    "--cases",
    "patterns",
    metavar="PATTERN",
    multiple=True,
    help="Only these cases: a subject, or a pattern such as 'flags::*space*'. May be repeated.",
)
@click.option(
    "--timeout",
    metavar="S",
    type=click.IntRange(min=1, max=3600),
    default=30,
    show_default=True,
    help="Seconds without an answer after which a process of --command is ended.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def conformance_command(
    command: str | None,
    target: str | None,
    strategy: str | None,
    patterns: Sequence[str],
    timeout: int,
    as_json: bool,
) -> int:
    """Check your cutter or engine against a corpus of cases.

    Each case is a text with a small tokenizer of its own, and the ids that the tokenizers library
    gives for the whole text. Exit code 0: all right; 1: a case is wrong or failed; 2: no case was
    answered.
    """
    from bench.conformance.corpus import chosen_cases
    from bench.conformance.report import document, print_report
    from bench.conformance.runner import exit_code, run
    from bench.conformance.targets import COMMAND, STRATEGY, target_named
    from bench.reporting.json_file import json_line

    given = [
        prefix + value
        for prefix, value in ((COMMAND, command), ("", target), (STRATEGY, strategy))
        if value is not None
    ]
    if len(given) != 1:
        raise click.UsageError("give one of --command, --target and --strategy")
    cases = chosen_cases(patterns)
    if not cases:
        raise InputError("fits no case of the corpus", field="--cases")
    asked = target_named(given[0], timeout)
    outcomes = run(asked, cases)
    code = exit_code(outcomes)
    if as_json:
        click.echo(json_line(document(asked.name, outcomes, code)))
    else:
        print_report(stdout(), asked.name, outcomes)
    return code
