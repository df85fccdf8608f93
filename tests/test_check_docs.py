"""docs/check.md is true: its options, endpoints and kinds are those of the command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bench.checking.comparing import OFFSET, UNSTEADY, WITHOUT_CACHED
from bench.checking.endpoints.registry import ENDPOINTS
from bench.checking.explaining import CHANGES
from bench.checking.prompts import NOT_SHOWN, TEXT_KINDS, TOKENS, UNREADABLE
from bench.cli.check import check_command

PAGE = (Path(__file__).parents[1] / "docs" / "check.md").read_text(encoding="utf-8")


def column(title: str) -> list[str]:
    """Return the first cells of the table whose head begins with a title."""
    rows = PAGE[PAGE.index(f"| {title} |") :].split("\n\n")[0].splitlines()[2:]
    return [row.split(" | ")[0].removeprefix("| ") for row in rows]


def test_the_endpoints_are_listed_in_the_order_in_which_they_are_tried() -> None:
    assert column("`--endpoint`") == [f"`{name}`" for name in ENDPOINTS]


def test_every_kind_of_difference_is_explained() -> None:
    kinds = [each for cell in column("kind") for each in re.split(r", (?=less|more|…)", cell)]
    fixed = {each for each in kinds if "…" not in each}
    assert fixed == {
        *TEXT_KINDS,
        *(TOKENS, UNREADABLE, OFFSET, UNSTEADY, WITHOUT_CACHED, NOT_SHOWN),
    }


def test_every_change_that_is_tried_is_listed() -> None:
    section = PAGE[PAGE.index("The changes that are tried") : PAGE.index("## Servers")]
    listed = re.findall(r"^- (.*)$", section, re.MULTILINE)
    assert listed == list(CHANGES)


def test_every_option_is_one_of_the_command() -> None:
    known = {name for each in check_command.params for name in each.opts}
    others = {"--enable-auto-tool-choice", "--tool-call-parser", "--tokenizer-mode"}
    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) - others <= known


@pytest.mark.parametrize("command", re.findall(r"bench check .*", PAGE))
def test_every_command_can_be_read(command: str) -> None:
    words = shlex.split(command)[2:]
    if words:
        with check_command.make_context("check", words) as context:
            assert context.params["against"] == "http://127.0.0.1:8000"
