"""The command line: `bench strategies`, `count`, `compare`, `growth`, `history`, `dashboard`."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never, TextIO, TypeVar

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from strategies import (
    ChatSpec,
    ChatTokenizer,
    Conversation,
    InputError,
    IslError,
    OnError,
    availability,
    available_cores,
    chat_spec,
    count_turns,
    count_with,
    get,
    is_control,
    names,
    open_available,
    read_conversations,
)
from strategies.conversations.messages import ToolArguments
from strategies.errors import one_line

if TYPE_CHECKING:
    from bench.report import Dataset

EXIT_WRONG = 1
EXIT_BAD_INPUT = 3
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130

TABLE_WIDTH = 80
"""The characters that every table fits in."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def main() -> Never:
    """Run the command line; every error that a user can mend is one line."""
    signal.signal(signal.SIGTERM, _terminated)
    sys.unraisablehook = _not_raised
    _escape_output()
    errors = _Messages(stderr=True, soft_wrap=True, highlight=False)
    try:
        # Not by calling it: click's own way out of Ctrl-C prints a line of its own.
        with commands.make_context("bench", sys.argv[1:]) as context:
            status = commands.invoke(context) or 0
            # It is None where the shell has closed it: then there is nobody to write to.
            if sys.stdout is not None:
                sys.stdout.flush()
            sys.exit(status)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(EXIT_BAD_INPUT)
    except click.ClickException as error:
        reason = error.format_message()
        help_hint = ""
        if isinstance(error, click.UsageError) and error.ctx is not None:
            help_hint = f" (see {error.ctx.command_path} --help)"
        _complain(errors, " ".join(reason.split()) + help_hint)
        sys.exit(EXIT_BAD_INPUT)
    except (IslError, MemoryError) as error:
        _complain(errors, str(error) or "out of memory")
        sys.exit(EXIT_BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        # Pressed twice, it is still one interruption.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        _complain(errors, "interrupted; nothing was written")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has seen enough.
        _drop(sys.stdout)
        sys.exit(0)
    except OSError as error:
        place = error.filename
        if place is None:
            # What has no name is what is written to.
            place = "standard output cannot be written"
            _drop(sys.stdout)
        _complain(errors, f"{one_line(place)}: {error.strerror or error}")
        sys.exit(EXIT_BAD_INPUT)
    except Exception:
        # A mistake of ours: all that is known about it, and not the code of wrong counts.
        traceback.print_exc()
        sys.exit(EXIT_INTERNAL)


def _escape_output() -> None:
    """Let standard output escape what its encoding lacks, as standard error does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _drop(stream: TextIO | None) -> None:
    """Leave nothing in the buffer that would be complained about at exit."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _terminated(_signal: int, _frame: object) -> Never:
    # As with Ctrl-C: workers are stopped and files cleaned up on the way out.
    raise KeyboardInterrupt


def _not_raised(ignored: sys.UnraisableHookArgs) -> None:
    # In a destructor, and importing transformers runs thousands of them, an interruption is
    # dropped: it comes again when that is over. As SIGTERM, because what a script starts in
    # the background ignores SIGINT.
    if ignored.exc_type is KeyboardInterrupt:
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGTERM)).start()
    else:
        sys.__unraisablehook__(ignored)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `main`; Rich ends with 1, which is for wrong counts."""
        raise BrokenPipeError


class _Messages(_Console):
    def print(self, *objects: Any, **options: Any) -> None:
        """Go on where nobody takes the messages: the work and the exit code are the same."""
        try:
            super().print(*objects, **options)
        except OSError:
            _drop(sys.stderr)


def _stdout() -> Console:
    """Return what tables are printed to, at least as wide as they need.

    Rich leaves out columns for which a terminal has no room, and whether a strategy is exact
    may be one of them.
    """
    console = _Console(highlight=False)
    console.width = max(console.width, TABLE_WIDTH)
    return console


def _complain(errors: Console, reason: str) -> None:
    errors.print(Text(f"bench: {reason}"))


# --- options that commands share --------------------------------------------------------


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


def _specs(tokenizers: Sequence[str], options: dict[str, Any]) -> list[ChatSpec]:
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


QUICK_BUDGET_SECONDS = 12.0


def _bundled(size: str, tool_arguments: ToolArguments) -> Dataset:
    from bench.report import Dataset
    from bench.samples import sample_bytes

    data = sample_bytes(size)
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(data)
        file.flush()
        conversations = read_conversations(file.name, tool_arguments=tool_arguments)
    return Dataset(f"bundled sample ({size})", hashlib.sha256(data).hexdigest(), conversations)


def _number(value: int | float | None) -> str:  # noqa: PYI041  # counts and means print differently
    if value is None:
        return "-"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _stderr(quiet: bool) -> Console:
    return _Messages(stderr=True, quiet=quiet, highlight=False)


def _read(dataset: Path, tool_arguments: ToolArguments, console: Console) -> Sequence[Conversation]:
    from bench.progress import working

    with working(console, f"reading {dataset.name}"):
        conversations = read_conversations(dataset, tool_arguments=tool_arguments)
    messages = (message for conversation in conversations for message in conversation.messages)
    parts = sum(isinstance(message.get("content"), list) for message in messages)
    if parts:
        # The reference hands them over as they are; a server may join their texts first.
        told = "many templates leave it out or write it as a list"
        _warn(console, dataset.name, [f"messages with content in parts: {parts:,}; {told}"])
    return conversations


def _load(spec: ChatSpec, console: Console) -> ChatTokenizer:
    """Load a tokenizer and pass on what transformers warned about."""
    from bench.progress import working

    with working(console, f"loading {spec.name_or_path}"):
        chat = ChatTokenizer(spec)
    _warn(console, chat.name, chat.warnings)
    return chat


def _warn(console: Console, tokenizer: str, warnings: Sequence[str]) -> None:
    for warning in warnings:
        console.print(Text(f"warning: {tokenizer}: {warning}"), soft_wrap=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="isl-bench")
def commands() -> None:
    """Exact input sequence lengths (ISL) of multi-turn conversations, and what they cost."""


# --- bench strategies -------------------------------------------------------------------


@commands.command("strategies")
@click.option("--tokenizer", metavar="T", help="Say what can run with this tokenizer.")
@shared_options
def strategies_command(tokenizer: str | None, as_json: bool, **options: Any) -> None:
    """List the strategies: name, summary, available or why not."""
    chat = None
    if tokenizer is not None:
        (spec,) = _specs([tokenizer], options)
        chat = _load(spec, _stderr(bool(options["quiet"])))
    listed = []
    for name in names():
        try:
            strategy = get(name)
        except InputError as error:
            row = {"name": name, "summary": "", "control": False, "available": False}
            listed.append({**row, "reason": str(error)})
            continue
        reason = None if chat is None else availability(strategy, chat)
        listed.append(
            {
                "name": name,
                "summary": strategy.summary,
                "control": is_control(strategy),
                "available": reason is None,
                "reason": reason,
            }
        )
    if as_json:
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("name", no_wrap=True)
    table.add_column("summary")
    table.add_column("available" if chat is None else Text(f"with {chat.name}"))
    for row in listed:
        name = f"{row['name']} *" if row["control"] else str(row["name"])
        available = "yes" if row["available"] else str(row["reason"])
        table.add_row(*map(Text, (name, str(row["summary"]), available)))
    _stdout().print(table)
    click.echo("* control: wrong on purpose, so that checks can be seen to fail; never ranked")


# --- bench count ------------------------------------------------------------------------


@commands.command("count")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--tokenizer", metavar="T", required=True, help="Hub name or folder.")
@click.option("--strategy", default="auto", show_default=True, help="How to count.")
@click.option("--workers", type=click.IntRange(min=1), help="Threads or processes.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File for the ISLs: .parquet, .jsonl or .csv."
)
@shared_options
def count_command(
    dataset: Path,
    tokenizer: str,
    strategy: str,
    workers: int | None,
    out: Path | None,
    on_error: OnError,
    tool_arguments: ToolArguments,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Count the ISL of every turn of DATASET and print its distribution."""
    from bench.isl_table import check_ending, distribution, write_table
    from bench.output import check_file
    from bench.progress import progress_bar, working
    from bench.report import file_sha256

    if out is not None:
        check_ending(out)
        check_file(out)
        if out.exists() and dataset.exists() and out.samefile(dataset):
            raise InputError("is the dataset itself; name another file for the ISLs", file=out)
    chosen = get(strategy)
    if is_control(chosen):
        raise InputError("is wrong on purpose, for comparisons only", field=strategy)
    console = _stderr(quiet)
    conversations = _read(dataset, tool_arguments, console)
    (spec,) = _specs([tokenizer], options)
    workers = workers or available_cores()
    # Read when the library's pool starts, which is at its first use.
    os.environ.setdefault("RAYON_NUM_THREADS", str(workers))
    chat = _load(spec, console)
    with ExitStack() as opened:
        with working(console, f"opening {strategy}"):
            counter = opened.enter_context(open_available(chosen, chat, workers))
        title = f"{chat.name}: {strategy}"
        with progress_bar(console, title, count_turns(conversations)) as advance:
            counts = count_with(counter, chat, conversations, progress=advance, on_error=on_error)
        note = getattr(counter, "note", None)
    summary = distribution(counts)
    if out is not None:

        def about() -> dict[str, Any]:
            return {"tokenizer": chat.fingerprint, "dataset_sha256": file_sha256(dataset)}

        write_table(out, conversations, counts, about)
    if note:
        console.print(Text(f"{strategy}: {note}"))
    if summary["skipped"]:
        console.print(
            Text(f"warning: {summary['skipped']:,} turns have no ISL: the template refuses them")
        )
    if as_json:
        click.echo(json.dumps(summary))
    elif not quiet:
        table = Table(box=box.SIMPLE_HEAD)
        for column in summary:
            table.add_column(column, justify="right")
        table.add_row(*map(_number, summary.values()))
        _stdout().print(table)


# --- bench compare ----------------------------------------------------------------------


@commands.command("compare")
@click.argument("dataset", type=click.Path(path_type=Path), required=False)
@click.option("--tokenizer", "tokenizers", metavar="T", multiple=True, help="May be repeated.")
@click.option("--strategies", "chosen", type=Names(), help="Names.  [default: all]")
@click.option("--cores", type=Numbers(), help="Core counts to pin to.  [default: all cores]")
@click.option("--workers", type=Numbers(), help="Worker counts.  [default: as many as cores]")
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="Full rounds over all conversations, however long they take.",
)
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="Seconds for all timed rounds together; conversations are left out to keep to it.",
)
@click.option(
    "--sample",
    type=click.Choice(["small", "regular", "large"]),
    help="Size of the bundled sample.  [default: small]",
)
@click.option("--quick", is_flag=True, help="Few rounds.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of everything shuffled.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for reports and plot.")
@shared_options
def compare_command(
    dataset: Path | None,
    tokenizers: Sequence[str],
    chosen: Sequence[str] | None,
    cores: Sequence[int] | None,
    workers: Sequence[int] | None,
    rounds: int | None,
    budget: float,
    sample: str | None,
    quick: bool,
    seed: int,
    out: Path | None,
    on_error: OnError,
    tool_arguments: ToolArguments,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Run strategies side by side on DATASET, check every count, print what each costs.

    Without DATASET the bundled sample is used, without --tokenizer the bundled tokenizers.
    """
    from bench.bundled import tokenizer_names, tokenizer_path
    from bench.compare import Plan, compare
    from bench.output import make_folder
    from bench.plots import write_speedup_plot
    from bench.report import Dataset, build_report, file_sha256, write_json
    from bench.tables import print_groups, write_markdown

    if dataset is not None and sample is not None:
        raise click.UsageError("--sample is for the bundled data; leave it out or DATASET")
    paths = list(tokenizers) or [str(tokenizer_path(name)) for name in tokenizer_names()]
    plan = Plan(
        chats=_specs(paths, options),
        strategies=chosen or names(),
        cores=cores or (available_cores(),),
        workers=workers,
        rounds=rounds,
        budget_seconds=QUICK_BUDGET_SECONDS if quick else budget,
        seed=seed,
        on_error=on_error,
    )
    console = _stderr(quiet)
    if dataset is None:
        data = _bundled(sample or "small", tool_arguments)
    else:
        conversations = _read(dataset, tool_arguments, console)
        data = Dataset(str(dataset), file_sha256(dataset), conversations)
    if out is not None:
        make_folder(out)
    groups = compare(plan, data.conversations, console)
    for name, reference in {group.tokenizer: group.reference for group in groups}.items():
        _warn(console, name, reference.warnings)
    report = build_report(groups, data, ["bench", *sys.argv[1:]], seed)
    if out is not None:
        # It takes a second or more: first, so that an interruption finds nothing written.
        write_speedup_plot(out / "speedup.png", report)
        write_json(out / "report.json", report)
        write_markdown(out / "report.md", groups, data, report)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False, allow_nan=False))
    elif not quiet:
        print_groups(_stdout(), groups, data)
        if out is not None:
            click.echo(f"wrote report.json, report.md and speedup.png to {out}")
    entries = [entry for group in groups for entry in group.entries if not entry.control]
    return EXIT_WRONG if any(entry.status in {"wrong", "failed"} for entry in entries) else 0


# --- bench growth -----------------------------------------------------------------------


@commands.command("growth")
@click.option("--tokenizer", metavar="T", help="Hub name or folder.  [default: bpe-chatml]")
@click.option("--strategy", default="rust", show_default=True, help="What to time.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=9, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for growth.json and plot.")
@shared_options
def growth_command(
    tokenizer: str | None,
    strategy: str,
    workers: int,
    rounds: int,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Time per turn as conversations grow, at constant new text per turn."""
    from bench.bundled import tokenizer_path
    from bench.growth import LENGTHS, measure_growth
    from bench.output import make_folder
    from bench.plots import write_growth_plot
    from bench.progress import progress_bar
    from bench.report import write_json

    (spec,) = _specs([tokenizer or str(tokenizer_path("bpe-chatml"))], options)
    if out is not None:
        make_folder(out)
    os.environ.setdefault("RAYON_NUM_THREADS", str(workers))
    console = _stderr(quiet)
    chat = _load(spec, console)
    title = f"{strategy}, {chat.name}"
    with progress_bar(console, title, rounds * len(LENGTHS), "runs") as advance:
        points = measure_growth(strategy, chat, workers=workers, rounds=rounds, progress=advance)
    report = {
        "strategy": strategy,
        "workers": workers,
        "tokenizer": chat.fingerprint,
        "points": [point.as_dict() for point in points],
    }
    if out is not None:
        write_growth_plot(out / "growth.png", title, points)
        write_json(out / "growth.json", report)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    elif not quiet:
        heading = Text(f"{title}: microseconds per turn", style="table.title")
        table = Table(title=heading, box=box.SIMPLE_HEAD)
        for column in ("turns", *points[0].parts, "whole"):
            table.add_column(column, justify="right")
        for point in points:
            cells = (*point.parts.values(), point.total)
            table.add_row(f"{point.turns}", *(f"{1e6 * cell:,.1f}" for cell in cells))
        _stdout().print(table)


# --- bench history ----------------------------------------------------------------------


@commands.command("history")
@click.argument("folder", type=click.Path(path_type=Path), default="bench/history")
@click.option("--machine", help="Only this one.  [default: all]")
@click.option("--newest", is_flag=True, help="Only the machine and environment measured last.")
@click.option("--cores", type=Numbers(), help="Tables for these.  [default: the most measured]")
@click.option("--shape", "shapes", multiple=True, help="Table for it; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def history_command(
    folder: Path,
    machine: str | None,
    newest: bool,
    cores: Sequence[int] | None,
    shapes: Sequence[str],
    as_json: bool,
) -> int:
    """Show what asv recorded last in FOLDER, for each machine and environment.

    FOLDER is bench/history if it is left out. The exit code is 1 if a strategy counted wrong
    or was never checked, or if a benchmark failed.
    """
    from bench.history import read_history
    from bench.recorded import print_recorded, recorded

    last = recorded(read_history(folder), machine, newest=newest)
    if as_json:
        shown = [each.as_dict() for each in last]
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print_recorded(_stdout(), last, cores=cores, shapes=shapes)
    return 0 if all(each.ok for each in last) else EXIT_WRONG


# --- bench dashboard --------------------------------------------------------------------


@commands.command("dashboard")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default="asv.conf.json",
    show_default=True,
    help="Configuration of asv.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    default=".asv/html",
    show_default=True,
    help="Folder for the pages, which are replaced.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="On the loopback interface; 0 for any that is free.",
)
@click.option("--no-serve", is_flag=True, help="Write the pages and end.")
def dashboard_command(config: Path, html: Path, port: int, no_serve: bool) -> None:
    """Publish what asv recorded as pages that need no network, and serve them."""
    from bench.dashboard import publish, serve

    console = _stderr(quiet=False)
    for line in publish(config, html):
        console.print(Text(f"asv: {line}"), soft_wrap=True)
    if no_serve:
        click.echo(f"wrote {html / 'index.html'}; pages load their data from a web server")
        return
    serve(html, port, lambda address: click.echo(f"{address}  (Ctrl-C ends it)"))
