"""A report is written and read back the same, and a damaged one is refused."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bench.measuring.estimates import Estimate
from bench.measuring.growth import Curve, Point
from bench.measuring.machine import Machine
from bench.measuring.recordable import LATER
from bench.measuring.result import Entry, Group, Status
from bench.reporting.dataset import read_dataset_file
from bench.reporting.facts import Data, File, Reading, Tokenizer
from bench.reporting.growth_report import GrowthReport, print_growth
from bench.reporting.json_file import json_bytes, json_line
from bench.reporting.json_value import decode, encode
from bench.reporting.kinds import COMPARISON, GROWTH, Kind, read_any
from bench.reporting.report import SCHEMA_PATH, Report, read_report
from bench.reporting.tables import markdown, print_report
from strategies import InputError, read_conversations
from strategies.conversations.options import ReadOptions
from tests.reports import everything, group, growth, growth_of_several, report

SCHEMA = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))


def printed(show: Callable[[Console, Any], None], value: Any) -> str:
    console = Console(file=io.StringIO(), width=80, highlight=False)
    show(console, value)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# There and back.

# Also lone surrogates, which file names may hold.
texts = st.text(st.characters(exclude_categories=[]), max_size=12)
positive = st.floats(1e-12, 1e12)
estimates = st.tuples(positive, positive, positive).map(
    lambda three: Estimate(sorted(three)[1], min(three), max(three))
)
number = st.none() | st.floats(0, 1e12)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    statuses: tuple[Status, ...] = ("ok", "wrong", "unavailable", "failed")
    status = draw(st.sampled_from(statuses))
    control = draw(st.booleans())
    ranked = status == "ok" and not control and draw(st.booleans())
    return Entry(
        strategy=draw(texts | st.just("sequential")),
        control=control,
        status=status,
        reason=draw(st.none() | texts),
        mismatches=draw(st.none() | st.integers(0, 10**12)),
        seconds=draw(st.none() | estimates),
        cold_seconds=draw(number),
        speedup=draw(estimates) if ranked else None,
        verdict=draw(st.sampled_from(["faster", "slower", "inconclusive"])) if ranked else None,
        turns_per_second=draw(number),
        tokens_per_second=draw(number),
        peak_rss_bytes=draw(st.none() | st.integers(0, 2**50)),
        parts=draw(st.none() | st.dictionaries(texts, st.floats(0, 1e9), max_size=3)),
    )


@st.composite
def reports(draw: st.DrawFn) -> Report:
    names = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    groups = [
        replace(
            group(
                name,
                draw(st.lists(entries(), min_size=1, max_size=4, unique_by=lambda e: e.strategy)),
                cores,
                cores,
            ),
            noise_floor=draw(st.none() | estimates),
            recommended=tuple(draw(st.lists(texts, max_size=3))),
            subset=draw(st.booleans()),
        )
        for name in names
        for cores in draw(st.sampled_from([(1,), (1, 2)]))
    ]
    made = report(groups, draw(texts))
    skipping = [replace(each, skipped_turns=draw(st.integers(0, 3))) for each in made.tokenizers]
    return replace(made, tokenizers=tuple(skipping))


@settings(max_examples=40)
@given(made=reports())
def test_a_report_that_is_read_back_is_the_same_and_is_shown_the_same(made: Report) -> None:
    written = json_bytes(made.as_dict())
    read = Report.from_dict(json.loads(written))
    assert read == made
    assert json_bytes(read.as_dict()) == written
    assert json_line(read.as_dict()) == json_line(made.as_dict())
    assert printed(print_report, read) == printed(print_report, made)
    assert markdown(read) == markdown(made)


def test_the_schema_describes_what_is_written() -> None:
    jsonschema.validate(json.loads(json_bytes(everything().as_dict())), SCHEMA)


def test_growth_that_is_read_back_is_the_same_and_is_shown_the_same() -> None:
    made = growth()
    read = GrowthReport.from_dict(json.loads(json_bytes(made.as_dict())))
    assert read == made
    assert printed(print_growth, read) == printed(print_growth, made)
    assert "rust, name: microseconds per turn\n" in printed(print_growth, made)


def test_numbers_are_written_as_they_were_read() -> None:
    """Other programs may write 1 for 1.0."""
    document = everything().as_dict()
    document["dataset"]["amplification"] = 33
    document["results"][0]["seconds"] = {"median": 2, "low": 1, "high": 3}
    written = json.dumps(document)
    assert json.dumps(Report.from_dict(json.loads(written)).as_dict()) == written


def test_what_a_newer_version_added_is_left_out_but_for_the_fingerprint() -> None:
    document = everything().as_dict()
    newer = copy.deepcopy(document)
    for part in (newer, newer["machine"], newer["dataset"], newer["groups"][0]):
        part["added"] = 1
    newer["results"][0]["added"] = newer["results"][0]["seconds"]["added"] = [1]
    newer["tokenizers"][0]["profile"] = "messages 1"
    read = Report.from_dict(newer).as_dict()
    assert read["tokenizers"][0].pop("profile") == "messages 1"
    assert read == document


@dataclass(frozen=True)
class Grown:
    """A value with a field that the first files do not have."""

    old: int
    new: int | None = field(default=None, metadata=LATER)


def test_a_field_that_older_files_do_not_have_has_its_default() -> None:
    assert decode(Grown, {"old": 1}, "") == Grown(1)
    assert decode(Grown, encode(Grown(1, 2)), "") == Grown(1, 2)
    with pytest.raises(InputError, match=r"^x\.old: is missing"):
        decode(Grown, {"new": 1}, "x")
    with pytest.raises(InputError, match=r"^x\.new: must be a whole number"):
        decode(Grown, {"old": 1, "new": "2"}, "x")


# Damage.


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value in a document; of lists, only the first two items."""
    members = value.items() if isinstance(value, dict) else enumerate(value[:2])
    for key, each in members:
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from places(each, (*path, key))


def named(path: tuple[str | int, ...]) -> str:
    name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return name.removeprefix(".")


def refused(document: Any, kind: type[Report | GrowthReport] = Report) -> InputError:
    with pytest.raises(InputError) as caught:
        kind.from_dict(document)
    assert "\n" not in str(caught.value)
    return caught.value


def read_or_error(document: Any, kind: type[Any]) -> Any:
    try:
        return kind.from_dict(document)
    except InputError as error:
        return error


FREE = {"template_kwargs", "parts", "versions"}
"""Objects whose members are free."""


def later(*kinds: Any) -> set[str]:
    return {each.name for kind in kinds for each in fields(kind) if each.metadata == LATER}


NEWER: dict[type, set[str]] = {
    Report: {"provenance"} | later(Data, Entry, File, Group, Machine, Reading, Tokenizer),
    GrowthReport: later(GrowthReport, Curve, Point, Machine),
}
"""Members that older files lack."""

MADE: list[Report | GrowthReport] = [everything(), growth(), growth_of_several()]
NAMES = ["comparison", "growth", "growth of several"]


@pytest.mark.parametrize("made", MADE, ids=NAMES)
def test_whatever_is_missing_is_named(made: Report | GrowthReport) -> None:
    document = made.as_dict()
    for path in places(document):
        *before, key = path
        if isinstance(key, int) or FREE & {*before}:
            continue
        damaged = copy.deepcopy(document)
        inside = damaged
        for step in before:
            inside = inside[step]  # type: ignore[index]  # a path of this document
        del inside[key]
        if path[0] == "results" and key in {"turns", "exact"}:
            # These follow from other values.
            type(made).from_dict(damaged)
            continue
        if key in NEWER[type(made)] and path[:-1] != ("provenance",):
            # Reports of before do not say it.
            assert isinstance(type(made).from_dict(damaged), type(made))
            continue
        error = refused(damaged, type(made))
        assert error.field == named(path)
        assert error.reason == ("is missing" if key != "schema_version" else error.reason)


@pytest.mark.parametrize("made", MADE, ids=NAMES)
@pytest.mark.parametrize(
    "wrong",
    [{"a": 1}, ["x"], "x", -1.5, True, None, float("nan"), pytest.param(10**400, id="huge")],
)
def test_whatever_is_of_another_type_is_refused_with_a_field_or_shown(
    made: Report | GrowthReport, wrong: Any
) -> None:
    document = made.as_dict()
    shown = 0
    for path in places(document):
        damaged = copy.deepcopy(document)
        inside = damaged
        for step in path[:-1]:
            inside = inside[step]  # type: ignore[index]  # a path of this document
        inside[path[-1]] = wrong  # type: ignore[index]  # likewise
        read = read_or_error(damaged, type(made))
        if isinstance(read, InputError):
            # The named field is the damaged one, its parent, or one that has to fit it.
            top = str(read.field).split("[")[0].split(".")[0]
            assert top in {str(path[0]), "groups", "results"}
            assert "\n" not in str(read)
        else:
            shown += 1
            kind: Kind[Any] = COMPARISON if isinstance(made, Report) else GROWTH
            assert printed(kind.show, read)
            json_line(read.as_dict())
    # Most places need another type.
    assert shown < len(list(places(document))) / 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r["groups"].clear(), "groups: must not be empty"),
        (lambda r: r["groups"].append(r["groups"][0]), "groups[2]: has the setting of another"),
        (lambda r: r["groups"].pop(0), "results[0]: has the setting of no group"),
        (lambda r: r["results"][3].update(cores=9), "results[3]: has the setting of no group"),
        (lambda r: r["tokenizers"].pop(0), "groups[0].tokenizer: is no tokenizer of the report"),
        (lambda r: r["tokenizers"].append(r["tokenizers"][0] | {"tokenizer": "third"}), "third"),
        (
            lambda r: r["results"][3].update(speedup=r["results"][0]["speedup"]),
            "results[3].speedup: must be null: it is not ranked",
        ),
        (
            lambda r: r["results"][0]["speedup"].update(low=-1),
            "results[0].speedup: must have 1e-12 <= low <= median <= high <= 1e+12",
        ),
        (
            lambda r: r["groups"][0]["noise_floor"].update(low=5.0),
            "groups[0].noise_floor: must have 1e-12 <= low",
        ),
        (
            lambda r: r["results"][0].update(status="fine"),
            "results[0].status: must be one of ok, wrong, unavailable, failed",
        ),
        (
            lambda r: r["tokenizers"][0]["template_kwargs"].update(a=[float("inf")]),
            "tokenizers[0].template_kwargs: must hold finite numbers only",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(
    change: Callable[[dict[str, Any]], object], said: str
) -> None:
    document = everything().as_dict()
    change(document)
    assert said in str(refused(document))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r["points"].clear(), "points: must not be empty"),
        (lambda r: r["points"][1].update(turns=0), "points[1].turns: must be 1e-12 to 1e+12"),
        (lambda r: r["points"][0].update(seconds_per_turn=0), "points[0].seconds_per_turn: must"),
        (lambda r: r["points"][1]["parts"].clear(), "points[1].parts: must be those of the first"),
    ],
)
def test_growth_that_no_plot_could_show_is_refused(
    change: Callable[[dict[str, Any]], object], said: str
) -> None:
    document = growth().as_dict()
    change(document)
    assert said in str(refused(document, GrowthReport))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON: "),
        pytest.param("[" * 100_000, "not JSON: ", id="nested too deeply"),
        ("[]", "schema_version: must be 1"),
        ("null", "schema_version: must be 1"),
        ('{"schema_version": 2}', "schema_version: must be 1"),
        ('{"schema_version": 1}', "machine: is missing"),
        ('{"schema_version": 1, "machine": 1}', "machine: must be an object"),
    ],
)
def test_what_is_no_report_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text, encoding="utf-8")
    for read in (read_report, read_any):
        with pytest.raises(InputError) as caught:
            read(path)
        assert f"{path}: {reason}" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_missing_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"report\.json: cannot be read: No such file"):
        read_report(tmp_path / "report.json")


# Datasets.


def test_a_dataset_is_its_path_its_digest_and_its_conversations(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    content = b'{"messages": [{"role": "user", "content": "hi"}]}\n'
    path.write_bytes(content)
    dataset = read_dataset_file(path, ReadOptions())
    assert (dataset.path, dataset.sha256) == (str(path), hashlib.sha256(content).hexdigest())
    assert dataset.conversations == read_conversations(path)
    with pytest.raises(InputError, match=r"gone: no such file"):
        read_dataset_file(tmp_path / "gone", ReadOptions())


def test_the_digest_is_of_the_bytes_that_were_read(tmp_path: Path) -> None:
    """A pipe gives its bytes only once, so a second read would find nothing."""
    path = tmp_path / "data.jsonl"
    content = b'{"messages": [{"role": "user", "content": "hi"}]}\n'
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(content,))
    writer.start()
    dataset = read_dataset_file(path, ReadOptions())
    writer.join()
    assert dataset.sha256 == hashlib.sha256(content).hexdigest()
    assert len(dataset.conversations) == 1
