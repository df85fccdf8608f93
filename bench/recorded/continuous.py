"""Compare two commits by `asv continuous`, and say what its exit code alone does not.

The exit codes of asv 0.6.6, found by running it (`tests/test_continuous.py` runs it again):

- 0: it compared, and nothing became slower;
- 1: it compared, and something became slower. It also ends with 1 if there is no environment, no
  such commit, no benchmark of that name, if the suite cannot be imported, and if asv itself
  crashes. None of these is a regression;
- 2: a benchmark failed at one of the commits, or one of them could not be built. It then prints no
  comparison. A wrong option is 2 as well.

So the closing line decides whether asv compared anything, and the results that it wrote decide
what failed. There is one more trap. asv calls a difference significant at p < 0.002 in a two-sided
rank test. With few samples it compares intervals instead, but it expects a smaller p than the test
can reach: with exactly six samples a side, and a few unequal numbers, it says "not significantly
changed" whatever happened (`findings/asv-six-samples-no-change.sh`).
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from bench.recorded.results import Row, read_history
from strategies import InputError
from strategies.words import many

Outcome = Literal["slower", "faster", "unchanged", "broken", "unmeasured"]

FACTOR = 1.2
"""A change by less than this is not reported."""

ROUNDS = 8
"""Rounds that asv spreads the samples over. Each gives at least one sample, so six are avoided."""

P_THRESHOLD = 0.002
"""What asv calls significant."""

_CLOSING: Mapping[str, tuple[int, Outcome]] = {
    "PERFORMANCE DECREASED.": (1, "slower"),
    "PERFORMANCE INCREASED.": (0, "faster"),
    "BENCHMARKS NOT SIGNIFICANTLY CHANGED.": (0, "unchanged"),
}
_CHANGE = re.compile(
    r"\| (?P<mark>[-+!]) +\| *(?P<before>[^|]*?) *\| *(?P<after>[^|]*?) *"
    r"\| *(?P<ratio>[^|]*?) *\| (?P<benchmark>.*?) *\|"
)
_SAID = re.compile(r"(?:\[ *[\d.]+%\] )?[·*]+ (?P<text>.+)")
_COMMIT = re.compile(r"For .* commit (?P<hash>[0-9a-f]{8})\b")


@dataclass(frozen=True, slots=True)
class Change:
    """A benchmark that asv calls changed.

    Parameters
    ----------
    mark
        `+` slower, `-` faster, `!` it ran at the base and fails at the head.
    benchmark
        Name with its parameters.
    before, after, ratio
        As asv prints them, with units.
    """

    mark: str
    benchmark: str
    before: str
    after: str
    ratio: str


@dataclass(frozen=True, slots=True)
class Continuous:
    """What a comparison of two commits by asv says.

    Parameters
    ----------
    outcome
        `slower`, `faster` and `unchanged` are measured. `broken`: a benchmark ran at the base and
        fails at the head. `unmeasured`: there is no comparison.
    reason
        Why it is unmeasured, in one line; empty if it is measured.
    changes
        The benchmarks that changed.
    remarks
        What limits the comparison, each in one line.
    """

    outcome: Outcome
    reason: str = ""
    changes: tuple[Change, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The comparison in one sentence."""
        marked = {mark: sum(each.mark == mark for each in self.changes) for mark in "+-!"}
        if self.outcome == "unmeasured":
            return f"asv could not measure: {self.reason}."
        if self.outcome == "unchanged":
            return "asv sees no significant change."
        said = [
            f"{many(marked[mark], 'benchmark')} {word}"
            for mark, word in (("!", "broken"), ("+", "slower"), ("-", "faster"))
            if marked[mark]
        ]
        return f"asv: {', '.join(said)}."

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison for a JSON file."""
        return {
            "outcome": self.outcome,
            "verdict": self.verdict,
            "reason": self.reason,
            "changes": [
                {name: getattr(each, name) for name in Change.__slots__} for each in self.changes
            ],
            "remarks": list(self.remarks),
        }


def compare_commits(
    config: Path,
    results: Path,
    base: str,
    head: str,
    *,
    bench: Sequence[str],
    environment: str,
    factor: float = FACTOR,
    rounds: int = ROUNDS,
    watch: Callable[[str], object] = print,
) -> Continuous:
    """Measure two commits by turns with `asv continuous`, and read what it found.

    Parameters
    ----------
    config, results
        The configuration file of asv, and the folder of results that it names.
    base, head
        The commit before the change and the one with it.
    bench
        Regular expressions of the benchmarks to run. Lower must be better in each.
    environment
        asv's name of the environment, such as `virtualenv:3.11`.
    factor
        Smallest ratio to report.
    rounds
        How often asv goes over both commits.
    watch
        Called with each line that asv prints, when it prints it.

    Raises
    ------
    InputError
        If asv wrote results that cannot be understood.
    """
    hashes = [_hash(config.parent, revision) for revision in (base, head)]
    for revision, found in zip((base, head), hashes, strict=True):
        if found is None:
            return Continuous("unmeasured", f"there is no commit {revision!r}")
    before, after = map(str, hashes)
    if before == after:
        return Continuous("unmeasured", "the base and the head are the same commit")
    if not (Path.home() / ".asv-machine.json").exists():
        # Without a description of the machine it would ask for one.
        _asv(config, ["machine", "--yes"], watch)
    # asv keeps milliseconds.
    began = datetime.now(UTC).replace(microsecond=0)
    chosen = [word for each in bench for word in ("--bench", each)]
    options = ["-E", environment, "--factor", str(factor)]
    code, output = _asv(
        config, ["continuous", before, after, *chosen, *options, "-a", f"rounds={rounds}"], watch
    )
    rows: list[Row] = []
    if results.is_dir() and (results / "benchmarks.json").is_file():
        rows = [row for row in _read(results) if row.started and row.started >= began]
    table = ""
    if code == 2 and rows:
        # One failure makes `continuous` compare nothing, so compare what did run.
        machine = ["--machine", rows[0].machine]
        table = _asv(config, ["compare", before, after, *options, *machine], watch)[1]
    return judge(code, output, table, rows, before, after)


def judge(
    code: int, output: str, table: str, rows: Sequence[Row], base: str, head: str
) -> Continuous:
    """Read the outcome from what `asv continuous` returned, printed and recorded.

    Parameters
    ----------
    code, output
        Its exit code, and what it printed.
    table
        What `asv compare` printed for the same commits; needed if the code is 2.
    rows
        The results of this run.
    base, head
        The full hashes of the commits.
    """
    lines = output.splitlines()
    closing = [_CLOSING[line] for line in lines if line in _CLOSING]
    if closing and closing[-1][0] == code:
        measured = Continuous(closing[-1][1], changes=_changes(lines))
    elif code == 2 and rows and not _unbuilt(lines):
        measured = _beside_failures(_changes(table.splitlines()), rows, base, head)
    else:
        return Continuous("unmeasured", _reason(lines, code, base, head))
    return _with_sample_sizes(measured, rows, base, head)


def _changes(lines: Iterable[str]) -> tuple[Change, ...]:
    found = (_CHANGE.fullmatch(line.strip()) for line in lines)
    return tuple(Change(**each.groupdict()) for each in found if each)


def _beside_failures(
    changes: Sequence[Change], rows: Iterable[Row], base: str, head: str
) -> Continuous:
    """Judge what ran at both commits if some benchmark failed at one of them."""
    ran = {row.benchmark for row in rows}
    changes = tuple(each for each in changes if each.benchmark.partition("(")[0] in ran)
    failed = {
        commit: {_key(row) for row in rows if row.commit == commit and row.status == "failed"}
        for commit in (base, head)
    }
    marks = {each.mark for each in changes}
    outcome: Outcome = "unchanged"
    if failed[head] - failed[base]:
        outcome = "broken"
    elif marks & {"+"}:
        outcome = "slower"
    elif marks & {"-"}:
        outcome = "faster"
    elif not any(row.status == "ok" and row.commit == head for row in rows):
        return Continuous("unmeasured", "every benchmark failed at the head and at the base")
    remarks = []
    if both := failed[head] & failed[base]:
        remarks.append(f"{many(len(both), 'benchmark')} failed at both commits")
    if mended := failed[base] - failed[head]:
        remarks.append(f"{many(len(mended), 'benchmark')} failed at the base only")
    return Continuous(outcome, changes=changes, remarks=tuple(remarks))


def _with_sample_sizes(
    measured: Continuous, rows: Iterable[Row], base: str, head: str
) -> Continuous:
    """Add what asv cannot see because it has too few samples."""
    samples: dict[object, dict[str, int]] = {}
    for row in rows:
        if row.samples is not None and row.status == "ok":
            samples.setdefault(_key(row), {})[row.commit] = len(row.samples)
    pairs = [(each[base], each[head]) for each in samples.values() if {base, head} <= set(each)]
    blind = [pair for pair in pairs if not _can_differ(*pair)]
    if not blind:
        return measured
    fewest = min(min(pair) for pair in blind)
    said = f"asv took {many(fewest, 'sample')} a commit, and sees no change in that number"
    if len(blind) == len(pairs) and measured.outcome == "unchanged":
        return Continuous("unmeasured", said)
    remark = f"{len(blind)} of {many(len(pairs), 'time')}: {said}"
    return replace(measured, remarks=(*measured.remarks, remark))


def _can_differ(before: int, after: int) -> bool:
    """Return whether asv can call samples of two commits different, however they differ.

    Parameters
    ----------
    before, after
        How many samples there are of each commit.
    """
    ways = math.comb(before + after, before)
    # asv leaves the rank test out if it takes that for too coarse. It expects that the test can
    # reach 1 / ways, but two-sided it reaches 2 / ways. Between the two it trusts a blind test.
    return not 1 / ways < P_THRESHOLD <= 2 / ways


def _key(row: Row) -> object:
    environment = tuple(sorted(row.environment.items()))
    return row.benchmark, environment, repr(row.params)


def _unbuilt(lines: Iterable[str]) -> list[str]:
    """Return the short hashes of the commits that could not be built."""
    commit, found = "", []
    for line in lines:
        said = _SAID.fullmatch(line)
        text = said["text"] if said else ""
        if at := _COMMIT.match(text):
            commit = at["hash"]
        if text.startswith("Skipping ") and commit not in found:
            found.append(commit)
    return found


def _reason(lines: Sequence[str], code: int, base: str, head: str) -> str:
    """Return in one line why asv compared nothing."""
    if unbuilt := _unbuilt(lines):
        names = {base[:8]: "base", head[:8]: "head"}
        which = " and the ".join(names.get(commit, commit) for commit in unbuilt)
        return f"the {which} could not be built" + _last_detail(lines)
    said = [found["text"] for line in lines if (found := _SAID.fullmatch(line))]
    if not said or any(line.startswith("Traceback ") for line in lines):
        last = [line.strip() for line in lines if line.strip()]
        return f"asv ended with {code}: {last[-1] if last else 'it said nothing'}"
    if said[-1].startswith("Failed to build"):
        return said[-1].rstrip(".") + _last_detail(lines)
    # It says first what is missing, and last that it therefore has nothing to do.
    return "; ".join(text.strip().rstrip(".") for text in said[-2:])


def _last_detail(lines: Iterable[str]) -> str:
    """Return the last line that a failed command printed; asv indents what it printed."""
    last, failed = "", False
    for line in lines:
        if said := _SAID.fullmatch(line):
            failed = said["text"].startswith("Error running ")
        elif failed and line.strip() and not line.endswith("-------->"):
            last = line.strip()
    return f": {last}" if last else ""


def _read(results: Path) -> list[Row]:
    try:
        return read_history(results)
    except InputError:
        if any(results.glob("*/*-*.json")):
            raise
        # It ended before it wrote any.
        return []


def _hash(folder: Path, revision: str) -> str | None:
    command = ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", "--end-of-options"]
    done = subprocess.run(  # noqa: S603  # git, and a revision that cannot be an option
        [*command, f"{revision}^{{commit}}"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _asv(config: Path, arguments: Sequence[str], watch: Callable[[str], object]) -> tuple[int, str]:
    """Run asv, and return its exit code and what it printed."""
    command = [sys.executable, "-m", "asv", "--config", str(config), *arguments]
    lines = []
    with subprocess.Popen(  # noqa: S603  # asv, with the arguments of compare_commits
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as running:
        assert running.stdout is not None  # noqa: S101  # for mypy: it is a pipe
        for line in running.stdout:
            lines.append(line)
            watch(line.rstrip("\n"))
    return running.returncode, "".join(lines)
