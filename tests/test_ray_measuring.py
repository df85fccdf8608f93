"""What is measured beside Ray Data: the same rows, in orders of their own, and equal tables."""

from __future__ import annotations

import random
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.measuring.ray_data import (
    COUNT,
    Setting,
    cut_into_files,
    runs_of,
    same_rows,
    shuffled,
    table_in,
)


def setting(folder: Path) -> Setting:
    return Setting(folder / "chats.parquet", "t", folder, workers=2, block=10, batch=None)


@pytest.mark.parametrize("files", [1, 3, 4])
def test_the_files_hold_the_rows_of_the_one(tmp_path: Path, files: int) -> None:
    table = pa.table({"id": [f"{number}" for number in range(10)]})
    pq.write_table(table, tmp_path / "chats.parquet", row_group_size=4)
    cut_into_files(tmp_path / "chats.parquet", tmp_path / "cut", files)
    found = [pq.read_table(path) for path in sorted((tmp_path / "cut").iterdir())]
    assert pa.concat_tables(found).equals(table)
    assert max(map(len, found)) == -(-10 // files)


def test_each_round_has_all_runs_in_an_order_of_its_own(tmp_path: Path) -> None:
    runs = runs_of(setting(tmp_path), [1, 2], nothing=True)
    assert [run.name for run in runs if run.counts] == [
        COUNT,
        "Ray Data, 1 actor",
        "Ray Data, 2 actors",
    ]
    dice = random.Random(1)  # noqa: S311  # an order, no secret
    orders = [[run.name for run in shuffled(runs, dice)] for _ in range(20)]
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(r.name for r in runs))}
    assert {order[0] for order in orders} == {run.name for run in runs}


def test_tables_are_compared_whatever_their_order_and_files_are(tmp_path: Path) -> None:
    rows = [("b", 1, 5), ("a", 2, 7), ("a", 1, 3)]

    def table(*chosen: tuple[str, int, int]) -> pa.Table:
        conversations, turns, isls = zip(*chosen, strict=True)
        return pa.table({"conversation": conversations, "turn": turns, "isl": isls})

    pq.write_table(table(*sorted(rows)), tmp_path / "one.parquet")
    (tmp_path / "isl").mkdir()
    pq.write_table(table(*rows[:1]), tmp_path / "isl" / "0.parquet")
    pq.write_table(table(*rows[1:]), tmp_path / "isl" / "1.parquet")
    one, several = table_in(tmp_path / "one.parquet"), table_in(tmp_path / "isl")
    assert same_rows([one, several]) == 3
    pq.write_table(table(("a", 1, 4), ("a", 2, 7)), tmp_path / "isl" / "1.parquet")
    with pytest.raises(click.ClickException, match="the tables differ"):
        same_rows([one, table_in(tmp_path / "isl")])
