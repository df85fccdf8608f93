"""`bench sample`: the bundled conversations as a file to try things on."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bench.bundled import tokenizer_names
from bench.cli.console import stderr
from bench.cli.options import seed_option
from bench.cli.progress import working
from bench.cli.started import as_started
from bench.samples import SHAPES, SIZES, sample_bytes
from strategies import InputError


@click.command("sample")
@click.option(
    "--size",
    type=click.Choice(SIZES),
    default="small",
    show_default=True,
    help="Decides how many conversations there are, and how long they are.",
)
@click.option(
    "--shape",
    "shapes",
    type=click.Choice(SHAPES),
    multiple=True,
    help="Write only conversations of this shape. May be repeated.  [default: all]",
)
@seed_option("The same seed gives the same conversations.")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File to write, such as chats.jsonl.  [default: standard output]",
)
def sample_command(size: str, shapes: Sequence[str], seed: int, out: Path | None) -> None:
    """Write the bundled conversations to a file.

    Each line of the file is one OpenAI chat record. If writing fails, there is no file.
    """
    from bench.reporting.output import check_file, is_stream, write_whole
    from strategies.words import many, printable

    if out is not None:
        if out.suffix != ".jsonl" and not (out.suffix == "" and is_stream(out)):
            raise InputError("the sample is JSON Lines; end the name with .jsonl", file=out)
        check_file(out)
    with working(stderr(quiet=False), f"making the {size} sample"):
        data = sample_bytes(size, shapes=shapes or None, seed=seed)
    if out is None:
        # It is None if the shell has closed it. Then nobody reads the output.
        if sys.stdout is not None:
            # As bytes, because the sample is UTF-8 in every terminal.
            sys.stdout.buffer.write(data)
        return
    write_whole(out, lambda file: file.write(data))
    conversations = data.count(b"\n")
    if is_stream(out):
        return
    click.echo(printable(f"wrote {many(conversations, 'conversation')} to {out}"))
    tried = f"{as_started()} count {shlex.quote(str(out))} --tokenizer {tokenizer_names()[0]}"
    click.echo(f"try: {printable(tried)}")
