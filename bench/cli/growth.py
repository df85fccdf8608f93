"""`bench growth`: the time per turn as conversations grow."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bench.cli.console import stderr, stdout, warn
from bench.cli.inputs import load_tokenizer
from bench.cli.options import (
    Names,
    Numbers,
    PositiveNumber,
    chat_specs,
    complete_strategy,
    shared_options,
    tokenizer_option,
)
from bench.cli.progress import progress_bar
from bench.interruption import INTERRUPTION
from bench.measuring.growth import LENGTHS, LONGEST_RUN_SECONDS, MOST_TURNS
from strategies import MAX_WORKERS, ChatSpec

DEFAULT_STRATEGY = "rust"


@click.command("growth")
@tokenizer_option(more_help=" [default: bpe-chatml]")
@click.option(
    "--strategy",
    metavar="NAME",
    shell_complete=complete_strategy,
    help=f"Strategy to time; `bench strategies` lists them.  [default: {DEFAULT_STRATEGY}]",
)
@click.option("--strategies", "chosen", type=Names(), help="Strategies to time in the same rounds.")
@click.option(
    "--lengths",
    type=Numbers(),
    help=f"Time conversations of these numbers of turns.  [default: {','.join(map(str, LENGTHS))}]",
)
@click.option(
    "--session",
    is_flag=True,
    help="Time the calls of a session against apply_chat_template, at 10, 100 and 400 turns.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1, max=MAX_WORKERS),
    default=1,
    show_default=True,
    help="Number of threads or processes.",
)
@click.option(
    "--rounds",
    metavar="N",
    type=click.IntRange(min=1),
    default=9,
    show_default=True,
    help="How often to time each length; the result is the median.",
)
@click.option(
    "--longest-run",
    metavar="SECONDS",
    type=PositiveNumber(),
    default=LONGEST_RUN_SECONDS,
    show_default=True,
    help="Leave a strategy out from the length on at which one run would take longer, by its runs "
    "at shorter lengths.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder for growth.json and the plots.",
)
@shared_options
def growth_command(
    tokenizer: str | None,
    strategy: str | None,
    chosen: Sequence[str] | None,
    lengths: Sequence[int] | None,
    session: bool,
    workers: int,
    rounds: int,
    longest_run: float,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Time a turn as conversations grow.

    Every turn adds the same amount of text. So if a turn costs more in a longer conversation,
    that cost comes from the history: a conversation of T turns then takes a time that grows with
    T².

    With --session, the exit code is 1 if a count differs from that of apply_chat_template.
    """
    from bench.bundled import tokenizer_path
    from bench.measuring.growth import measure_growth
    from bench.measuring.load import LoadMeter
    from bench.measuring.machine import available, describe_machine
    from bench.reporting.growth_report import GrowthReport
    from bench.reporting.json_file import json_line
    from bench.reporting.kinds import GROWTH
    from bench.reporting.output import make_folder

    if strategy is not None and chosen is not None:
        raise click.UsageError("name strategies by --strategy or by --strategies, not by both")
    if max(lengths or LENGTHS) > MOST_TURNS:
        raise click.UsageError(f"--lengths: at most {MOST_TURNS:,} turns")
    if session:
        if strategy is not None or chosen is not None or out is not None:
            raise click.UsageError("--session times no strategy and writes no files")
        (spec,) = chat_specs([tokenizer or str(tokenizer_path("bpe-chatml"))], options)
        _time_sessions(spec, lengths, rounds, quiet=quiet, as_json=as_json)
        return
    wanted = list(dict.fromkeys(chosen or [strategy or DEFAULT_STRATEGY]))
    lengths = lengths or LENGTHS
    (spec,) = chat_specs([tokenizer or str(tokenizer_path("bpe-chatml"))], options)
    if out is not None:
        make_folder(out)
    os.environ.setdefault("RAYON_NUM_THREADS", str(workers))
    console = stderr(quiet)
    chat = load_tokenizer(spec, console)
    title = f"{', '.join(wanted)}, {chat.name}"
    started = datetime.now(UTC).isoformat(timespec="seconds")
    machine, processors = describe_machine(), available()
    meter = LoadMeter(processors, min(workers, len(processors)))
    total = (rounds + 1) * len(lengths) * len(wanted)
    with progress_bar(console, title, total, "runs") as advance:
        curves = measure_growth(
            wanted,
            chat,
            workers=workers,
            rounds=rounds,
            lengths=lengths,
            longest_run=longest_run,
            progress=advance,
            announce=lambda name, reason: warn(console, name, [reason]),
        )
    first = next(curve for curve in curves if curve.points)
    report = GrowthReport(
        first.strategy,
        workers,
        chat.fingerprint,
        first.points,
        left_out=first.left_out,
        others=tuple(curve for curve in curves if curve is not first),
        machine=machine,
        started=started,
        load=meter.read(),
    )
    written = None
    if out is not None:
        written = GROWTH.write(out, report, with_json=True)
    INTERRUPTION.begin_output()
    if as_json:
        click.echo(json_line(report.as_dict()))
    elif not quiet:
        GROWTH.show(stdout(), report)
        if written:
            click.echo(written)


def _time_sessions(
    spec: ChatSpec, lengths: Sequence[int] | None, rounds: int, *, quiet: bool, as_json: bool
) -> None:
    from bench.measuring.load import LoadMeter
    from bench.measuring.machine import available, describe_machine
    from bench.measuring.session_growth import LENGTHS, measure_sessions
    from bench.reporting.json_file import json_line
    from bench.reporting.session_report import SessionReport, print_session

    console = stderr(quiet)
    chat = load_tokenizer(spec, console)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    machine, meter = describe_machine(), LoadMeter(available(), 1)
    with progress_bar(console, f"session, {chat.name}", rounds + 1, "conversations") as advance:
        points, note = measure_sessions(
            chat, lengths=lengths or LENGTHS, rounds=rounds, progress=advance
        )
    report = SessionReport(chat.fingerprint, tuple(points), note, machine, started, meter.read())
    INTERRUPTION.begin_output()
    if as_json:
        click.echo(json_line(report.as_dict()))
    elif not quiet:
        print_session(stdout(), report)
    if report.mismatches:
        stderr(quiet).print(f"{report.mismatches} counts differ from those of apply_chat_template")
        sys.exit(1)
