"""What `asv continuous` found, told from all that its exit code 1 and 2 can mean.

asv runs for real, on the project of tests/tiny_asv.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.recorded.continuous import Continuous, compare_commits
from tests.tiny_asv import make_project

pytest.importorskip("asv", reason="it runs asv: install isl-bench[asv]")


@dataclass(frozen=True, slots=True)
class Project:
    """The project, and a way to compare two of its branches."""

    root: Path
    printed: list[str]

    def compare(
        self,
        base: str,
        head: str,
        *,
        bench: str = r"Work\.",
        environment: str = "here:3",
        rounds: int = 2,
    ) -> Continuous:
        self.printed.clear()
        return compare_commits(
            self.root / "asv.conf.json",
            self.root / "results",
            base,
            head,
            bench=[bench],
            environment=environment,
            rounds=rounds,
            watch=self.printed.append,
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiny")
    (root / "home").mkdir()
    make_project(root, home=root / "home")
    return root


@pytest.fixture
def project(made: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("HOME", str(made / "home"))
    return Project(made, [])


def changes(found: Continuous) -> list[tuple[str, str, str]]:
    return [(each.mark, each.benchmark, each.ratio) for each in found.changes]


def test_no_change_is_no_change(project: Project) -> None:
    found = project.compare("base", "same")
    assert found == Continuous("unchanged")
    assert found.verdict == "asv sees no significant change."
    assert "BENCHMARKS NOT SIGNIFICANTLY CHANGED." in project.printed


def test_a_slowdown_is_slower_with_its_ratio(project: Project) -> None:
    found = project.compare("base", "slow")
    assert (found.outcome, found.reason, found.remarks) == ("slower", "", ())
    assert changes(found) == [("+", "work.Work.time_work('c')", "3")]
    assert found.verdict == "asv: 1 benchmark slower."
    assert found.as_dict()["changes"][0]["before"] == "200±0ms"


def test_a_gain_is_faster_and_names_may_hold_a_bar(project: Project) -> None:
    found = project.compare("base", "fast")
    assert found.outcome == "faster"
    assert changes(found) == [("-", "work.Work.time_work('a|b')", "0.5")]


def test_a_benchmark_that_fails_at_the_head_only_is_broken_and_hides_no_slowdown(
    project: Project,
) -> None:
    found = project.compare("base", "broken")
    assert found.outcome == "broken"
    assert changes(found) == [
        ("+", "work.Work.time_work('a|b')", "3.00"),
        ("!", "work.Work.time_work('c')", "n/a"),
    ]
    assert found.verdict == "asv: 1 benchmark broken, 1 benchmark slower."


def test_a_benchmark_that_fails_at_the_base_only_is_no_regression(project: Project) -> None:
    found = project.compare("broken", "base")
    assert found.outcome == "faster"
    assert found.remarks == ("1 benchmark failed at the base only",)


def test_benchmarks_that_fail_at_both_commits_are_not_measured(project: Project) -> None:
    found = project.compare("failing", "failing-too")
    assert found.outcome == "unmeasured"
    assert found.reason == "every benchmark failed at the head and at the base"


NOT_MEASURED: dict[str, tuple[Callable[[Project], Continuous], str]] = {
    "no such environment": (
        lambda project: project.compare("base", "slow", environment="here:9"),
        "No executable found for python 9; No environments selected",
    ),
    "no such kind of environment": (
        lambda project: project.compare("base", "slow", environment="nothing:3"),
        "Unknown environment type 'nothing'",
    ),
    "no such benchmark": (
        lambda project: project.compare("base", "slow", bench="nothing"),
        "No benchmarks selected",
    ),
    "no such commit": (
        lambda project: project.compare("base", "--no-such"),
        "there is no commit '--no-such'",
    ),
    "one commit": (
        lambda project: project.compare("base", "main"),
        "the base and the head are the same commit",
    ),
    "the head cannot be built": (
        lambda project: project.compare("base", "unbuilt"),
        "the head could not be built: no compiler here",
    ),
    "the base cannot be built": (
        lambda project: project.compare("unbuilt", "slow"),
        "the base could not be built: no compiler here",
    ),
    "a pattern that is none": (
        lambda project: project.compare("base", "slow", bench="("),
        "asv ended with 1: ",
    ),
    "too few samples": (
        lambda project: project.compare("base", "slow", bench="OneSample", rounds=6),
        "asv took 6 samples a commit, and sees no change in that number",
    ),
}


@pytest.mark.parametrize("why", NOT_MEASURED)
def test_what_is_not_measured_is_no_regression(project: Project, why: str) -> None:
    run, reason = NOT_MEASURED[why]
    found = run(project)
    assert found.outcome == "unmeasured"
    assert reason in found.reason
    assert "\n" not in found.reason
    assert found.changes == ()
    assert found.verdict == f"asv could not measure: {found.reason}."


@pytest.mark.parametrize("rounds", [5, 7])
def test_one_sample_more_or_less_shows_the_change(project: Project, rounds: int) -> None:
    found = project.compare("base", "slow", bench="OneSample", rounds=rounds)
    assert (found.outcome, found.remarks) == ("slower", ())


def test_a_suite_that_cannot_be_imported_is_not_measured_and_says_why(project: Project) -> None:
    suite = project.root / "suite" / "work.py"
    text = suite.read_text()
    suite.write_text(f"import no_such_module\n{text}")
    try:
        found = project.compare("base", "slow")
    finally:
        suite.write_text(text)
    assert found.outcome == "unmeasured"
    assert "import the benchmark suite" in found.reason
    assert "no_such_module" in found.reason
