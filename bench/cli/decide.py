"""`bench decide`: which strategy to use, how sure that is, and what it costs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.console import stderr, stdout
from bench.cli.options import (
    JsonObject,
    Numbers,
    complete_strategy,
    seed_option,
    tokenizer_option,
)
from bench.cli.progress import ConsoleWatcher

if TYPE_CHECKING:
    from bench.deciding.cases import Evidence

EXIT_CODES = {"decided": 0, "wrong": 1, "inconclusive": 2}


@click.command("decide")
@click.argument("sources", metavar="[REPORT… | DATASET]", nargs=-1, type=click.Path(path_type=Path))
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
    "--base", metavar="REV", help="Compare two revisions of a strategy: the one of today."
)
@click.option("--head", metavar="REV", help="The other one, which may replace it.")
@click.option(
    "--strategy",
    metavar="NAME",
    default="auto",
    show_default=True,
    shell_complete=complete_strategy,
    help="With --base and --head: the strategy.",
)
@tokenizer_option(
    "tokenizers", multiple=True, more_help="May be repeated.  [default: all bundled ones]"
)
@click.option(
    "--template",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Chat template to use instead of the tokenizer's own.",
)
@click.option("--template-kwargs", type=JsonObject(), help="Variables for the template.")
@click.option("--cores", type=Numbers(), help="Run on this many cores.  [default: all cores]")
@click.option(
    "--rounds",
    metavar="N",
    type=click.IntRange(min=1),
    default=15,
    show_default=True,
    help="How often each revision counts everything.",
)
@seed_option("Decides the order within each round.")
@click.option(
    "--repository",
    metavar="PATH",
    type=click.Path(path_type=Path),
    default=".",
    help="Where the revisions are.  [default: the current folder]",
)
@click.option(
    "--for-pr",
    is_flag=True,
    help="Print Markdown for a comment in a pull request: the verdict, and the rest folded.",
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder for decision.md and decision.json.",
)
def decide_command(
    sources: Sequence[Path],
    history: Path | None,
    machine: str | None,
    base: str | None,
    head: str | None,
    for_pr: bool,
    quiet: bool,
    as_json: bool,
    out: Path | None,
    **options: Any,
) -> int:
    """Decide which strategy to use, or which of two revisions.

    There are three sources. REPORT files are those of `bench compare`; if several have the same
    dataset, tokenizer and cores, their rounds are put together. With --history it is what asv
    recorded. With --base and --head, two revisions are built and count DATASET by turns; by default
    the bundled sample.

    The exit code is 0 if it is decided, 1 if a strategy counts wrong, and 2 if it is inconclusive.
    """
    from bench.deciding.document import document, write_decision
    from bench.deciding.history import history_evidence
    from bench.deciding.markdown import markdown_for_pr
    from bench.deciding.reports import evidence_of
    from bench.deciding.terminal import print_decision
    from bench.deciding.verdict import decide
    from bench.interruption import INTERRUPTION
    from bench.reporting.json_file import json_line
    from bench.reporting.output import make_folder

    revisions = base is not None or head is not None
    if (history is not None) + revisions + (bool(sources) and not revisions) != 1:
        raise click.UsageError("name report.json files, or use --history, or --base and --head")
    if out is not None:
        make_folder(out)
    if history is not None:
        evidence = history_evidence(history, machine)
    elif base is not None and head is not None:
        evidence = _of_revisions(sources, base, head, options, quiet=quiet)
    elif revisions:
        raise click.UsageError("--base and --head belong together")
    else:
        evidence = evidence_of(sources)
    decision = decide(evidence, ["bench", *sys.argv[1:]])
    written = None
    if out is not None:
        written = write_decision(out, decision, for_pr=for_pr)
    INTERRUPTION.begin_output()
    if as_json:
        click.echo(json_line(document(decision)))
    elif for_pr:
        click.echo(markdown_for_pr(decision), nl=False)
    else:
        print_decision(stdout(), decision)
        if written:
            click.echo(written)
    return EXIT_CODES[decision.status]


def _of_revisions(
    sources: Sequence[Path], base: str, head: str, options: dict[str, Any], *, quiet: bool
) -> Evidence:
    """Measure two revisions."""
    from bench.bundled import resolve, tokenizer_names
    from bench.deciding.revisions import Asked, revision_evidence
    from bench.measuring.plan import unique_names
    from strategies import InputError, available_cores, chat_spec
    from strategies.conversations.files import STANDARD_INPUT, is_pipe, shown_path

    if len(sources) > 1:
        raise click.UsageError("--base and --head take one DATASET")
    for source in sources:
        if source == STANDARD_INPUT or (source.exists() and is_pipe(source)):
            raise InputError(
                "both revisions read the dataset in each round, and a pipe can be read once; write "
                "it to a file",
                file=shown_path(source),
            )
        if not source.is_file():
            raise InputError("no such file", file=source)
    template: Path | None = options["template"]
    if template is not None and not template.is_file():
        raise InputError("no such file", file=template)
    given = {
        "template": None if template is None else str(template.resolve()),
        "template_kwargs": options["template_kwargs"],
    }
    chats = [
        chat_spec(_whole(resolve(name))) for name in options["tokenizers"] or tokenizer_names()
    ]
    asked = Asked(
        repository=options["repository"],
        base=base,
        head=head,
        strategy=options["strategy"],
        tokenizers={
            name: chat.name_or_path for name, chat in zip(unique_names(chats), chats, strict=True)
        },
        dataset=sources[0].resolve() if sources else None,
        options={name: value for name, value in given.items() if value is not None},
        cores=tuple(options["cores"] or (available_cores(),)),
        rounds=options["rounds"],
        seed=options["seed"],
    )
    return revision_evidence(asked, ConsoleWatcher(stderr(quiet)))


def _whole(tokenizer: str) -> str:
    """Return the whole path of a folder, because the programs run in another one."""
    return str(Path(tokenizer).resolve()) if Path(tokenizer).exists() else tokenizer
