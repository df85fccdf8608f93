"""`bench check`: our counts against a server's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.console import Messages, stderr, stdout, warn
from bench.cli.inputs import load_tokenizer, read_dataset
from bench.cli.options import (
    PositiveNumber,
    chat_specs,
    read_options,
    reading_options,
    seed_option,
    shared_options,
    tokenizer_option,
)
from bench.cli.progress import progress_bar, working
from strategies import (
    Conversation,
    InputError,
    OnError,
    TurnError,
    available_cores,
    count_turns,
    count_with,
    get,
    hinted,
    open_available,
    traceless,
)

if TYPE_CHECKING:
    from strategies import ChatTokenizer, Counts

MAX_CONCURRENCY = 32
_ENDPOINTS = ("auto", "chat", "tokenize", "render", "llama-cpp")


@click.command("check")
@click.argument(
    "datasets", metavar="DATASET…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@tokenizer_option(required=True)
@click.option(
    "--against",
    metavar="URL",
    required=True,
    help="The server, such as http://127.0.0.1:8000.",
)
@click.option(
    "--endpoint",
    type=click.Choice(_ENDPOINTS),
    default="auto",
    show_default=True,
    help="What to ask: usage of chat completions, /tokenize or the renderer of vLLM, "
    "/apply-template of llama.cpp; auto takes the first that the server has, and says which.",
)
@click.option("--model", metavar="NAME", help="The server's model.  [default: its only one]")
@click.option(
    "--turns",
    metavar="N",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Most turns to ask. They are chosen so that each kind is there.",
)
@seed_option("Decides which turns are asked.")
@click.option(
    "--timeout",
    metavar="S",
    type=PositiveNumber(),
    default=60,
    show_default=True,
    help="Seconds that a request may take.",
)
@click.option(
    "--concurrency",
    metavar="N",
    type=click.IntRange(min=1, max=MAX_CONCURRENCY),
    default=4,
    show_default=True,
    help="Most requests at the same time.",
)
@click.option(
    "--key-variable",
    metavar="NAME",
    help="Variable of the environment that holds the key for the server."
    "  [default: OPENAI_API_KEY, if it is set]",
)
@reading_options
@shared_options
def check_command(
    datasets: Sequence[Path],
    tokenizer: str,
    against: str,
    endpoint: str,
    model: str | None,
    turns: int,
    seed: int,
    timeout: float,
    concurrency: int,
    key_variable: str | None,
    on_error: OnError,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Compare the counts of some turns with those of a server.

    The server gets the messages as DATASET has them. If it shows the prompt, the first place
    where it differs from ours is shown; with --renderer, token ids are compared. docs/check.md
    explains the kinds of differences. Exit
    code 0: all counts are equal; 1: some are not; 2: nothing, or not every turn, could be
    compared.
    """
    from bench.checking.address import address_of, key_from
    from bench.checking.asking import Server, ask_server
    from bench.checking.comparing import compare_counts
    from bench.checking.reading import as_counted
    from bench.checking.report import EXIT_CODES, Check, Sample, document, print_report
    from bench.checking.requests import REQUEST_FIELDS
    from bench.checking.sampling import left_out, sample
    from bench.checking.strata import turns_with_strata
    from bench.interruption import INTERRUPTION
    from bench.reporting.json_file import json_line

    address = address_of(against)
    key = key_from(key_variable)
    console = stderr(quiet)
    if key is not None and not (address.is_encrypted or address.is_loopback):
        console.print("warning: the key is sent to another machine, and nothing encrypts it")
    (spec,) = chat_specs([tokenizer], options)
    reading = read_options({**options, "on_error": on_error}, console)
    # The server gets arguments of calls as they are written.
    data = read_dataset(datasets, replace(reading, tool_arguments="as-given"), console)
    chat = load_tokenizer(spec, console)
    counted = [as_counted(each, reading.tool_arguments) for each in data.conversations]
    with data.naming_files():
        counts = _counts(counted, chat, on_error, console)
    every = list(turns_with_strata(data.conversations, counted, counts))
    if not every:
        raise InputError("has no turn that can be counted", file=data.path)
    chosen = sample(every, turns, seed)
    fields = frozenset() if chat.coded is None else REQUEST_FIELDS
    server = Server(address, endpoint, model, key, timeout, concurrency, fields)
    with progress_bar(console, f"asking {address.root}", len(chosen)) as advance:
        asked = ask_server(server, chosen, chat.template_kwargs, advance)
    with working(console, "comparing"):
        comparison = compare_counts(chat, asked, may_skip=on_error == "skip")
    skipped = data.turns - len(every)
    summary = Sample(len(every), seed, tuple(left_out(every, chosen)), skipped)
    check = Check(address.root, data, summary, asked, comparison, chat.fingerprint)
    INTERRUPTION.begin_output()
    if as_json:
        click.echo(json_line(document(check)))
    elif not quiet:
        print_report(stdout(), check)
    return EXIT_CODES[comparison.verdict]


def _counts(
    conversations: Sequence[Conversation],
    chat: ChatTokenizer,
    on_error: OnError,
    console: Messages,
) -> Counts:
    """Return our counts of all turns: the sample needs their sizes."""
    warn(console, chat.name, traceless(conversations, chat))
    turns = count_turns(conversations)
    with (
        progress_bar(console, f"counting with {chat.name}", turns) as advance,
        open_available(get("auto"), chat, available_cores()) as counter,
    ):
        try:
            return count_with(counter, chat, conversations, progress=advance, on_error=on_error)
        except TurnError as error:
            raise hinted(error, conversations, chat) from error
