"""`bench cache`: what is kept between runs, so that a start need not wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from bench.cli.console import stderr, stdout
from bench.cli.options import cache_folder
from bench.cli.progress import working

if TYPE_CHECKING:
    from strategies.kept.folder import Folder
    from strategies.recheck import Entry

EXIT_DIFFERENT = 1
EXIT_LEFT = 3

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("cache")
def cache_command() -> None:
    """Show, check or clear what is kept between runs.

    After a tokenizer was loaded, `bench count` keeps what it needs of it, so that the next run
    need not load it. An entry is used only as long as the tokenizer's files, all libraries and
    this program are the same. The folder is that of the environment variable ISL_BENCH_CACHE, whose
    value `off` keeps nothing. Without it, the folder is isl-bench in that of XDG_CACHE_HOME, or in
    ~/.cache.
    """


@cache_command.command("list")
@_json_option
def list_command(as_json: bool) -> None:
    """List the entries, and whether the next run uses them."""
    from strategies.recheck import entries

    folder = cache_folder(cache=True)
    _show(folder, [] if folder is None else entries(folder), as_json=as_json)


@cache_command.command("verify")
@_json_option
def verify_command(as_json: bool) -> int:
    """Load each tokenizer again, and compare it with its entry.

    The exit code is 1 if an entry that a run would use is different.
    """
    from strategies.recheck import checked_entries

    folder = cache_folder(cache=True)
    with working(stderr(quiet=False), "loading each tokenizer again"):
        found = [] if folder is None else checked_entries(folder)
    _show(folder, found, as_json=as_json)
    return EXIT_DIFFERENT if any(entry.status == "different" for entry in found) else 0


@cache_command.command("clear")
@_json_option
def clear_command(as_json: bool) -> int:
    """Remove all entries."""
    from bench.reporting.json_file import json_line
    from strategies.words import many, printable

    folder = cache_folder(cache=True)
    there = [] if folder is None else folder.entries()
    left = [] if folder is None else folder.clear()
    removed = [entry.name for entry in there if entry.name not in left]
    if as_json:
        click.echo(json_line({"removed": removed, "left": left}))
    else:
        place = "" if folder is None else f" from {printable(str(folder.path))}"
        click.echo(f"removed {many(len(removed), 'file')}{place}")
    if left:
        stderr(quiet=False).print(f"bench: {many(len(left), 'file')} cannot be removed")
    return EXIT_LEFT if left else 0


def _show(folder: Folder | None, found: Sequence[Entry], *, as_json: bool) -> None:
    """Print entries as a table or as JSON.

    Parameters
    ----------
    folder
        Where they lie; None if nothing is kept.
    found
        The entries.
    as_json
        Whether to print JSON.
    """
    from bench.reporting.json_file import json_line

    if as_json:
        place = None if folder is None else str(folder.path)
        click.echo(json_line({"folder": place, "entries": [_row(entry) for entry in found]}))
        return
    from bench.reporting.fitting import Head, print_table
    from strategies.words import printable

    if found:
        heads = [
            Head("tokenizer", left=True, wraps=True),
            Head("MB"),
            Head("last used", left=True),
            Head("status", left=True, wraps=True),
        ]
        rows = [
            [
                entry.tokenizer or f"file {entry.name[:12]}",
                f"{entry.size / 1e6:,.1f}",
                f"{_time(entry):%Y-%m-%d %H:%M}",
                f"{entry.status}: {entry.reason}" if entry.reason else entry.status,
            ]
            for entry in found
        ]
        print_table(stdout(), heads, rows)
    place = "nothing is kept: ISL_BENCH_CACHE is off" if folder is None else str(folder.path)
    click.echo(printable(place) if found or folder is None else f"nothing in {printable(place)}")


def _row(entry: Entry) -> dict[str, object]:
    return {**asdict(entry), "used": _time(entry).isoformat()}


def _time(entry: Entry) -> datetime:
    return datetime.fromtimestamp(round(entry.used), UTC)
