"""Running the command line as a process: exit codes, signals, and one line for each error.

What Ctrl-C and SIGTERM do depends on how far the command is:

- Until its output begins, they interrupt it: nothing is written, and the exit code is 130.
- When the first file gets its name, or the result begins to be printed, the work is done. A signal
  then changes nothing: the rest is written and printed, and the exit code is that of the work. A
  signal that follows another one after `SAME_INTERRUPTION_SECONDS` still interrupts, with code 130,
  because nobody may be reading what is printed.
- When all is written and printed, or an error is being told, they are ignored.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from math import inf
from typing import Never

import click

from bench.cli.commands import commands
from bench.cli.console import Messages, complain, drop, escape_output
from bench.measuring.ending import end_children, kill_tree
from bench.reporting.output import OUTPUT_BEGUN
from strategies import IslError
from strategies.errors import one_line

EXIT_BAD_INPUT = 3
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
SAME_INTERRUPTION_SECONDS = 5.0
"""Signals that follow one this soon are the same interruption. A later one is a new one: the way
out may be stuck."""
COMPLETION_VARIABLE = "_BENCH_COMPLETE"
"""A shell sets it to ask for its completion script, or for completions of a line."""


def main() -> Never:
    """Run the command line. Every error that a user can mend is one line."""
    _interruptions.listen()
    sys.unraisablehook = _not_raised
    escape_output()
    if os.environ.get(COMPLETION_VARIABLE):
        commands.main(prog_name="bench", complete_var=COMPLETION_VARIABLE)
    errors = Messages(stderr=True, soft_wrap=True, highlight=False)
    try:
        try:
            code = _run()
        except (Exception, KeyboardInterrupt) as error:
            # Nothing that comes now changes what is said, or the exit code.
            _interruptions.ignore()
            code = _explained(error, errors)
    except KeyboardInterrupt as error:
        # It came just before interruptions were ignored.
        _interruptions.ignore()
        code = _explained(error, errors)
    sys.exit(code)


def _explained(error: BaseException, errors: Messages) -> int:
    """Say on standard error why the command has not ended well, and return its exit code."""
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
            # The reader of our output has seen enough.
            drop(sys.stdout)
            return 0
        case OSError():
            place = error.filename
            if place is None:
                # What has no name is what is written to.
                place = "standard output cannot be written"
                drop(sys.stdout)
            complain(errors, f"{one_line(place)}: {error.strerror or error}")
        case _ if _interruptions.raised:
            # A library has lost the interruption, and failed at what it left half done.
            return _interrupted(errors)
        case _:
            # A mistake of ours: all that is known about it, and not the code of wrong counts.
            traceback.print_exception(error)
            return EXIT_INTERNAL
    return EXIT_BAD_INPUT


def _interrupted(errors: Messages) -> int:
    # The interpreter waits for them when it ends, and a second interruption may have come before
    # whoever started them has ended them.
    for child in multiprocessing.active_children():
        if child.pid is not None:
            end_children(child.pid)
            kill_tree(child.pid)
    begun = OUTPUT_BEGUN.is_set()
    complain(errors, f"interrupted; {'output is not complete' if begun else 'nothing was written'}")
    return EXIT_INTERRUPTED


def _run() -> int:
    """Run the command that the arguments name, and return its exit code."""
    # Calling it would let click handle Ctrl-C, and click prints a line of its own.
    with commands.make_context("bench", sys.argv[1:]) as context:
        status: int = commands.invoke(context) or 0
        # It is None if the shell has closed it. Then nobody reads the output.
        if sys.stdout is not None:
            sys.stdout.flush()
    _interruptions.ignore()
    return status


class _Interruptions:
    """Turns Ctrl-C and SIGTERM into one `KeyboardInterrupt`.

    Workers are stopped and files cleaned up on the way out. A person, a terminal and a service
    manager may each send a signal; those that follow the first soon belong to it and do not
    disturb the way out.

    Attributes
    ----------
    raised
        Whether an interruption was raised.
    """

    def __init__(self) -> None:
        self.raised = False
        self._at = -inf

    def listen(self) -> None:
        """Take the signals from now on."""
        self.raised, self._at = False, -inf
        OUTPUT_BEGUN.clear()
        signal.signal(signal.SIGTERM, self._take)
        # What a script starts in the background ignores Ctrl-C.
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._take)

    def ignore(self) -> None:
        """Let no signal disturb the end of this process."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def again(self) -> None:
        """Send the last interruption again, because it was dropped."""
        self._at = -inf
        # As SIGTERM, because what a script starts in the background ignores SIGINT.
        os.kill(os.getpid(), signal.SIGTERM)

    def _take(self, _signal: int, _frame: object) -> None:
        now = time.monotonic()
        if now - self._at < SAME_INTERRUPTION_SECONDS:
            return
        first = self._at == -inf
        self._at = now
        if first and OUTPUT_BEGUN.is_set():
            return
        self.raised = True
        raise KeyboardInterrupt


_interruptions = _Interruptions()


def _not_raised(ignored: sys.UnraisableHookArgs) -> None:
    # In a destructor, and importing transformers runs thousands of them, an interruption is
    # dropped: it comes again when that is over.
    if ignored.exc_type is KeyboardInterrupt:
        threading.Timer(0.01, _interruptions.again).start()
    else:
        sys.__unraisablehook__(ignored)
