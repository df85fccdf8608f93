"""`bench growth`: the same amount of new text at every length, and a number for every part."""

from __future__ import annotations

import json
from pathlib import Path

from bench.measuring.growth import LENGTHS, conversations_of
from bench.reporting.plots import GROWTH_PLOTS
from strategies import count_turns
from tests.conftest import Bench


def test_every_length_has_as_many_turns_and_as_much_new_text() -> None:
    sizes = []
    for turns in LENGTHS:
        made = conversations_of(turns, 400)
        assert count_turns(made) == 400
        assert {len(conversation.turns) for conversation in made} == {turns}
        sizes.append(sum(len(m["content"]) for c in made for m in c.messages))
    assert max(sizes) < 1.1 * min(sizes)


def test_the_command_reports_each_length_and_part(bench: Bench, tmp_path: Path) -> None:
    result = bench("growth", "--rounds", "1", "--out", tmp_path, "--json")
    assert result.code == 0, result.error
    report = json.loads((tmp_path / "growth.json").read_text(encoding="utf-8"))
    assert json.loads(result.out) == report
    assert [point["turns"] for point in report["points"]] == list(LENGTHS)
    for point in report["points"]:
        assert set(point["parts"]) == {"convert", "render", "cut", "encode"}
        assert point["seconds_per_turn"] > 0
    for name in GROWTH_PLOTS:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    shown = bench("show", tmp_path / "growth.json")
    assert [line.split()[0] for line in shown.out.splitlines()[4:-1]] == list(map(str, LENGTHS))
