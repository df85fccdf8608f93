"""`bench renderers`: the renderers in code, and how far they depart from a chat template."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.console import Messages, stderr, stdout
from bench.cli.inputs import load_tokenizer, read_dataset
from bench.cli.options import (
    chat_specs,
    read_options,
    reading_options,
    shared_options,
    tokenizer_option,
    tool_arguments_of,
)
from bench.cli.progress import progress_bar
from bench.cli.targets import check_target
from strategies import (
    ChatTokenizer,
    Conversation,
    Counts,
    InputError,
    available_cores,
    count,
    count_turns,
)
from strategies.renderers.registry import renderer_named, renderer_names

if TYPE_CHECKING:
    from bench.measuring.departures import Compared


@click.command("renderers")
@click.argument("datasets", metavar="DATASET…", nargs=-1, type=click.Path(path_type=Path))
@tokenizer_option(more_help="Its template is compared with, and it is the vocabulary.")
@click.option(
    "--vocabulary",
    metavar="PATH",
    help="Folder or file of the renderer's vocabulary, if T has none.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the table into this file, as Markdown.",
)
@reading_options
@shared_options
def renderers_command(
    datasets: Sequence[Path],
    tokenizer: str | None,
    vocabulary: str | None,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """List the renderers in code, or compare one with a template.

    A renderer counts prompts of models that are served without a template. With DATASET,
    --tokenizer and --renderer, every turn is counted by the renderer and by T's template (or the
    one of --template), and a table says where the counts differ. Neither is wrong: a server uses
    one or the other.
    """
    if not datasets:
        if tokenizer or vocabulary or out or options["renderer"]:
            raise click.UsageError("name a DATASET to compare a renderer with a template")
        _list(as_json)
        return
    if tokenizer is None or options["renderer"] is None:
        raise click.UsageError("DATASET needs --tokenizer and --renderer")
    from bench.checking.reading import as_counted
    from bench.interruption import INTERRUPTION
    from bench.measuring.departures import compare_counts
    from bench.reporting.departures_page import page
    from bench.reporting.output import write_bytes

    if out is not None:
        check_target(out, [(path, "a dataset") for path in datasets], "the table")
    console = stderr(quiet)
    reading = read_options(options, console)
    by_template = {**options, "renderer": None}
    (template,) = chat_specs([tokenizer], by_template)
    only = dict.fromkeys(("template", "template_name", "revision", "messages"))
    (coded,) = chat_specs([vocabulary or tokenizer], {**options, **only})
    chats = load_tokenizer(coded, console), load_tokenizer(template, console)
    compared = []
    for path in datasets:
        conversations = list(read_dataset([path], reading, console).conversations)
        templated = [as_counted(each, tool_arguments_of(by_template)) for each in conversations]
        counts = _counted(chats, (conversations, templated), path.stem, console)
        compared.append(compare_counts(path.stem, conversations, counts, chats))
    about = _about(*chats)
    INTERRUPTION.begin_output()
    if out is not None:
        write_bytes(out, page(about, compared).encode())
    if as_json:
        rows = [{**asdict(each), "rows": [_row(row) for row in each.rows]} for each in compared]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif not quiet:
        _print(about, compared)


def _list(as_json: bool) -> None:
    from bench.reporting.fitting import Head, print_table

    listed = []
    for name in renderer_names():
        try:
            renderer = renderer_named(name)
        except InputError as error:
            row = {"name": name, "summary": "", "conversion": "", "kwargs": {}}
            listed.append({**row, "available": False, "reason": str(error)})
            continue
        reason = renderer.availability()
        listed.append(
            {
                "name": name,
                "summary": renderer.summary,
                "conversion": renderer.conversion,
                "kwargs": dict(renderer.kwargs),
                "available": reason is None,
                "reason": reason,
            }
        )
    if as_json:
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    heads = [
        Head("name", left=True),
        Head("summary", left=True, wraps=True),
        Head("available", left=True, wraps=True),
    ]
    rows = [
        [str(row["name"]), str(row["summary"]), "yes" if row["available"] else str(row["reason"])]
        for row in listed
    ]
    print_table(stdout(), heads, rows)


def _counted(
    chats: tuple[ChatTokenizer, ChatTokenizer],
    conversations: tuple[list[Conversation], list[Conversation]],
    name: str,
    console: Messages,
) -> tuple[Counts, Counts]:
    workers = available_cores()
    with progress_bar(console, name, 2 * count_turns(conversations[0])) as advance:
        renderer, template = (
            count(each, chat, workers=workers, progress=advance, on_error="skip")
            for chat, each in zip(chats, conversations, strict=True)
        )
    return renderer, template


def _about(coded: ChatTokenizer, template: ChatTokenizer) -> list[str]:
    assert coded.coded is not None  # noqa: S101  # for the type checker
    return [
        f"renderer: {coded.coded.renderer.conversion}, {coded.coded.opened.identity}",
        f"template: of {template.name}, messages {template.profile.label}",
    ]


def _row(row: Any) -> dict[str, Any]:
    return {**asdict(row), "mean": row.mean}


def _print(about: Sequence[str], compared: Sequence[Compared]) -> None:
    from bench.reporting.departures_page import HEADS, rows_of, told
    from bench.reporting.fitting import Head, print_table

    for line in about:
        click.echo(line)
    ranks = (1, 1, 1, 1, 2, 2, 1, 2, 1, 1, 3)
    heads = [
        Head(title, rank=rank, left=place < 2)
        for place, (title, rank) in enumerate(zip(HEADS, ranks, strict=True))
    ]
    print_table(stdout(), heads, rows_of(compared))
    for line in told(compared):
        click.echo(line)
