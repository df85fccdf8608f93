"""The commands and programs that the pages show are ones that there are."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest

from bench.bundled import tokenizer_path
from bench.cli.commands import commands
from bench.samples import sample_bytes

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BENCH = {"bench", ".venv/bin/bench"}


def console_lines(page: Path) -> Iterator[str]:
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        yield from re.findall(r"^\$ (.*)$", block.replace("\\\n", " "), re.MULTILINE)


def bench_commands(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of `bench` in a line for a shell."""
    # What a process writes is a file to the command.
    simple = re.sub(r"<\([^)]*\)", "written.jsonl", line)
    words = shlex.split(simple, comments=True)
    while "|" in words:
        end = words.index("|")
        yield from _of_bench(words[:end])
        words = words[end + 1 :]
    yield from _of_bench(words)


def _of_bench(words: list[str]) -> Iterator[list[str]]:
    if words and words[0] in BENCH:
        yield words[1:]
    elif words[1:3] == ["-m", "bench"]:
        yield words[3:]


COMMANDS = [
    pytest.param(words, id=f"{page.name}: {' '.join(words)}")
    for page in PAGES
    for line in console_lines(page)
    for words in bench_commands(line)
]


def parsed(words: list[str]) -> None:
    """Parse a command as the command line does, and do not run it.

    Raises
    ------
    click.UsageError
        If there is no such command, option or value.
    """
    command: click.Command = commands
    with click.Context(commands, info_name="bench") as context:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            name, *words = words
            found = command.get_command(context, name)
            if found is None:
                raise click.UsageError(f"no command {name}")
            command = found
        # Options such as --help print, and end the command.
        with suppress(click.exceptions.Exit):
            command.make_context("bench", words, parent=context)


def test_the_pages_show_many_commands() -> None:
    shown = {str(param.values[0][0]) for param in COMMANDS}  # type: ignore[index]  # a list
    assert len(COMMANDS) > 40
    assert {"count", "compare", "decide", "check", "lint", "fuzz", "renderers"} <= shown


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_a_page_is_one_that_there_is(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Some commands ask while they parse whether a file is there.
    for word in words:
        if re.fullmatch(r"[\w./-]+\.[\w.]+", word) and not word.startswith(("-", "/")):
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).touch()
    (tmp_path / "DATASET").touch()
    parsed([word.replace("DATASET…", "DATASET") for word in words])


@pytest.mark.parametrize("words", [["cuont", "x"], ["count", "x", "--tokeniser", "t"], ["count"]])
def test_a_command_that_is_not_there_is_found(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parsed(words)


@pytest.mark.parametrize(("page", "dataset"), [("README.md", "mine"), ("docs/streams.md", "huge")])
def test_a_program_of_a_page_runs(page: str, dataset: str, tmp_path: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert f'"{dataset}.jsonl"' in program
    assert '"Qwen/Qwen3-8B"' in program
    (tmp_path / f"{dataset}.jsonl").write_bytes(sample_bytes("small", shapes=["short-chat"]))
    done = subprocess.run(
        [sys.executable, "-c", program.replace("Qwen/Qwen3-8B", str(tokenizer_path("bpe-chatml")))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
