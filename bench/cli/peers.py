"""`bench peers`: where other libraries count something else, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.console import stderr, stdout
from bench.cli.inputs import load_tokenizer, read_dataset
from bench.cli.options import (
    Names,
    chat_specs,
    read_options,
    reading_options,
    shared_options,
    tokenizer_option,
)
from bench.cli.progress import progress_bar
from bench.measuring.folders import temporary_folder
from strategies import (
    ChatTokenizer,
    Conversation,
    chat_spec,
    count_turns,
    get,
    is_peer,
    names,
    reference_counts,
)

if TYPE_CHECKING:
    from bench.conformance.peer_cases import PeerCase
    from bench.reporting.peers_page import Counted


@click.command("peers")
@click.argument("datasets", metavar="DATASET…", nargs=-1, type=click.Path(path_type=Path))
@tokenizer_option("tokenizers", multiple=True, more_help="May be repeated.")
@click.option(
    "--corpus",
    is_flag=True,
    help="Count the cases of the splicing corpus, too: added tokens with every flag.",
)
@click.option(
    "--strategies", "chosen", type=Names(), help="Strategies to look at.  [default: peers]"
)
@click.option(
    "--examples",
    metavar="N",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Wrong turns of each dataset whose cause is looked for.",
)
@click.option(
    "--conversations",
    "number",
    metavar="N",
    type=click.IntRange(min=1),
    help="Conversations of each dataset, spread over it.  [default: all]",
)
@click.option(
    "--page",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Write the tables into this page, between the lines that ask for them.",
)
@click.option(
    "--cases",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a case of the conformance corpus for each cause, with a small tokenizer.",
)
@reading_options
@shared_options
def peers_command(
    datasets: Sequence[Path],
    tokenizers: Sequence[str],
    chosen: Sequence[str] | None,
    examples: int,
    corpus: bool,
    number: int | None,
    page: Path | None,
    cases: Path | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Say where other libraries count something else, and why.

    For each cause, the shortest text that shows it is printed.
    """
    from bench.conformance.peer_cases import add_cases, library_versions, write_cases
    from bench.measuring.causes import causes_of
    from bench.reporting.fitting import Head, print_table
    from bench.reporting.output import write_bytes
    from bench.reporting.peers_page import Counted, peers_tables, with_tables

    if bool(datasets) != bool(tokenizers) or not (datasets or corpus):
        raise click.UsageError("give DATASET and --tokenizer, or --corpus, or all of them")
    console = stderr(quiet)
    reading = read_options(options, console)
    data = {
        path.stem: _spread(read_dataset([path], reading, console).conversations, number)
        for path in datasets
    }
    peers = [get(name) for name in chosen or names() if chosen or is_peer(get(name))]
    versions = library_versions(peers)
    if page is not None:
        # It is checked before the work.
        with_tables(page.read_text(encoding="utf-8"), "")
    found: list[Counted] = []
    made: dict[str, PeerCase] = {}
    for spec in chat_specs(tokenizers, options):
        chat = load_tokenizer(spec, console)
        for name, conversations in data.items():
            title = f"{chat.name}, {name}: the plain call"
            with progress_bar(console, title, count_turns(conversations)) as advance:
                expected = reference_counts(
                    conversations, chat, progress=advance, on_error=options["on_error"]
                )
            for peer in peers:
                causes = causes_of(peer, chat, conversations, expected, examples)
                found.append(Counted(chat.name, name, causes))
                if cases is not None:
                    add_cases(made, peer, chat, causes, peers)
        # After each tokenizer, so that a run that is ended has said something.
        if cases is not None:
            write_cases(cases, list(made.values()), versions)
        if page is not None:
            tables = peers_tables(found, versions)
            text = with_tables(page.read_text(encoding="utf-8"), tables)
            write_bytes(page, text.encode(), interim=True)
    for case, chat, conversation in _cases() if corpus else ():
        expected = reference_counts([conversation], chat, on_error="skip")
        for peer in peers:
            causes = causes_of(peer, chat, [conversation], expected, examples)
            found.append(Counted("corpus", case, causes))
    if as_json:
        rows = [
            {"tokenizer": each.tokenizer, "dataset": each.dataset, **asdict(each.causes)}
            for each in found
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    heads = [
        *(Head(title, left=True) for title in ("tokenizer", "dataset", "strategy")),
        *(Head(title) for title in ("turns", "wrong")),
        Head("why", left=True, wraps=True),
    ]
    print_table(stdout(), heads, [_row(each) for each in found])


def _spread(conversations: Sequence[Conversation], number: int | None) -> Sequence[Conversation]:
    """Return some conversations, spread over all."""
    if number is None:
        return conversations
    return conversations[:: max(1, len(conversations) // number)][:number]


def _cases() -> Iterator[tuple[str, ChatTokenizer, Conversation]]:
    """Yield the cases of the splicing corpus: what each is about, its tokenizer and its text."""
    from bench.conformance.build import write_tokenizer
    from bench.conformance.corpus import chosen_cases

    for row in chosen_cases(["splicing"]):
        with temporary_folder() as folder:
            write_tokenizer(row.tokenizer, folder)
            spec = chat_spec(folder, template="{{ messages[0].content }}", messages="as-written")
            messages = ({"role": "user", "content": row.text},)
            yield row.about, ChatTokenizer(spec), Conversation(row.name, messages, None, (1,))


def _row(counted: Counted) -> list[str]:
    tokenizer, dataset, causes = counted.tokenizer, counted.dataset, counted.causes
    if causes.unavailable is not None:
        return [tokenizer, dataset, causes.strategy, "", "n/a", causes.unavailable]
    why = "; ".join(
        f"{number} of {causes.looked_at}: {each.cause}: {each.text!a} is {each.expected}, "
        f"not {'counted' if each.got is None else each.got}"
        for each, number in causes.differences
    )
    return [
        *(tokenizer, dataset, causes.strategy),
        *(f"{causes.turns:,}", f"{causes.wrong:,}", why),
    ]
