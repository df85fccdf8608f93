"""`bench show`: the tables and plots of a recorded report."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.console import stdout


@click.command("show")
@click.argument("report", type=click.Path(path_type=Path))
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Folder for the tables as files, and the plots.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def show_command(report: Path, out: Path | None, as_json: bool) -> None:
    """Show a recorded report again.

    The command prints every table of REPORT; with --out it also writes every plot. REPORT is the
    report.json that `bench compare --out` wrote, or the growth.json of `bench growth --out`. The
    exit code is 0 if the report was shown, whatever it says about the strategies. It is 3 if the
    report is missing or damaged.
    """
    from bench.reporting.json_file import json_line
    from bench.reporting.kinds import read_any
    from bench.reporting.output import make_folder

    kind, shown = read_any(report)
    written = None
    if out is not None:
        make_folder(out)
        written = kind.write(out, shown, with_json=False)
    if as_json:
        click.echo(json_line(shown.as_dict()))
        return
    kind.show(stdout(), shown)
    if written:
        click.echo(written)
