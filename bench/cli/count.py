"""`bench count`: the ISL of every turn of a dataset."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.console import stderr, stdout
from bench.cli.inputs import dataset_files
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
from bench.cli.targets import check_target
from bench.interruption import INTERRUPTION
from strategies import (
    MAX_WORKERS,
    InputError,
    OnError,
    available_cores,
    get,
    is_control,
    is_peer,
)
from strategies.chat.keeping import keep
from strategies.conversations.files import STANDARD_INPUT, is_pipe, shown_path


def _number(value: int | float | None) -> str:  # noqa: PYI041  # counts and means print differently
    if value is None:
        return "-"
    # Only a ratio is a fraction of one.
    digits = 1 if isinstance(value, int) or value > 1 else 3
    return f"{value:,.{digits}f}" if isinstance(value, float) else f"{value:,}"


def _check_targets(
    files: Sequence[Path], out: Path | None, rejects: Path | None, on_error: OnError
) -> None:
    """Refuse files that cannot be written, before the work begins."""
    from bench.reporting.isl_table import check_ending

    others = [(path, "the dataset") for path in files if path != STANDARD_INPUT]
    if out is not None:
        check_ending(out)
        check_target(out, others, "the ISLs")
    if rejects is None:
        return
    if on_error != "skip":
        raise click.UsageError("--rejects keeps what --on-error skip leaves out; give both")
    if out is not None:
        others.append((out, "the file for the ISLs"))
    check_target(rejects, others, "the rejects")


@click.command("count")
@click.argument(
    "datasets", metavar="DATASET…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
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
@click.option(
    "--columns",
    metavar="NAME,…",
    default="",
    help="More about each turn: shared (tokens that the prompt shares with the one before), new "
    "(its other tokens), osl (tokens of the answer).",
)
@click.option(
    "--block-size",
    metavar="N",
    type=click.IntRange(min=1),
    help="Count what is shared in whole blocks of N tokens, too, as the caches of servers do.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with what an earlier run with the same options has written to --out, if it was "
    "ended before it was done.",
)
@reading_options
@cache_option
@shared_options
def count_command(
    datasets: Sequence[Path],
    tokenizer: str,
    strategy: str,
    workers: int | None,
    out: Path | None,
    rejects: Path | None,
    columns: str,
    block_size: int | None,
    resume: bool,
    cache: bool,
    on_error: OnError,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Count the ISL of every turn of a dataset.

    The command prints how the ISLs are distributed. DATASET is a file of conversations, a pattern
    such as 'shards/*.jsonl', a folder, or - for standard input; several make one dataset. `bench
    sample --out chats.jsonl` writes one to try this on.
    """
    from bench.cli.counting import Counting, Job
    from bench.reporting.output import is_stream
    from strategies.columns import TableColumns

    console = stderr(quiet)
    files = dataset_files(datasets, console)
    _check_targets(files, out, rejects, on_error)
    names = [name.strip() for name in columns.split(",") if name.strip()]
    more = TableColumns.asked_for(names, block_size)
    if resume and (out is None or is_stream(out) or (rejects is not None and is_stream(rejects))):
        raise click.UsageError("--resume goes on with files: give --out FILE, and no pipe")
    if resume and (pipe := next(filter(is_pipe, files), None)) is not None:
        raise InputError(
            "--resume reads what was counted once more, and a pipe can be read once; write it to a "
            "file, or leave out --resume",
            file=shown_path(pipe),
        )
    chosen = get(strategy)
    if is_control(chosen):
        raise InputError("is wrong on purpose, for comparisons only", field=strategy)
    if is_peer(chosen):
        raise InputError(
            "counts with another library, which nothing proves right; it is for comparisons only",
            field=strategy,
        )
    (spec,) = chat_specs([tokenizer], options, loads=True)
    reading = read_options({**options, "on_error": on_error}, console)
    workers = workers or available_cores()
    # The library reads this when its thread pool starts, at its first use.
    os.environ.setdefault("RAYON_NUM_THREADS", str(workers))
    # Arrow's other allocators keep much of what is freed: a third more memory for Parquet.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    folder = cache_folder(cache)
    job = Job(files, reading, spec, chosen, workers, folder, out, rejects, resume, more)
    with Counting(job, console) as counting:
        counting.run()
        counting.complete()
    chat, summary = counting.chat, counting.tally.summary()
    for note in counting.notes:
        console.print(f"{strategy}: {note}")
    if summary["skipped"]:
        console.print(f"warning: {summary['skipped']:,} turns have no ISL: they are refused")
    INTERRUPTION.begin_output()
    profile = chat.profile
    if as_json:
        tokens = counting.tally.tokens() if more.names else {}
        about = {"messages": profile.label, "format": ", ".join(counting.formats)}
        click.echo(json.dumps({**summary, **tokens, **about}))
    elif not quiet:
        from rich.text import Text

        from bench.reporting.fitting import Head, print_table

        cells = [_number(value) for value in summary.values()]
        print_table(stdout(), [Head(title) for title in summary], [cells])
        if more.names:
            tokens = counting.tally.tokens()
            cells = [_number(value) for value in tokens.values()]
            print_table(stdout(), [Head(title) for title in tokens], [cells])
        stdout().print(Text(f"messages: {profile.label}, {profile.summary}"))
    # Last, because nobody waits for it.
    keep(chat)
