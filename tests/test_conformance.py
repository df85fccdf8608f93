"""The conformance corpus holds what the library says, and the runner tells right from wrong."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from bench.conformance.asking import Answer, answer_of
from bench.conformance.build import MODELS, NORMALIZERS, POST_PROCESSORS, PRE_TOKENIZERS
from bench.conformance.corpus import (
    FOLDER,
    LIBRARIES,
    SCHEMA,
    Case,
    Expected,
    chosen_cases,
    corpus_cases,
    corpus_files,
    digest,
    expected_of,
    read_cases,
    whole_text,
)
from bench.conformance.make import encoded, remade, spans_alone
from bench.conformance.prompts import prompt_of
from bench.conformance.report import SCHEMA_PATH
from bench.conformance.runner import Outcome, exit_code, judged, run
from bench.conformance.targets import Function, StrategyTarget, target_named
from bench.cutting.subject import subject_of_backend
from bench.cutting.ways import WAYS
from strategies import InputError
from tests.conftest import Bench

CASES = corpus_cases()
SUBJECTS = [path.stem for path in corpus_files()]
PUBLISHED = {
    "dynamo#12846",
    "fastokens#67",
    "sglang#11688",
    "sglang#17189",
    "smg#1637",
    "smg#1680",
}


def rows(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text(encoding="utf-8"))["cases"])


# --- the corpus -------------------------------------------------------------------------


def test_the_corpus_is_there() -> None:
    assert len(CASES) >= 400
    assert len(SUBJECTS) >= 16
    assert min(Counter(case.subject for case in CASES).values()) >= 10
    assert Counter(case.alone for case in CASES)["wrong"] >= 90
    assert any(case.expected is None for case in CASES)


def test_no_case_is_there_twice() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    asked = Counter(
        json.dumps([case.tokenizer, case.text, case.add_special_tokens, case.conversation])
        + repr(case.after)
        for case in CASES
    )
    assert [question for question, times in asked.items() if times > 1] == []


@pytest.mark.parametrize("path", corpus_files(), ids=lambda path: path.stem)
def test_every_file_fits_the_schema(path: Path) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), schema)


@pytest.mark.parametrize("path", corpus_files(), ids=lambda path: path.stem)
def test_the_library_says_the_same_again(path: Path) -> None:
    """Also the prompts of conversations, and whether spans alone are exact."""
    written = path.read_text(encoding="utf-8")
    again = json.loads(remade(path))
    # Another version may be installed; what it says is the same.
    again["versions"] = json.loads(written)["versions"]
    for row, new in zip(rows(path), again["cases"], strict=True):
        assert new == row, row["id"]


def test_files_are_written_as_the_maker_writes_them() -> None:
    from bench.conformance.make import written

    for path in corpus_files():
        text = path.read_text(encoding="utf-8")
        assert text.isascii()
        assert written(json.loads(text)) == text


def test_a_description_gives_the_same_tokenizer_in_every_process() -> None:
    program = (
        "from bench.conformance.corpus import chosen_cases, digest\n"
        "print(digest([ord(c) for case in chosen_cases(['models', 'numbers'])"
        " for c in case.made_tokenizer().to_str()]))"
    )
    printed = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(printed) == 1


def test_every_part_of_a_description_is_used() -> None:
    def used(part: str, default: str | None = None) -> set[str]:
        return {str(case.tokenizer.get(part, default)) for case in CASES}

    assert used("model") == {*MODELS, "None"} - {"bytes", "characters"}
    assert used("pre_tokenizer", "byte-level") == {*PRE_TOKENIZERS, "none"}
    assert used("normalizer") == {*NORMALIZERS, "None"}
    assert used("post_processor") == {*POST_PROCESSORS, "None"}
    flags = {flag for case in CASES for each in case.tokenizer.get("markers", ()) for flag in each}
    assert flags == {"content", "lstrip", "rstrip", "single_word", "normalized", "special"}


def test_every_published_bug_has_a_case() -> None:
    assert {bug for case in CASES for bug in case.shows} == PUBLISHED


def test_every_white_space_character_has_a_case() -> None:
    texts = "".join(case.text for case in chosen_cases(["white_space"]))
    spaces = {
        chr(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in {"Zs", "Zl", "Zp"}
    }
    assert len(spaces) == 19
    assert spaces | set("\t\n\v\f\r\x85") <= set(texts)


def test_surrogates_are_refused_and_written_as_escapes() -> None:
    refused = [case for case in chosen_cases(["surrogates"]) if case.expected is None]
    assert len(refused) == 8
    for case in refused:
        with pytest.raises(UnicodeEncodeError):
            case.text.encode()


def test_a_case_can_bring_a_whole_tokenizer_file(tmp_path: Path) -> None:
    case = chosen_cases(["flags::rstrip-then-space"])[0]
    row = {
        "id": "found",
        "about": "made by a search",
        "tokenizer": {"file": json.loads(case.made_tokenizer().to_str())},
        "text": case.text,
    }
    path = tmp_path / "found.json"
    path.write_text(json.dumps({"about": "found", "versions": {}, "cases": [row]}))
    path.write_text(remade(path))
    jsonschema.validate(json.loads(path.read_text()), json.loads(SCHEMA.read_text()))
    (read,) = read_cases(path)
    assert read.expected == case.expected
    assert read.alone == "wrong"


def test_long_texts_are_compact() -> None:
    long = chosen_cases(["spans::long-prompt"])[0]
    assert len(long.text) > 90_000
    assert long.expected is not None
    assert long.expected.ids is None
    assert max(path.stat().st_size for path in corpus_files()) < 50_000
    assert whole_text([["ab", 2], ["c", 1]]) == "ababc"  # type: ignore[list-item]


def test_patterns_choose_cases() -> None:
    assert chosen_cases(["flags"]) == chosen_cases(["flags::*"])
    assert [case.id for case in chosen_cases(["*::laguna"])] == ["content::laguna"]
    assert chosen_cases(["no-such-subject"]) == ()
    assert chosen_cases([]) == CASES


# --- what the corpus tells apart --------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "subject"),
    # `auto` hands its work to one of the others. One subject shows that.
    [*itertools.product(("rust", "spliced"), SUBJECTS), ("auto", "models")],
)
def test_exact_strategies_pass(strategy: str, subject: str) -> None:
    outcomes = run(StrategyTarget(strategy), chosen_cases([subject]))
    assert [each for each in outcomes if each.status in {"wrong", "failed"}] == []
    assert sum(each.status == "passed" for each in outcomes) >= len(outcomes) // 2


def test_the_control_fails_where_spans_alone_have_another_count() -> None:
    def differs(case: Case) -> bool:
        tokenizer = case.made_tokenizer()
        alone = spans_alone(tokenizer, case.text, add_special_tokens=False)
        return alone is not None and len(alone) != len(encoded(tokenizer, case.text) or ())

    cases = chosen_cases(["splicing", "prepend", "content", "models", "line_ends"])
    outcomes = run(StrategyTarget("spliced-alone"), cases)
    wrong = {each.case.id for each in outcomes if each.status == "wrong"}
    assert wrong == {case.id for case in cases if differs(case) and not case.add_special_tokens}
    assert wrong <= {case.id for case in cases if case.alone == "wrong"}
    assert len(wrong) > 20


NAMED = {
    "spans alone": "flags::phi-3",
    "default call": "post_processors::bos-not-asked-for",
    "listed order": "overlap::laguna-eos",
    "line ends": "overlap::line-ends",
}


@pytest.mark.parametrize("way", WAYS)
def test_every_wrong_way_of_cutting_is_caught(way: str) -> None:
    def cut(path: str, text: str) -> list[int]:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(path)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return WAYS[way].encode(subject_of_backend("case", tokenizer), text)

    cases = [case for case in CASES if case.subject not in {"content", "caches", "spans"}]
    outcomes = run(Function(way, cut), cases)
    wrong = {each.case.id for each in outcomes if each.status in {"wrong", "failed"}}
    if way == "between markers":
        # It is exact, except that it trusts the post-processor to keep the text once.
        assert wrong == {"post_processors::twice"}
    else:
        assert NAMED[way] in wrong
        assert len(wrong) >= 10


# --- judging ----------------------------------------------------------------------------

ONE = chosen_cases(["splicing::nothing-but-a-marker"])[0]
REFUSED = chosen_cases(["surrogates::lone-high"])[0]


@pytest.mark.parametrize(
    ("case", "answer", "status", "said"),
    [
        (ONE, Answer(count=1), "passed", ""),
        (ONE, Answer(count=2), "wrong", "counted 2, not 1"),
        (ONE, Answer(count=1, ids=(7,)), "wrong", "as many tokens, but other ids"),
        (ONE, Answer(error="no"), "failed", "refused: no"),
        (ONE, Answer(failed="ended"), "failed", "ended"),
        (ONE, Answer(unavailable="too old"), "unavailable", "too old"),
        (ONE, Answer(failed="two\nlines \x1b[2J"), "failed", r"two lines \x1b[2J"),
        (REFUSED, Answer(error="no text"), "passed", ""),
        (REFUSED, Answer(count=3), "wrong", "counted 3, but the text must be refused"),
        (REFUSED, Answer(failed="ended"), "failed", "ended"),
    ],
)
def test_an_answer_is_judged(case: Case, answer: Answer, status: str, said: str) -> None:
    outcome = judged(case, answer)
    assert (outcome.status, outcome.said) == (status, said)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([Answer(count=1)], 0),
        ([Answer(count=1), Answer(unavailable="no")], 0),
        ([Answer(unavailable="no"), Answer(count=2)], 1),
        ([Answer(count=1), Answer(failed="ended")], 1),
        ([Answer(error="no"), Answer(error="no")], 1),
        ([Answer(unavailable="no")], 2),
        ([Answer(unavailable="no"), Answer(failed="ended")], 2),
    ],
)
def test_exit_codes(answers: Sequence[Answer], code: int) -> None:
    assert exit_code([judged(ONE, answer) for answer in answers]) == code


def test_ids_are_compared_by_digest() -> None:
    ids = list(range(1000))
    expected = expected_of(ids)
    assert expected == Expected(1000, None, digest(ids))
    assert expected.is_equal(ids)
    assert not expected.is_equal([*ids[:-1], 0])


@pytest.mark.parametrize(
    ("returned", "answer"),
    [
        (3, Answer(count=3)),
        ([1, 2], Answer(count=2, ids=(1, 2))),
        ((), Answer(count=0, ids=())),
        (range(2), Answer(count=2, ids=(0, 1))),
    ],
)
def test_what_a_function_may_return(returned: object, answer: Answer) -> None:
    assert answer_of(returned) == answer


def test_numbers_of_numpy_are_numbers() -> None:
    import numpy as np

    assert answer_of(np.int64(3)) == Answer(count=3)
    assert answer_of(np.array([1, 2])) == Answer(count=2, ids=(1, 2))


@pytest.mark.parametrize("returned", [None, "12", 3.0, True, -1, {"ids": [1]}, [1.5], b"12"])
def test_what_a_function_may_not_return(returned: object) -> None:
    assert answer_of(returned).failed is not None


# --- functions --------------------------------------------------------------------------


def asked(call: Callable[..., object], *patterns: str) -> list[Outcome]:
    return run(Function("call", call), chosen_cases(patterns))


def test_a_function_that_takes_no_flag_is_not_asked_for_it() -> None:
    cases = ["post_processors::bos-asked-for", "flags::split-special-tokens"]
    outcomes = asked(lambda path, text: 0, *cases)  # noqa: ARG005  # it need not look
    assert {each.status for each in outcomes} == {"unavailable"}
    assert {each.said for each in outcomes} == {
        "it takes no add_special_tokens",
        "it takes no split_special_tokens",
    }


def test_a_function_is_given_the_texts_before_a_case() -> None:
    seen = []

    def call(path: str, text: str, *, add_special_tokens: bool) -> int:
        assert Path(path).name == "tokenizer.json"
        seen.append((text, add_special_tokens))
        return 0

    asked(call, "caches::same-text-other-flag")
    (first, second) = seen
    assert first[0] == second[0]
    assert (first[1], second[1]) == (True, False)


def test_what_a_function_raises_refuses_the_text() -> None:
    def call(path: str, text: str) -> int:  # noqa: ARG001  # it refuses all of them
        raise ValueError("no\nsuch text")

    outcomes = asked(call, "surrogates::lone-high", ONE.id)
    assert [(each.status, each.said) for each in outcomes] == [
        ("failed", "refused: ValueError: no such text"),
        ("passed", ""),
    ]


def test_a_panic_of_a_library_refuses_the_text() -> None:
    class PanicException(BaseException):
        pass

    PanicException.__module__ = "pyo3_runtime"

    def call(*_: str) -> int:
        raise PanicException("index out of bounds")

    (outcome,) = asked(call, ONE.id)
    assert outcome.said == "refused: PanicException: index out of bounds"


def test_an_interruption_ends_the_run() -> None:
    def call(*_: str) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(call, ONE.id)


def test_a_function_can_say_that_it_does_not_do_a_tokenizer() -> None:
    def call(path: str, text: str) -> int:  # it does none
        raise NotImplementedError("no Unigram")

    outcomes = asked(call, "models::unigram-*")
    assert {(each.status, each.said) for each in outcomes} == {("unavailable", "no Unigram")}


# --- targets by name --------------------------------------------------------------------


def test_a_file_is_a_target(tmp_path: Path) -> None:
    path = tmp_path / "own_cutter.py"
    path.write_text("def count(path, text):\n    return 1\n")
    outcomes = run(target_named(f"{path}:count"), [ONE])
    assert [each.status for each in outcomes] == ["passed"]


def test_a_target_that_ends_the_program_does_not_end_the_command(tmp_path: Path) -> None:
    path = tmp_path / "ends.py"
    path.write_text("def count(path, text):\n    raise SystemExit(0)\n")
    (outcome,) = run(target_named(f"{path}:count"), [ONE])
    assert (outcome.status, outcome.said) == ("failed", "refused: SystemExit: 0")
    path.write_text("raise SystemExit(0)\n")
    with pytest.raises(InputError, match="SystemExit"):
        target_named(f"{path}:count")


def test_a_module_is_a_target() -> None:
    (outcome,) = run(target_named("tests.test_conformance:rows_of"), [ONE])
    assert outcome.said == "counted 0, not 1"


def rows_of(path: str, text: str) -> int:  # noqa: ARG001  # the shape of a target
    return 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing", "neither module:function"),
        ("no_such_module:count", "ModuleNotFoundError"),
        ("json:no_such_function", "AttributeError"),
        ("no_such_file.py:count", "there is no file no_such_file.py"),
        ("sys:maxsize", "is no function"),
        (":", "neither module:function"),
        ("json:", "neither module:function"),
    ],
)
def test_a_target_that_is_not_there_is_named(name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        target_named(name)


# --- commands ---------------------------------------------------------------------------

ANSWERS = """
import json, os, sys, time
from tokenizers import Tokenizer
for line in sys.stdin:
    question = json.loads(line)
    tokenizer = Tokenizer.from_file(question["tokenizer"])
    {each}
    try:
        ids = tokenizer.encode(question["text"], add_special_tokens=False).ids
        answer = {{"ids": ids}}
    except Exception as error:
        answer = {{"error": str(error)}}
    print(json.dumps({{"id": question["id"], **answer}}), flush=True)
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], str]:
    """Write a program, and return the command that runs it."""

    def written(text: str) -> str:
        path = tmp_path / "program with a blank.py"
        path.write_text(text)
        return f"'{sys.executable}' '{path}'"

    return written


def answering(each: str = "") -> str:
    return ANSWERS.format(each=each)


def commanded(line: str, *patterns: str, timeout: float = 30.0) -> list[Outcome]:
    return run(target_named(f"command:{line}", timeout), chosen_cases(patterns))


def test_a_command_that_is_right_passes(program: Callable[[str], str]) -> None:
    outcomes = commanded(program(answering()), "overlap", "surrogates", "spans")
    assert {each.status for each in outcomes} == {"passed"}


def test_a_crash_counts_against_its_case_alone(program: Callable[[str], str]) -> None:
    crash = "if 'laguna-eos' in question['id']: sys.exit('out of\\nluck')"
    outcomes = commanded(program(answering(crash)), "overlap::la*", "overlap::lo*")
    assert {each.case.id: each.said for each in outcomes if each.status != "passed"} == {
        "overlap::laguna-eos": "ended without an answer (exit code 1): luck"
    }


def test_a_signal_is_named(program: Callable[[str], str]) -> None:
    crash = "os.kill(os.getpid(), 11)"
    (outcome,) = commanded(program(answering(crash)), ONE.id)
    assert outcome.said == "ended without an answer (SIGSEGV)"


def test_a_command_that_hangs_is_ended(program: Callable[[str], str]) -> None:
    hang = "if 'laguna-eos' in question['id']: time.sleep(600)"
    outcomes = commanded(program(answering(hang)), "overlap::la*", timeout=2.0)
    assert {each.case.name: each.said for each in outcomes if each.status != "passed"} == {
        "laguna-eos": "gave no answer for 2 seconds"
    }


def test_a_command_that_always_fails_is_given_up(program: Callable[[str], str]) -> None:
    outcomes = commanded(program("raise SystemExit(3)"), "overlap")
    said = Counter(each.said for each in outcomes)
    assert said["ended without an answer (exit code 3)"] == 5
    assert said["not asked: 5 processes in a row had given no answer"] == len(outcomes) - 5
    assert exit_code(outcomes) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("loading…", "wrote a line that is no JSON: 'loading"),
        ("[1, 2]", "wrote a line that is no JSON object: '[1, 2]'"),
        ('{"id": "another", "count": 1}', "wrote an answer to nothing that it was asked: "),
        ("[" * 100_000, "wrote a line that is no JSON"),
        (
            '{"id": ID}',
            "answered without count, ids, unavailable or error",
        ),
        ('{"id": ID, "count": "1"}', "answered without count"),
        ('{"id": ID, "count": true}', "answered without count"),
        ('{"id": ID, "count": -1}', "-1 is no count"),
        ('{"id": ID, "count": NaN}', "answered without count"),
        (
            '{"id": ID, "ids": [1.0]}',
            "its ids are no list of whole numbers",
        ),
        (
            '{"id": ID, "ids": [1], "count": 2}',
            "its count is 2, but it gives 1",
        ),
    ],
)
def test_nonsense_is_told(line: str, said: str, program: Callable[[str], str]) -> None:
    line = line.replace("ID", json.dumps(ONE.id))
    (outcome,) = commanded(program(f"print({line!r})"), ONE.id)
    assert outcome.status == "failed"
    assert outcome.said.startswith(said)
    assert len(outcome.said) < 200


@pytest.mark.parametrize("end", ["\\n", ""])
def test_too_much_is_cut_off(end: str, program: Callable[[str], str]) -> None:
    text = f"import sys\nwhile True: sys.stdout.write('x' * 999_999 + '{end}')"
    (outcome,) = commanded(program(text), ONE.id)
    assert outcome.status == "failed"
    assert outcome.said.startswith("wrote a line ")


@pytest.mark.parametrize("drip", ["sys.stdout.write('\\n')", "sys.stderr.write('x' * 9999)"])
def test_noise_is_no_answer(drip: str, program: Callable[[str], str]) -> None:
    text = f"import sys, time\nwhile True: {drip}; time.sleep(0.01)"
    (outcome,) = commanded(program(text), ONE.id, timeout=1.0)
    assert outcome.said == "gave no answer for 1 seconds"


def test_a_last_line_without_an_end_is_an_answer(program: Callable[[str], str]) -> None:
    text = f"""import sys\nsys.stdout.write('{{"id": "{ONE.id}", "count": 1}}')"""
    (outcome,) = commanded(program(text), ONE.id)
    assert outcome.status == "passed"


def test_an_error_without_an_id_is_that_of_the_only_text(program: Callable[[str], str]) -> None:
    outcomes = commanded(program("""print('{"error": "bad line"}')"""), "surrogates::lone-*")
    assert {each.status for each in outcomes} == {"passed"}


@pytest.mark.parametrize("session", ["", ", start_new_session=True"])
def test_no_process_is_left(session: str, program: Callable[[str], str], tmp_path: Path) -> None:
    marker = f"sleep-of-{tmp_path.name}"
    child = ["import time; time.sleep(600)", marker]
    text = (
        "import subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', *{child!r}]{session})\n"
        f"""print('{{"id": "{ONE.id}", "count": 1}}')\n"""
        "import time; time.sleep(600)"
    )
    (outcome,) = commanded(program(text), ONE.id)
    assert outcome.status == "passed"
    words = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not any(marker in line for line in words)


# --- the command line -------------------------------------------------------------------


def test_the_table_fits_eighty_columns(bench: Bench) -> None:
    done = bench("conformance", "--strategy", "spliced-alone", "--cases", "flags")
    assert done.code == 1
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split() == ["flags", "61", "33", "28", "0", "0"] for line in lines)
    assert "flags::phi-3: counted 15, not 9" in lines
    assert lines[-1].strip() == "spliced-alone: 28 of 61 cases wrong or failed"


def test_published_bugs_are_named(bench: Bench, program: Callable[[str], str]) -> None:
    one = """import json, sys
for line in sys.stdin: print(json.dumps({"id": json.loads(line)["id"], "count": 7}))"""
    done = bench("conformance", "--command", program(one), "--cases", "overlap::laguna-eos")
    assert done.code == 1
    assert "the end token contains two shorter ones (dynamo#12846)" in done.out


def test_json_fits_its_schema(bench: Bench) -> None:
    done = bench("conformance", "--strategy", "spliced-alone", "--cases", "splicing", "--json")
    assert done.code == 1
    document = json.loads(done.out)
    jsonschema.validate(document, json.loads(SCHEMA_PATH.read_text(encoding="utf-8")))
    assert document["summary"] == {
        "cases": 29,
        "passed": 21,
        "wrong": 8,
        "failed": 0,
        "unavailable": 0,
    }
    assert document["status"] == "wrong"
    assert set(document["made_with"]) == set(LIBRARIES)


def test_all_right_is_exit_code_0(bench: Bench) -> None:
    done = bench("conformance", "--strategy", "rust", "--cases", "overlap")
    assert done.code == 0
    assert done.out.splitlines()[-1].strip() == "rust: all of 29 cases right"


def test_nothing_answered_is_exit_code_2(bench: Bench) -> None:
    done = bench("conformance", "--strategy", "rust", "--cases", "post_processors::*-asked-for")
    assert done.code == 0
    done = bench("conformance", "--strategy", "rust", "--cases", "post_processors::bos-asked-for")
    assert done.code == 2
    assert "rust: inconclusive, as it answered none of 1 case" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give one of --command, --target and --strategy"),
        (["--strategy", "rust", "--command", "cat"], "give one of"),
        (["--strategy", "no-such"], "unknown strategy 'no-such'"),
        (["--strategy", "rust", "--cases", "nothing"], "fits no case of the corpus"),
        (["--command", "no-such-command"], "cannot be started: no-such-command: No such file"),
        (["--command", "'"], "cannot be read: No closing quotation"),
        (["--command", " "], "is empty"),
        (["--target", "nothing"], "neither module:function"),
        (["--strategy", "rust", "--timeout", "0"], "--timeout"),
    ],
)
def test_bad_usage_is_one_line(arguments: list[str], said: str, bench: Bench) -> None:
    done = bench("conformance", *arguments)
    assert done.code == 3
    assert done.out == ""
    assert len(done.error.splitlines()) == 1
    assert said in done.error


def test_prompts_of_conversations_are_rendered() -> None:
    (case,) = chosen_cases(["content::reasoning-dropped"])
    assert case.conversation is not None
    assert prompt_of(case.tokenizer, case.conversation) == case.text
    assert "long thoughts" not in case.text


def test_the_corpus_is_beside_its_schema() -> None:
    assert FOLDER.is_dir()
    assert SCHEMA.exists()
