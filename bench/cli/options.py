"""Options that commands share, and the types of their values."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from bench.bundled import resolve, tokenizer_names
from bench.cli.console import Messages, warn
from strategies import ChatSpec, InputError, chat_spec, get, names
from strategies.chat.spec import unchecked_spec
from strategies.conversations.options import ReadOptions, Records, UnknownFields
from strategies.conversations.supplied import system_in, tools_in
from strategies.errors import placed
from strategies.kept.folder import Folder, default_place
from strategies.profiles.catalog import DEFAULT_PROFILE, profiles
from strategies.renderers.registry import renderer_named, renderer_names

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from strategies.conversations.conversation import ToolArguments

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

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002  # the names are the same in every context
        param: click.Parameter,  # noqa: ARG002  # and for every option
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete the last name of the list."""
        from click.shell_completion import CompletionItem

        before, comma, last = incomplete.rpartition(",")
        taken = {name.strip() for name in before.split(",")}
        return [
            CompletionItem(f"{before}{comma}{name}")
            for name in names()
            if name.startswith(last) and name not in taken
        ]


class PositiveNumber(click.FloatRange):
    """A number above zero that has an end: neither ``inf`` nor ``nan``."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, parameter: Any, context: Any) -> float:
        """Return the number."""
        number = float(super().convert(value, parameter, context))
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number", parameter, context)
        return number


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
        # A number that is given twice counts once.
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


class FormatName(click.ParamType[str]):
    """The name of a dataset format."""

    name = "NAME"

    def convert(self, value: Any, parameter: Any, context: Any) -> str:  # noqa: ARG002  # click's
        """Return the name as the format has it."""
        from strategies.conversations.detect import form_named

        return form_named(value).name

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002  # the names are the same in every context
        param: click.Parameter,  # noqa: ARG002  # and for every option
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete the name of a format."""
        from click.shell_completion import CompletionItem

        from strategies.conversations.detect import formats, short_name

        names = [short_name(form.name) for form in formats()]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class Tokenizer(click.ParamType[str]):
    """A value of `--tokenizer`: a bundled name, a folder, or a name on the hub."""

    name = "T"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002  # the names are the same in every context
        param: click.Parameter,  # noqa: ARG002  # and for every option
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete the names of the bundled tokenizers; if none fits, those of folders."""
        from click.shell_completion import CompletionItem

        bundled = [name for name in tokenizer_names() if name.startswith(incomplete)]
        # The folders first: the bash script forgets what stands before them.
        return [CompletionItem(incomplete, type="dir"), *map(CompletionItem, bundled)]


class Renderer(click.ParamType[str]):
    """The name of a renderer in code."""

    name = "NAME"

    def convert(self, value: Any, parameter: Any, context: Any) -> str:  # noqa: ARG002  # click's
        """Return the name; there must be such a renderer."""
        return renderer_named(value).name

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002  # the names are the same in every context
        param: click.Parameter,  # noqa: ARG002  # and for every option
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete the name of a renderer."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in renderer_names() if name.startswith(incomplete)]


def tokenizer_option(
    *names: str, more_help: str = "", **settings: Any
) -> Callable[[_Command], _Command]:
    """Return the option `--tokenizer`.

    Parameters
    ----------
    *names
        What the command calls its parameter, if not ``tokenizer``.
    more_help
        What to add to the sentence that says what the option takes.
    **settings
        For `click.option`, such as ``required=True``.
    """
    which = f"A bundled tokenizer ({', '.join(tokenizer_names())}), a folder, or a hub name."
    return click.option(
        "--tokenizer", *names, type=Tokenizer(), help=f"{which} {more_help}".rstrip(), **settings
    )


def seed_option(what: str) -> Callable[[_Command], _Command]:
    """Return the option `--seed`, with what it decides as its help."""
    return click.option(
        "--seed",
        metavar="N",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help=what,
    )


def complete_strategy(_context: object, _option: object, incomplete: str) -> list[str]:
    """Return the names of strategies that begin like this one, for a shell."""
    return [name for name in names() if name.startswith(incomplete)]


_SHARED = (
    click.option(
        "--template",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Chat template to use instead of the tokenizer's own.",
    ),
    click.option(
        "--template-name",
        metavar="NAME",
        help="Which of the tokenizer's own chat templates to use, if it has several.",
    ),
    click.option(
        "--template-kwargs",
        type=JsonObject(),
        default="{}",
        help="Variables for the template, such as '{\"enable_thinking\": false}'.",
    ),
    click.option(
        "--messages",
        type=click.Choice(list(profiles())),
        help="How messages reach the template: as vLLM's server gives them, or as the dataset "
        f"has them.  [default: {DEFAULT_PROFILE}]",
    ),
    click.option(
        "--renderer",
        type=Renderer(),
        help="Count with a maker's library instead of a template: harmony for gpt-oss. T is then "
        "the folder or file of its vocabulary. `bench renderers` lists them.",
    ),
    click.option("--revision", help="Commit, branch or tag of the tokenizer on the hub."),
    click.option(
        "--trust-remote-code",
        is_flag=True,
        help="Run Python code that the tokenizer's repository brings.",
    ),
    click.option(
        "--clock",
        type=click.DateTime(),
        metavar="TIME",
        help="The time that templates read as now, such as 2025-01-31 or 2025-01-31T12:00:00."
        "  [default: today, 00:00]",
    ),
    click.option(
        "--tool-arguments",
        type=click.Choice(["objects", "as-given"]),
        help="How templates get tool-call arguments that are JSON strings: as parsed objects, "
        "as servers pass them on, or as they are.  [default: objects; as-given with --renderer]",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["raise", "skip"]),
        default="raise",
        show_default=True,
        help="If a record cannot be read or the template refuses a turn: end with an error, or "
        "leave it out.",
    ),
    click.option("--quiet", is_flag=True, help="Show no progress, warnings or table."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."),
)


_READING = (
    click.option(
        "--records",
        type=click.Choice(get_args(Records)),
        default="conversation",
        show_default=True,
        help="What a record of the dataset is: a conversation with all its requests, or one "
        "request, as in logs of servers.",
    ),
    click.option(
        "--unknown-fields",
        type=click.Choice(get_args(UnknownFields)),
        default="refuse",
        show_default=True,
        help="If a field is neither read nor known to be harmless: end with an error, or leave "
        "the field out and say so.",
    ),
    click.option(
        "--format",
        type=FormatName(),
        help="Format of the dataset, such as openai-chat, if its first record does not show it.",
    ),
    click.option(
        "--messages-field",
        metavar="NAME",
        help="Field of a record that holds its messages, if it has another name than usual: "
        "history, or with a dot info.messages.",
    ),
    click.option(
        "--tools",
        "tools_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="JSON file with a list of tools, for conversations that have none.",
    ),
    click.option(
        "--system",
        "system_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Text file with the system prompt, for conversations that have none.",
    ),
)


def reading_options(command: _Command) -> _Command:
    """Add the options that only commands that read a dataset have."""
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(_READING), command)


def read_options(options: dict[str, Any], console: Messages) -> ReadOptions:
    """Return how a dataset is read.

    Parameters
    ----------
    options
        The shared options and those of reading, by parameter name.
    console
        Where to say what may not be meant.

    Raises
    ------
    InputError
        If a file of tools or of a system prompt is not as it should be.
    """
    tools = system = None
    if options["tools_file"] is not None:
        tools = tools_in(options["tools_file"])
    if options["system_file"] is not None:
        system = system_in(options["system_file"])
        if system.endswith("\n"):
            warn(console, str(options["system_file"]), ["its last line end is part of the prompt"])
    with placed(file=options["tools_file"]):
        return ReadOptions(
            tool_arguments=tool_arguments_of(options),
            unknown_fields=options["unknown_fields"],
            on_error=options["on_error"],
            records=options["records"],
            format=options["format"],
            messages_field=options["messages_field"],
            tools=tools,
            system=system,
        )


def tool_arguments_of(options: dict[str, Any]) -> ToolArguments:
    """Return how arguments of tool calls are read.

    Parameters
    ----------
    options
        The shared options and those of reading, by parameter name. A renderer in code gets the
        arguments as clients send them, so their JSON texts stay as they are unless asked otherwise.
    """
    default: ToolArguments = "objects" if options["renderer"] is None else "as-given"
    return options["tool_arguments"] or default


def cache_option(command: _Command) -> _Command:
    """Add the option `--no-cache`, as the parameter `cache`."""
    return click.option(
        "--cache/--no-cache",
        default=True,
        help="Keep what a start needs between runs, and use what is kept; `bench cache` shows it."
        "  [default: cache]",
    )(command)


def cache_folder(cache: bool) -> Folder | None:
    """Return where what a start needs is kept; None if nothing is to be kept."""
    place = default_place() if cache else None
    return None if place is None else Folder(place)


def shared_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that all commands that load tokenizers share.

    If a tokenizer is not found, the error also lists the bundled ones.
    """

    @functools.wraps(command)
    def hinting(**options: Any) -> Any:
        asked = options.get("tokenizers") or [options.get("tokenizer")]
        try:
            return command(**options)
        except InputError as error:
            # It may come from another process, so its text is all that can be checked.
            unknown = error.reason.startswith("neither a folder nor a tokenizer on the hub")
            if not unknown or error.file not in asked:
                raise
            bundled = f"bundled are {', '.join(tokenizer_names())}"
            raise InputError(f"{error.reason} ({bundled})", file=error.file) from None

    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(_SHARED), hinting)


def chat_specs(
    tokenizers: Sequence[str], options: dict[str, Any], *, loads: bool = False
) -> list[ChatSpec]:
    """Return the specification of each tokenizer, with the shared options applied.

    Parameters
    ----------
    tokenizers
        As `--tokenizer` takes them.
    options
        The shared options by parameter name.
    loads
        Whether the tokenizers are loaded next. The names of template kwargs are then checked
        only if that is necessary, because it takes an import of transformers.
    """
    made = unchecked_spec if loads else chat_spec
    return [
        made(
            resolve(tokenizer),
            template=options["template"],
            template_name=options["template_name"],
            template_kwargs=options["template_kwargs"],
            revision=options["revision"],
            trust_remote_code=options["trust_remote_code"],
            clock=options["clock"],
            messages=options["messages"],
            renderer=options["renderer"],
        )
        for tokenizer in tokenizers
    ]
