"""The same build twice is never called a difference: twenty repeats with real builds."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.bundled import resolve
from bench.cli.console import stderr
from bench.cli.progress import ConsoleWatcher
from bench.deciding.builds import built
from bench.deciding.turns import Task, counting
from bench.measuring.advice import advise
from bench.measuring.contest import contest_of
from bench.measuring.machine import first_cores
from bench.samples import sample_bytes

ROOT = Path(__file__).parents[1]
REPEATS = 20
ROUNDS = 15


@pytest.mark.attack
@pytest.mark.timeout(0)
def test_the_same_build_is_never_called_a_difference(tmp_path: Path) -> None:
    data = tmp_path / "sample.jsonl"
    data.write_bytes(sample_bytes("small", shapes=["short-chat"]))
    watcher = ConsoleWatcher(stderr(quiet=True))
    task = Task(resolve("bpe-chatml"), data, "spliced", first_cores(1), {})
    names = ("base", "again", "head")
    with built(ROOT, {"base": "HEAD", "head": "HEAD"}, tmp_path, watcher) as builds:
        programs = dict.fromkeys(names, builds["base"]) | {"head": builds["head"]}
        for repeat in range(REPEATS):
            order = random.Random(repeat)  # noqa: S311  # no secret
            seconds: dict[str, list[float]] = {name: [] for name in names}
            with counting(programs, task, tmp_path, verify=()) as running:
                for _ in range(ROUNDS):
                    for name in order.sample(names, len(names)):
                        seconds[name].append(running[name].count())
            again = seconds.pop("again")
            contest = contest_of(seconds, "base", again)
            advice = advise(contest)
            # Seen with -s.
            print(repeat, advice.use, advice.standings["head"], contest.speedup("head"))
            assert advice.standings["head"] in {"same", "unclear"}
            assert advice.use in {"base", None}
