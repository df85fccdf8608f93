"""Output files appear complete or not at all, and hold what was counted."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import RenderableType
from rich.panel import Panel
from rich.text import Text

from bench.bundled import tokenizer_path
from bench.cli.console import stderr, stdout, warn
from bench.reporting.isl_table import (
    COLUMNS,
    FORMS,
    Tally,
    check_ending,
    escaped,
    unescaped,
)
from bench.reporting.output import check_file, make_folder, write_whole
from strategies import Conversation, Counts, InputError
from tests.conftest import Bench
from tests.tables import write_table

ENDINGS = sorted(FORMS)
USER = {"role": "user", "content": "hi"}


def conversation(name: str, turns: int) -> Conversation:
    return Conversation(name, (USER,) * (2 * turns), None, tuple(range(1, 2 * turns, 2)))


def read_back(path: Path) -> list[tuple[Any, ...]]:
    """Read a table without the code that wrote it."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        assert tuple(table.column_names) == COLUMNS
        return list(zip(*(table[column].to_pylist() for column in COLUMNS), strict=True))
    if path.suffix == ".jsonl":
        lines = path.read_text(encoding="utf-8").split("\n")
        assert lines.pop() == ""
        records = [json.loads(line) for line in lines]
        assert all(tuple(record) == COLUMNS for record in records)
        return [tuple(record.values()) for record in records]
    with path.open(encoding="utf-8", newline="") as file:
        header, *lines_ = csv.reader(file)
    assert tuple(header) == COLUMNS
    return [
        (without_escapes(name), int(t), int(m), int(isl) if isl else None)
        for name, t, m, isl in lines_
    ]


def without_escapes(name: str) -> str:
    """Undo the escapes of an id in CSV as the documentation says, from left to right."""
    text = ""
    while name:
        if found := re.match(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})", name):
            text += chr(int(found[1] or found[2], 16))
            name = name[found.end() :]
        else:
            text += name[0]
            name = name[2 if name.startswith("\\\\") else 1 :]
    return text


# Tables.

IDS = [
    "a",
    "b,c",
    'say "x"',
    "two\nlines",
    "CR\rLF\r\n",
    " edges ",
    "",
    "日本🎈",
    "=1+1",
    "\0",
    "null",
    "\x1b[31mred\x1b]0;title\x07",
    "\x9b31m\x7f\x85",
    "\u202eright to left\u2066",
    "C:\\users\\x",
    "\\x1b",
    "\\\\u202e\\",
    "\\\x1b",
    "zero\u200dwidth",
]


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_table_reads_back_as_what_was_counted(tmp_path: Path, ending: str) -> None:
    conversations = [conversation(name, 2) for name in IDS]
    counts: Counts = [[10 * i, None] for i in range(len(IDS))]
    path = tmp_path / f"isl{ending}"
    write_table(path, conversations, counts, dict)
    assert read_back(path) == [
        row for i, name in enumerate(IDS) for row in [(name, 1, 1, 10 * i), (name, 2, 3, None)]
    ]


tables = st.lists(
    st.tuples(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.lists(st.none() | st.integers(0, 2**40), max_size=4),
    ),
    max_size=5,
)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(table=tables)
def test_any_counts_read_back_and_the_same_input_gives_the_same_bytes(
    tmp_path: Path, ending: str, table: list[tuple[str, list[int | None]]]
) -> None:
    conversations = [conversation(name, len(counts)) for name, counts in table]
    counts = [lengths for _, lengths in table]
    first, second = tmp_path / f"1{ending}", tmp_path / f"2{ending}"
    for path in (first, second):
        write_table(path, conversations, counts, lambda: {"b": 1, "a": [2]})
    assert read_back(first) == [
        (name, turn, 2 * turn - 1, isl)
        for name, lengths in table
        for turn, isl in enumerate(lengths, 1)
    ]
    assert first.read_bytes() == second.read_bytes()


@given(st.text() | st.text("\\\x1bxu01b2"))
def test_the_escapes_of_an_id_can_be_undone(name: str) -> None:
    written = escaped(name)
    assert unescaped(written) == without_escapes(written) == name
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", written)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_text_file_holds_nothing_that_a_terminal_obeys(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"isl{ending}"
    write_table(path, [conversation(name, 1) for name in IDS], [[1]] * len(IDS), dict)
    text = path.read_text(encoding="utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    # One line for each turn, and the title of CSV.
    assert text.count("\n") == len(IDS) + (ending == ".csv")
    assert "zero\u200dwidth" in text


@pytest.mark.parametrize("name", ["plain", "C:\\data", "a/b.c", "=1+1", "-x", "@y", "日本🎈", "é"])
def test_most_ids_are_as_they_were_in_csv(name: str) -> None:
    assert escaped(name) == name


def test_parquet_says_where_its_counts_come_from(tmp_path: Path) -> None:
    path = tmp_path / "isl.parquet"
    write_table(path, [conversation("a", 1)], [[1]], lambda: {"tokenizer": {"class": "é"}})
    metadata = pq.read_schema(path).metadata
    assert json.loads(metadata[b"isl_bench"]) == {"tokenizer": {"class": "é"}}


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_where_counts_come_from_is_not_asked_where_there_is_no_room(
    tmp_path: Path, ending: str
) -> None:
    def about() -> dict[str, str]:
        raise AssertionError

    write_table(tmp_path / f"isl{ending}", [conversation("a", 1)], [[1]], about)


@pytest.mark.parametrize("counts", [[], [[1]], [[1, 2, 3]], [[1, 2], [3]]])
def test_counts_that_do_not_fit_the_turns_are_never_written(tmp_path: Path, counts: Counts) -> None:
    path = tmp_path / "isl.csv"
    with pytest.raises(ValueError, match=r"zip|counts for"):
        write_table(path, [conversation("a", 2)], counts, dict)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["isl.txt", "isl", "isl.csv.gz", ".csv"])
def test_an_unknown_ending_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_ending(tmp_path / name)
    assert str(caught.value) == (
        f"{tmp_path / name}: unknown ending; there are .parquet, .jsonl, .csv"
    )


# The distribution.


def summary(counts: Counts) -> dict[str, float | int | None]:
    """Return the distribution of counts that come one conversation at a time."""
    tally = Tally()
    for turns in counts:
        tally.add([turns])
    return tally.summary()


def test_the_distribution_counts_what_is_known() -> None:
    assert summary([[3, None], [1], [], [2, 4, 90]]) == {
        "turns": 5,
        "skipped": 1,
        "min": 1,
        "mean": 20.0,
        "p50": 3.0,
        "p90": pytest.approx(4 + 0.6 * 86),
        "p99": pytest.approx(4 + 0.96 * 86),
        "max": 90,
    }


def test_a_prompt_without_a_token_is_a_turn_like_any_other() -> None:
    got = summary([[0, 4], [None]])
    assert (got["turns"], got["skipped"], got["min"], got["mean"]) == (2, 1, 0, 2.0)


@pytest.mark.parametrize(("counts", "skipped"), [([], 0), ([[None], [None]], 2)])
def test_without_counts_there_is_no_distribution(counts: Counts, skipped: int) -> None:
    got = summary(counts)
    assert (got.pop("turns"), got.pop("skipped")) == (0, skipped)
    assert set(got.values()) == {None}


# Whole files.


def half(file: IO[bytes], error: BaseException) -> None:
    file.write(b"half")
    file.flush()
    raise error


@pytest.mark.parametrize("old", [None, b"old"], ids=["new file", "old file"])
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        pytest.param(OSError(errno.ENOSPC, "No space left on device"), InputError, id="disk full"),
        pytest.param(RuntimeError("bug"), RuntimeError, id="bug"),
        pytest.param(KeyboardInterrupt(), KeyboardInterrupt, id="Ctrl-C"),
    ],
)
def test_a_failure_midway_leaves_everything_as_it_was(
    tmp_path: Path, old: bytes | None, error: BaseException, raised: type[BaseException]
) -> None:
    path = tmp_path / "out.csv"
    if old is not None:
        path.write_bytes(old)
    with pytest.raises(raised) as caught:
        write_whole(path, lambda file: half(file, error))
    if raised is InputError:
        assert str(caught.value) == f"{path}: cannot be written: No space left on device"
    assert [item.read_bytes() for item in tmp_path.iterdir()] == ([] if old is None else [old])


def test_the_name_appears_only_when_the_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")

    def write(file: IO[bytes]) -> None:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"

    write_whole(path, write)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_result_is_as_open_as_any_new_file(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "out", lambda file: file.write(b""))
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == mode


@pytest.mark.parametrize("name", ["x" * 251 + ".csv", "é" * 125 + ".csv"])
def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path, name: str) -> None:
    write_whole(tmp_path / name, lambda file: file.write(b"x"))
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    path = tmp_path / "isl.csv"
    path.mkdir()
    for refuse in (check_file, lambda path: write_whole(path, lambda file: file.write(b""))):
        with pytest.raises(InputError, match=r"isl.csv: .*folder|isl.csv: .*directory"):
            refuse(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named_before_and_at_writing(tmp_path: Path) -> None:
    path = tmp_path / "no" / "isl.csv"
    with pytest.raises(InputError) as caught:
        check_file(path)
    assert str(caught.value) == f"{tmp_path / 'no'}: no such folder"
    with pytest.raises(InputError, match=f"{path}: cannot be written: No such file"):
        write_whole(path, lambda file: file.write(b""))


def test_a_name_that_no_file_can_have_is_named(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 300}.csv"
    for refuse in (check_file, lambda path: write_whole(path, lambda file: file.write(b""))):
        with pytest.raises(InputError, match="cannot be written: File name too long"):
            refuse(path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_be_written_to_is_left_alone(tmp_path: Path) -> None:
    check_file(tmp_path / "isl.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_output_is_made_with_its_parents(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "b"):
        with pytest.raises(InputError) as caught:
            make_folder(path)
        assert str(caught.value).startswith(f"{path}: no folder can be made here: ")


# Links, pipes and devices.


@pytest.mark.parametrize("old", [None, b"old"], ids=["new file", "old file"])
@pytest.mark.parametrize("relative", [False, True])
def test_a_link_stays_a_link_and_its_target_is_replaced(
    tmp_path: Path, old: bytes | None, relative: bool
) -> None:
    target, link, second = tmp_path / "real" / "isl.csv", tmp_path / "isl.csv", tmp_path / "b.csv"
    target.parent.mkdir()
    if old is not None:
        target.write_bytes(old)
    link.symlink_to(Path("real", "isl.csv") if relative else target)
    second.symlink_to(link)
    check_file(second)
    write_whole(second, lambda file: file.write(b"new"))
    assert link.is_symlink()
    assert second.is_symlink()
    assert target.read_bytes() == b"new"
    assert sorted(item.name for item in tmp_path.rglob("*")) == sorted(
        ["real", "isl.csv", "isl.csv", "b.csv"]
    )


def test_a_failure_midway_leaves_the_target_of_a_link_as_it_was(tmp_path: Path) -> None:
    target, link = tmp_path / "real", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with pytest.raises(RuntimeError):
        write_whole(link, lambda file: half(file, RuntimeError("bug")))
    assert (target.read_bytes(), link.is_symlink()) == (b"old", True)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_to_nowhere_and_links_in_a_circle_are_named(tmp_path: Path) -> None:
    nowhere, one, two = tmp_path / "nowhere", tmp_path / "one", tmp_path / "two"
    nowhere.symlink_to(tmp_path / "no" / "isl.csv")
    one.symlink_to(two)
    two.symlink_to(one)
    with pytest.raises(InputError, match=f"{tmp_path / 'no'}: no such folder"):
        check_file(nowhere)
    for path in (nowhere, one):
        with pytest.raises(InputError, match=f"{path}: cannot be written: "):
            write_whole(path, lambda file: file.write(b""))
        assert path.is_symlink()


@pytest.mark.parametrize("ending", [*ENDINGS, ""])
def test_a_pipe_gets_the_table_and_stays_a_pipe(tmp_path: Path, ending: str) -> None:
    pipe, copy = tmp_path / f"isl{ending}", tmp_path / f"copy{ending or '.jsonl'}"
    os.mkfifo(pipe)
    check_file(pipe)
    check_ending(pipe)
    with copy.open("wb") as file, subprocess.Popen(["/bin/cat", str(pipe)], stdout=file) as reader:
        write_table(pipe, [conversation("a", 2)], [[1, None]], dict)
        assert reader.wait(60) == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert read_back(copy) == [("a", 1, 1, 1), ("a", 2, 3, None)]


def test_a_pipe_gets_nothing_of_a_table_that_fails(tmp_path: Path) -> None:
    pipe = tmp_path / "isl.csv"
    os.mkfifo(pipe)
    with pytest.raises(RuntimeError):
        # Nobody reads it, so it would wait for ever if it opened the pipe.
        write_whole(pipe, lambda file: half(file, RuntimeError("bug")))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text('{"id": "a", "messages": [{"role": "user", "content": "hello"}]}\n')
    return path


def in_bash(line: str) -> subprocess.CompletedProcess[str]:
    bench = f"{shlex.quote(sys.executable)} -m bench"
    return subprocess.run(
        ["/bin/bash", "-c", line.replace("BENCH", bench)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("COUNT --out /dev/stdout", True),
        ("COUNT --out /dev/stdout | cat", True),
        ("COUNT --out /proc/self/fd/1", True),
        ("COUNT --out /dev/fd/3 3>&1", True),
        ("COUNT --out >(cat); sleep 1", True),
        ("echo before > FOLDER/f; COUNT --out /dev/stdout >> FOLDER/f; cat FOLDER/f", True),
        ("COUNT --out /dev/null", False),
        ("COUNT --out FOLDER/null.csv", False),
    ],
)
def test_standard_output_and_devices_are_written_through(
    tmp_path: Path, dataset: Path, line: str, printed: bool
) -> None:
    tmp_path.joinpath("null.csv").symlink_to("/dev/null")
    tokenizer = shlex.quote(str(tokenizer_path("unigram")))
    count = (
        f"BENCH count {shlex.quote(str(dataset))} --tokenizer {tokenizer} --quiet --strategy rust"
    )
    done = in_bash(line.replace("COUNT", count).replace("FOLDER", shlex.quote(str(tmp_path))))
    assert (done.returncode, done.stderr) == (0, "")
    row = '{"conversation": "a", "turn": 1, "messages": 1, "isl": '
    assert (row in done.stdout) == printed
    if "before" in line:
        assert done.stdout.startswith("before\n")
    assert Path("/dev/null").is_char_device()
    assert tmp_path.joinpath("null.csv").is_symlink()


def test_a_sample_goes_through_a_pipe_as_well() -> None:
    done = in_bash("BENCH sample --out /dev/stdout | head -c 13")
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"id": "short', "")


def test_a_link_to_a_folder_is_a_folder_for_output(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    make_folder(link)
    write_whole(link / "report.md", lambda file: file.write(b"x"))
    assert link.is_symlink()
    assert (tmp_path / "real" / "report.md").read_bytes() == b"x"


# Escape codes.

EVIL = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202elast"
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


COLORS: list[dict[str, str]] = [{}, {"FORCE_COLOR": "1", "TERM": "xterm-256color"}]


@pytest.fixture
def evil(tmp_path: Path) -> tuple[Path, Path]:
    """A dataset, and a folder of a tokenizer, with texts that a terminal would obey."""
    data, folder = tmp_path / "d.jsonl", tmp_path / f"tok{EVIL}"
    record = {"id": EVIL, "messages": [{"role": "user", "content": EVIL}]}
    data.write_text(json.dumps(record) + "\n", encoding="utf-8")
    folder.symlink_to(tokenizer_path("unigram"))
    return data, folder


def acts_on_the_terminal(printed: str, color: dict[str, str]) -> bool:
    # What rich sends for colors are its own codes.
    text = re.sub(r"\x1b\[[0-9;]*m", "", printed) if color else printed
    return bool(OBEYED.search(text)) or "\x1b[31mred" in printed


@pytest.mark.parametrize("options", [[], ["--json"], ["--on-error", "skip"]])
@pytest.mark.parametrize("color", COLORS)
def test_no_text_of_the_input_acts_on_the_terminal(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    evil: tuple[Path, Path],
    options: list[str],
    color: dict[str, str],
) -> None:
    data, folder = evil
    template = data.with_name("t.jinja")
    template.write_text("{{ raise_exception(messages[0].content) }}")
    for name, value in color.items():
        monkeypatch.setenv(name, value)
    for own in (["--template", template], []):
        result = bench("count", data, "--tokenizer", folder, *own, *options)
        assert result.out + result.error
        assert not acts_on_the_terminal(result.out + result.error, color), own


@pytest.mark.parametrize("color", COLORS)
def test_no_text_of_an_argument_acts_on_the_terminal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, evil: tuple[Path, Path], color: dict[str, str]
) -> None:
    data, folder = evil
    for name, value in color.items():
        monkeypatch.setenv(name, value)
    for arguments in (
        [data, "--tokenizer", folder, "--strategy", EVIL],
        [data, "--tokenizer", folder, f"--{EVIL}"],
        [data.with_name(EVIL), "--tokenizer", folder],
    ):
        result = bench("count", *arguments)
        assert result.code != 0
        assert not acts_on_the_terminal(result.out + result.error, color), arguments


@pytest.mark.parametrize("color", COLORS)
def test_no_process_of_a_comparison_acts_on_the_terminal(
    evil: tuple[Path, Path], color: dict[str, str]
) -> None:
    data, folder = evil
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench", "compare", str(data), "--tokenizer", str(folder)),
            *("--strategies", "rust", "--rounds", "1"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **color},
    )
    assert done.stdout
    assert not acts_on_the_terminal(done.stdout + done.stderr, color)


@pytest.mark.parametrize("printed", [Text(EVIL), Panel(EVIL), EVIL])
def test_no_console_prints_what_acts(
    printed: RenderableType, capsys: pytest.CaptureFixture[str]
) -> None:
    stdout().print(printed, markup=False)
    stderr(quiet=False).rich.print(printed, markup=False)
    stderr(quiet=False).print(EVIL)
    warn(stderr(quiet=False), EVIL, [EVIL])
    captured = capsys.readouterr()
    assert not OBEYED.search(captured.out + captured.err)
    assert "\\x1b[31mred" in captured.out
    assert "\\u202e" in captured.err


UNDER_A_LIMIT = """
import resource, sys
from pathlib import Path
from strategies import Conversation, InputError
from tests.tables import write_table
parts = ({"role": "user", "content": "x"},), None, (1,)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for path in map(Path, sys.argv[1:]):
    # The ids differ, because Parquet would pack equal ones into little space.
    many = [Conversation(str(7919**9 * i), *parts) for i in range(5000)]
    try:
        write_table(path, many, [[1]] * len(many), dict)
    except InputError as error:
        print(error)
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_may_not_grow_is_one_line_and_the_old_one_stays(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"isl{ending}"
    path.write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", UNDER_A_LIMIT, str(path)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == (f"{path}: cannot be written: File too large\n", "")
    assert {item.name: item.read_text() for item in tmp_path.iterdir()} == {path.name: "old"}
