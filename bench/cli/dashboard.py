"""`bench dashboard`: the results of asv as web pages."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.console import stderr


@click.command("dashboard")
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default="asv.conf.json",
    show_default=True,
    help="Configuration file of asv.",
)
@click.option(
    "--html",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=".asv/html",
    show_default=True,
    help="Folder for the pages. Older pages in it are replaced.",
)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to serve on; 0 takes any free one. Other machines cannot reach it.",
)
@click.option("--no-serve", is_flag=True, help="Write the pages and do not serve them.")
def dashboard_command(config: Path, html: Path, port: int, no_serve: bool) -> None:
    """Publish what asv recorded as web pages, and serve them.

    The pages need no network. They load their data from a web server, which runs until Ctrl-C.
    """
    from bench.recorded.dashboard import publish, serve

    console = stderr(quiet=False)
    for line in publish(config, html):
        console.print(f"asv: {line}")
    if no_serve:
        click.echo(f"wrote {html / 'index.html'}; pages load their data from a web server")
        return
    serve(html, port, lambda address: click.echo(f"{address}  (Ctrl-C ends it)"))
