"""`bench growth`: as much new text at every length, and a number for every part."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench.cli import main
from bench.growth import LENGTHS, conversations_of
from strategies import count_turns


def test_every_length_has_as_many_turns_and_as_much_new_text() -> None:
    sizes = []
    for turns in LENGTHS:
        made = conversations_of(turns, 400)
        assert count_turns(made) == 400
        assert {len(conversation.turns) for conversation in made} == {turns}
        sizes.append(sum(len(m["content"]) for c in made for m in c.messages))
    assert max(sizes) < 1.1 * min(sizes)


def test_the_command_reports_each_length_and_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["bench", "growth", "--rounds", "1", "--out", str(tmp_path), "--json"]
    )
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 0
    report = json.loads((tmp_path / "growth.json").read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == report
    assert [point["turns"] for point in report["points"]] == list(LENGTHS)
    for point in report["points"]:
        assert set(point["parts"]) == {"convert", "render", "cut", "encode"}
        assert point["seconds_per_turn"] > 0
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
