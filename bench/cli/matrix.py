"""`bench matrix`: every tokenizer with every template and every strategy, exact or not."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.console import stderr, stdout
from bench.cli.inputs import read_dataset
from bench.cli.options import (
    Names,
    chat_specs,
    read_options,
    reading_options,
    seed_option,
    shared_options,
    tokenizer_option,
)
from bench.cli.progress import progress_bar
from bench.interruption import INTERRUPTION
from strategies import ChatSpec, InputError, available_cores, get, is_control, is_peer
from strategies import names as strategy_names
from strategies.runtime.signals import interruptions_held
from strategies.words import many

if TYPE_CHECKING:
    from bench.matrix.result import Matrix, Tally

OWN = "(its own)"
"""What the matrix calls the template that a tokenizer brings."""


@click.command("matrix")
@click.argument(
    "datasets", metavar="DATASET…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@tokenizer_option("tokenizers", multiple=True, required=True, more_help="May be repeated.")
@click.option(
    "--templates",
    metavar="PATH",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A template, or a folder of templates (.jinja). May be repeated. Each tokenizer's own "
    "one is always in.",
)
@click.option(
    "--strategies",
    "chosen",
    type=Names(),
    help="Strategies to check.  [default: all but peers]",
)
@click.option(
    "--conversations",
    metavar="N",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Conversations to take of each dataset.",
)
@click.option(
    "--turns",
    metavar="N",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Turns to take of each of them, from the first on.",
)
@seed_option("Decides which conversations are taken.")
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1, max=256),
    help="Cells to compare at the same time.  [default: one per core]",
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder for matrix.json, matrix.md, matrix.html and the picture.",
)
@click.option(
    "--resume", is_flag=True, help="Go on with the matrix of the same command in the folder."
)
@reading_options
@shared_options
def matrix_command(
    datasets: Sequence[Path],
    tokenizers: Sequence[str],
    templates: Sequence[Path],
    chosen: Sequence[str] | None,
    conversations: int,
    turns: int,
    seed: int,
    jobs: int | None,
    out: Path | None,
    resume: bool,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Check every tokenizer with every template and strategy.

    Each count is compared with that of the plain call. Ends with 1 if a strategy counts wrong or
    fails, and with 2 if nothing could be compared.
    """
    from bench.matrix.page import headline
    from bench.matrix.result import Matrix, to_json
    from bench.matrix.run import compare_cells
    from bench.matrix.sample import Sample
    from bench.measuring.machine import describe_versions
    from bench.reporting.json_file import json_line
    from bench.reporting.output import make_folder

    if options["template"] is not None or options["template_name"] is not None:
        raise click.UsageError("name templates by --templates")
    if resume and out is None:
        raise click.UsageError("--resume needs --out")
    console = stderr(quiet)
    specs = _specs(tokenizers, templates, options)
    sample = Sample(conversations, turns, seed)
    reading = read_options(options, console)
    data = [read_dataset([path], reading, console) for path in datasets]
    taken = [each for dataset in data for each in sample.of(list(dataset.conversations))]
    names = list(chosen or (name for name in strategy_names() if not is_peer(get(name))))
    claims = [name for name in names if not (is_control(get(name)) or is_peer(get(name)))]
    matrix = Matrix(
        command=shlex.join(["bench", *(word for word in sys.argv[1:] if word != "--resume")]),
        versions=describe_versions(),
        sample=asdict(sample),
        datasets={Path(each.path).name: each.sha256 for each in data},
        tokenizers=tuple(dict.fromkeys(tokenizer for tokenizer, _ in specs)),
        templates=tuple(dict.fromkeys(template for _, template in specs)),
        strategies=tuple(claims),
        others=tuple(name for name in names if name not in claims),
    )
    if out is not None:
        make_folder(out)
        if resume:
            matrix = _resumed(matrix, out)
    with progress_bar(console, "comparing", len(specs) - len(matrix.cells), "cells") as advance:
        matrix = compare_cells(
            matrix,
            specs,
            taken,
            jobs=jobs or available_cores(),
            progress=advance,
            interim=lambda so_far: _keep(so_far, out),
        )
    INTERRUPTION.begin_output()
    if out is not None:
        _write_pages(matrix, out)
    if as_json:
        click.echo(json_line(to_json(matrix)))
    elif not quiet:
        _print(matrix, headline(matrix))
    if matrix.mismatches or matrix.failures:
        sys.exit(1)
    if not matrix.turns:
        sys.exit(2)


def _specs(
    tokenizers: Sequence[str], templates: Sequence[Path], options: dict[str, Any]
) -> dict[tuple[str, str], ChatSpec]:
    """Return how to load each tokenizer with each template, by the names of both."""
    named: dict[str, Path | None] = {OWN: None}
    for file in (file for path in templates for file in _template_files(path)):
        if named.setdefault(file.stem, file) != file:
            raise InputError("two templates have this name", file=str(file))
    specs: dict[tuple[str, str], ChatSpec] = {}
    for name, template in named.items():
        for spec in chat_specs(tokenizers, {**options, "template": template}):
            tokenizer = Path(spec.name_or_path).name
            if (tokenizer, name) in specs:
                raise InputError("two tokenizers have this name", file=spec.name_or_path)
            specs[tokenizer, name] = spec
    # A tokenizer's cells follow each other, so that its files are in memory.
    order = {Path(tokenizer).name: place for place, tokenizer in enumerate(tokenizers)}
    return dict(sorted(specs.items(), key=lambda item: order.get(item[0][0], 0)))


def _template_files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.jinja"))
    if not files:
        raise InputError("holds no .jinja file", file=str(path))
    return files


def _resumed(matrix: Matrix, out: Path) -> Matrix:
    """Return the matrix with the cells that an earlier run of the same command has kept."""
    from bench.matrix.result import from_json
    from bench.reporting.json_file import read_json

    path = out / "matrix.json"
    if not path.exists():
        return matrix
    kept = from_json(read_json(path), str(path))
    if replace(kept, cells=()) != matrix:
        raise InputError(
            "is of another command, other data or other versions; leave --resume out to begin anew",
            file=str(path),
        )
    return kept


def _keep(matrix: Matrix, out: Path | None) -> None:
    from bench.matrix.result import to_json
    from bench.reporting.json_file import json_bytes
    from bench.reporting.output import write_bytes

    if out is not None:
        path = out / "matrix.json"
        done = many(len(matrix.cells), "cell")
        # An interruption between the two would say that nothing was written.
        with interruptions_held():
            write_bytes(path, json_bytes(to_json(matrix)), interim=True)
            INTERRUPTION.kept = f"{path} has {done}; --resume goes on"


def _write_pages(matrix: Matrix, out: Path) -> None:
    from bench.matrix.figure import matrix_figure
    from bench.matrix.page import PICTURE, html, markdown
    from bench.matrix.result import to_json
    from bench.reporting.json_file import json_bytes
    from bench.reporting.output import write_bytes
    from bench.reporting.plots import pictures

    files = {
        "matrix.json": json_bytes(to_json(matrix)),
        "matrix.md": markdown(matrix).encode(),
        "matrix.html": html(matrix).encode(),
        **pictures(str(Path(PICTURE).with_suffix(".png")), matrix_figure(matrix)),
    }
    for name, content in files.items():
        write_bytes(out / name, content)


def _print(matrix: Matrix, headline: str) -> None:
    from bench.matrix.page import reasons
    from bench.reporting.fitting import Head, print_table

    heads = [
        Head("strategy", left=True),
        *(Head(f"cells {title}") for title in ("exact", "wrong", "failed", "n/a")),
        *(Head(title) for title in ("counts", "wrong counts")),
    ]
    console = stdout()
    rows = [_row(matrix.tally(name), "") for name in matrix.strategies]
    rows += [_row(matrix.tally(name), " *") for name in matrix.others]
    print_table(console, heads, rows)
    console.print(headline, highlight=False, markup=False)
    if matrix.others:
        console.print("* a control or a peer: its counts are not claimed to be exact", style="dim")
    for reason, number, first in reasons(matrix):
        line = f"{many(number, 'cell')} without a count ({first}): {reason}"
        console.print(line, highlight=False, markup=False)
    for cell in matrix.cells:
        for each in matrix.claims(cell).checked:
            if each.status in ("wrong", "failed"):
                line = f"{cell.tokenizer}, {cell.template}, {each.strategy}: {each.reason}"
                console.print(line, highlight=False, markup=False)


def _row(tally: Tally, mark: str) -> list[str]:
    numbers = [
        tally.cells.get("exact", 0),
        tally.cells.get("wrong", 0),
        tally.cells.get("failed", 0),
        tally.cells.get("unavailable", 0),
        tally.turns,
        tally.wrong,
    ]
    return [tally.strategy + mark, *(f"{number:,}" for number in numbers)]
