"""Reports made by hand, for the tests of tables and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.measuring.estimates import Estimate
from bench.measuring.growth import Curve, LeftOut, Point
from bench.measuring.load import Load
from bench.measuring.machine import Machine
from bench.measuring.result import Entry, Group
from bench.reporting.facts import Data, File, Provenance, Reading, Tokenizer
from bench.reporting.growth_report import GrowthReport
from bench.reporting.lengths import lengths_of
from bench.reporting.report import Report
from strategies import Counts

FINGERPRINT: Mapping[str, Any] = {
    "name_or_path": "some/name",
    "revision": None,
    "class": "TokenizersBackend",
    "family": "BPE",
    "tokenizer_sha256": "1" * 64,
    "template_sha256": "2" * 64,
    "template_kwargs": {"enable_thinking": False},
    "clock": None,
    "versions": {"tokenizers": "0.23.3"},
}
SETTINGS = ((1, 1), (2, 4))
"""Cores and workers."""

NOISE = (1.0, 1.2, 0.9, 1.1, 1.05, 0.95)
"""Seconds of the baseline in each round."""

COUNTS: Counts = [[10, 20, 35], [12, None], [8, 30]]


def estimate(median: float) -> Estimate:
    return Estimate(median, 0.8 * median, 1.3 * median)


def entry(strategy: str, speedup: float | None, **changes: Any) -> Entry:
    """Return the entry of an exact, timed strategy; without a speedup, of a control."""
    facts: dict[str, Any] = {
        "strategy": strategy,
        "control": speedup is None,
        "status": "ok",
        "reason": None,
        "mismatches": 0,
        "seconds": estimate(1 / (speedup or 1)),
        "cold_seconds": 1.5,
        "speedup": speedup and estimate(speedup),
        "verdict": speedup and "faster",
        "turns_per_second": 7000.0,
        "tokens_per_second": 9e6,
        "peak_rss_bytes": 155_000_000,
        "parts": {"render": 0.25, "encode": 0.5},
        "peak_pss_bytes": 111_000_000,
        "round_seconds": tuple(noise / (speedup or 1) for noise in NOISE),
    }
    return Entry(**(facts | changes))


def group(tokenizer: str, entries: Sequence[Entry], cores: int = 1, workers: int = 1) -> Group:
    return Group(
        tokenizer=tokenizer,
        cores=cores,
        workers=workers,
        rounds=6,
        timed_conversations=3,
        timed_turns=1500,
        subset=True,
        noise_floor=estimate(1),
        recommended=("fast",),
        entries=tuple(entries),
        again_seconds=NOISE[1:] + NOISE[:1],
        share=0.5,
        core_ids=tuple(range(cores)),
        started="2026-11-28T09:30:00+00:00",
        load=Load(0.5, 1.5, 2 - min(cores, 2)),
    )


def report(groups: Sequence[Group], path: str = "chats.jsonl") -> Report:
    """Return a report of some groups."""
    names = list(dict.fromkeys(each.tokenizer for each in groups))
    return Report(
        machine=Machine("here", "a processor", 4, 2, 8 << 30, "Linux 6 x86_64", (0.5, 0.25, 1.0)),
        versions={"python": "3.11.1", "transformers": "5.23.0", "tokenizers": "0.23.3"},
        command=("bench", "compare", path),
        seed=7,
        dataset=Data(
            *(path, "0" * 64, 20, 360_016, 51_500_000, 33.25),
            reading=Reading("objects", "refuse", "raise", "conversation", 0, messages_field="log"),
            files=(File(path, "0" * 64, "OpenAI chat"), File("2.jsonl", "1" * 64, None)),
        ),
        tokenizers=tuple(
            Tokenizer(
                *(name, FINGERPRINT, ("careful",), 51_500_000, 33.25, 9_000_000, 0),
                lengths=lengths_of(COUNTS),
            )
            for name in names
        ),
        groups=tuple(groups),
        provenance=Provenance(
            started="2026-11-28T09:29:00+00:00",
            commit="0123456789abcdef0123456789abcdef01234567+",
            tokenizers=tuple(names),
            strategies=tuple(dict.fromkeys(e.strategy for g in groups for e in g.entries)),
            settings=tuple(dict.fromkeys((g.cores, g.workers) for g in groups)),
            rounds=None,
            budget_seconds=40.0,
        ),
    )


def report_of(speedups: Mapping[str, Mapping[str, float | None]]) -> Report:
    """Return a report from speedups by tokenizer and strategy, in two settings.

    With two cores each strategy is twice as fast. A strategy without a speedup is not ranked.
    """
    return report(
        [
            group(name, [entry(s, m and m * cores) for s, m in strategies.items()], cores, workers)
            for name, strategies in speedups.items()
            for cores, workers in SETTINGS
        ]
    )


def everything() -> Report:
    """Return a report with every kind of entry in it."""
    nothing = dict.fromkeys(
        ("seconds", "turns_per_second", "tokens_per_second", "parts", "round_seconds")
    )
    untimed: dict[str, Any] = {**nothing, "control": False}
    uncounted = {
        **untimed,
        "mismatches": None,
        "cold_seconds": None,
        "peak_rss_bytes": None,
        "peak_pss_bytes": None,
    }
    wrong: dict[str, Any] = {"status": "wrong", "reason": "turn 1: expected 3, got 4"}
    entries = [
        entry("sequential", 1, verdict="inconclusive"),
        entry("a-very-long-name-of-22", 1200, reason="picked rust: it can load this tokenizer"),
        entry("near", 1.01, verdict="inconclusive"),
        entry("off", None, control=False, mismatches=360_016, **wrong),
        entry("control", None, mismatches=2, **wrong),
        entry("lacking", None, status="unavailable", reason="it has no backend", **uncounted),
        entry("a|b", None, status="failed", reason="its process ended by signal 9", **uncounted),
        entry("untimed", None, **untimed),
    ]
    other = group("second", [entry("sequential", 1), entry("fast", 30)], 2, 4)
    return report([group("first [x]", entries), other], "data/[red]chats.jsonl")


def growth() -> GrowthReport:
    parts = {"render": 1e-5, "encode": 2e-5}
    points = (Point(25, 3e-5, parts), Point(400, 1.5, {**parts, "render": 1.25}))
    return GrowthReport("rust", 1, FINGERPRINT, points)


def power_law(exponent: float, scale: float = 1e-4, rounds: int = 3) -> tuple[Point, ...]:
    """Return points at which a conversation of T turns takes ``scale * T ** exponent`` seconds."""
    return tuple(
        Point(
            turns,
            scale * turns ** (exponent - 1),
            {"render": 0.25 * scale * turns ** (exponent - 1)},
            (scale * turns ** (exponent - 1),) * rounds,
        )
        for turns in (25, 50, 100, 200, 400)
    )


def growth_of_several() -> GrowthReport:
    """Return a report with a strategy of each kind: whole, left out halfway, and unavailable."""
    return GrowthReport(
        "sequential",
        2,
        FINGERPRINT,
        power_law(2)[:3],
        left_out=LeftOut(200, "a run would take about 40 seconds, more than 10"),
        others=(
            Curve("spliced", power_law(1.5, 1e-3)),
            Curve("rust", power_law(1, 1e-6)),
            Curve("a-very-long-name-of-22", (), LeftOut(None, "it has no backend")),
        ),
        machine=Machine("here", "a processor", 4, 2, 8 << 30, "Linux 6 x86_64", (0.5, 0.25, 1.0)),
        started="2026-11-28T09:29:00+00:00",
        load=Load(0.5, 1.5, 0),
    )
