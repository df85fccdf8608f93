"""The package in a plain script, without a main guard, as a reader of the README writes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.bundled import tokenizer_names, tokenizer_path
from strategies import load_chat, read_conversations
from strategies.process_pool import START_METHOD_VARIABLE
from tests.conftest import plain_counts

ROOT = Path(__file__).parents[1]
DATA = (
    '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, '
    '{"role": "user", "content": "Bye"}]}\n'
)
SCRIPT = """
print("the body runs")
import strategies

class Own(dict):
    pass

conversations = strategies.read_conversations({data!r})
for tokenizer in {tokenizers}:
    chat = strategies.load_chat(tokenizer)
    for name in ("auto", "process-pool"):
        print(name, strategies.count(conversations, chat, name, workers=1))
# Two workers start at the same time. Each takes a second, so this is done for one tokenizer.
for name in ("auto", "process-pool"):
    assert strategies.verify(name, conversations, chat, workers=2) == []
import __main__
assert __main__.Own is Own and __main__.__dict__ is globals()
"""


def script(tmp_path: Path, *names: str) -> tuple[str, str]:
    """Return a script that counts with bundled tokenizers, and what it must print."""
    data = tmp_path / "data.jsonl"
    data.write_text(DATA)
    paths = [str(tokenizer_path(name)) for name in names]
    printed = ["the body runs"]
    for path in paths:
        counts = plain_counts(load_chat(path), read_conversations(data))
        printed += [f"auto {counts}", f"process-pool {counts}"]
    return SCRIPT.format(tokenizers=paths, data=str(data)), "\n".join(printed) + "\n"


def output(arguments: list[str], given: str = "", method: str = "forkserver") -> str:
    ran = subprocess.run(
        [sys.executable, *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, START_METHOD_VARIABLE: method, "PYTHONPATH": str(ROOT)},
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_its_body_runs_once_with_every_tokenizer(method: str, tmp_path: Path) -> None:
    text, printed = script(tmp_path, *tokenizer_names())
    path = tmp_path / "script.py"
    path.write_text(text)
    assert output([str(path)], method=method) == printed


@pytest.mark.parametrize("way", ["standard input", "-c", "-m"])
def test_its_body_runs_once_however_it_is_run(way: str, tmp_path: Path) -> None:
    text, printed = script(tmp_path, "sentencepiece")
    if way == "-c":
        assert output(["-c", text]) == printed
    elif way == "-m":
        (tmp_path / "a_module_of_its_own.py").write_text(text)
        runs = "import runpy, sys; sys.path.insert(0, sys.argv[1])\n"
        runs += "runpy.run_module('a_module_of_its_own', run_name='__main__', alter_sys=True)"
        assert output(["-c", runs, str(tmp_path)]) == printed
    else:
        assert output(["-"], given=text) == printed
