"""The tutorial is true: its commands run, one after the other, and print what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages import ROOT, Snippet, matches, snippets

TUTORIAL = ROOT / "docs" / "tutorial.md"


def test_each_step_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    steps = list(snippets(TUTORIAL))
    assert len(steps) >= 8
    for step in steps:
        step.run(tmp_path)


def test_an_elision_stands_for_any_text() -> None:
    assert matches("a\n…\nd\n", "a\nb\nc\nd\n")
    assert not matches("a\n…\nd\n", "a\nb\n")


def test_a_step_that_prints_something_else_is_seen(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="page"):
        Snippet("page", "console", "echo a", "b\n").run(tmp_path)
    with pytest.raises(AssertionError, match="page"):
        Snippet("page", "python", "raise SystemExit(1)").run(tmp_path)
