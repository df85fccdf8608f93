"""`bench compare`: strategies side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.console import Messages, stderr, stdout, warn
from bench.cli.inputs import bundled_sample, read_dataset
from bench.cli.options import (
    Names,
    Numbers,
    chat_specs,
    complete_strategy,
    read_options,
    reading_options,
    seed_option,
    shared_options,
    tokenizer_option,
)
from bench.cli.progress import ConsoleWatcher
from bench.interruption import INTERRUPTION
from bench.measuring.baseline import BASELINE
from strategies import InputError, available_cores, get, is_peer, names
from strategies.errors import placed
from strategies.runtime.signals import interruptions_held
from strategies.words import many

if TYPE_CHECKING:
    from bench.measuring.jobs import Reference
    from bench.measuring.result import Group
    from bench.reporting.recording import Recording

EXIT_WRONG = 1
QUICK_BUDGET_SECONDS = 12.0


@click.command("compare")
@click.argument("datasets", metavar="[DATASET]…", nargs=-1, type=click.Path(path_type=Path))
@tokenizer_option(
    "tokenizers", multiple=True, more_help="May be repeated.  [default: all bundled ones]"
)
@click.option(
    "--strategies",
    "chosen",
    type=Names(),
    help="Strategies to compare.  [default: all except peers]",
)
@click.option(
    "--cores",
    type=Numbers(),
    help="Run on this many cores; with several numbers, on each in turn.  [default: all cores]",
)
@click.option(
    "--workers",
    type=Numbers(),
    help="Use this many threads or processes; with several numbers, each in turn.  [default: one "
    "for each core]",
)
@click.option(
    "--rounds",
    metavar="N",
    type=click.IntRange(min=1),
    help="Run N rounds over all conversations, however long they take.",
)
@click.option(
    "--budget",
    metavar="SECONDS",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="Time for all timed rounds together. If it is short, rounds leave conversations out.",
)
@click.option(
    "--sample",
    type=click.Choice(["small", "regular", "large"]),
    help="Size of the bundled sample, if there is no DATASET.  [default: small]",
)
@click.option("--quick", is_flag=True, help="Time a few rounds only.")
@click.option("--peers", is_flag=True, help="Compare with other libraries, too: docs/peers.md.")
@seed_option("Decides in which order strategies run, and which conversations are left out.")
@click.option(
    "--baseline",
    metavar="NAME",
    default=BASELINE,
    show_default=True,
    shell_complete=complete_strategy,
    help="The strategy that speedups are against.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder for the reports and the plots. Its report.json is written whenever a setting is "
    "measured, so that an interruption keeps what is done.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the comparison of the same command whose report.json is in FOLDER.",
)
@reading_options
@shared_options
def compare_command(
    datasets: Sequence[Path],
    tokenizers: Sequence[str],
    chosen: Sequence[str] | None,
    cores: Sequence[int] | None,
    workers: Sequence[int] | None,
    rounds: int | None,
    budget: float,
    sample: str | None,
    quick: bool,
    peers: bool,
    seed: int,
    baseline: str,
    out: Path | None,
    resume: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Time strategies side by side, and check every count.

    DATASET is a file, a pattern or a folder of them; several make one dataset (docs/formats.md).
    Without DATASET it uses the bundled sample, without --tokenizer the bundled tokenizers.
    """
    from bench.bundled import tokenizer_names, tokenizer_path
    from bench.measuring.compare import compare
    from bench.measuring.plan import Plan
    from bench.reporting.json_file import json_line
    from bench.reporting.kinds import COMPARISON
    from bench.reporting.output import make_folder
    from bench.reporting.recording import begin_recording

    if resume and out is None:
        raise click.UsageError("--resume needs --out FOLDER, where the report is")
    get(baseline)
    if datasets and sample is not None:
        raise click.UsageError("--sample is for the bundled data; leave out DATASET or --sample")
    paths = list(tokenizers) or [str(tokenizer_path(name)) for name in tokenizer_names()]
    plan = Plan(
        chats=chat_specs(paths, options),
        strategies=_chosen(chosen, peers),
        cores=cores or (available_cores(),),
        workers=workers,
        rounds=rounds,
        budget_seconds=QUICK_BUDGET_SECONDS if quick else budget,
        seed=seed,
        on_error=options["on_error"],
        baseline=baseline,
    )
    console = stderr(quiet)
    reading = read_options(options, console)
    if datasets:
        data = read_dataset(datasets, reading, console)
    else:
        data = bundled_sample(sample or "small", reading)
    if out is not None:
        make_folder(out)
    command = ["bench", *(word for word in sys.argv[1:] if word != "--resume")]
    recording = begin_recording(plan, data, command)
    if out is not None and resume:
        _resume(recording, out / COMPARISON.json_name, console)
    said: set[str] = set()

    def keep(name: str, reference: Reference, group: Group) -> None:
        recording.add(name, reference, group)
        if name not in said:
            said.add(name)
            warn(console, name, reference.facts.warnings)
        if out is not None:
            _keep(recording, out / COMPARISON.json_name)

    watcher = ConsoleWatcher(console)
    with data.naming_files():
        compare(plan, data.conversations, watcher, done=recording.groups, finished=keep)
    report = recording.report()
    written = None
    if out is not None:
        written = COMPARISON.write(out, report, with_json=True)
    INTERRUPTION.begin_output()
    if as_json:
        click.echo(json_line(report.as_dict()))
    elif not quiet:
        COMPARISON.show(stdout(), report)
        if written:
            click.echo(written)
    entries = [entry for group in report.groups for entry in group.entries if entry.ours]
    return EXIT_WRONG if any(entry.status in {"wrong", "failed"} for entry in entries) else 0


def _chosen(chosen: Sequence[str] | None, peers: bool) -> Sequence[str]:
    """Return the names of the strategies to compare: those chosen or all, with or without peers."""
    others = [name for name in names() if _counts_with_another_library(name)]
    if chosen:
        return [*chosen, *others] if peers else chosen
    return [name for name in names() if peers or name not in others]


def _counts_with_another_library(name: str) -> bool:
    try:
        return is_peer(get(name))
    except InputError:
        # Its package does not load. Its row will say so.
        return False


def _resume(recording: Recording, path: Path, console: Messages) -> None:
    """Take over what a report holds that was interrupted; if there is none, begin anew.

    Parameters
    ----------
    recording
        Gets what the report holds.
    path
        Of the report.
    console
        Where to say how much that is.
    """
    from bench.reporting.report import read_report

    if not path.exists():
        console.print(f"{path}: not there, so nothing is resumed")
        return
    with placed(file=path):
        recording.resume(read_report(path))
    console.print(f"{path}: {_progress(recording)} are measured")


def _keep(recording: Recording, path: Path) -> None:
    """Write what is measured so far, and let an interruption say where it is."""
    from bench.reporting.json_file import json_bytes
    from bench.reporting.output import write_bytes

    content = json_bytes(recording.report().as_dict())
    # An interruption between the two would say that nothing was written.
    with interruptions_held():
        write_bytes(path, content, interim=True)
        INTERRUPTION.kept = f"{path} has {_progress(recording)}; --resume goes on"


def _progress(recording: Recording) -> str:
    planned = len(recording.provenance.tokenizers) * len(recording.provenance.settings)
    return f"{len(recording.groups)} of {many(planned, 'setting')}"
