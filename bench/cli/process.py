"""Running the command line as a process: exit codes, signals, and one line for each error."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from typing import Never

import click

from bench.cli.commands import commands
from bench.cli.console import Messages, complain, drop, escape_output
from strategies import IslError
from strategies.errors import one_line

EXIT_BAD_INPUT = 3
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
COMPLETION_VARIABLE = "_BENCH_COMPLETE"
"""A shell sets it to ask for its completion script, or for completions of a line."""


def main() -> Never:
    """Run the command line. Every error that a user can mend is one line."""
    signal.signal(signal.SIGTERM, _terminated)
    sys.unraisablehook = _not_raised
    escape_output()
    if os.environ.get(COMPLETION_VARIABLE):
        commands.main(prog_name="bench", complete_var=COMPLETION_VARIABLE)
    errors = Messages(stderr=True, soft_wrap=True, highlight=False)
    try:
        sys.exit(_run())
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
        complain(errors, " ".join(reason.split()) + help_hint)
        sys.exit(EXIT_BAD_INPUT)
    except (IslError, MemoryError) as error:
        complain(errors, str(error) or "out of memory")
        sys.exit(EXIT_BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        # A second Ctrl-C must not interrupt the way out.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        complain(errors, "interrupted; nothing was written")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The program that reads the output, such as head, has ended.
        drop(sys.stdout)
        sys.exit(0)
    except OSError as error:
        place = error.filename
        if place is None:
            # An error without a file name comes from writing the output.
            place = "standard output cannot be written"
            drop(sys.stdout)
        complain(errors, f"{one_line(place)}: {error.strerror or error}")
        sys.exit(EXIT_BAD_INPUT)
    except Exception:
        # A bug. Show all that is known, and do not use the exit code of wrong counts.
        traceback.print_exc()
        sys.exit(EXIT_INTERNAL)


def _run() -> int:
    """Run the command that the arguments name, and return its exit code."""
    # Calling it would let click handle Ctrl-C, and click prints a line of its own.
    with commands.make_context("bench", sys.argv[1:]) as context:
        status: int = commands.invoke(context) or 0
        # It is None if the shell has closed it. Then nobody reads the output.
        if sys.stdout is not None:
            sys.stdout.flush()
    return status


def _terminated(_signal: int, _frame: object) -> Never:
    # As after Ctrl-C, workers are stopped and files are cleaned up on the way out.
    raise KeyboardInterrupt


def _not_raised(ignored: sys.UnraisableHookArgs) -> None:
    # Python drops an interruption that arrives in a destructor, and importing transformers
    # runs thousands of destructors. So it is sent again a moment later. It is sent as SIGTERM,
    # because a program that a script starts in the background ignores SIGINT.
    if ignored.exc_type is KeyboardInterrupt:
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGTERM)).start()
    else:
        sys.__unraisablehook__(ignored)
