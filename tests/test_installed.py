"""The installed command: the console script and `python -m bench`, as processes."""

from __future__ import annotations

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
    """A working directory with a dataset, and with folders named like the packages."""
    for name in ("bench", "strategies"):
        (tmp_path / name).mkdir()
        (tmp_path / name / request.param).write_text(UNRELATED)
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
    result = run([str(SCRIPT), *arguments, "--tokenizer", "unigram", "--quiet"], crowded)
    assert result == Result(0, "", "")


@pytest.mark.parametrize("name", ["bench", "strategies"])
@pytest.mark.parametrize("unrelated", ["{}/__init__.py", "{}.py", "{}/tool.py"])
def test_python_m_works_or_says_what_is_in_the_way(
    name: str, unrelated: str, tmp_path: Path
) -> None:
    path = tmp_path / unrelated.format(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(UNRELATED)
    result = run([*MODULE, "--version"], tmp_path)
    if path.name == "tool.py":
        # Python prefers any package to a folder without an __init__.py.
        assert (result.code, result.error) == (0, "")
    else:
        assert result.code != 0
        assert len(result.error.splitlines()) == 1
        if name == "strategies":
            shown = path.parent if path.name == "__init__.py" else path
            assert result.error.startswith(f"bench: {shown} hides the package 'strategies'")
    assert run([*MODULE, "--version"], tmp_path, PYTHONSAFEPATH="1").code == 0


def test_a_folder_on_the_path_that_hides_a_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "__init__.py").write_text(UNRELATED)
    result = run([str(SCRIPT), "--version"], Path("/"), PYTHONPATH=str(tmp_path))
    assert (result.code, result.out) == (3, "")
    assert result.error.startswith(f"bench: {tmp_path / 'strategies'} hides the package")
    assert len(result.error.splitlines()) == 1
