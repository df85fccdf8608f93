"""Tables show every value at every width, and never read names as markup."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bench.cli.console import escape_output, stdout
from bench.measuring.estimates import Estimate
from bench.recorded.judge import print_recorded, recorded
from bench.recorded.results import read_history
from bench.reporting.columns import COLUMNS, Row
from bench.reporting.fitting import Head, print_table
from bench.reporting.growth_report import print_growth
from bench.reporting.tables import markdown, print_report, ranking
from bench.reporting.words import interval, listed, number
from strategies.words import many, printable
from tests.conftest import Bench
from tests.reports import entry, everything, group, growth, report
from tests.test_history import RECORDED

WIDTHS = (40, 60, 80, 200)
UNDECODABLE = "\udcff.jsonl"
"""How Python names a file whose name is the byte 255."""


def terminal(width: int) -> Console:
    return Console(file=io.StringIO(), width=width, highlight=False)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def widest(text: str) -> int:
    # A terminal would fold a word that is longer than a line.
    return max(len(line.rstrip()) for line in text.splitlines())


# Widths.


@pytest.mark.parametrize("width", WIDTHS)
def test_a_comparison_shows_every_value_whole_at_every_width(width: int) -> None:
    console = terminal(width)
    shown = everything()
    print_report(console, shown)
    out = printed(console)
    # The first line, about the dataset, is left to the terminal to wrap.
    assert widest(out.partition("\n")[2]) <= width
    assert "…" not in out
    for row in shown.rows():
        first = [column for column in COLUMNS if column.title and column.rank == 1]
        for column in first:
            assert column.text(row) in out
    for text in (
        "a-very-long-name-of-22",
        "1,200 [960.0, 1,560]",
        "NO: 360,016",
        "1.01 [0.81, 1.31] ?",
        "not ranked",
        "control *",
        "n/a",
        "failed",
    ):
        assert text in out


def test_columns_of_second_rank_go_first_and_come_back_in_blocks() -> None:
    titles = {column.title: column.rank for column in COLUMNS if column.title}
    assert sorted(set(titles.values())) == [1, 2, 3]
    texts = {}
    for width in (200, 80, 60, 40):
        console = terminal(width)
        print_report(console, everything())
        texts[width] = printed(console)
    assert all(title in texts[200] for title in titles)
    gone = [titles[title] for title in titles if title not in texts[80]]
    assert sorted(gone) == [2, 3]
    # A name and two numbers do not fit in a row, so each row is a block with all its cells.
    for width in (60, 40):
        assert "speedup [95 %]: 1,200 [960.0, 1,560]\n" in texts[width]
        assert all(f"{title}: " in texts[width] for title in titles)
    console = terminal(62)
    print_report(console, report([group("t", [entry("sequential", 1), entry("fast", 30)])]))
    lines = printed(console).splitlines()
    assert any(line.split()[:4] == ["strategy", "exact", "seconds", "speedup"] for line in lines)
    assert "cold s" not in printed(console)


def test_all_tables_of_a_report_have_the_same_columns_and_widths() -> None:
    console = terminal(80)
    print_report(console, everything())
    heads = [line for line in printed(console).splitlines() if line.startswith(" strategy")]
    assert len(heads) == 2
    assert len(set(heads)) == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_growth_and_history_show_every_number_at_every_width(width: int) -> None:
    console = terminal(width)
    print_growth(console, growth())
    last = recorded(read_history(RECORDED))
    print_recorded(console, last)
    out = printed(console)
    assert widest(out) <= width
    assert "…" not in out
    for text in ("25", "400", "30.0", "1,500,000", "1,250,000"):
        assert text in out
    cores = max(row.params["cores"] for row in last[0].warm if row.value)
    times = [
        f"{1e3 * row.value:,.2f}"
        for row in last[0].warm
        if row.value is not None and row.params["cores"] == cores
    ]
    assert times
    assert all(time in out for time in times)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_strategies_are_listed_in_whole_words_at_every_width(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    result = bench("strategies")
    *table, control, peer, hint = result.out.rstrip("\n").split("\n")
    assert "wrong on purpose" in control
    assert "another library" in peer
    assert "bpe-chatml" in hint
    assert widest("\n".join(table)) <= width
    assert "…" not in result.out
    words = set(re.findall(r"\S+", result.out))
    assert {"sequential", "process-pool", "spliced-alone", "processes,", "yes"} <= words


words_ = st.text("abcdefgh-0123", min_size=1, max_size=30)
tables = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.lists(
            st.builds(
                Head,
                words_,
                rank=st.integers(1, 3),
                left=st.booleans(),
                wraps=st.booleans(),
            ),
            min_size=n,
            max_size=n,
        ),
        st.lists(
            st.lists(st.lists(words_, max_size=6).map(" ".join), min_size=n, max_size=n),
            max_size=4,
        ),
    )
)


@given(table=tables, width=st.integers(34, 160))
def test_no_cell_of_any_table_is_cut(table: tuple[list[Head], list[list[str]]], width: int) -> None:
    heads, rows = table
    console = terminal(width)
    print_table(console, heads, rows)
    out = printed(console)
    assert widest(out) <= width
    assert "…" not in out
    shown = set(out.replace("\n", " ").split())
    blocks = bool(rows) and "─" not in out
    for row in rows:
        for head, cell in zip(heads, row, strict=True):
            if head.rank == 1 or blocks:
                # No word is broken, because there is room for the longest.
                assert set(cell.split()) <= shown
                if not head.wraps and not blocks:
                    assert cell in out


@pytest.mark.parametrize("width", [1, 2, 3, 10])
def test_a_terminal_that_is_too_narrow_for_anything_still_shows_everything(width: int) -> None:
    console = terminal(width)
    print_report(console, everything())
    letters = "".join(printed(console).split())
    for row in everything().rows():
        assert row.entry.strategy in letters


def test_without_a_terminal_a_line_has_80_characters(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert stdout().width == 80
    monkeypatch.setenv("COLUMNS", "123")
    assert stdout().width == 123
    assert "available" in bench("strategies").out


# Rows.


def test_the_fastest_comes_first_and_what_is_not_ranked_last() -> None:
    shown = everything()
    assert [row.entry.strategy for row in ranking(shown, shown.groups[0])] == [
        *("a-very-long-name-of-22", "near", "sequential", "sequential (again)"),
        *("off", "control", "lacking", "a|b", "untimed"),
    ]


def cells(row: Row) -> dict[str, str]:
    return {column.title: column.text(row) for column in COLUMNS if column.title}


def test_cells_say_what_is_known_and_nothing_else() -> None:
    shown = everything()
    rows = {row.entry.strategy: cells(row) for row in ranking(shown, shown.groups[0])}
    assert rows["sequential (again)"] == {
        **dict.fromkeys(rows["near"], ""),
        "strategy": "sequential (again)",
        "speedup [95 %]": "1.00 [0.80, 1.30]",
    }
    assert rows["a-very-long-name-of-22"] == {
        "strategy": "a-very-long-name-of-22",
        "exact": "yes",
        "seconds": "0.0008",
        "speedup [95 %]": "1,200 [960.0, 1,560]",
        "turns/s": "7,000",
        "cold s": "1.50",
        "MB": "111",
    }
    assert rows["sequential"]["speedup [95 %]"] == "1"
    assert rows["near"]["speedup [95 %]"] == "1.01 [0.81, 1.31] ?"
    assert {name: (row["exact"], row["speedup [95 %]"]) for name, row in rows.items()} == {
        **{name: (row["exact"], row["speedup [95 %]"]) for name, row in rows.items()},
        "off": ("NO: 360,016", "not ranked"),
        "control": ("NO: 2", "not ranked"),
        "lacking": ("n/a", ""),
        "a|b": ("failed", ""),
        "untimed": ("yes", ""),
    }


def test_markdown_has_a_table_for_each_group_and_escapes_what_would_end_a_cell() -> None:
    text = markdown(everything())
    assert text.count("\n## ") == 2
    assert "`data/[red]chats.jsonl`: 20 conversations, 360,016 turns, sha256 `0000000" in text
    assert "Measured on a processor, 2 of 4 cores, with Python 3.11.1," in text
    assert "Rendered 51.5 MB, amplification 33.2." in text
    assert "| a\\|b | failed |" in text
    assert "- * control, never ranked; control: turn 1: expected 3, got 4" in text
    titles = [column.title for column in COLUMNS if column.title]
    assert f"| {' | '.join(titles)} |" in text
    columns = {line.count(" | ") for line in text.splitlines() if line.startswith("| ")}
    assert columns == {len(titles) - 1}


# Names.


@pytest.mark.parametrize("name", ["[red]", "[x/red]", "[/]", "a[b]c"])
def test_a_name_in_brackets_is_no_markup(name: str) -> None:
    console = terminal(80)
    print_report(console, report([group(name, [entry("fast", 2)])], f"{name}.jsonl"))
    out = printed(console)
    assert f"{name}.jsonl: 20 conversations, 360,016 turns" in out
    assert f"{name} (BPE), 1 core" in out
    assert "6 rounds of 1,500 turns in 3 whole conversations;" in out


@pytest.mark.parametrize(
    ("name", "shown"),
    [(UNDECODABLE, r"\udcff.jsonl"), ("a\x1b[31m\nb", r"a\x1b[31m\nb"), ("日本🎈", "日本🎈")],
)
def test_a_name_that_is_no_text_is_shown_with_escapes(name: str, shown: str) -> None:
    console = terminal(200)
    strange = report([group(name, [entry(name, 2, reason=name)])], name)
    print_report(console, strange)
    for text in (printed(console), markdown(strange)):
        assert "\x1b" not in text
        # In the line of the dataset, the title, the table and the notes.
        assert text.count(shown) >= 4
        text.encode()


def test_a_file_name_that_is_no_text_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    escape_output()
    print_report(stdout(), report([group("t", [entry("fast", 2)])], UNDECODABLE))
    assert r"\udcff.jsonl: 20 conversations" in capsys.readouterr().out


# Words.


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1200, 2, "1,200"),
        (2.36, 2, "2.36"),
        (99.99, 2, "99.99"),
        (123.456, 2, "123.5"),
        (123.456, 0, "123"),
        (0.0041, 2, "0.004"),
        (0.04, 2, "0.04"),
        (0.0, 2, "0.00"),
        (0.00041, 3, "0.0004"),
        (1e-300, 2, "1.0e-300"),
        (-1200.4, 2, "-1,200"),
    ],
)
def test_a_number_has_as_many_decimals_as_are_of_use(
    value: float, decimals: int, text: str
) -> None:
    assert number(value, decimals) == text


def test_words_are_made_in_one_place() -> None:
    assert (many(1, "core"), many(2, "core"), many(1007, "turn")) == (
        "1 core",
        "2 cores",
        "1,007 turns",
    )
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert interval(Estimate(1200, 1100, 1300)) == "1,200 [1,100, 1,300]"
    assert interval(Estimate(2.36, 1.89, 2.78)) == "2.36 [1.89, 2.78]"
    assert printable("a\tb\udcff") == r"a\tb\udcff"
