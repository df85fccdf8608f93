"""Running the command line as a process: exit codes, and one line for each error."""

from __future__ import annotations

import os
import sys
from typing import Never

import click

from bench.cli.commands import commands
from bench.cli.console import Messages, complain, drop, escape_output
from bench.interruption import EXIT_INTERRUPTED, INTERRUPTION
from strategies import IslError
from strategies.errors import one_line

EXIT_BAD_INPUT = 3
EXIT_INTERNAL = 70
COMPLETION_VARIABLE = "_BENCH_COMPLETE"
"""A shell sets it to ask for its completion script, or for completions of a line."""


def main() -> Never:
    """Run the command line. Every error that a user can mend is one line."""
    INTERRUPTION.listen()
    INTERRUPTION.kill_processes = _kill_processes
    errors = Messages()
    try:
        try:
            code = _run()
        except (Exception, KeyboardInterrupt) as error:
            # A signal that comes now changes neither what is said nor the exit code.
            INTERRUPTION.ignore()
            code = _explained(error, errors)
    except KeyboardInterrupt as error:
        # It came just before signals were ignored.
        INTERRUPTION.ignore()
        code = _explained(error, errors)
    sys.exit(code)


def _explained(error: BaseException, errors: Messages) -> int:
    """Say on standard error why the command has not ended well, and return its exit code."""
    if INTERRUPTION.raised:
        # Whatever came of it: a library may have lost the interruption, and failed at what it
        # left half done.
        return _interrupted(errors)
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message())
        case click.Abort() | KeyboardInterrupt():
            return _interrupted(errors)
        case click.ClickException():
            reason = error.format_message()
            help_hint = ""
            if isinstance(error, click.UsageError) and error.ctx is not None:
                help_hint = f" (see {error.ctx.command_path} --help)"
            complain(errors, " ".join(reason.split()) + help_hint)
        case IslError() | MemoryError():
            complain(errors, str(error) or "out of memory")
        case BrokenPipeError():
            # The program that reads the output, such as head, has ended.
            drop(sys.stdout)
            return 0
        case OSError():
            place = error.filename
            if place is None:
                # An error without a file name comes from writing the output.
                place = "standard output cannot be written"
                drop(sys.stdout)
            complain(errors, f"{one_line(place)}: {error.strerror or error}")
        case _:
            # A bug. Show all that is known, and do not use the exit code of wrong counts.
            import traceback

            traceback.print_exception(error)
            return EXIT_INTERNAL
    return EXIT_BAD_INPUT


def _interrupted(errors: Messages) -> int:
    """End what still runs, say that the command was interrupted, and return its exit code."""
    # Whoever started a process has ended it, unless the interruption came in between. The
    # interpreter would wait for it.
    if "multiprocessing" in sys.modules:
        # Else there are none.
        from multiprocessing import active_children

        from bench.measuring.ending import end_children, kill_tree

        for child in active_children():
            if child.pid is not None:
                end_children(child.pid)
                kill_tree(child.pid)
    complain(errors, INTERRUPTION.line)
    INTERRUPTION.told()
    return EXIT_INTERRUPTED


def _kill_processes() -> None:
    """Kill what this process has started; without these modules it has started nothing."""
    if sys.modules.keys().isdisjoint({"multiprocessing.process", "subprocess"}):
        return
    from bench.measuring.ending import kill_descendants

    kill_descendants(os.getpid())


def _run() -> int:
    """Run the command that the arguments name, and return its exit code."""
    escape_output()
    # numpy's OpenBLAS starts threads when it is imported. Nothing here uses them, and if the system
    # refuses one, OpenBLAS writes four lines and sends SIGINT to this process.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # multiprocessing's resource tracker removes what killed workers leave, and warns that it does.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    if os.environ.get(COMPLETION_VARIABLE):
        commands.main(prog_name="bench", complete_var=COMPLETION_VARIABLE)
    # Calling it would let click handle Ctrl-C, and click prints a line of its own.
    with commands.make_context("bench", sys.argv[1:]) as context:
        status: int = commands.invoke(context) or 0
        # It is None if the shell has closed it. Then nobody reads the output.
        if sys.stdout is not None:
            sys.stdout.flush()
    INTERRUPTION.ignore()
    return status
