"""Whole processes that are compared by turns: what is reported of each."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bench.measuring.processes import alternate, main, run

MB = 1_000_000


def python(text: str) -> list[str]:
    return [sys.executable, "-S", "-c", text]


def test_processor_time_is_not_the_time_of_waiting() -> None:
    busy = run(python("import time\nwhile time.process_time() < 0.3: pass"))
    waiting = run(python("import time; time.sleep(0.3)"))
    assert busy.processor_seconds >= 0.3
    assert waiting.wall_seconds >= 0.3
    assert waiting.processor_seconds < waiting.wall_seconds


def test_memory_is_the_peak() -> None:
    # The list is given back before the end.
    large = run(python("x = b'1' * 200_000_000; del x"))
    assert 200 * MB < large.peak_bytes < 300 * MB
    assert run(python("")).peak_bytes < 100 * MB


def test_each_round_runs_both_in_a_shuffled_order(tmp_path: Path) -> None:
    log = tmp_path / "log"
    base, head = (python(f"open({str(log)!r}, 'a').write('{name}')") for name in "bh")
    bases, heads = alternate(base, head, 8)
    assert len(bases) == len(heads) == 8
    rounds = [log.read_text()[i : i + 2] for i in range(0, 16, 2)]
    assert set(rounds) == {"bh", "hb"}


def test_a_command_that_fails_ends_the_comparison(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run(python("raise SystemExit(3)"))
    failing, missing = f"{sys.executable} -c 'raise SystemExit(3)'", str(tmp_path / "no command")
    for command in (failing, f"'{missing}'"):
        with pytest.raises(SystemExit, match="processes: "):
            main(["--rounds", "1", command, command])


def test_the_lines_say_how_many_times_less(capsys: pytest.CaptureFixture[str]) -> None:
    main(
        ["--rounds", "2", f"{shlex.quote(sys.executable)} -S -c 'x = b\"1\" * 300_000_000'", "true"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["wall time", "processor time", "peak memory"]
    assert float(lines[2].split(": ")[1].split(" times")[0]) > 2
