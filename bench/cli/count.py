"""`bench count`: the ISL of every turn of a dataset."""

from __future__ import annotations

import gc
import json
import os
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.console import Messages, stderr, stdout, warn
from bench.cli.inputs import load_tokenizer, read_dataset
from bench.cli.options import (
    cache_folder,
    cache_option,
    chat_specs,
    complete_strategy,
    read_options,
    reading_options,
    shared_options,
    tokenizer_option,
)
from bench.cli.progress import progress_bar, working
from bench.interruption import INTERRUPTION
from strategies import (
    MAX_WORKERS,
    ChatSpec,
    ChatTokenizer,
    Counts,
    InputError,
    OnError,
    Strategy,
    TurnError,
    available_cores,
    count_with,
    get,
    is_control,
    is_peer,
    open_available,
    traceless,
)
from strategies.chat.keeping import keep, kept_of
from strategies.conversations.options import ReadOptions

if TYPE_CHECKING:
    from bench.reporting.dataset import Dataset
    from strategies.kept.folder import Folder


@dataclass(frozen=True, slots=True)
class Job:
    """What to count, and how.

    Parameters
    ----------
    dataset, reading
        The file, and how to read it.
    spec
        The tokenizer.
    strategy, workers
        How to count, and with how many threads or processes.
    folder
        Where what a start needs is kept; None to keep nothing.
    """

    dataset: Path
    reading: ReadOptions
    spec: ChatSpec
    strategy: Strategy
    workers: int
    folder: Folder | None


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted.

    Parameters
    ----------
    data
        The conversations.
    chat
        The tokenizer.
    counts
        For each conversation one count per turn, in tokens.
    note
        What the strategy says about it.
    """

    data: Dataset
    chat: ChatTokenizer
    counts: Counts
    note: str | None

    def about(self) -> dict[str, Any]:
        """Return what a count depends on, for the metadata of a Parquet file."""
        return {
            "tokenizer": self.chat.fingerprint,
            "dataset_sha256": self.data.sha256,
            "reading": asdict(self.data.reading),
        }


DIRECT = ("auto", "rust")
"""Strategies that count what the native core has read."""


def _number(value: int | float | None) -> str:  # noqa: PYI041  # counts and means print differently
    if value is None:
        return "-"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _check_target(path: Path, other: Path, what: str, content: str) -> None:
    """Refuse a file that cannot be written, or would replace another one of the command."""
    from bench.reporting.output import check_file

    check_file(path)
    same = path.samefile(other) if path.exists() and other.exists() else path == other
    if same or path.resolve() == other.resolve():
        raise InputError(f"is {what} itself; name another file for {content}", file=path)


def _check_targets(
    dataset: Path, out: Path | None, rejects: Path | None, on_error: OnError
) -> None:
    """Refuse files that cannot be written, before the work begins."""
    from bench.reporting.isl_table import check_ending

    if out is not None:
        check_ending(out)
        _check_target(out, dataset, "the dataset", "the ISLs")
    if rejects is None:
        return
    if on_error != "skip":
        raise click.UsageError("--rejects keeps what --on-error skip leaves out; give both")
    _check_target(rejects, dataset, "the dataset", "the rejects")
    if out is not None:
        _check_target(rejects, out, "the file for the ISLs", "the rejects")


@click.command("count")
@click.argument("dataset", type=click.Path(path_type=Path))
@tokenizer_option(required=True)
@click.option(
    "--strategy",
    metavar="NAME",
    default="auto",
    show_default=True,
    shell_complete=complete_strategy,
    help="How to count; `bench strategies` lists them. All give the same counts.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1, max=MAX_WORKERS),
    help="Number of threads or processes.  [default: one for each available core]",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File for the ISL of each turn; the name ends in .parquet, .jsonl or .csv.",
)
@click.option(
    "--rejects",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With --on-error skip: file for the records and turns that are left out, with reasons, "
    "as JSON lines.",
)
@reading_options
@cache_option
@shared_options
def count_command(
    dataset: Path,
    tokenizer: str,
    strategy: str,
    workers: int | None,
    out: Path | None,
    rejects: Path | None,
    cache: bool,
    on_error: OnError,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Count the ISL of every turn of a dataset.

    The command prints how the ISLs are distributed. DATASET is a file of conversations; `bench
    sample --out chats.jsonl` writes one to try this on.
    """
    from bench.reporting.isl_table import distribution, write_table

    _check_targets(dataset, out, rejects, on_error)
    chosen = get(strategy)
    if is_control(chosen):
        raise InputError("is wrong on purpose, for comparisons only", field=strategy)
    if is_peer(chosen):
        raise InputError(
            "counts with another library, which nothing proves right; it is for comparisons only",
            field=strategy,
        )
    console = stderr(quiet)
    (spec,) = chat_specs([tokenizer], options, loads=True)
    reading = read_options({**options, "on_error": on_error})
    workers = workers or available_cores()
    # The library reads this when its thread pool starts, at its first use.
    os.environ.setdefault("RAYON_NUM_THREADS", str(workers))
    job = Job(dataset, reading, spec, chosen, workers, cache_folder(cache))
    counted = _by_conversations(job, console)
    summary = distribution(counted.counts)
    if out is not None:
        write_table(out, counted.data.conversations, counted.counts, counted.about)
    if rejects is not None:
        from bench.reporting.rejects import write_rejects

        write_rejects(rejects, counted.data.conversations, counted.counts, counted.chat)
    if counted.note:
        console.print(f"{strategy}: {counted.note}")
    if summary["skipped"]:
        console.print(
            f"warning: {summary['skipped']:,} turns have no ISL: the template refuses them"
        )
    INTERRUPTION.begin_output()
    profile = counted.chat.profile
    if as_json:
        click.echo(json.dumps({**summary, "messages": profile.label}))
    elif not quiet:
        from rich.text import Text

        from bench.reporting.fitting import Head, print_table

        cells = [_number(value) for value in summary.values()]
        print_table(stdout(), [Head(title) for title in summary], [cells])
        stdout().print(Text(f"messages: {profile.label}, {profile.summary}"))
    # Last, because nobody waits for it.
    keep(counted.chat)


def _by_conversations(job: Job, console: Messages) -> Counted:
    """Read the dataset, load the tokenizer, and count.

    Parameters
    ----------
    job
        What to count.
    console
        Where progress and warnings go.
    """
    name = job.strategy.name
    data = read_dataset(job.dataset, job.reading, console, directly=name in DIRECT)
    conversations = data.conversations
    kept = None if job.folder is None else kept_of(job.spec, job.folder)
    chat = load_tokenizer(job.spec, console, kept)
    # What is loaded stays until the end. The garbage collector need not look at it each time.
    gc.freeze()
    warn(console, chat.name, traceless(conversations, chat))
    with ExitStack() as opened:
        with working(console, f"opening {name}"):
            counter = opened.enter_context(open_available(job.strategy, chat, job.workers))
        with progress_bar(console, f"{chat.name}: {name}", data.turns) as advance:
            try:
                counts = count_with(
                    counter, chat, conversations, progress=advance, on_error=job.reading.on_error
                )
            except TurnError as error:
                from strategies import hinted

                raise hinted(error, conversations, chat) from error
        note = getattr(counter, "note", None)
    return Counted(data, chat, counts, note)
