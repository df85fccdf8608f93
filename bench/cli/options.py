"""Options that commands share, and the types of their values."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from strategies import ChatSpec, chat_spec, get

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Names(click.ParamType[Sequence[str]]):
    """Strategies by name, separated by commas."""

    name = "NAME,…"

    def convert(self, value: Any, parameter: Any, context: Any) -> Sequence[str]:
        """Return the names; each must exist."""
        if not isinstance(value, str):
            return tuple(value)
        wanted = [name.strip() for name in value.split(",") if name.strip()]
        if not wanted:
            self.fail("names no strategy", parameter, context)
        for name in wanted:
            get(name)
        return wanted


class Numbers(click.ParamType[Sequence[int]]):
    """Positive whole numbers, separated by commas."""

    name = "N,…"

    def convert(self, value: Any, parameter: Any, context: Any) -> Sequence[int]:
        """Return the numbers."""
        if not isinstance(value, str):
            return tuple(value)
        parts = [part.strip() for part in value.split(",")]
        if not all(part.isdecimal() and len(part) < 20 and int(part) > 0 for part in parts):
            self.fail(f"{value!r} is no list of positive whole numbers", parameter, context)
        # The same number twice asks for nothing more.
        return list(dict.fromkeys(map(int, parts)))


class JsonObject(click.ParamType[dict[str, Any]]):
    """A JSON object."""

    name = "JSON"

    def convert(self, value: Any, parameter: Any, context: Any) -> dict[str, Any]:
        """Return the object."""
        if not isinstance(value, str):
            return dict(value)
        try:
            parsed = json.loads(value)
        except ValueError as error:
            self.fail(f"not JSON: {error}", parameter, context)
        if not isinstance(parsed, dict):
            self.fail("must be a JSON object, such as '{\"enable_thinking\": false}'")
        return parsed


_SHARED = (
    click.option("--template", type=click.Path(path_type=Path), help="Chat template to use."),
    click.option(
        "--template-kwargs", type=JsonObject(), default="{}", help="Variables for the template."
    ),
    click.option("--revision", help="Commit, branch or tag on the hub."),
    click.option("--trust-remote-code", is_flag=True, help="Run code that the tokenizer brings."),
    click.option(
        "--clock",
        type=click.DateTime(),
        help="The time that templates read as now.  [default: today, 00:00]",
    ),
    click.option(
        "--tool-arguments",
        type=click.Choice(["objects", "as-given"]),
        default="objects",
        show_default=True,
        help="Parse tool-call arguments that are JSON strings, as servers do, or leave them.",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["raise", "skip"]),
        default="raise",
        show_default=True,
        help="What to do about a turn that the template refuses.",
    ),
    click.option("--quiet", is_flag=True, help="No progress, no warnings, no table."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."),
)


def shared_options(command: _Command) -> _Command:
    """Add the options that all commands on data have."""
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(_SHARED), command)


def chat_specs(tokenizers: Sequence[str], options: dict[str, Any]) -> list[ChatSpec]:
    """Return the specification of each tokenizer, with the shared options applied."""
    return [
        chat_spec(
            tokenizer,
            template=options["template"],
            template_kwargs=options["template_kwargs"],
            revision=options["revision"],
            trust_remote_code=options["trust_remote_code"],
            clock=options["clock"],
        )
        for tokenizer in tokenizers
    ]
