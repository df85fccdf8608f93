"""`bench endpoints-isl`: what the ISL script of MLCommons endpoints prints, exact and fast."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.console import Messages, stderr, warn
from bench.cli.inputs import load_tokenizer
from bench.cli.options import (
    cache_folder,
    cache_option,
    chat_specs,
    shared_options,
    tokenizer_option,
    tool_arguments_of,
)
from bench.cli.progress import progress_bar
from bench.cli.targets import check_target
from bench.interruption import INTERRUPTION
from strategies import OnError, available_cores, count_with, get, open_available
from strategies.chat.keeping import keep, kept_of
from strategies.conversations.options import ReadOptions
from strategies.errors import placed

if TYPE_CHECKING:
    from bench.cli.counting import Job
    from bench.reporting.isl_table import Tally
    from strategies import ChatTokenizer


@click.command("endpoints-isl")
@click.option(
    "--dataset",
    metavar="FILE",
    type=click.Path(path_type=Path),
    required=True,
    help="Rows of MLCommons endpoints, as JSON Lines.",
)
@tokenizer_option(required=True)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File for the ISL of each turn; the name ends in .parquet, .jsonl or .csv.",
)
@click.option(
    "--isl",
    type=click.Choice(["on", "off"]),
    default="on",
    show_default=True,
    envvar="ISL_BENCH_ENDPOINTS",
    show_envvar=True,
    help="off counts nothing and writes nothing, wherever the command is called.",
)
@cache_option
@shared_options
def endpoints_isl_command(
    dataset: Path,
    tokenizer: str,
    out: Path | None,
    isl: str,
    cache: bool,
    on_error: OnError,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Print the ISLs that MLCommons endpoints' script computes.

    The command stands in for scripts/agentic_inference_isl_precompute.py of that project: the
    same arguments, and the same lines on standard output. Requests with a chat_template or
    chat_template_kwargs of their own are counted with these, as the client sends them.
    """
    from bench.cli.counting import Job
    from bench.reporting.isl_table import check_ending
    from strategies.columns import TableColumns
    from strategies.conversations.detect import form_named

    console = stderr(quiet)
    if isl == "off":
        console.print("ISLs are off: nothing was counted")
        return
    if out is not None:
        check_ending(out)
        check_target(out, [(dataset, "the dataset")], "the ISLs")
    (spec,) = chat_specs([tokenizer], options, loads=True)
    # The client sends no field that it does not know. Those that may change a prompt are still
    # refused by name.
    reading = ReadOptions(
        tool_arguments=tool_arguments_of(options),
        unknown_fields="ignore",
        on_error=on_error,
        format=form_named("mlcommons-endpoints").name,
    )
    workers = available_cores()
    # The library reads this when its thread pool starts, at its first use.
    os.environ.setdefault("RAYON_NUM_THREADS", str(workers))
    folder = cache_folder(cache)
    none = TableColumns.asked_for([], None)
    job = Job(
        (dataset,),
        reading,
        spec,
        get("auto"),
        workers,
        folder,
        out,
        None,
        resume=False,
        columns=none,
    )
    tally, chat = _counted_with_own(job, console) or _counted(job, console)
    summary = tally.summary()
    if tally.skipped:
        console.print(f"warning: {tally.skipped:,} turns have no ISL: they are refused")
    INTERRUPTION.begin_output()
    if as_json:
        click.echo(json.dumps(summary))
    elif not quiet:
        click.echo(_distribution(summary))
    # Last, because nobody waits for it.
    keep(chat)


def _distribution(summary: dict[str, float | int | None]) -> str:
    lines = [f"ISL distribution ({summary['turns']} turns)"]
    for name, digits in (("min", 0), ("mean", 1), ("p50", 0), ("p99", 0), ("max", 0)):
        value = summary[name]
        lines.append(f"  {name:<5}: {'-' if value is None else f'{value:.{digits}f}'}")
    return "\n".join(lines)


def _counted(job: Job, console: Messages) -> tuple[Tally, ChatTokenizer]:
    """Count rows whose requests bring no template, part by part."""
    from bench.cli.counting import Counting

    with Counting(job, console) as counting:
        counting.run()
        counting.complete()
    return counting.tally, counting.chat


def _counted_with_own(job: Job, console: Messages) -> tuple[Tally, ChatTokenizer] | None:
    """Count rows whose requests bring templates or variables; None if there are no such rows."""
    from bench.dropins.endpoints import MARK, own_fields, parts_of
    from bench.reporting.isl_table import TableFile, Tally, columns_of
    from strategies.conversations.datasets import parse_dataset
    from strategies.conversations.files import read_file
    from strategies.streaming import turns_of

    (path,) = job.files
    data = read_file(path)
    if MARK not in data:
        return None
    with placed(file=path):
        # Bytes that are no UTF-8 go on to the reader, which says where they are.
        text, requests = own_fields(data.decode(errors="surrogateescape"))
    rows = text.encode(errors="surrogateescape")
    conversations = parse_dataset(rows, str(path), job.reading)
    warn(console, path.name, conversations.warnings)
    counts: list[list[int | None]] = [[None] * len(each.turns) for each in conversations]
    for part in parts_of(conversations, requests, job.spec):
        kept = None if job.folder is None else kept_of(part.spec, job.folder)
        chat = load_tokenizer(part.spec, console, kept)
        turns = sum(len(places) for _, places in part.places)
        with (
            progress_bar(console, chat.name, turns) as advance,
            open_available(job.strategy, chat, job.workers) as counter,
        ):
            counted = count_with(
                counter, chat, part.conversations, progress=advance, on_error=job.reading.on_error
            )
        for (i, places), isls in zip(part.places, counted, strict=True):
            for k, isl in zip(places, isls, strict=True):
                counts[i][k] = isl
    tally = Tally()
    tally.add(counts)
    if job.out is not None:
        with TableFile(job.out, columns_of(requests=False)) as table:
            table.add(turns_of(conversations, counts))
            table.complete(dict, last=lambda: None)
    return tally, chat
