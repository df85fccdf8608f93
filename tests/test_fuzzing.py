"""`bench fuzz`: it finds what is wrong, makes it small, goes on where it ended, and says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from tokenizers import Tokenizer

from bench.bundled import tokenizer_path
from bench.conformance.corpus import SCHEMA, read_cases
from bench.conformance.runner import run
from bench.conformance.targets import target_named
from bench.fuzzing.figures import Figures, Finding
from bench.fuzzing.plan import PLAIN_CALL, Plan, Rounds, usual_targets
from bench.fuzzing.rounds import Task, do_round, verdict
from bench.fuzzing.rows import file_of
from bench.fuzzing.seeds import write_seeds
from bench.fuzzing.state import new_state, read_state
from bench.fuzzing.targets import first_difference
from strategies import InputError, UnavailableError, get, is_peer, names, reference_counts
from strategies.exactness.pipeline import empties_a_token
from strategies.testing.case import Case, of_texts
from strategies.testing.tokenizers import TokenizerFile
from tests.conftest import Bench, bundled_chat

CONTROL = "spliced-alone"


def plan(*targets: str, seed: int = 0) -> Plan:
    return Plan(
        seed, targets or (CONTROL, "rust"), (tokenizer_path("bpe-chatml"),), conversations=9
    )


@cache
def first_found() -> tuple[int, Figures]:
    """Return the first round in which the control is found, and what it has seen."""
    for number in range(60):
        figures = do_round(Rounds(plan()), Task(number, (CONTROL, "rust")))
        if figures.findings:
            return number, figures
    raise AssertionError("the control is found in no round")


def test_every_strategy_but_peers_is_compared() -> None:
    assert set(usual_targets(peers=False)) == {n for n in names() if not is_peer(get(n))}
    assert set(usual_targets(peers=True)) == set(names())
    assert plan(*usual_targets(peers=False)).controls == (CONTROL,)


def test_a_round_is_the_same_again_whatever_came_before() -> None:
    rounds = Rounds(plan())
    # One with a tokenizer of its own, one of any expressions, one of texts.
    for number in (0, 5, 8):
        first = [(case.template, case.conversations) for case in rounds.cases(number)]
        again = [(c.template, c.conversations) for c in Rounds(plan()).cases(number)]
        assert first == again
    other = next(Rounds(plan(seed=1)).cases(0))
    assert other != next(Rounds(plan()).cases(0))


def test_strategies_that_make_the_plain_call_take_turns() -> None:
    rounds = Rounds(replace(plan("rust", *PLAIN_CALL), by_turns=PLAIN_CALL))
    left_out = [rounds.counting(number)[1] for number in range(30)]
    assert {len(names) for names in left_out} == {2}
    assert set().union(*left_out) == set(PLAIN_CALL)
    asked = {name for number in range(30) for name in set(PLAIN_CALL) - rounds.counting(number)[1]}
    assert asked == set(PLAIN_CALL)
    assert Rounds(plan()).counting(0)[1] == frozenset()


def test_all_kinds_of_rounds_occur() -> None:
    rounds = Rounds(plan())
    kinds = {type(case.tokenizer).__name__ for n in range(12) for case in rounds.cases(n)}
    assert kinds == {"TokenizerFile", "TokenizerFolder"}


def test_a_round_finds_the_control_and_nothing_else() -> None:
    number, figures = first_found()
    assert {finding.target for finding in figures.findings} == {CONTROL}
    (finding, *_) = figures.findings
    assert finding.row is not None
    assert len(finding.row["text"]) < 30
    assert finding.row["id"] == f"seed-0-round-{number}-spliced-alone"
    assert figures.compared["rust"] == figures.prompts > figures.counted > 0
    again = do_round(Rounds(plan()), Task(number, (CONTROL,), frozenset({CONTROL})))
    assert all(finding.row is None for finding in again.findings)


def test_the_verdict_needs_the_controls_to_be_found() -> None:
    control, real = Finding(CONTROL, 0, "said"), Finding("rust", 1, "said")
    assert verdict(plan(), []) == 2
    assert verdict(plan(), [control]) == 0
    assert verdict(plan(), [control, real]) == verdict(plan(), [real]) == 1
    assert verdict(plan("rust"), []) == 0


def test_a_state_goes_on_with_the_rounds_that_are_not_done(tmp_path: Path) -> None:
    state = new_state(plan())
    for number in (0, 1, 4):
        state.finish(number, Figures(prompts=10, findings=[Finding(CONTROL, number, "said")]))
    state.write(tmp_path / "state.json")
    again = read_state(tmp_path / "state.json")
    assert again == state
    assert again.figures.prompts == 30
    waiting = again.waiting()
    assert [next(waiting) for _ in range(4)] == [2, 3, 5, 6]
    again.finish(2, Figures())
    again.finish(3, Figures())
    assert (again.done, again.rounds) == (5, 5)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 0}'])
def test_a_damaged_state_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError):
        read_state(path)


def test_the_command_does_a_round_and_goes_on(bench: Bench, tmp_path: Path) -> None:
    options = ("fuzz", "--strategies", "rust,spliced", "--out")
    ran = bench(*options, tmp_path, "--round", 2, "--seed", 3, "--json")
    assert ran.code == 0, ran.error
    first = json.loads(ran.out)
    assert (first["seed"], first["rounds"], first["findings"]) == (3, 1, [])
    assert first["compared"]["rust"] == first["prompts"] > 0
    # All that it is told to compare is compared already.
    ran = bench(*options, tmp_path / "round-2", "--prompts", first["prompts"], "--resume")
    assert ran.code == 0, ran.error
    assert f"seed 3: {first['prompts']:,} prompts" in ran.out
    assert "in 1 round and" in ran.out


def test_the_command_refuses_what_is_wrong(bench: Bench, tmp_path: Path) -> None:
    out = "--out", tmp_path
    assert bench("fuzz", "--strategies", "rust", "--peers", *out).code == 3
    assert bench("fuzz", "--seconds", "nan", *out).code == 3
    assert bench("fuzz", "--seconds", "inf", *out).code == 3
    (tmp_path / "empty").mkdir()
    ran = bench("fuzz", "--tokenizer", tmp_path / "empty", *out)
    assert (ran.code, "no tokenizer in this folder" in ran.error) == (3, True)
    (tmp_path / "bad.jinja").write_text("{% for m in %}", encoding="utf-8")
    ran = bench("fuzz", "--template", tmp_path / "bad.jinja", *out)
    assert (ran.code, "bad.jinja" in ran.error) == (3, True)
    (tmp_path / "state.json").write_text("{", encoding="utf-8")
    ran = bench("fuzz", "--resume", *out)
    assert ran.code == 3
    assert "state.json" in ran.error


def test_a_round_alone_need_not_find_the_control(bench: Bench, tmp_path: Path) -> None:
    options = ("fuzz", "--strategies", f"rust,{CONTROL}", "--seed", 3, "--out", tmp_path)
    ran = bench(*options, "--round", 7)
    assert ran.code == 0, ran.out
    assert f"{CONTROL} was not found in this round" in ran.out
    assert "--resume" not in ran.out


def test_a_round_that_ends_its_process_says_who_counted(bench: Bench, tmp_path: Path) -> None:
    target = tmp_path / "dying.py"
    target.write_text(
        "import os, signal\ndef count(tokenizer, text):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ran = bench(
        *("fuzz", "--strategies", "rust", "--target", f"{target}:count"),
        *("--seed", 3, "--round", 7, "--out", tmp_path),
    )
    assert ran.code == 1
    assert "in 1 round and" in ran.out
    said = " ".join(ran.out.split())
    assert f"the process ended (SIGKILL) while {target}:count counted case 1" in said


def test_a_case_that_cannot_be_loaded_is_counted_as_refused(tmp_path: Path) -> None:
    class Written(Rounds):
        def cases(self, number: int) -> Iterator[Case]:
            case = next(super().cases(number))
            # It writes the address of an object.
            yield replace(case, template="{{ {}.items }}")
            yield case

    figures = do_round(Written(plan("rust")), Task(0, ("rust",)))
    assert figures.refused == 1
    assert figures.compared["rust"] == figures.prompts > 0
    state = new_state(plan())
    state.finish(0, figures)
    state.write(tmp_path / "state.json")
    assert read_state(tmp_path / "state.json").figures == figures


def test_no_tokenizer_is_written_on_which_the_library_never_ends() -> None:
    # This seed and this round had one.
    case = next(Rounds(plan(seed=2711)).cases(129))
    assert isinstance(case.tokenizer, TokenizerFile)
    backend = Tokenizer.from_str(json.dumps(case.tokenizer.state))
    assert "  " in case.tokenizer.added
    assert empties_a_token(backend) is None


FOUND = Path(__file__).parent / "data" / "found.json"
"""What searches have found, once mended."""


def test_a_case_that_was_found_stays_mended(strategy_name: str) -> None:
    cases = read_cases(FOUND)
    assert cases, "nothing is checked"
    outcomes = run(target_named(f"strategy:{strategy_name}"), cases)
    assert {outcome.status for outcome in outcomes} <= {"passed", "unavailable"}, outcomes
    assert any(outcome.status == "passed" for outcome in outcomes)


def test_small_cases_are_a_file_of_the_corpus(tmp_path: Path) -> None:
    _, figures = first_found()
    rows = [finding.row for finding in figures.findings if finding.row is not None]
    path = tmp_path / "cases.json"
    path.write_text(file_of(rows, 0), encoding="utf-8")
    jsonschema.validate(json.loads(path.read_text()), json.loads(SCHEMA.read_text()))
    right = run(target_named("strategy:spliced"), read_cases(path))
    wrong = run(target_named(f"strategy:{CONTROL}"), read_cases(path))
    assert {outcome.status for outcome in right} == {"passed"}
    assert {outcome.status for outcome in wrong} == {"wrong"}


def off_by_one(tokenizer: str, text: str) -> int:
    """A cutter that is wrong for texts that begin with a marker."""
    loaded = Tokenizer.from_file(tokenizer)
    return len(loaded.encode(text, add_special_tokens=False)) + text.startswith("<|im_start|>")


def test_a_cutter_of_others_is_compared() -> None:
    target = f"{Path(__file__)}:off_by_one"
    chat = bundled_chat("bpe-chatml", template="{{ messages[-1].content }}")
    texts = of_texts("c", ["Hi", "Hi<|im_start|>", "<|im_start|>Hi"])
    expected = reference_counts([texts], chat)
    found = first_difference(target, [texts], chat, expected, 1)
    assert found is not None
    assert (found.place, found.turn, found.expected) == (0, 2, expected[0][2])
    with pytest.raises(UnavailableError):
        first_difference(target, [texts], bundled_chat("sentencepiece"), expected, 1)


def test_seeds_of_the_coverage_guided_targets_are_written(tmp_path: Path) -> None:
    assert write_seeds(tmp_path) > 100
    for path in (tmp_path / "tokenizers").iterdir():
        Tokenizer.from_file(str(path))
    trees = [json.loads(path.read_text()) for path in (tmp_path / "trees").iterdir()]
    assert {tree["_"] for tree in trees} == {"Template"}
