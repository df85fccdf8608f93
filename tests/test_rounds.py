"""Which conversations are timed, in which order, and how seconds become results."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest

from bench.cli.console import stderr
from bench.cli.progress import ConsoleWatcher
from bench.measuring import jobs
from bench.measuring.advice import recommended, timings
from bench.measuring.baseline import BASELINE, again
from bench.measuring.budget import MOST_ROUNDS, WANTED_ROUNDS, Budget
from bench.measuring.estimates import Estimate
from bench.measuring.fresh import Outcome
from bench.measuring.jobs import (
    Check,
    Facts,
    Reference,
    Round,
    run_check,
    run_rounds,
)
from bench.measuring.load import Load
from bench.measuring.machine import available, first_cores
from bench.measuring.plan import Plan, unique_names
from bench.measuring.result import Entry, Group
from bench.measuring.session import Session
from bench.measuring.subset import conversations_within
from bench.reporting.dataset import Dataset
from bench.reporting.recording import begin_recording
from bench.reporting.report import Report
from bench.reporting.tables import markdown, notes
from strategies import (
    Amplification,
    ChatSpec,
    ChatTokenizer,
    Conversation,
    Conversations,
    Counts,
    InputError,
    available_cores,
    chat_spec,
    count_turns,
    reference_counts,
    registry,
)
from strategies.conversations.options import ReadOptions
from tests.conftest import bundled_chat, plain_counts

if TYPE_CHECKING:
    from bench.measuring.fresh import FreshProcesses

AGAIN = again(BASELINE)
MESSAGES = ({"role": "user", "content": "x" * 50}, {"role": "assistant", "content": "y" * 50}) * 20


def conversation(name: str, turns: tuple[int, ...], messages: int = 40) -> Conversation:
    return Conversation(name, MESSAGES[:messages], None, turns)


# The choice of conversations.


def characters(conversations: list[Conversation]) -> int:
    """Characters of the messages of all prompts together."""
    return sum(len(str(m)) for c in conversations for k in c.turns for m in c.messages[:k])


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_a_subset_has_at_least_its_share_of_the_work_and_no_conversation_too_many(
    share: float,
) -> None:
    # Equally long texts, but very different work, because each turn sends the whole history.
    data = [conversation(f"once {i}", (40,)) for i in range(10)]
    data += [conversation(f"often {i}", tuple(range(1, 41, 2))) for i in range(2)]
    data += [conversation(f"short {i}", (1,), messages=1) for i in range(10)]
    for seed in range(10):
        some = conversations_within(data, share, seed)
        least = share * characters(data)
        assert characters(some) >= least
        assert any(characters([c for c in some if c is not last]) < least for last in some)


def test_a_larger_share_adds_conversations_and_takes_none_away() -> None:
    # Passing over conversations that do not fit would leave the short ones.
    data = [conversation(str(i), tuple(range(1, 2 + i * 4 % 39))) for i in range(20)]
    for seed in range(10):
        subsets = [conversations_within(data, share / 10, seed) for share in range(1, 11)]
        assert subsets[-1] == data
        for less, more in pairwise(subsets):
            assert {c.id for c in less} <= {c.id for c in more}


# The order of a round.


def timed(
    monkeypatch: pytest.MonkeyPatch, most: int, budget: float = float("inf"), seed: int = 0
) -> list[Round]:
    """Run some rounds of little work in this process."""
    # A process that measures sets this for itself.
    monkeypatch.setenv("RAYON_NUM_THREADS", "1")
    sent: list[Any] = []
    names = [BASELINE, "batched", "spliced", "rust"]
    data = [conversation("c", (1, 3))]
    spec = bundled_chat("unigram").spec
    # Garbage is collected before each measurement. Leave out the objects of other tests.
    gc.freeze()
    try:
        run_rounds(
            *(sent.append, spec, names, data, 1, "raise", most, 6, budget, seed),
            *(BASELINE, available()),
        )
    finally:
        gc.unfreeze()
    return sent


def test_every_round_runs_each_strategy_once_and_the_baseline_twice_in_a_seeded_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = timed(monkeypatch, 6)
    orders = [list(each.seconds) for each in rounds]
    assert len(orders) == 6
    for order in orders:
        assert sorted(order) == sorted([BASELINE, AGAIN, "batched", "spliced", "rust"])
    assert len(set(map(tuple, orders))) > 3
    assert orders == [list(each.seconds) for each in timed(monkeypatch, 6)]
    assert orders != [list(each.seconds) for each in timed(monkeypatch, 6, seed=1)]
    for each in rounds:
        # The baseline has no parts, and `AGAIN` is the baseline.
        assert {name: set(parts) for name, parts in each.parts.items()} == {
            BASELINE: set(),
            AGAIN: set(),
            "batched": {"render", "encode"},
            "spliced": {"render", "cut", "encode"},
            "rust": {"convert", "render", "cut", "encode"},
        }


def test_a_budget_ends_the_rounds_but_not_before_there_are_enough_for_an_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert len(timed(monkeypatch, 30, budget=0.0)) == 6
    assert len(timed(monkeypatch, 2, budget=0.0)) == 2


class Noted:
    """A strategy that keeps the conversations that it was asked to count."""

    name = "noted"
    summary = "the plain call"
    asked: ClassVar[list[list[Conversation]]] = []

    def __init__(self) -> None:
        self.asked.clear()

    def availability(self, _chat: ChatTokenizer) -> str | None:
        return None

    @contextmanager
    def open(self, chat: ChatTokenizer, **_: Any) -> Iterator[Noted]:
        self.chat = chat
        yield self

    def count(self, conversations: Sequence[Conversation], **_: Any) -> Counts:
        self.asked.append(list(conversations))
        return reference_counts(conversations, self.chat)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a strategy that keeps the conversations that it was asked to count."""
    monkeypatch.setitem(registry.BUILTIN, "noted", f"{__name__}:{Noted.__name__}")
    monkeypatch.setenv("RAYON_NUM_THREADS", "1")
    registry.get.cache_clear()
    yield "noted"
    registry.get.cache_clear()


def test_every_round_counts_all_that_is_timed_after_a_warm_up_on_some_of_it(noted: str) -> None:
    data = [conversation(str(i), (1,), messages=1) for i in range(20)]
    spec = bundled_chat("unigram").spec
    run_rounds(
        *(lambda _: None, spec, [BASELINE, noted], data, 1, "raise", 2, 2, 0.0, 3),
        *(BASELINE, available()),
    )
    warm_up, *rounds = Noted.asked
    assert 0 < len(warm_up) < len(data)
    assert rounds == [data, data]


def test_opening_is_timed_apart_from_counting(noted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that advances by one each time it is read.
    monkeypatch.setattr(jobs, "perf_counter", count(10).__next__)
    data = [conversation("c", (1, 3))]
    check = run_check(lambda _: None, bundled_chat("unigram").spec, noted, data, 1, "raise")
    assert (check.open_seconds, check.count_seconds) == (1, 1)
    assert check.counts == plain_counts(bundled_chat("unigram"), data)


# From seconds to results.

NOISE = (1.0, 3.0, 2.0, 1.5, 4.0, 1.2, 2.5)
"""How slow the machine was in each round."""


def rounds_of(**strategies: tuple[float, float]) -> list[Round]:
    """Make rounds from seconds by strategy, and how far they scatter around them."""
    rounds = []
    for number, noise in enumerate(NOISE):
        seconds = {BASELINE: noise, AGAIN: noise * (1.1, 0.9, 1.0)[number % 3]}
        for name, (factor, scatter) in strategies.items():
            seconds[name] = noise * factor * (1 + scatter, 1 - scatter, 1.0)[number % 3]
        parts = {name: {"encode": seconds[name] / 2} for name in strategies}
        rounds.append(Round(seconds, {BASELINE: {}, AGAIN: {}, **parts}))
    return rounds


def test_the_noise_floor_is_the_baseline_against_itself() -> None:
    found = timings(
        rounds_of(fast=(0.25, 0.0), slow=(2.0, 0.0), near=(0.95, 0.0), less=(1.05, 0.0)),
        BASELINE,
        0,
    )
    floor = found[AGAIN].speedup
    assert (floor.low, floor.median, floor.high) == pytest.approx((1 / 1.1, 1, 1 / 0.9))
    assert found[BASELINE].speedup == Estimate(1, 1, 1)
    assert found["fast"].speedup.median == pytest.approx(4)
    assert found["slow"].speedup.median == pytest.approx(0.5)
    assert {name: timing.verdict for name, timing in found.items()} == {
        BASELINE: "inconclusive",
        AGAIN: "inconclusive",
        "fast": "faster",
        "slow": "slower",
        # Always five percent off, but the baseline differs from itself by more.
        "near": "inconclusive",
        "less": "inconclusive",
    }
    # In these rounds, the median machine was twice as slow as in the first.
    assert found["fast"].seconds.median == pytest.approx(0.5)
    assert found["fast"].parts == {"encode": pytest.approx(0.25)}


def advice(rounds: list[Round], *entries: Entry) -> tuple[str, ...]:
    return recommended([entry.strategy for entry in entries if entry.rankable], rounds)


def test_one_exact_strategy_is_recommended_and_no_control_and_not_auto() -> None:
    # An interval of several comparisons needs more rounds than seven.
    rounds = 2 * rounds_of(
        fast=(0.25, 0.0), near=(0.26, 0.0), third=(0.4, 0.0), auto=(0.1, 0.0), off=(0.01, 0.0)
    )
    fast, near, third, auto = (
        Entry(name, False, "ok", None) for name in ("fast", "near", "third", "auto")
    )
    baseline = Entry(BASELINE, False, "ok", None)
    # Four percent are less than the baseline differs from itself, and neither is simpler.
    assert advice(rounds, baseline, auto, third, near, fast) == ("fast",)
    assert advice(rounds, baseline, third, auto) == ("third",)
    wrong, control = Entry("off", False, "wrong", None), Entry("off", True, "ok", None)
    assert advice(rounds, baseline, third, wrong) == ("third",)
    assert advice(rounds, baseline, third, control) == ("third",)
    # Without a baseline, and without a round, nothing is shown to be faster.
    assert advice(rounds, third, fast) == ()
    assert advice([], baseline, third) == ()
    assert advice(rounds[:3], baseline, third) == ()


# One tokenizer on some cores.

DATA = [conversation(str(i), tuple(range(1, 2 + i * 7 % 39))) for i in range(12)]
COUNTS: Counts = [[100 * k for k in c.turns] for c in DATA]
SECONDS = {BASELINE: 10.0, "spliced": 1.0, "batched": 4.0}
PLAN = Plan(
    chats=[chat_spec("some/name")],
    strategies=["batched", "spliced", "rust"],
    cores=[1],
    workers=[1, 2],
    rounds=None,
    budget_seconds=40,
    seed=5,
    on_error="skip",
)


@dataclass
class Told:
    """Stands in for the processes: gives prepared answers, and keeps the jobs it was given."""

    checks: dict[str, Check | InputError]
    rounds: list[Round]
    import_seconds: float = 1.5
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def run(self, job: Any, *arguments: Any, on_message: Any, **options: Any) -> Outcome:
        self.asked.append((job, *arguments, options["cores"]))
        if job is run_check:
            answer = self.checks[arguments[1]]
            if isinstance(answer, InputError):
                return Outcome(None, answer, 0)
            return Outcome(answer, None, 77, 66)
        for each in self.rounds:
            on_message(each)
        return Outcome(LOAD, None, 0)


def checked(name: str, counts: Counts = COUNTS) -> Check:
    return Check(None, counts, 0.25, SECONDS[name], f"{name} says")


LOAD = Load(0.5, 0.25, 1)
REFERENCE = Reference(
    Facts(Amplification(1, 1, 1), {"family": "a kind"}, ("careful",)), checked(BASELINE), 88, None
)


def grouped(told: Told, plan: Plan = PLAN) -> Group:
    processes = cast("FreshProcesses", told)
    watcher = ConsoleWatcher(stderr(quiet=True))
    budget = Budget(plan.budget_seconds, 2)
    session = Session(plan, "name", plan.chats[0], DATA, processes, watcher, budget)
    group = session.time(REFERENCE, session.check(REFERENCE, 1, 2))
    assert budget.groups == 1
    return group


def reported(reference: Reference, group: Group) -> Report:
    dataset = Dataset("path", "0" * 64, Conversations(DATA), ReadOptions())
    recording = begin_recording(PLAN, dataset, ["bench"])
    recording.add("name", reference, group)
    return recording.report()


def test_a_group_is_checked_on_everything_and_timed_on_what_the_budget_allows() -> None:
    off: Counts = [turns.copy() for turns in COUNTS]
    off[1][0], off[2][1] = 1, None
    told = Told(
        {
            "batched": checked("batched", off),
            "spliced": checked("spliced"),
            "rust": Check("it cannot"),
        },
        rounds_of(batched=(0.5, 0.0), spliced=(0.1, 0.0)),
    )
    group = grouped(told)
    found = {entry.strategy: entry for entry in group.entries}
    assert {name: entry.status for name, entry in found.items()} == {
        BASELINE: "ok",
        "batched": "wrong",
        "spliced": "ok",
        "rust": "unavailable",
    }
    assert (found["batched"].mismatches, found["spliced"].mismatches) == (2, 0)
    assert found["batched"].reason == (
        f"conversation '1', turn 1: expected {COUNTS[1][0]}, got 1 (and 1 more)"
    )
    assert found["spliced"].reason == "spliced says"
    assert (found["rust"].reason, found["rust"].seconds) == ("it cannot", None)
    # The cold time holds importing and opening, but not counting.
    assert found["spliced"].cold_seconds == 1.75
    assert (found["spliced"].peak_rss_bytes, found["spliced"].peak_pss_bytes) == (77, 66)
    # The reference is the plain call, and runs once for all settings.
    plain = found[BASELINE]
    assert (plain.cold_seconds, plain.peak_rss_bytes, plain.mismatches) == (1.75, 88, 0)
    assert plain.round_seconds == NOISE
    assert group.again_seconds == tuple(each.seconds[AGAIN] for each in told.rounds)
    assert group.load == LOAD
    assert group.recommended == ("spliced",)
    assert group.noise_floor is not None
    assert group.noise_floor.high == pytest.approx(1 / 0.9)
    assert group.rounds == len(NOISE)
    # Each of the two settings has half of the budget. A round runs the baseline twice.
    share = 20 / ((2 * 10 + 4 + 1) * WANTED_ROUNDS)
    subset = conversations_within(DATA, share, 5)
    assert group.subset
    assert len(subset) < len(DATA)
    assert (group.timed_conversations, group.timed_turns) == (len(subset), count_turns(subset))
    # A wrong strategy is timed but not ranked.
    assert found["batched"].seconds is not None
    assert (found["batched"].speedup, found["batched"].verdict) == (None, None)
    assert found["spliced"].verdict == "faster"
    fast = found["spliced"]
    assert fast.seconds is not None
    tokens = sum(100 * k for c in subset for k in c.turns)
    assert fast.tokens_per_second == pytest.approx(tokens / fast.seconds.median)
    *checks, timing = told.asked
    for name, asked in zip(["batched", "spliced", "rust"], checks, strict=True):
        assert asked == (run_check, PLAN.chats[0], name, DATA, 2, "skip", first_cores(1))
    names = [BASELINE, "batched", "spliced"]
    assert timing == (
        *(run_rounds, PLAN.chats[0], names, subset, 2, "skip"),
        *(MOST_ROUNDS, 6, 20, 5, BASELINE, available(), first_cores(1)),
    )


def test_a_report_tells_what_was_checked_from_what_was_timed() -> None:
    checks: dict[str, Check | InputError] = {name: checked(name) for name in SECONDS}
    rounds = rounds_of(batched=(0.5, 0.0), spliced=(0.1, 0.0))
    group = grouped(Told({**checks, "rust": Check("no")}, rounds))
    built = reported(REFERENCE, group)
    report = built.as_dict()
    (setting,) = report["groups"]
    assert (setting["subset"], setting["rounds"]) == (True, len(NOISE))
    assert setting["timed_turns"] == group.timed_turns < count_turns(DATA)
    assert setting["timed_conversations"] == group.timed_conversations
    (fast,) = [result for result in report["results"] if result["strategy"] == "spliced"]
    assert fast["turns"] == count_turns(DATA)
    # The median of the baseline is two seconds, and this strategy takes a tenth of that.
    assert fast["turns_per_second"] == pytest.approx(group.timed_turns / 0.2)
    assert report["tokenizers"][0]["tokens"] == REFERENCE.tokens
    assert report["tokenizers"][0]["warnings"] == ["careful"]
    said = list(notes(built, group))
    assert said[0].startswith(f"{len(NOISE)} rounds of {group.timed_turns:,} turns in ")
    assert group.timed_conversations == 1
    assert " 1 whole conversation; noise floor 0.91 to 1.11; " in said[0]
    assert "rust: no" in said
    assert said[-1].startswith("use spliced: 10.00 [")
    skipping = replace(REFERENCE, plain=replace(REFERENCE.plain, counts=[[None, 1], [None]]))
    other = reported(skipping, group)
    assert f"2 of {count_turns(DATA)} turns have no ISL and are skipped by all" in notes(
        other, group
    )
    assert "\n| rust | n/a |" in markdown(other)


def test_full_rounds_are_over_everything_and_without_a_baseline_nothing_is_timed() -> None:
    checks: dict[str, Check | InputError] = {name: checked(name) for name in SECONDS}
    told = Told({**checks, "rust": InputError("broke")}, rounds_of(batched=(2, 0), spliced=(1, 0)))
    group = grouped(told, replace(PLAN, rounds=7))
    assert (group.subset, group.timed_turns) == (False, count_turns(DATA))
    timed = group.entries[0]
    assert timed.seconds is not None
    assert timed.tokens_per_second == pytest.approx(REFERENCE.tokens / timed.seconds.median)
    assert told.asked[-1][3:-3] == (DATA, 2, "skip", 7, 7, float("inf"), 5)
    (failed,) = [entry for entry in group.entries if entry.status == "failed"]
    assert (failed.strategy, failed.reason, failed.mismatches) == ("rust", "broke", None)
    lost = Told({**checks, "rust": Check("it cannot")}, [])
    group = grouped(lost, replace(PLAN, baseline="rust"))
    assert [asked[0] for asked in lost.asked] == [run_check] * 3
    assert (group.rounds, group.noise_floor, group.recommended) == (0, None, ())
    assert all(entry.seconds is None for entry in group.entries)
    said = list(notes(reported(REFERENCE, group), group))
    assert said[0] == "nothing is timed, because the baseline rust cannot run"


@pytest.mark.parametrize(
    ("cores", "workers", "settings"),
    [([1], None, [(1, 1)]), ([1, 1], [4, 3], [(1, 3), (1, 4)])],
)
def test_without_a_worker_count_there_are_as_many_as_cores(
    cores: list[int], workers: list[int] | None, settings: list[tuple[int, int]]
) -> None:
    assert replace(PLAN, cores=cores, workers=workers).settings == settings


def test_two_cores_have_two_workers() -> None:
    if available_cores() < 2:
        pytest.skip("there is one core")
    assert replace(PLAN, cores=[1, 2], workers=None).settings == [(1, 1), (2, 2)]


# Names.


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["org/one", "/a/b/two/"], ["one", "two"]),
        (["org/one", "other/one"], ["org/one", "other/one"]),
        (["/a/x/one", "/b/x/one", "two"], ["a/x/one", "b/x/one", "two"]),
        (["one", "one"], ["one (1)", "one (2)"]),
    ],
)
def test_names_of_tokenizers_are_as_short_as_can_be_told_apart(
    given: list[str], names: list[str]
) -> None:
    specs: list[ChatSpec] = [chat_spec(name) for name in given]
    assert unique_names(specs) == names
