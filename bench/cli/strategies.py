"""`bench strategies`: the registry as a table."""

from __future__ import annotations

import json
from typing import Any

import click

from bench.bundled import tokenizer_names
from bench.cli.console import stderr, stdout
from bench.cli.inputs import load_tokenizer
from bench.cli.options import chat_specs, shared_options, tokenizer_option
from strategies import InputError, availability, get, is_control, is_peer, names


@click.command("strategies")
@tokenizer_option(more_help="Shows which strategies can run with it.")
@shared_options
def strategies_command(tokenizer: str | None, as_json: bool, **options: Any) -> None:
    """List the strategies, and which can run with a tokenizer."""
    from bench.reporting.fitting import Head, print_table

    chat = None
    if tokenizer is not None:
        (spec,) = chat_specs([tokenizer], options)
        chat = load_tokenizer(spec, stderr(bool(options["quiet"])))
    listed = []
    for name in names():
        try:
            strategy = get(name)
        except InputError as error:
            row = {"name": name, "summary": "", "control": False, "peer": False}
            listed.append({**row, "available": False, "reason": str(error)})
            continue
        reason = None if chat is None else availability(strategy, chat)
        listed.append(
            {
                "name": name,
                "summary": strategy.summary,
                "control": is_control(strategy),
                "peer": is_peer(strategy),
                "available": reason is None,
                "reason": reason,
            }
        )
    if as_json:
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    available = "available" if chat is None else f"with {chat.name}"
    heads = [
        Head("name", left=True),
        Head("summary", left=True, wraps=True),
        Head(available, left=True, wraps=True),
    ]
    rows = [
        [
            f"{row['name']}{' *' if row['control'] else ' †' if row['peer'] else ''}",
            str(row["summary"]),
            "yes" if row["available"] else str(row["reason"]),
        ]
        for row in listed
    ]
    print_table(stdout(), heads, rows)
    click.echo("* control: wrong on purpose, so that checks can be seen to fail; never ranked")
    click.echo("† another library: checked, timed and shown; never recommended")
    if chat is None:
        click.echo(f"--tokenizer takes a bundled one by name: {', '.join(tokenizer_names())}")
