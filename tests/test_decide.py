"""`bench decide`: what it decides from reports, and how it says so."""

from __future__ import annotations

import io
import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from bench.deciding.document import SCHEMA_PATH, document
from bench.deciding.markdown import LONGEST_COMMENT, escaped, markdown, markdown_for_pr
from bench.deciding.reports import evidence_of, shown_command
from bench.deciding.terminal import print_decision
from bench.deciding.verdict import Decision, decide
from bench.measuring.load import Load
from bench.measuring.result import Group
from bench.reporting.facts import Provenance
from bench.reporting.report import Report
from strategies import InputError
from strategies.words import printable

from .conftest import Bench
from .decisions import BASE, SPEEDUPS, changed, timed_group, write, written
from .reports import entry, everything, report

SCHEMA = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
COMMAND = ["bench", "decide", "report.json"]


def decided(folder: Path, *groups: Group, name: str = "report.json") -> Decision:
    return decide(evidence_of([written(folder, groups, name)]), COMMAND)


def shown(decision: Decision, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_decision(console, decision)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def tables(text: str) -> list[list[list[str]]]:
    """Return the tables in Markdown as a hosting service reads them: rows of cells."""
    found: list[list[list[str]]] = []
    for token in MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and found[-1] and token.level >= 4:
            text_of = (
                c.content for c in token.children or () if c.type in {"text", "text_special"}
            )
            found[-1][-1].append("".join(text_of))
    return found


# The verdict.


def test_one_strategy_that_is_best_everywhere_is_the_verdict(tmp_path: Path) -> None:
    found = decided(
        tmp_path, *(timed_group(t, cores=c, seed=c) for t in ("a", "b") for c in (1, 2))
    )
    assert found.status == "decided"
    for setting, cores in zip(found.settings, (1, 2), strict=True):
        assert (setting.cores, setting.kind, setting.strategy) == (cores, "use", "rust")
        assert re.fullmatch(
            r"use rust: 1\d\.\d\d times as fast as sequential \(geometric mean on all 2 "
            r"tokenizers\), and at least 1\d\.\d\d times on each",
            setting.sentence,
        )
    assert found.verdict.startswith("On 1 core, use rust: ")
    assert "On 2 cores, use rust: " in found.verdict


def test_a_strategy_that_is_good_enough_everywhere_beats_the_simplest_of_each(
    tmp_path: Path,
) -> None:
    """With one tokenizer, batches do as well as the native core. With the other, they do not."""
    found = decided(
        tmp_path,
        timed_group("a", {"batched": 4.0, "rust": 4.0}, noise=0.01),
        timed_group("b", {"batched": 1.5, "rust": 4.0}, noise=0.01),
    )
    assert [each.use for each in found.cases] == ["batched", "rust"]
    assert (found.settings[0].kind, found.settings[0].strategy) == ("use", "rust")


def test_a_verdict_may_depend_on_the_tokenizer(tmp_path: Path) -> None:
    found = decided(tmp_path, timed_group("a"), timed_group("b", {"spliced": 3.0}))
    assert found.status == "decided"
    assert found.verdict == ("On 1 core, it depends on the tokenizer: rust with a; spliced with b.")


def test_a_baseline_that_nothing_beats_is_kept(tmp_path: Path) -> None:
    groups = [timed_group(t, {"batched": 0.7, "thread-pool": 1.0}, noise=0.01) for t in "ab"]
    found = decided(tmp_path, *groups)
    assert (found.status, found.settings[0].kind) == ("decided", "keep")
    assert "keep sequential: on all 2 tokenizers, every other strategy is less than 10 %" in (
        found.verdict
    )
    mixed = decided(tmp_path, groups[0], timed_group("b", {"batched": 2.0}))
    assert mixed.settings[0].kind == "depends"
    assert "sequential with a; batched with b" in mixed.verdict


def test_one_open_tokenizer_leaves_the_setting_open(tmp_path: Path) -> None:
    found = decided(tmp_path, timed_group("a"), timed_group("b", rounds=6))
    assert found.status == "inconclusive"
    assert found.verdict == "On 1 core, inconclusive with b: run 3 more rounds."
    assert [each.use for each in found.cases] == ["rust", None]


def test_a_baseline_of_another_name_is_what_others_must_beat(tmp_path: Path) -> None:
    group = timed_group("a", {"batched": 2.0, "rust": 2.0}, noise=0.01)
    renamed = replace(
        group,
        baseline="mine",
        entries=tuple(
            replace(e, strategy="mine") if e.strategy == BASE else e for e in group.entries
        ),
    )
    found = decided(tmp_path, renamed)
    assert found.cases[0].use == "batched"
    assert "times as fast as mine" in found.verdict
    assert "| mine (again) |" in markdown(found)


def test_a_wrong_strategy_is_the_first_thing_that_is_said(tmp_path: Path) -> None:
    group = changed(
        timed_group("a"), "rust", status="wrong", mismatches=3, reason="turn 1", speedup=None
    )
    found = decided(tmp_path, group)
    assert found.status == "wrong"
    assert found.verdict.startswith("WRONG: rust counts wrong, and must not be used. On 1 core, ")
    assert found.cases[0].use == "spliced"
    text = markdown(found)
    assert text.startswith("## Wrong counts: which way to count\n\n**WRONG: rust counts wrong")
    assert "The counts do NOT match: rust counts 3 of 360,016 turns wrong with a." in text
    assert document(found)["counts_match"] is False


def test_a_control_that_is_wrong_is_as_it_should_be(tmp_path: Path) -> None:
    control = entry("off", None, status="wrong", mismatches=9, round_seconds=None)
    found = decided(tmp_path, timed_group("a", more=[control]))
    assert found.status == "decided"
    assert "All counts match: " in markdown(found)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"round_seconds": None}, "measured before rounds were kept: run `bench compare` again"),
        (
            {"status": "failed", "mismatches": None, "round_seconds": None, "speedup": None},
            "sequential, which the others are compared with, failed",
        ),
        (
            {"status": "unavailable", "mismatches": None, "round_seconds": None, "speedup": None},
            "sequential, which the others are compared with, cannot run here",
        ),
        (
            {"mismatches": None, "speedup": None},
            "sequential, which the others are compared with, does not count right here",
        ),
        (
            {"seconds": None, "round_seconds": None, "speedup": None},
            "sequential, which the others are compared with, was not timed",
        ),
    ],
)
def test_without_rounds_or_a_right_baseline_it_is_inconclusive(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    group = timed_group("a")
    names = [e.strategy for e in group.entries] if len(changes) == 1 else [BASE]
    for name in names:
        group = changed(group, name, **changes)
    found = decided(tmp_path, group)
    assert (found.status, found.verdict) == ("inconclusive", f"On 1 core, inconclusive: {said}.")
    jsonschema.validate(document(found), SCHEMA)
    assert said.split("`", maxsplit=1)[0] in shown(found, 200)


def test_a_baseline_that_cannot_be_one_is_named_as_such(tmp_path: Path) -> None:
    group = replace(timed_group("a"), baseline="absent")
    assert "absent, which the others are compared with, was not measured" in (
        decided(tmp_path, group).verdict
    )
    group = timed_group("a")
    picker = replace(group, entries=(replace(group.entries[0], strategy="auto"),))
    assert "auto, which the others are compared with, runs one of the others" in (
        decided(tmp_path, replace(picker, baseline="auto")).verdict
    )


def test_several_wrong_strategies_are_said_in_the_plural(tmp_path: Path) -> None:
    group = timed_group("a")
    for name in ("batched", "rust"):
        group = changed(group, name, mismatches=1, status="wrong", speedup=None)
    assert decided(tmp_path, group).verdict.startswith("WRONG: batched and rust count wrong, ")


def _damaged(where: str, key: str, value: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(report([timed_group("a")]).as_dict()))
    place: Any = made[where]
    (place[-1] if isinstance(place, list) else place)[key] = value
    return made


@pytest.mark.parametrize(
    ("where", "key", "value", "said"),
    [
        # Each of them crashed, or gave a decision that its own schema refuses.
        ("results", "strategy", BASE, "results[4].strategy: is in another result"),
        ("results", "cold_seconds", 1e308, "results[4].cold_seconds: must be from 0"),
        ("results", "cold_seconds", -1.0, "results[4].cold_seconds: must be from 0"),
        ("results", "mismatches", -1, "results[4].mismatches: must be from 0"),
        ("groups", "rounds", 14, "groups[0].rounds: must be the number of again_seconds"),
        ("groups", "rounds", -1, "groups[0].rounds: must be from 0"),
        ("groups", "timed_turns", -1, "groups[0].timed_turns: must be from 0"),
        ("groups", "timed_conversations", 10**300, "groups[0].timed_conversations: must be from"),
        ("groups", "cores", 0, "groups[0].cores: must be from 1"),
        ("groups", "workers", -1, "groups[0].workers: must be from 1"),
        ("dataset", "turns", -1, "dataset.turns: must be from 0"),
        ("provenance", "settings", [[1, 1, 1]], "provenance.settings: must be pairs"),
        ("provenance", "settings", [[]], "provenance.settings: must be pairs"),
    ],
)
@pytest.mark.parametrize("command", ["decide", "show"])
def test_a_report_of_impossible_numbers_is_refused(
    bench: Bench, tmp_path: Path, command: str, where: str, key: str, value: Any, said: str
) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(_damaged(where, key, value)), encoding="utf-8")
    done = bench(command, path)
    assert (done.code, done.out, done.error.count("\n")) == (3, "", 1)
    assert f"{path}: {said}" in done.error


def test_a_report_without_results_is_refused() -> None:
    made = {**report([timed_group("a")]).as_dict(), "results": []}
    with pytest.raises(InputError, match=r"groups\[0\]: has no result"):
        Report.from_dict(made)


def test_what_may_be_faster_still_is_named(tmp_path: Path) -> None:
    group = timed_group("a", {"batched": 4.0, "rust": 4.4}, rounds=12, noise=0.08, seed=5)
    found = decided(tmp_path, group)
    assert (found.cases[0].use, found.cases[0].advice and found.cases[0].advice.best) == (
        "batched",
        "rust",
    )
    said = r"; rust is less simple, and may be 1\.\d\d \[\d.*\] times as fast as that"
    assert re.search(said, found.verdict)
    assert re.search(r"\| a \| chats.jsonl \| 1 core \| batched \| .* \| rust 1\.", markdown(found))


# Several files.


def test_rounds_of_several_runs_are_put_together(tmp_path: Path) -> None:
    parts = [timed_group("a", rounds=6, seed=s) for s in (1, 2)]
    files = [written(tmp_path, [g], f"{i}.json") for i, g in enumerate(parts)]
    assert [decide(evidence_of([f]), COMMAND).status for f in files] == ["inconclusive"] * 2
    found = decide(evidence_of(files), COMMAND)
    (case,) = found.cases
    assert (found.status, case.use) == ("decided", "rust")
    assert (case.case.runs, case.case.group.rounds) == (2, 12)
    assert "separate runs whose rounds are put together: 2" in markdown(found)
    rust = next(e for e in case.case.group.entries if e.strategy == "rust")
    expected = [e.round_seconds for g in parts for e in g.entries if e.strategy == "rust"]
    assert sorted(rust.round_seconds or ()) == sorted(s for each in expected for s in each or ())
    assert rust.seconds is not None
    assert rust.tokens_per_second == pytest.approx(1e6 / rust.seconds.median)


def test_a_strategy_must_be_right_and_timed_in_every_run(tmp_path: Path) -> None:
    first, second = (timed_group("a", rounds=10, seed=s) for s in (1, 2))
    wrong = changed(
        second, "rust", status="wrong", mismatches=1, reason="turn 1", speedup=None, verdict=None
    )
    found = decide(
        evidence_of([written(tmp_path, [first], "1"), written(tmp_path, [wrong], "2")]), COMMAND
    )
    assert (found.status, found.cases[0].use) == ("wrong", "spliced")
    fewer = replace(second, entries=tuple(e for e in second.entries if e.strategy != "rust"))
    found = decide(
        evidence_of([written(tmp_path, [first], "1"), written(tmp_path, [fewer], "2")]), COMMAND
    )
    assert (found.status, found.cases[0].use) == ("decided", "spliced")
    assert "it was not in every run" in markdown(found)


def test_runs_under_other_conditions_are_not_put_together(tmp_path: Path) -> None:
    first = written(tmp_path, [timed_group("a", seed=1)], "1.json")
    made = report([timed_group("a", seed=2)])
    others: list[tuple[Report, str]] = [
        (replace(made, machine=replace(made.machine, processor="other")), "other processor"),
        (replace(made, versions={**made.versions, "transformers": "6"}), "other versions"),
        (
            replace(made, groups=(replace(made.groups[0], timed_turns=3),)),
            "other timed turns",
        ),
        (
            replace(
                made,
                tokenizers=(
                    replace(
                        made.tokenizers[0],
                        fingerprint={
                            **made.tokenizers[0].fingerprint,
                            "tokenizer_sha256": "9" * 64,
                            "template_sha256": "9" * 64,
                        },
                    ),
                ),
            ),
            "other tokenizer and template",
        ),
    ]
    for other, said in others:
        with pytest.raises(InputError, match=f"a, 1 core is in .*: {said}$"):
            evidence_of([first, write(tmp_path / "2.json", other)])


def test_the_same_rounds_twice_are_refused(tmp_path: Path) -> None:
    files = [written(tmp_path, [timed_group("a")], name) for name in ("1.json", "2.json")]
    with pytest.raises(InputError, match=r"a, 1 core has the rounds of 1\.json"):
        evidence_of(files)
    old = replace(timed_group("a"), again_seconds=(), rounds=6)
    with pytest.raises(InputError, match="has no rounds to put together"):
        evidence_of([files[0], written(tmp_path, [old], "old.json")])


def test_reports_with_other_baselines_are_refused(tmp_path: Path) -> None:
    mine = replace(timed_group("b"), baseline="batched")
    files = [written(tmp_path, [timed_group("a")], "1"), written(tmp_path, [mine], "2")]
    with pytest.raises(InputError, match="the baselines differ: batched and sequential"):
        evidence_of(files)


def test_the_same_tokenizer_with_other_data_is_another_case(tmp_path: Path) -> None:
    made = report([timed_group("a", seed=1)])
    other = replace(made, dataset=replace(made.dataset, path="other.jsonl", sha256="1" * 64))
    found = decide(
        evidence_of([write(tmp_path / "1", made), write(tmp_path / "2", other)]), COMMAND
    )
    assert [each.case.dataset for each in found.cases] == ["chats.jsonl", "other.jsonl"]
    assert "on all 2 pairs of dataset and tokenizer" in found.verdict


# What changes nothing.

rounds_of_any = st.integers(6, 16)
speeds = st.dictionaries(
    st.sampled_from(["batched", "spliced", "rust", "foreign", "thread-pool"]),
    st.floats(0.3, 20),
    max_size=4,
)
made_groups = st.builds(
    timed_group,
    st.just("a"),
    speeds,
    rounds=rounds_of_any,
    seed=st.integers(0, 1000),
    noise=st.floats(0.001, 0.3),
)
folders = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)


@folders
@given(group=made_groups, place=st.integers(0, 3), mismatches=st.integers(1, 9))
def test_a_mismatch_always_removes_a_strategy(
    tmp_path: Path, group: Group, place: int, mismatches: int
) -> None:
    name = group.entries[place % len(group.entries)].strategy
    wrong = changed(
        group, name, status="wrong", mismatches=mismatches, reason="turn 1", speedup=None
    )
    found = decided(tmp_path, wrong)
    (case,) = found.cases
    assert found.status == "wrong"
    assert case.use != name
    assert case.advice is None or name not in case.advice.standings
    assert f"**{name}**" not in markdown(found)
    # It counts wrong even if the report calls it ok.
    told_ok = changed(group, name, mismatches=mismatches)
    assert decided(tmp_path, told_ok).status == "wrong"
    assert decided(tmp_path, told_ok).cases[0].use == case.use


@folders
@given(
    first=st.lists(made_groups, min_size=1, max_size=3),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_groups_and_files_changes_no_byte(
    tmp_path: Path, first: list[Group], order: random.Random
) -> None:
    groups = [
        replace(group, tokenizer=name, cores=cores, workers=cores)
        for group, name, cores in zip(first, "aab", (1, 2, 2), strict=False)
    ]
    # One file for each, so that each has the whole report's facts.
    files = [written(tmp_path, [group], f"{i}.json") for i, group in enumerate(groups)]
    before = decide(evidence_of(files), COMMAND)
    shuffled = []
    for i, group in enumerate(groups):
        entries = list(group.entries)
        order.shuffle(entries)
        shuffled.append(written(tmp_path, [replace(group, entries=tuple(entries))], f"{i}.json"))
    order.shuffle(shuffled)
    after = decide(evidence_of(shuffled), COMMAND)
    assert markdown(after) == markdown(before)
    assert shown(after) == shown(before)
    assert after.fingerprint == before.fingerprint


@folders
@given(group=made_groups)
def test_renaming_the_tokenizer_changes_only_its_name(tmp_path: Path, group: Group) -> None:
    before = decided(tmp_path, group)
    after = decided(tmp_path, replace(group, tokenizer="zz"))
    assert after.cases[0].advice == before.cases[0].advice
    assert after.settings[0].kind == before.settings[0].kind
    assert markdown(before).replace("a (BPE)", "zz (BPE)").count("zz") >= 1


def test_twenty_pairs_of_the_same_build_are_never_called_a_difference(tmp_path: Path) -> None:
    for seed in range(20):
        noise = 0.01 + 0.01 * (seed % 10)
        same = dict.fromkeys(("thread-pool", "spliced", "rust"), 1.0)
        groups = [
            timed_group(t, same, seed=100 * seed + i, noise=noise) for i, t in enumerate("ab")
        ]
        found = decided(tmp_path, *groups)
        assert {each.use for each in found.cases} <= {None, BASE}
        for each in found.cases:
            assert each.advice is not None
            assert set(each.advice.standings.values()) <= {"same", "unclear"}


def test_the_fingerprint_changes_with_the_decision_alone(tmp_path: Path) -> None:
    first, second = (decided(tmp_path, timed_group("a", seed=s)) for s in (1, 2))
    assert markdown(first) != markdown(second)
    assert first.fingerprint == second.fingerprint
    less = decided(tmp_path, timed_group("a", {**SPEEDUPS, "rust": 2.0}, seed=1))
    assert less.cases[0].use == "spliced"
    assert less.fingerprint != first.fingerprint
    # Other rounds are asked for, and it is as open as before.
    few, fewer = (decided(tmp_path, timed_group("a", rounds=n)) for n in (6, 7))
    assert few.verdict != fewer.verdict
    assert few.fingerprint == fewer.fingerprint != first.fingerprint


# How it is said.


def test_the_tables_hold_every_strategy_with_its_numbers(tmp_path: Path) -> None:
    nothing = dict.fromkeys(
        (
            *("seconds", "turns_per_second", "tokens_per_second", "parts", "round_seconds"),
            *("mismatches", "cold_seconds", "peak_rss_bytes", "peak_pss_bytes"),
        )
    )
    more = [
        entry("auto", 15, round_seconds=None, reason="picked rust: it can"),
        entry("off", None, status="wrong", mismatches=9, round_seconds=None, reason="by design"),
        entry("lacking", None, control=False, status="unavailable", reason="no backend", **nothing),
    ]
    found = decided(tmp_path, *(timed_group("a", cores=c, seed=c, more=more) for c in (1, 2)))
    text = markdown(found)
    who, strategies, even = tables(text)
    assert [row[0] for row in who] == ["tokenizer", "a", "a"]
    head, *rows = strategies
    assert head == [
        *("strategy", "cores", "workers", "tokens/s", "median s [95 %]", "speedup [all 95 %]"),
        *("efficiency", "cold s", "MB", "mismatches", "status"),
    ]
    assert [row[0] for row in rows[: len(rows) // 2]] == [
        *("rust", "spliced", "batched", "thread-pool", "sequential", "sequential (again)"),
        *("auto", "off *", "lacking"),
    ]
    cells = {(row[0], row[1]): dict(zip(head, row, strict=True)) for row in rows}
    assert cells["rust", "1"]["status"] == "faster; use this"
    assert cells["rust", "1"]["efficiency"] == ""
    assert re.fullmatch(r"\d\d %", cells["rust", "2"]["efficiency"])
    assert cells["sequential", "1"]["speedup [all 95 %]"] == "1"
    assert cells["sequential (again)", "2"]["status"] == "noise floor"
    assert cells["auto", "1"]["status"] == "not compared: picked rust: it can"
    assert cells["off *", "1"]["status"] == "control: by design"
    assert cells["off *", "1"]["mismatches"] == "9"
    assert cells["lacking", "1"]["status"] == "skipped, unavailable: no backend"
    assert even[0] == ["tokenizer", "setting", "strategy", "turns", "conversations"]
    assert "1 core: 3 faster, 0 slower, 1 the same, 0 unclear, 0 wrong, 3 skipped" in text
    assert "1 core: simpler, and faster than sequential, too: batched " in text
    # rust starts 0.05 s later and saves about a second in 1,500 turns.
    rust = next(row for row in even if row[2] == "rust")
    assert 60 <= int(rust[3]) <= 110
    assert rust[4] == "1"


def test_a_slower_strategy_never_pays(tmp_path: Path) -> None:
    text = markdown(decided(tmp_path, timed_group("a", {"batched": 0.5, "spliced": 3.0})))
    assert "| a | 1 core | batched | never | never |" in text


def test_means_are_over_tokenizers(tmp_path: Path) -> None:
    found = decided(tmp_path, timed_group("a"), timed_group("b", {"spliced": 3.0}))
    means = {each["strategy"]: each for each in document(found)["geometric_means"]}
    speedups = [
        each.case.contest.speedup("spliced").median for each in found.cases if each.case.contest
    ]
    assert means["spliced"]["speedup"] == pytest.approx((speedups[0] * speedups[1]) ** 0.5)
    assert (means["rust"]["cases"], means["rust"]["of"]) == (1, 2)
    assert "| rust | 1 | 1 | " in markdown(found)


def test_efficiency_needs_the_same_conversations(tmp_path: Path) -> None:
    one, two = (timed_group("a", cores=c, seed=c) for c in (1, 2))
    found = document(decided(tmp_path, replace(one, timed_turns=7), two))
    assert all(s["efficiency"] is None for case in found["cases"] for s in case["strategies"])


def test_what_limits_trust_is_said(tmp_path: Path) -> None:
    group = replace(timed_group("a", rounds=12), load=Load(3.0, 1.5, 1))
    made = report([group, replace(timed_group("b", rounds=15), load=Load(1.0, 0.0, 1))])
    assert made.provenance is not None
    interrupted: Provenance = replace(made.provenance, settings=((1, 1), (2, 2)))
    made = replace(
        made,
        provenance=interrupted,
        tokenizers=tuple(replace(each, skipped_turns=2) for each in made.tokenizers),
        versions={**made.versions, "native_build_profile": "debug"},
        command=("bench", "compare", "/home/somebody/secret/chats.jsonl", "--out=/tmp/x/out"),
    )
    text = markdown(decide(evidence_of([write(tmp_path / "r.json", made)]), COMMAND))
    for said in (
        "- timed only some of the conversations: 3 of 20\n",
        "- few rounds: 12 (a on 1 core)\n",
        "kept more cores busy than were left to them: 1.5 (a on 1 core)\n",
        "- turns that have no ISL and are skipped by all: 2 of 360,016\n",
        "- not measured, because the comparison was interrupted: a on 2 cores, 2 workers\n",
        "- a budget of 40 seconds limited the rounds\n",
        "- the code that was measured is no commit: files were changed\n",
        "- the native core was no release build\n",
        "- the cold start and the memory were measured once in each run\n",
        "bench compare chats.jsonl --out=out\n",
        "measured on 2026-11-28 on a processor, 2 of 4 cores, Linux 6 x86\\_64; Python 3.11.1",
    ):
        assert said in text, said
    assert "/home" not in text


def test_a_command_shows_no_folders_of_a_machine() -> None:
    words = ["bench", "decide", "/a/b c.json", "--out", "x/y", "a b", "--x=/root/z"]
    assert shown_command(words) == "bench decide 'b c.json' --out x/y 'a b' --x=z"


BAD = "a|b<img src=x>`@octocat` [x](http://evil.org) **b** www.evil.org #12 $x$ \x1b[31m\u202e\n# h"


def test_nothing_in_a_report_acts_in_a_pull_request_or_a_terminal(tmp_path: Path) -> None:
    group = timed_group("a", more=[entry(BAD, None, control=False, round_seconds=None, reason=BAD)])
    made = report([replace(group, tokenizer=BAD)], BAD)
    made = replace(
        made,
        command=("bench", BAD),
        machine=replace(made.machine, processor=BAD, system=BAD),
        versions={**made.versions, "transformers": BAD},
    )
    decision = decide(evidence_of([write(tmp_path / "r.json", made)]), ["bench", "decide", BAD])
    for text in (markdown(decision), markdown_for_pr(decision)):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
        parsed = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
        for token in parsed:
            kinds = {child.type for child in token.children or ()}
            assert not kinds & {"image", "link_open", "s_open"}
            for child in token.children or ():
                if child.type == "html_inline":
                    assert child.content == "<!-- -->"
                if child.type == "text":
                    assert not re.search(r"@octocat|www\.|http://|#12", child.content)
        who, strategies, *_ = tables(text)
        assert who[1][0] == printable(" ".join(BAD.split()))
        assert strategies[-1][0].startswith("a|b<img src=x>`@octocat` [x](http://evil.org) **b**")
        headings = [t for t in parsed if t.type == "heading_open"]
        assert len(headings) == sum(line.startswith(("## ", "### ")) for line in text.splitlines())
    assert "\x1b" not in shown(decision)
    jsonschema.validate(document(decision), SCHEMA)


@given(text=st.text(max_size=400))
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    parser = MarkdownIt("gfm-like", {"linkify": False, "html": True})
    rendered = parser.parseInline(f"x {escaped(text)} x")[0]
    kinds = {child.type for child in rendered.children or ()}
    assert kinds <= {"text", "text_special", "html_inline"}
    assert len(escaped("y" * 5000)) == 300


def test_a_comment_fits_what_a_hosting_service_takes(tmp_path: Path) -> None:
    found = decided(tmp_path, timed_group("a"))
    text = markdown_for_pr(found)
    assert text.index("<details>") > text.index("| tokenizer |")
    assert text.rstrip().endswith("</details>")
    assert "### The rule" in text
    reasons = [
        entry(f"s{i}", None, control=False, round_seconds=None, reason="y " * 200)
        for i in range(300)
    ]
    long = markdown_for_pr(decided(tmp_path, timed_group("a", more=reasons)))
    assert len(long) < LONGEST_COMMENT
    assert "too many for a comment. This command shows them: `bench decide report.json`" in long


def test_a_comment_about_very_many_tokenizers_fits_too(tmp_path: Path) -> None:
    groups = [timed_group(f"{i}{'@' * 300}") for i in range(25)]
    text = markdown_for_pr(decided(tmp_path, *groups))
    assert len(text) < LONGEST_COMMENT
    assert "use rust" in text
    assert "too many for a comment. This command shows them: `bench decide report.json`" in text


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_no_cell_is_cut_in_a_terminal(tmp_path: Path, width: int) -> None:
    found = decided(tmp_path, *(timed_group("bpe-chatml", cores=c, seed=c) for c in (1, 2)))
    text = shown(found, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    if width >= 80:
        assert text.startswith("On 1 core, use rust: ")


# The command.


def test_the_command_prints_writes_and_exits_by_its_verdict(bench: Bench, tmp_path: Path) -> None:
    file = written(tmp_path, [timed_group("a")])
    out = tmp_path / "new" / "folder"
    done = bench("decide", file, "--out", out)
    assert (done.code, done.error) == (0, "")
    assert done.out.startswith("On 1 core, use rust: ")
    assert done.out.rstrip().endswith(f"wrote decision.json and decision.md to {out}")
    document = json.loads((out / "decision.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA)
    assert (document["status"], document["cases"][0]["use"]) == ("decided", "rust")
    assert document["command"].startswith("bench decide report.json --out ")
    assert (out / "decision.md").read_text(encoding="utf-8").startswith("## Decided: ")

    as_json = bench("decide", file, "--json")
    assert json.loads(as_json.out)["verdict"] == document["verdict"]

    for_pr = bench("decide", file, "--for-pr", "--out", out)
    assert for_pr.out == (out / "decision.md").read_text(encoding="utf-8")
    assert "<details>" in for_pr.out


def test_the_same_command_on_the_same_files_gives_the_same_bytes(
    bench: Bench, tmp_path: Path
) -> None:
    file = written(tmp_path, [timed_group("a")])
    for options in ([], ["--json"], ["--for-pr"]):
        assert bench("decide", file, *options) == bench("decide", file, *options)


@pytest.mark.parametrize(
    ("group", "code"),
    [
        (timed_group("a"), 0),
        (changed(timed_group("a"), "rust", mismatches=1, status="wrong", speedup=None), 1),
        (timed_group("a", rounds=3), 2),
    ],
)
def test_exit_codes(bench: Bench, tmp_path: Path, group: Group, code: int) -> None:
    done = bench("decide", written(tmp_path, [group]))
    assert (done.code, done.error) == (code, "")


def test_bad_input_is_one_line(bench: Bench, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{}", encoding="utf-8")
    for arguments in (
        [],
        [broken],
        [tmp_path / "absent.json"],
        [written(tmp_path, [timed_group()])] * 2,
    ):
        done = bench("decide", *arguments)
        assert (done.code, done.out, done.error.count("\n")) == (3, "", 1)


def test_every_kind_of_entry_can_be_decided_about(tmp_path: Path) -> None:
    found = decide(evidence_of([write(tmp_path / "r.json", everything())]), COMMAND)
    assert found.status == "wrong"
    jsonschema.validate(document(found), SCHEMA)
    assert markdown(found)
    assert shown(found)


def test_the_schema_refuses_a_wrong_strategy_that_competes(tmp_path: Path) -> None:
    made = document(decided(tmp_path, timed_group("a")))
    jsonschema.validate(made, SCHEMA)
    made["cases"][0]["strategies"][1]["mismatches"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(made, SCHEMA)
