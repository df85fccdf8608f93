"""`bench compare` checks every count, does not rank wrong ones, and writes a valid report."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench.bundled import tokenizer_path
from bench.measuring.subset import conversations_within
from bench.reporting.plots import COMPARISON_PLOTS, picture_names
from bench.reporting.report import SCHEMA_PATH
from bench.reporting.words import listed
from bench.samples import sample_bytes
from strategies import (
    Conversation,
    count_turns,
    get,
    is_control,
    load_chat,
    names,
    read_conversations,
)
from tests.conftest import BENCH, bundled_chat, plain_counts

PICTURES = [name for plot in COMPARISON_PLOTS for name in picture_names(plot)]
WRITTEN = ["report.json", "report.md", *PICTURES]

PLUGIN = """
import os
from contextlib import contextmanager

import strategies


class _Counter:
    def __init__(self, counter, change):
        self.counter, self.change = counter, change

    def count(self, conversations, *, progress=None, on_error="raise"):
        counts = self.counter.count(conversations, progress=progress, on_error=on_error)
        return self.change(counts)


class _Changed:
    summary = "the spliced counts, changed"

    def __init__(self, name, change):
        self.name, self.change = name, change

    def availability(self, chat):
        return None

    @contextmanager
    def open(self, chat, *, workers):
        with strategies.get("spliced").open(chat, workers=workers) as counter:
            yield _Counter(counter, self.change)


def _one_more(counts):
    counts[-1][-1] += 1
    return counts


def _dies(counts):
    import os, signal

    os.kill(os.getpid(), signal.SIGKILL)


def _raises(counts):
    raise RuntimeError("it broke\\nin two lines")


class _PlainCounter:
    # It follows the minimal contract and cannot skip.

    def __init__(self, counter):
        self.counter = counter

    def count(self, conversations, *, progress=None):
        return self.counter.count(conversations, progress=progress)


class _Plain(_Changed):
    @contextmanager
    def open(self, chat, *, workers):
        with strategies.get("spliced").open(chat, workers=workers) as counter:
            yield _PlainCounter(counter)


class _Placed(_Changed):
    # Says where it runs, in its note and in its parts.

    @contextmanager
    def open(self, chat, *, workers):
        with strategies.get("spliced").open(chat, workers=workers) as counter:
            counter = _Counter(counter, lambda counts: counts)
            cores = len(os.sched_getaffinity(0))
            counter.note = f"{cores} cores, {workers} workers, {os.environ['RAYON_NUM_THREADS']}"
            counter.parts = {"cores": cores}
            yield counter


class Made(_Changed):
    # As a class, which is called to make the strategy.

    def __init__(self):
        super().__init__("made-plugin", lambda counts: counts)


class _Unsure(_Changed):
    def availability(self, chat):
        raise RuntimeError("cannot say")


class Lacking:
    # No summary, and nothing to open.
    name = "lacking-plugin"


class _Late(_Changed):
    @contextmanager
    def open(self, chat, *, workers):
        raise strategies.UnavailableError("seen only now")
        yield


late = _Late("late-plugin", None)
placed = _Placed("placed-plugin", None)
unsure = _Unsure("unsure-plugin", None)
plain = _Plain("plain-plugin", None)
exact = _Changed("exact-plugin", lambda counts: counts)
wrong = _Changed("wrong-plugin", _one_more)
short = _Changed("short-plugin", lambda counts: counts[:-1])
dies = _Changed("dying-plugin", _dies)
raises = _Changed("raising-plugin", _raises)
"""
ENTRY_POINTS = """[isl_bench.strategies]
late-plugin = isl_bench_test_plugin:late
placed-plugin = isl_bench_test_plugin:placed
made-plugin = isl_bench_test_plugin:Made
unsure-plugin = isl_bench_test_plugin:unsure
lacking-plugin = isl_bench_test_plugin:Lacking
spliced = isl_bench_test_plugin:wrong
plain-plugin = isl_bench_test_plugin:plain
exact-plugin = isl_bench_test_plugin:exact
wrong-plugin = isl_bench_test_plugin:wrong
short-plugin = isl_bench_test_plugin:short
dying-plugin = isl_bench_test_plugin:dies
raising-plugin = isl_bench_test_plugin:raises
broken-plugin = isl_bench_test_plugin:nothing_there
"""


@pytest.fixture(scope="module")
def with_plugin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python in which a package of strategies is installed."""
    folder = tmp_path_factory.mktemp("plugin")
    name = "isl_bench_test_plugin-1.0"
    wheel = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("isl_bench_test_plugin.py", PLUGIN)
        archive.writestr(f"{name}.dist-info/entry_points.txt", ENTRY_POINTS)
        archive.writestr(
            f"{name}.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: isl_bench_test_plugin\nVersion: 1.0\n",
        )
        archive.writestr(
            f"{name}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{name}.dist-info/RECORD", "")
    target = folder / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True)
    return {**os.environ, "PYTHONPATH": str(target)}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "chats.jsonl"
    path.write_bytes(sample_bytes("small", shapes=["short-chat", "multilingual"]))
    return path


def run(
    *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BENCH, *arguments],
        capture_output=True,
        text=True,
        check=False,
        # Whatever terminal the tests run in.
        env={**(os.environ if environment is None else environment), "COLUMNS": "80"},
    )


def told(error: str) -> list[str]:
    """Return the lines of standard error, without how long it will take on a slow machine."""
    return [line for line in error.splitlines() if not line.startswith("takes about ")]


def compared(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {result["strategy"]: result for result in report["results"]}


def validate(report: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(
        report
    )


@pytest.fixture(scope="module")
def outcome(
    dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """One comparison with everything in it. Several tests read its results."""
    out = tmp_path_factory.mktemp("compare") / "new" / "folder"
    tokenizers = [str(tokenizer_path(name)) for name in ("sp-bpe", "sentencepiece")]
    done = run(
        *("compare", str(dataset), "--tokenizer", tokenizers[0], "--tokenizer", tokenizers[1]),
        *("--cores", "1,1", "--workers", "1,2,1", "--rounds", "2", "--out", str(out)),
        *("--strategies", "batched,spliced,auto,spliced-alone", "--seed", "7"),
    )
    return done, out


def test_the_report_is_valid_and_complete(
    outcome: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, out = outcome
    assert told(done.stderr) == []
    assert done.returncode == 0
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    validate(report)
    settings = {(r["tokenizer"], r["cores"], r["workers"]) for r in report["results"]}
    assert settings == {(t, 1, w) for t in ("sp-bpe", "sentencepiece") for w in (1, 2)}
    assert len(report["results"]) == 4 * 5
    assert {group["rounds"] for group in report["groups"]} == {2}
    assert not any(group["subset"] for group in report["groups"])


def test_the_report_says_what_was_counted_and_timed(
    outcome: tuple[subprocess.CompletedProcess[str], Path], dataset: Path
) -> None:
    report = json.loads((outcome[1] / "report.json").read_text(encoding="utf-8"))
    data = read_conversations(dataset)
    assert report["seed"] == 7
    assert report["dataset"]["sha256"] == hashlib.sha256(dataset.read_bytes()).hexdigest()
    assert report["dataset"]["turns"] == count_turns(data)
    tokens = {}
    for entry in report["tokenizers"]:
        name = entry["tokenizer"]
        chat = bundled_chat(name)
        counts = [isl for turns in plain_counts(chat, data) for isl in turns]
        prompts = [prompt or "" for c in data for _, prompt in chat.prompts(c)]
        tokens[name] = sum(isl or 0 for isl in counts)
        assert entry["tokens"] == tokens[name]
        assert entry["skipped_turns"] == 0
        assert entry["rendered_bytes"] == sum(len(prompt.encode()) for prompt in prompts)
        assert entry["amplification"] > 1
    for group in report["groups"]:
        assert group["timed_turns"] == count_turns(data)
        # Two runs never take exactly the same time.
        assert len(set(group["noise_floor"].values())) > 1
    for result in report["results"]:
        assert result["turns"] == count_turns(data)
        assert (result["verdict"] is None) == (result["speedup"] is None)
        if result["status"] == "unavailable":
            continue
        speed, seconds = result["turns_per_second"], result["seconds"]["median"]
        assert speed == pytest.approx(count_turns(data) / seconds)
        share = result["tokens_per_second"] / speed
        assert share == pytest.approx(tokens[result["tokenizer"]] / count_turns(data))
        # Python with the libraries loaded takes more than that.
        assert result["peak_rss_bytes"] > 50 << 20
        parts = {"batched": 2, "spliced": 3, "spliced-alone": 3}
        if result["strategy"] != "auto":
            assert len(result["parts"]) == parts.get(result["strategy"], 0)


def test_rows_are_ranked_and_the_noise_floor_stands_under_its_strategy(
    outcome: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, out = outcome
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    markdown = (out / "report.md").read_text(encoding="utf-8")
    sections = markdown.split("\n## ")[1:]
    assert len(sections) == len(report["groups"]) == 4
    for section, group in zip(sections, report["groups"], strict=True):
        rows = [line.strip("| ").split(" | ") for line in section.splitlines() if "| " in line]
        names = [row[0] for row in rows[1:]]
        again = names.index("sequential (again)")
        assert names[again - 1] == "sequential"
        assert names.count("sequential (again)") == 1
        setting = ("tokenizer", "cores", "workers")
        results = {
            result["strategy"]: result
            for result in report["results"]
            if all(result[key] == group[key] for key in setting)
        }
        ranked = [name for name in names if name in results and results[name]["speedup"]]
        speedups = [results[name]["speedup"]["median"] for name in ranked]
        assert speedups == sorted(speedups, reverse=True)
        assert names[-1] in {"spliced-alone *", "batched"}
        floor = group["noise_floor"]
        shown = f"{floor['median']:.2f} [{floor['low']:.2f}, {floor['high']:.2f}]"
        assert rows[1 + again][3] == shown
        assert f"noise floor {floor['low']:.2f} to {floor['high']:.2f}" in section
        (row,) = [row for row in rows if row[0] == "spliced-alone *"]
        assert row[3] == "not ranked"
        # A quick run may have too few rounds for advice.
        used = {"use ", "keep "} if group["recommended"] else {"inconclusive: "}
        assert any(word + "".join(group["recommended"]) in section for word in used)
        for name in ranked:
            (row,) = [row for row in rows if row[0] == name]
            if name != "sequential":
                assert row[3].endswith(" ?") == (results[name]["verdict"] == "inconclusive")
            # On a machine that does not tell the shared memory, the other number is shown.
            size = results[name]["peak_pss_bytes"] or results[name]["peak_rss_bytes"]
            assert row[-1] == f"{size / 1e6:,.0f}"
    for said in ("batched: it has no tokenizers backend", "auto: picked "):
        assert said in markdown
        assert said in done.stdout


def test_the_schema_refuses_a_wrong_result_with_a_speedup(
    outcome: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    report = json.loads((outcome[1] / "report.json").read_text(encoding="utf-8"))
    result = next(r for r in report["results"] if r["status"] == "wrong")
    result["speedup"] = {"median": 9.0, "low": 8.0, "high": 10.0}
    with pytest.raises(jsonschema.ValidationError):
        validate(report)


def test_the_control_is_wrong_where_it_is_wrong_and_never_ranked(
    outcome: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    report = json.loads((outcome[1] / "report.json").read_text(encoding="utf-8"))
    controls = [r for r in report["results"] if r["control"]]
    assert {r["tokenizer"]: r["status"] for r in controls} == {
        "sp-bpe": "wrong",
        "sentencepiece": "ok",
    }
    assert all(r["speedup"] is None and r["seconds"] is not None for r in controls)
    assert all("spliced-alone" not in g["recommended"] for g in report["groups"])
    wrong = next(r for r in controls if r["status"] == "wrong")
    assert wrong["reason"].startswith("conversation '")
    assert f"(and {wrong['mismatches'] - 1} more)" in wrong["reason"]


def test_unavailable_is_a_status_with_a_reason(
    outcome: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    report = json.loads((outcome[1] / "report.json").read_text(encoding="utf-8"))
    batched = [r for r in report["results"] if r["strategy"] == "batched"]
    assert {r["tokenizer"]: r["status"] for r in batched} == {
        "sp-bpe": "ok",
        "sentencepiece": "unavailable",
    }


def test_the_tables_name_everything_and_can_be_shown_again(
    outcome: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, out = outcome
    # `bench show` prints the same again, except the line about files.
    *printed, closing = done.stdout.splitlines(keepends=True)
    assert run("show", str(out / "report.json")).stdout == "".join(printed)
    assert closing == f"wrote {listed(WRITTEN)} to {out}\n"
    for text in (
        "sequential (again)",
        "spliced-alone *",
        "NO: ",
        "noise floor",
        "2 workers",
    ):
        assert text in done.stdout
    markdown = (out / "report.md").read_text(encoding="utf-8")
    assert markdown.count("## ") == 4
    assert "| spliced |" in markdown


def test_the_plots_are_pictures(outcome: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    assert {path.name for path in outcome[1].iterdir()} == set(WRITTEN)
    for name in COMPARISON_PLOTS:
        assert (outcome[1] / name).read_bytes().startswith(b"\x89PNG")


def test_everything_is_written_again_from_the_file(
    outcome: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    first = outcome[1]
    done = run("show", str(first / "report.json"), "--out", str(tmp_path), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads((first / "report.json").read_bytes())
    again = [name for name in WRITTEN if name != "report.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(again)
    for name in again:
        assert (tmp_path / name).read_bytes() == (first / name).read_bytes()


def test_a_plugin_is_listed_like_ours(with_plugin: dict[str, str]) -> None:
    listed = json.loads(run("strategies", "--json", environment=with_plugin).stdout)
    rows = {row["name"]: row for row in listed}
    assert rows["exact-plugin"]["summary"] == "the spliced counts, changed"
    assert not rows["broken-plugin"]["available"]
    assert "isl_bench_test_plugin cannot be loaded" in rows["broken-plugin"]["reason"]
    assert rows["made-plugin"]["available"]
    assert "lacks name, summary, availability or open" in rows["lacking-plugin"]["reason"]
    # A package cannot replace a built-in strategy.
    assert [row["name"] for row in listed].count("spliced") == 1
    assert rows["spliced"]["summary"] == get("spliced").summary
    assert [row["name"] for row in listed if row["control"]] == [
        name for name in names() if is_control(get(name))
    ]
    assert "exact-plugin" not in run("strategies").stdout


def test_strategies_that_are_wrong_or_fail_are_shown_and_fail_the_command(
    with_plugin: dict[str, str], dataset: Path
) -> None:
    plugins = [
        *("exact", "plain", "made", "placed", "unsure", "late"),
        *("wrong", "short", "dying", "raising"),
    ]
    # By default all of them run. One that does not load does not stop the others.
    done = run(
        *("compare", str(dataset), "--tokenizer", str(tokenizer_path("unigram"))),
        *("--cores", "1", "--rounds", "1", "--json"),
        environment=with_plugin,
    )
    assert done.returncode == 1
    assert told(done.stderr) == []
    report = json.loads(done.stdout)
    validate(report)
    results = compared(report)
    assert {name: results[f"{name}-plugin"]["status"] for name in plugins} == {
        "exact": "ok",
        "plain": "ok",
        "made": "ok",
        "placed": "ok",
        "unsure": "unavailable",
        "late": "unavailable",
        "wrong": "wrong",
        "short": "failed",
        "dying": "failed",
        "raising": "failed",
    }
    assert results["wrong-plugin"]["mismatches"] == 1
    assert results["wrong-plugin"]["speedup"] is None
    assert results["exact-plugin"]["speedup"] is not None
    assert "ended by signal 9" in results["dying-plugin"]["reason"]
    assert "RuntimeError: it broke in two lines" in results["raising-plugin"]["reason"]
    assert results["broken-plugin"]["status"] == "unavailable"
    assert "its availability raises RuntimeError: cannot say" in results["unsure-plugin"]["reason"]
    assert results["late-plugin"]["reason"] == "seen only now"
    # The check and the timing both use these.
    assert results["placed-plugin"]["reason"] == "1 cores, 1 workers, 1"
    assert results["placed-plugin"]["parts"] == {"cores": 1}
    assert results["spliced"]["exact"] is True
    assert "wrong-plugin" not in report["groups"][0]["recommended"]


def test_a_turn_that_raises_ends_the_comparison_or_is_skipped_by_all(
    dataset: Path, tmp_path: Path, with_plugin: dict[str, str]
) -> None:
    template = tmp_path / "t.jinja"
    template.write_text(
        "{% if messages|length > 3 %}{{ raise_exception('too many') }}{% endif %}"
        "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}",
        encoding="utf-8",
    )
    command = ["compare", str(dataset), "--tokenizer", str(tokenizer_path("bpe-chatml"))]
    command += ["--template", str(template), "--cores", "1", "--rounds", "1"]
    command += ["--strategies", "spliced,plain-plugin"]
    raised = run(*command, environment=with_plugin)
    assert raised.returncode == 3
    assert raised.stderr.count("\n") == 1
    assert "too many" in raised.stderr
    skipped = run(*command, "--on-error", "skip", "--json", environment=with_plugin)
    assert skipped.returncode == 0
    report = json.loads(skipped.stdout)
    truth = plain_counts(
        load_chat(tokenizer_path("bpe-chatml"), template=template), read_conversations(dataset)
    )
    missing = sum(isl is None for turns in truth for isl in turns)
    assert report["tokenizers"][0]["skipped_turns"] == missing > 0
    assert compared(report)["spliced"]["exact"] is True
    assert compared(report)["plain-plugin"]["exact"] is True


def test_a_subset_is_whole_conversations_and_the_same_again() -> None:
    message = {"role": "user", "content": "x" * 100}
    data = [
        Conversation(str(i), (message,) * (i % 7 + 1), None, (1, i % 7 + 1)[: 1 + (i % 7 > 0)])
        for i in range(40)
    ]
    some = conversations_within(data, 0.3, seed=1)
    assert 0 < len(some) < len(data)
    assert some == conversations_within(data, 0.3, seed=1)
    assert some != conversations_within(data, 0.3, seed=2)
    assert [c.id for c in some] == sorted((c.id for c in some), key=int)
    assert len(conversations_within(data, 1e-9, seed=1)) == 1
    assert conversations_within(data, 1.0, seed=1) == data
