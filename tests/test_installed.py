"""The installed command: the console script and `python -m bench`, as processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import click
import pytest

import isl_bench
from bench.bundled import tokenizer_names
from bench.cli.commands import COMMANDS, commands
from bench.samples import SHAPES, sample_bytes
from strategies import _native, names
from tests.conftest import Bench, Result

SCRIPT = Path(sysconfig.get_path("scripts")) / "bench"
MODULE = [sys.executable, "-m", "bench"]

pytestmark = pytest.mark.skipif(
    not SCRIPT.exists(), reason="the console script is not installed beside this Python"
)


def run(command: list[str], cwd: Path, **environment: str) -> Result:
    """Run a command without the variables that may be set around the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "_BENCH"))}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**kept, "HF_HUB_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("command", [[str(SCRIPT)], MODULE], ids=["script", "module"])
def test_the_version_names_the_build(command: list[str], tmp_path: Path) -> None:
    result = run([*command, "--version"], tmp_path)
    core = rf"native core {re.escape(_native.__version__)}, {_native.build_profile} build"
    assert re.fullmatch(rf"bench \d\S+ \({core}; Python 3\.\d+\.\S+\)\n", result.out)
    assert (result.code, result.error) == (0, "")


def test_help_has_a_line_for_each_command_and_cuts_none(bench: Bench) -> None:
    shown = bench("--help").out.splitlines()
    listed = shown[shown.index("Commands:") + 1 :]
    assert [line.split()[0] for line in listed] == list(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)
    assert max(map(len, shown)) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name: str) -> None:
    with click.Context(commands) as context:
        command = commands.get_command(context, name)
    assert command is not None
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


# --- completion -------------------------------------------------------------------------

SHELLS = ("bash", "zsh", "fish")


@pytest.mark.parametrize("command", [[str(SCRIPT)], MODULE], ids=["script", "module"])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_its_completion_script(shell: str, command: list[str], tmp_path: Path) -> None:
    result = run(command, tmp_path, _BENCH_COMPLETE=f"{shell}_source")
    assert (result.code, result.error) == (0, "")
    assert f"_BENCH_COMPLETE={shell}_complete" in result.out


def completed(shell: str, words: str, cwd: Path) -> list[str]:
    """Return what the console script offers a shell for the last word."""
    *_, last = shlex.split(words) if not words.endswith(" ") else [*shlex.split(words), ""]
    count = len(shlex.split(words)) - (0 if words.endswith(" ") else 1)
    result = run(
        [str(SCRIPT)],
        cwd,
        _BENCH_COMPLETE=f"{shell}_complete",
        COMP_WORDS=words,
        COMP_CWORD=last if shell == "fish" else str(count),
    )
    assert (result.code, result.error) == (0, "")
    lines = result.out.splitlines()
    # zsh gets type, value and help on three lines, the other shells on one.
    if shell == "zsh":
        return [
            value for kind, value in zip(lines[::3], lines[1::3], strict=True) if kind == "plain"
        ]
    items = [re.split(r"[,\t]", line, maxsplit=1) for line in lines]
    return [value.partition("\t")[0] for kind, value in items if kind == "plain"]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_is_answered_in_its_way(shell: str, tmp_path: Path) -> None:
    assert completed(shell, "bench co", tmp_path) == ["count", "compare", "conformance"]
    assert completed(shell, "bench count --tokenizer bp", tmp_path) == ["bpe-chatml"]


def test_commands_options_and_names_complete(tmp_path: Path) -> None:
    def offered(words: str) -> list[str]:
        return completed("bash", words, tmp_path)

    assert offered("bench ") == list(COMMANDS)
    assert offered("bench sample --s") == ["--size", "--shape", "--seed"]
    assert offered("bench sample --shape ") == list(SHAPES)
    assert offered("bench count --strategy ") == list(names())
    assert offered("bench compare --strategies spliced,r") == ["spliced,rust"]
    for command in ("strategies", "count", "compare", "growth"):
        assert offered(f"bench {command} --tokenizer ") == list(tokenizer_names())


ASKED_IN = {
    "bash": 'eval "$(_BENCH_COMPLETE=bash_source bench)"; COMP_WORDS=(bench co); COMP_CWORD=1; '
    '_bench_completion bench; printf "%s\\n" "${COMPREPLY[@]}"',
    "zsh": "autoload -U compinit; compinit -D -u; "
    'eval "$(_BENCH_COMPLETE=zsh_source bench)"; print ${_comps[bench]}',
    "fish": "_BENCH_COMPLETE=fish_source bench | source; complete -C 'bench co'",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_itself_takes_the_script(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
    quiet = {"bash": "--norc", "zsh": "-f", "fish": "--no-config"}[shell]
    result = run([shell, quiet, "-c", ASKED_IN[shell]], tmp_path, PATH=path, HOME=str(tmp_path))
    assert result.code == 0, result.error
    offered = {line.split("\t")[0] for line in result.out.splitlines()}
    # Without a terminal zsh completes nothing, but it names the function that it would call.
    assert offered == (
        {"_bench_completion"} if shell == "zsh" else {"count", "compare", "conformance"}
    )


# --- somebody else's folders ------------------------------------------------------------

UNRELATED = "raise SystemExit('the unrelated code was imported')\n"


@pytest.fixture(params=["__init__.py", "tool.py"], ids=["packages", "folders of modules"])
def crowded(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A working directory with a dataset, and with folders named like the packages.

    It also has modules named like what Python itself imports to start a process, and a folder
    `library` for PYTHONPATH with packages named like those of the project.
    """
    for name in ("bench", "strategies", "library/bench", "library/strategies", "tokenizers"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / request.param).write_text(UNRELATED)
    for name in ("multiprocessing", "random", "json"):
        (tmp_path / f"{name}.py").write_text(UNRELATED)
    (tmp_path / "chats.jsonl").write_bytes(sample_bytes("small", shapes=["short-chat"]))
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ["count", "chats.jsonl", "--strategy", "process-pool"],
        ["compare", "chats.jsonl", "--strategies", "rust", "--rounds", "1", "--out", "report"],
    ],
    ids=["a pool of processes", "a comparison in fresh processes"],
)
def test_unrelated_folders_are_in_nobodys_way(crowded: Path, arguments: list[str]) -> None:
    command = [str(SCRIPT), *arguments, "--tokenizer", "unigram", "--quiet"]
    result = run(command, crowded, PYTHONPATH=str(crowded / "library"))
    assert result == Result(0, "", "")


@pytest.mark.parametrize("name", ["bench", "strategies"])
@pytest.mark.parametrize("unrelated", ["{}/__init__.py", "{}.py", "{}/tool.py"])
def test_python_m_finds_the_packages(name: str, unrelated: str, tmp_path: Path) -> None:
    path = tmp_path / unrelated.format(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(UNRELATED)
    own_name = run([sys.executable, "-m", "isl_bench", "--version"], tmp_path)
    assert (own_name.code, own_name.error) == (0, "")
    result = run([*MODULE, "--version"], tmp_path)
    if name == "bench" and path.name != "tool.py":
        # It is what Python was asked to run. A folder without an __init__.py is not.
        assert result.code != 0
        assert len(result.error.splitlines()) == 1
    else:
        assert result == own_name
    assert run([*MODULE, "--version"], tmp_path, PYTHONSAFEPATH="1") == own_name


# --- a Python that it was not built for ---------------------------------------------------


def test_another_system_is_told_in_one_line(tmp_path: Path) -> None:
    code = "import sys; sys.platform = 'win32'; import isl_bench; isl_bench.main()"
    result = run([sys.executable, "-c", code], tmp_path)
    assert result == Result(
        3, "", "bench: isl-bench runs on Linux and macOS; on Windows, install it in WSL\n"
    )


def test_a_core_that_this_python_cannot_load_is_told_in_one_line(tmp_path: Path) -> None:
    # A free-threaded Python does not look for files that end in .abi3.so.
    shutil.copytree(Path(isl_bench.__file__).parent, tmp_path / "isl_bench")
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "__init__.py").touch()
    (tmp_path / "strategies" / "_native.of-another-python.so").touch()
    result = run([sys.executable, "-m", "isl_bench", "--version"], tmp_path)
    assert (result.code, result.out) == (3, "")
    assert result.error.startswith("bench: the native core is missing, or was built for another")
    assert result.error.endswith("; install isl-bench with the pip of this Python\n")


# macOS has neither function.
NO_AFFINITY = """
import os

del os.sched_getaffinity, os.sched_setaffinity
"""


def test_a_system_that_cannot_keep_a_program_on_some_cores_uses_all(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_AFFINITY)
    (tmp_path / "chats.jsonl").write_bytes(sample_bytes("small", shapes=["short-chat"]))
    command = [str(SCRIPT), "compare", "chats.jsonl", "--tokenizer", "unigram", "--quiet"]
    command += ["--strategies", "rust", "--rounds", "1", "--out", "report"]
    assert run(command, tmp_path, PYTHONPATH=str(tmp_path)) == Result(0, "", "")
    report = json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))
    assert report["machine"]["cores_available"] == report["machine"]["cores"] == os.cpu_count()
    assert {each["cores"] for each in report["results"]} == {os.cpu_count()}
    result = run([*command, "--cores", "1"], tmp_path, PYTHONPATH=str(tmp_path))
    if os.cpu_count() == 1:
        assert result == Result(0, "", "")
    else:
        assert (result.code, result.out) == (3, "")
        assert result.error.startswith("bench: --cores: 1 cores asked for, this system runs")
