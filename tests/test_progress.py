"""A terminal shows progress while something takes long; a pipe shows none."""

from __future__ import annotations

import io
import sys
import time

import pytest
from rich.console import Console

from bench.cli import progress
from bench.cli.console import Messages, stderr


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("TERM", "xterm")
    return Console(file=io.StringIO(), force_terminal=True, width=80)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_bar_appears_though_nothing_has_been_done_yet(
    terminal: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SHOWN_AFTER_SECONDS", 0.01)
    with progress.progress_bar(terminal, "qwen3 [1]: reference", 7):
        deadline = time.monotonic() + 20
        while "0/7" not in printed(terminal) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "qwen3 [1]: reference" in printed(terminal)
    assert "0/7" in printed(terminal)


def test_what_is_quick_shows_no_bar(terminal: Console) -> None:
    with progress.progress_bar(terminal, "quick", 7) as advance:
        advance(7)
    assert printed(terminal) == ""


def test_a_line_is_shown_at_once_and_erased(terminal: Console) -> None:
    with progress.working(terminal, "loading [qwen3]"):
        assert "loading [qwen3] …" in printed(terminal)
    assert printed(terminal).endswith("\x1b[1A\x1b[2K")


@pytest.mark.parametrize("reason", ["quiet", "a pipe", "a pipe with colors", "a dumb terminal"])
def test_nothing_is_shown_in_quiet_or_where_lines_cannot_be_replaced(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SHOWN_AFTER_SECONDS", 0.0)
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "dumb" if reason == "a dumb terminal" else "xterm")
    if reason == "a pipe with colors":
        monkeypatch.setenv("FORCE_COLOR", "1")
    console: Messages | Console = stderr(quiet=False)
    if not reason.startswith("a pipe"):
        console = Console(file=shown, force_terminal=True, quiet=reason == "quiet")
    with progress.working(console, "loading"), progress.progress_bar(console, "counting", 7):
        time.sleep(0.05)
    assert shown.getvalue() == ""
