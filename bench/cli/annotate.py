"""`bench annotate`: the ISLs written into the records of a trace."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, get_args

import click

from bench.cli.console import stderr, warn
from bench.cli.inputs import load_tokenizer, tell_format
from bench.cli.options import (
    cache_folder,
    cache_option,
    chat_specs,
    read_options,
    reading_options,
    shared_options,
    tokenizer_option,
)
from bench.cli.progress import progress_bar, working
from bench.cli.targets import check_target
from bench.dropins.traces import NoAnswers, field_of, written_back
from bench.interruption import INTERRUPTION
from strategies import InputError, available_cores
from strategies.chat.keeping import keep, kept_of
from strategies.conversations.files import STANDARD_INPUT, read_file
from strategies.errors import placed


@click.command("annotate")
@click.argument("trace", type=click.Path(path_type=Path))
@tokenizer_option(required=True)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    required=True,
    help="File for the trace with ISLs.",
)
@click.option(
    "--no-answers",
    type=click.Choice(get_args(NoAnswers)),
    default="refuse",
    show_default=True,
    help="If a prompt holds an answer of the server that the trace lacks: end with an error, "
    "leave its field as it is, or count it without the answer.",
)
@reading_options
@cache_option
@shared_options
def annotate_command(
    trace: Path,
    tokenizer: str,
    out: Path,
    no_answers: NoAnswers,
    cache: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Write the ISL of every turn into a trace.

    A mooncake record gets it as input_length, and a turn of SGLang's agentic traces as
    prompt_tokens. All other bytes of the trace stay as they are.
    """
    from bench.reporting.dataset import dataset_of
    from bench.reporting.output import write_bytes
    from strategies import count_with, get, open_available
    from strategies.conversations.containers import LOOKED_AT_BYTES, container_of
    from strategies.traces import traceless
    from strategies.words import many, printable

    if options["on_error"] == "skip":
        raise click.UsageError("every turn gets its ISL, or no file is written: leave out skip")
    if options["records"] == "request":
        raise click.UsageError("each turn has its place in the trace: leave out --records")
    console = stderr(quiet)
    check_target(out, [(trace, "the trace")] if trace != STANDARD_INPUT else [], "the ISLs")
    (spec,) = chat_specs([tokenizer], options, loads=True)
    reading = read_options(options, console)
    name = str(trace)
    with working(console, f"reading {name}"):
        data = read_file(trace)
        packed = container_of(data[:LOOKED_AT_BYTES], name)
        if packed != "JSON":
            raise InputError(f"this is {packed}; ISLs are written into JSON text", file=trace)
        dataset = dataset_of(data, name, reading)
    (read,) = dataset.conversations.files
    form = str(read.format)
    tell_format(console, name, form)
    with placed(file=trace):
        field = field_of(form)
    warn(console, trace.name, dataset.conversations.warnings)
    workers = available_cores()
    # The library reads this when its thread pool starts, at its first use.
    os.environ.setdefault("RAYON_NUM_THREADS", str(workers))
    folder = cache_folder(cache)
    chat = load_tokenizer(spec, console, None if folder is None else kept_of(spec, folder))
    warn(console, chat.name, traceless(dataset.conversations, chat))
    with (
        progress_bar(console, chat.name, dataset.turns) as advance,
        open_available(get("auto"), chat, workers) as counter,
    ):
        counts = count_with(counter, chat, dataset.conversations, progress=advance)
    with placed(file=trace):
        text, written, left = written_back(
            data.decode(), form, dataset.conversations, counts, no_answers
        )
    write_bytes(out, text.encode())
    INTERRUPTION.begin_output()
    if as_json:
        click.echo(json.dumps({"field": field, "written": written, "left": left}))
    elif not quiet:
        kept = f", left {many(left, 'turn')} as it was" if left else ""
        click.echo(printable(f"wrote {field} of {many(written, 'turn')} to {out}{kept}"))
    keep(chat)
