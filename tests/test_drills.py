"""Add a strategy, a control and a dataset format, each in a copy of the project.

Each test does what the guide for contributors says, and changes only the files that it names. The
existing tests then find the new thing, and name whatever was forgotten.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from strategies import _native
from tests.test_formats import CONTAINERS

ROOT = Path(__file__).parents[1]

STRATEGY = '''
"""The plain call, and parts that it makes up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from strategies.chat.tokenizer import ChatTokenizer
from strategies.conversations.conversation import Conversation
from strategies.conversations.counts import Counts, OnError, Progress
from strategies.plain import reference_counts


@dataclass(frozen=True, slots=True)
class Mine:
    """The plain call."""

    name: str = "mine"
    summary: str = "the plain call, once more"
    control: bool = False

    def availability(self, chat: ChatTokenizer) -> str | None:
        return None

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[_Counter]:
        yield _Counter(chat)


@dataclass(slots=True)
class _Counter:
    chat: ChatTokenizer
    parts: dict[str, float] = field(default_factory=dict)

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        self.parts = {"dream": 1.0}
        return reference_counts(conversations, self.chat, progress=progress, on_error=on_error)
'''

FORMAT = '''
"""Prompts: one question per record."""

from __future__ import annotations

from strategies.conversations.conversation import Conversation
from strategies.conversations.fields import Reader
from strategies.conversations.format import BrokenExample, Example, Format
from strategies.conversations.records import Record
from strategies.errors import InputError


def _read(records: tuple[Record, ...], number: int, reader: Reader) -> Conversation:
    ((line, record),) = records
    prompt = record.get("prompt")
    if not isinstance(prompt, str):
        raise InputError("must be a string", field="prompt")
    return Conversation(f"line-{line}", ({"role": "user", "content": prompt},), None, (1,))


_OTHERS = {"messages", "conversations", "conversation", "conversation_id", "_type"}
_TWO = ({"prompt": "Why?"}, {"prompt": []})

FORMAT = Format(
    "Prompts",
    "one question per record with prompt",
    lambda record: isinstance(record.get("prompt"), str) and not record.keys() & _OTHERS,
    {"prompt"},
    _read,
    examples=(
        Example(
            "one question",
            ({"prompt": "Why?"},),
            (Conversation("line-1", ({"role": "user", "content": "Why?"},), None, (1,)),),
        ),
    ),
    broken=(
        BrokenExample("no text", _TWO, line=2, field="prompt", reason="must be a str"),
    ),
)
'''


UNTIMED = """
from hypothesis import HealthCheck, settings

settings.register_profile(
    "untimed", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")
"""
"""A conftest.py that has only what makes random tests the same on any machine."""


class Copy:
    """A copy of the project. It shares only the built extension with the original."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        left_out = shutil.ignore_patterns("__pycache__", "*.so", "rust", "history")
        for package in ("strategies", "bench", "isl_bench", "isl_bench_pytest", "tests"):
            shutil.copytree(ROOT / package, folder / package, ignore=left_out)
        for name in ("pyproject.toml", "asv.conf.json"):
            shutil.copy(ROOT / name, folder)
        built = Path(str(_native.__file__))
        (folder / "strategies" / built.name).symlink_to(built)

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text.lstrip(), encoding="utf-8")

    def replace(self, path: str, before: str, after: str) -> None:
        text = (self.folder / path).read_text(encoding="utf-8")
        assert text.count(before) == 1
        self.write(path, text.replace(before, after))

    def register(self, name: str, where: str) -> None:
        self.replace("strategies/registry.py", "BUILTIN = {", f'BUILTIN = {{"{name}": "{where}",')

    def test(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert str(ROOT / "strategies") not in done.stdout
        return done


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "project")


LITERALS = "tests/test_asv_suite.py::test_the_literals_are_the_registry_and_the_bundled_data"
PARTS = "tests/test_asv_suite.py::test_every_part_that_a_strategy_reports_is_tracked"
VERIFY = "tests/test_strategies.py::test_verify_finds_nothing"


def test_a_strategy_is_one_file_and_one_line_and_what_was_forgotten_is_named(copy: Copy) -> None:
    copy.write("strategies/mine.py", STRATEGY)
    copy.register("mine", "strategies.mine:Mine")
    done = copy.test(f"{VERIFY}[mine]", LITERALS, f"{PARTS}[mine]")
    assert "2 failed, 4 passed" in done.stdout, done.stdout
    assert "add 'mine' to STRATEGIES in bench/benchmarks/workloads.py:" in done.stdout
    assert "add 'dream' to PARTS in bench/benchmarks/parts.py:" in done.stdout
    assert "add 'mine' to IN_PARTS in bench/benchmarks/parts.py:" in done.stdout


def test_a_strategy_with_its_literals_is_in_the_suite(copy: Copy) -> None:
    copy.write("strategies/mine.py", STRATEGY)
    copy.register("mine", "strategies.mine:Mine")
    copy.replace("bench/benchmarks/workloads.py", "STRATEGIES = [", 'STRATEGIES = ["mine", ')
    copy.replace("bench/benchmarks/parts.py", "\nPARTS = [", '\nPARTS = ["dream", ')
    copy.replace("bench/benchmarks/parts.py", "IN_PARTS = [", 'IN_PARTS = ["mine", ')
    copy.write(
        "tests/test_mine.py",
        """
from bench.benchmarks import correctness, parts, warm
from strategies import names


def test_it_is_listed_and_measured() -> None:
    assert "mine" in names()
    for found in (correctness.Exact, parts.Parts, warm.Warm):
        assert "mine" in found.params[0]
""",
    )
    done = copy.test(f"{VERIFY}[mine]", LITERALS, f"{PARTS}[mine]", "tests/test_mine.py")
    assert "7 passed" in done.stdout, done.stdout


def test_a_second_control_is_checked_and_kept_out_of_the_exact_ones(copy: Copy) -> None:
    wrong = STRATEGY.replace("control: bool = False", "control: bool = True")
    truth = (
        "return reference_counts(conversations, self.chat, progress=progress, on_error=on_error)"
    )
    assert truth in wrong
    wrong = wrong.replace(truth, "return [[1 for _ in c.turns] for c in conversations]")
    copy.write("strategies/mine.py", wrong)
    copy.register("mine", "strategies.mine:Mine")
    copy.replace("bench/benchmarks/workloads.py", "CONTROLS = [", 'CONTROLS = ["mine", ')
    copy.write(
        "tests/test_mine.py",
        """
from bench.benchmarks import correctness
from strategies import Conversation, get, is_control, names, verify
from tests.conftest import bundled_chat


def test_it_is_listed_measured_and_caught() -> None:
    assert "mine" in names()
    assert is_control(get("mine"))
    assert "mine" in correctness.Control.params[0]
    assert "mine" not in correctness.Exact.params[0]
    data = [Conversation("c", ({"role": "user", "content": "hi"},), None, (1,))]
    (mismatch,) = verify("mine", data, bundled_chat("unigram"))
    assert mismatch.got == 1 != mismatch.expected


def test_it_is_not_among_the_exact_ones(strategy_name: str) -> None:
    assert strategy_name != "mine"
""",
    )
    done = copy.test(LITERALS, "tests/test_mine.py")
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout


def test_a_format_is_one_file_whose_examples_every_format_test_runs(copy: Copy) -> None:
    # The tests of formats need no tokenizer and none of the shared fixtures.
    copy.write("tests/conftest.py", UNTIMED)
    formats = "strategies/conversations/formats"
    copy.write(f"{formats}/prompts.py", FORMAT)
    # A wrong example is found in each container.
    wrong = FORMAT.replace('"Why?"},), None', '"WHY"},), None').replace("Prompts", "Wrong")
    copy.write(f"{formats}/wrong.py", wrong.replace("prompt", "other"))
    chosen = "(Prompts or Wrong or two_formats) and not nesting and not another_type"
    done = copy.test("tests/test_formats.py", "-k", chosen)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == len(CONTAINERS), done.stdout
    name = "test_an_example_becomes_its_conversations_from_every_container[Wrong::one question-"
    assert all(name in line for line in failed)
    assert int(done.stdout.split(" passed")[0].split()[-1]) > 20


def test_a_file_without_a_format_among_the_formats_is_named(copy: Copy) -> None:
    copy.write("strategies/conversations/formats/empty.py", '"""Nothing."""')
    (copy.folder / "tests" / "conftest.py").unlink()
    done = copy.test("tests/test_formats.py")
    assert "strategies.conversations.formats.empty has no FORMAT; each module there" in done.stdout


def test_an_unknown_strategy_to_test_lists_those_that_exist() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/test_rust.py", "--strategies", "rust,fast"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip().startswith(
        "ERROR: --strategies: there is no exact strategy 'fast'; there are sequential, thread-pool,"
    )
