"""`bench lint`: whether cutting is exact for a tokenizer and a template."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bench.cli.console import stderr, stdout
from bench.cli.inputs import load_tokenizer, read_dataset
from bench.cli.options import (
    chat_specs,
    read_options,
    reading_options,
    shared_options,
    tokenizer_option,
)
from bench.cli.progress import working

EXIT_NEVER = 1


@click.command("lint")
@tokenizer_option(required=True)
@click.option(
    "--dataset",
    "datasets",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Conversations for the expected amplification, and for how prompts grow from turn to "
    "turn. May be repeated.",
)
@reading_options
@shared_options
def lint_command(
    tokenizer: str, datasets: Sequence[Path], quiet: bool, as_json: bool, **options: Any
) -> int:
    """Say where cutting prompts is exact, and where it is not.

    Every marker that the template can write gets a verdict, and so does the tokenizer:
    exact-alone (each span may be encoded by itself), exact-with-neighbours (between the markers
    around it), or never. Whatever is not exact-alone comes with the shortest text that shows it.
    docs/cutting.md explains the conditions. The exit code is 0 if cutting with neighbours is
    exact, and 1 if it is not.
    """
    from bench.interruption import INTERRUPTION
    from bench.reporting.json_file import json_line
    from bench.reporting.lint_document import document
    from bench.reporting.lint_tables import print_lint
    from strategies import lint

    (spec,) = chat_specs([tokenizer], options)
    console = stderr(quiet)
    given = None
    if datasets:
        given = read_dataset(datasets, read_options(options, console), console)
    chat = load_tokenizer(spec, console)
    with working(console, f"linting {chat.name}"):
        found = lint(chat, () if given is None else given.conversations)
    INTERRUPTION.begin_output()
    if as_json:
        click.echo(json_line(document(found, chat.fingerprint)))
    elif not quiet:
        print_lint(stdout(), found)
    return 0 if found.is_exact else EXIT_NEVER
