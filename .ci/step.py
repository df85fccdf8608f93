"""Run one long step of the set-up: say what it does, and show that it goes on.

    python .ci/step.py "Installing 100 packages (about a minute)" pip install ...

One line says what begins. In a terminal, a second line shows the seconds that have passed and the
last line of the command's output; it goes away at the end. If the command fails, its whole output
is shown. This needs only Python's own library, because it runs before anything is installed.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import sys
import time


def main(what: str, *command: str) -> int:
    """Run a command and return its exit code."""
    sys.stderr.write(f"{what} ...\n")
    sys.stderr.flush()
    printed = bytearray()
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None  # noqa: S101  # for the type checker; it is a pipe
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                if selector.select(timeout=1):
                    read = os.read(process.stdout.fileno(), 65536)
                    if not read:
                        break
                    printed += read
                show(printed, time.monotonic() - started)
    show(b"", None)
    if process.returncode != 0:
        sys.stderr.write(printed.decode(errors="replace"))
        sys.stderr.write(f"failed: {what}\n")
    return process.returncode


def show(printed: bytes | bytearray, seconds: float | None) -> None:
    """Replace the line of progress, or remove it if `seconds` is None."""
    if not sys.stderr.isatty():
        return
    line = ""
    if seconds is not None:
        last = printed[-2000:].decode(errors="replace").rstrip().rpartition("\n")[2].strip()
        shown = "".join(character if character.isprintable() else " " for character in last)
        line = f"{seconds:5.0f} s  {shown}"[: shutil.get_terminal_size().columns - 1]
    sys.stderr.write(f"\r\x1b[K{line}")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        # Ctrl-C reaches all processes of a terminal, so it has interrupted the command, too.
        show(b"", None)
        sys.exit(130)
