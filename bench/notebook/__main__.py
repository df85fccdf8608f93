"""Execute notebooks and write their pages: ``python -m bench.notebook notebooks --out FOLDER``."""

from __future__ import annotations

from pathlib import Path

import click

from bench.notebook.execution import execute, parameters_of, read_notebook
from bench.notebook.page import page


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the pages.")
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter, for the notebooks that have it.",
)
def main(sources: tuple[Path, ...], out: Path, given: tuple[str, ...]) -> None:
    """Execute the notebooks in SOURCES, files or folders, and write an HTML page for each."""
    paths = [path for source in sources for path in _notebooks(source)]
    known = {path: parameters_of(path) for path in paths}
    values = {}
    for each in given:
        name, _, values[name] = each.partition("=")
        if not any(name in names for names in known.values()):
            raise click.UsageError(f"no notebook has a parameter {name}")
    out.mkdir(parents=True, exist_ok=True)
    for path in paths:
        click.echo(f"{path} ...")
        mine = {name: values[name] for name in known[path] if name in values}
        notebook = read_notebook(path, mine)
        execute(notebook, Path.cwd())
        target = out / f"{path.stem}.html"
        target.write_text(page(notebook), encoding="utf-8")
        click.echo(f"wrote {target}")


def _notebooks(source: Path) -> list[Path]:
    return sorted(source.glob("*.py")) if source.is_dir() else [source]


if __name__ == "__main__":
    main()
