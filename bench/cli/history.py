"""`bench history`: what asv recorded last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from bench.cli.console import stdout
from bench.cli.options import Numbers
from bench.samples import SHAPES

EXIT_WRONG = 1


def _complete_shape(_context: object, _option: object, incomplete: str) -> list[str]:
    return [shape for shape in SHAPES if shape.startswith(incomplete)]


@click.command("history")
@click.argument("folder", type=click.Path(path_type=Path), default="bench/history")
@click.option("--machine", metavar="NAME", help="Show only this machine.  [default: all]")
@click.option(
    "--newest", is_flag=True, help="Show only the machine and environment that were measured last."
)
@click.option(
    "--cores",
    type=Numbers(),
    help="Show a table for each of these numbers of cores.  [default: the largest measured]",
)
@click.option(
    "--shape",
    "shapes",
    metavar="SHAPE",
    multiple=True,
    shell_complete=_complete_shape,
    help="Show a table for this shape of conversation. May be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def history_command(
    folder: Path,
    machine: str | None,
    newest: bool,
    cores: Sequence[int] | None,
    shapes: Sequence[str],
    as_json: bool,
) -> int:
    """Show what asv recorded last.

    FOLDER is bench/history by default. Each machine and environment in it has a part of its own.
    The exit code is 1 if a strategy counted wrong or was never checked, or if a
    benchmark failed.
    """
    from bench.recorded.judge import print_recorded, recorded
    from bench.recorded.results import read_history

    last = recorded(read_history(folder), machine, newest=newest)
    if as_json:
        shown = [each.as_dict() for each in last]
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print_recorded(stdout(), last, cores=cores, shapes=shapes)
    return 0 if all(each.ok for each in last) else EXIT_WRONG
