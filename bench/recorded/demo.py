"""A demonstration: a strategy is slowed down 1.5 times, and the asv suite says so.

It makes some commits in a throw-away clone. One in the middle makes `spliced` take 1.5 times as
long; the others change nothing. Then it asks three questions:

- ``asv continuous`` between two commits that change nothing: is anything flagged?
- ``asv continuous`` between the slow commit and the one before: is it found, and it alone?
- ``asv publish`` over all commits: do the regressions name it, and the right commit?

It takes measurements, so it is a command and not a test. The exit code is 1 if an answer is
wrong.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WATCHED = ("sequential", "spliced", "rust")
SLOWED = "spliced"
BENCHMARK = rf"warm.Warm.time_count\('({'|'.join(WATCHED)})', 'byte-level BPE', 1, 'agentic'\)"
REPEATS = 5
FACTOR = 1.2
"""Ratio from which a change is flagged: above noise, below the planted 1.5."""

COMMITS = 6
SLOW = 3
"""Which of the commits is slow. asv needs two on either side to see a step."""

SLOWDOWN = """

def _slow(count: Callable[..., Counts]) -> Callable[..., Counts]:
    def slower(*arguments: Any, **options: Any) -> Counts:
        started = perf_counter()
        counts = count(*arguments, **options)
        end = perf_counter() + 0.5 * (perf_counter() - started)
        while perf_counter() < end:
            pass
        return counts

    return slower


from collections.abc import Callable
from time import perf_counter
from typing import Any

_Counter.count = _slow(_Counter.count)
"""


@dataclass(frozen=True, slots=True)
class Clone:
    """A throw-away clone with a line of commits, the oldest first."""

    folder: Path
    commits: tuple[str, ...]

    def asv(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run asv in the clone and return what it printed."""
        command = [sys.executable, "-m", "asv", *arguments]
        print("$ asv", *arguments, flush=True)
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)

    def measured(self, *arguments: str) -> list[str]:
        """Return the watched benchmarks that ``asv continuous`` calls slower or faster.

        Raises
        ------
        SystemExit
            If asv measured nothing. That must not look like "nothing changed".
        """
        done = self.asv(
            "continuous", *arguments, "--factor", str(FACTOR), "--bench", BENCHMARK,
            "--attribute", "rounds=5", "--environment", environment(),
        )  # fmt: skip
        flagged = re.findall(r"^\|\s*[+-]\s*\|.*time_count\(([^)]*)\)", done.stdout, re.MULTILINE)
        unchanged = "BENCHMARKS NOT SIGNIFICANTLY CHANGED" in done.stdout
        if unchanged == bool(flagged) or "failed" in done.stdout:
            raise SystemExit(f"asv did not measure:\n{done.stdout}\n{done.stderr}")
        return flagged


def environment() -> str:
    """Return the name of asv's main environment, which has no older libraries."""
    return f"virtualenv:{sys.version_info.major}.{sys.version_info.minor}"


def git(folder: Path, *arguments: str) -> str:
    """Run git and return what it printed."""
    settings = ["user.name=demo", "user.email=demo@localhost", "commit.gpgSign=false"]
    options = [word for setting in settings for word in ("-c", setting)]
    command = ["git", "-C", str(folder), *options, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def make_clone(folder: Path) -> Clone:
    """Clone this project and commit on top of it: nothing, nothing, slow, nothing, ..."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    target = Path("strategies", "rust", "target")
    if (ROOT / target).is_dir():
        (folder / target).symlink_to(ROOT / target)
    commits = []
    for number in range(COMMITS):
        if number == SLOW:
            slowed = folder / "strategies" / f"{SLOWED}.py"
            slowed.write_text(slowed.read_text(encoding="utf-8") + SLOWDOWN, encoding="utf-8")
        subject = f"Slow {SLOWED} down" if number == SLOW else f"Change nothing ({number})"
        git(folder, "commit", "--quiet", "--allow-empty", "-am", subject)
        commits.append(git(folder, "rev-parse", "HEAD"))
    return Clone(folder, tuple(commits))


def published(clone: Clone) -> list[tuple[str, str, float]]:
    """Measure every commit, publish, and return the regressions: parameters, commit, ratio."""
    for commit in clone.commits:
        clone.asv(
            "run", f"{commit}^!", "--bench", BENCHMARK, "--attribute", "rounds=5",
            "--environment", environment(), "--skip-existing-commits",
        )  # fmt: skip
    done = clone.asv("publish")
    page = clone.folder / ".asv" / "html"
    if done.returncode or not (page / "regressions.json").exists():
        raise SystemExit(f"asv did not publish:\n{done.stdout}\n{done.stderr}")
    hashes = json.loads((page / "index.json").read_text(encoding="utf-8"))["revision_to_hash"]
    found = []
    regressions = json.loads((page / "regressions.json").read_text(encoding="utf-8"))
    for entry in regressions["regressions"]:
        for _, revision, old, new in entry[-1]:
            found.append((entry[0], hashes[str(revision)][:8], round(new / old, 2)))
    return found


def answer(question: str, as_it_should: bool, found: Sequence[object]) -> bool:
    """Print an answer, and return whether it is right.

    Parameters
    ----------
    question
        What was asked.
    as_it_should
        Whether the answer is right.
    found
        What asv found.
    """
    print(f"{'ok   ' if as_it_should else 'WRONG'} {question}: {found or 'nothing'}", flush=True)
    return as_it_should


def main() -> None:
    """Ask the three questions and print the answers."""
    with tempfile.TemporaryDirectory() as folder:
        clone = make_clone(Path(folder) / "isl-bench")
        before, slow = clone.commits[SLOW - 1], clone.commits[SLOW]
        right = []
        for repeat in range(REPEATS):
            flagged = clone.measured(*clone.commits[:2])
            right.append(answer(f"unchanged, repeat {repeat + 1}", not flagged, flagged))
        flagged = clone.measured(before, slow)
        only = len(flagged) == 1 and repr(SLOWED) in flagged[0]
        right.append(answer(f"continuous, {SLOWED} slowed down 1.5 times", only, flagged))
        found = published(clone)
        only = len(found) == 1 and SLOWED in found[0][0] and slow.startswith(found[0][1])
        right.append(answer(f"published regressions, {slow[:8]} is the slow one", only, found))
    sys.exit(0 if all(right) else 1)


if __name__ == "__main__":
    main()
