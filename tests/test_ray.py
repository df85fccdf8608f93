"""A real cluster of several processes counts as `bench count` does, also when one is killed.

The cluster runs in a process of its own: Ray opens sockets, and leaves threads and handlers.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.bundled import tokenizer_path
from bench.samples import sample_bytes
from tests.conftest import Bench
from tests.datasets import as_parquet

pytestmark = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed: pip install 'isl-bench[ray]'"
)

DOCS = Path(__file__).parents[1] / "docs" / "distributed.md"
FILES = 4

PROGRAM = """
import os
import signal
import sys

import ray
from strategies import CountTurns

ray.init(
    num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000,
    _temp_dir=sys.argv[1],
)
CPUS = 0.5


class Dies(CountTurns):
    '''Its process kills itself once, when it has counted a batch and is given another.'''

    counted = 0

    def __call__(self, batch):
        self.counted += 1
        if self.counted == 2:
            try:
                with open("killed", "x") as file:
                    file.write(str(os.getpid()))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        counted = super().__call__(batch)
        with open(f"worked-{os.getpid()}", "a"):
            pass
        return counted


def count(counter, out, **options):
    chats = ray.data.read_parquet("chats").repartition(target_num_rows_per_block=20)
    chats.map_batches(
        counter, fn_constructor_args=["tokenizer"], num_cpus=CPUS, **options,
        compute=ray.data.ActorPoolStrategy(size=2),
    ).write_parquet(out)


exec(open("example.py").read())
count(Dies, "killed-isl", batch_format="pyarrow", batch_size=5)
"""


@pytest.fixture
def chats(tmp_path: Path) -> list[pa.Table]:
    """A folder of Parquet, in which the working directory is."""
    records = [json.loads(line) for line in sample_bytes("small").splitlines()]
    (tmp_path / "chats").mkdir()
    size = -(-len(records) // FILES)
    for number in range(FILES):
        data = as_parquet(records[number * size : (number + 1) * size])
        (tmp_path / "chats" / f"{number}.parquet").write_bytes(data)
    (tmp_path / "tokenizer").symlink_to(tokenizer_path("bpe-chatml"))
    return sorted((tmp_path / "chats").iterdir())


def sorted_table(tables: list[pa.Table]) -> pa.Table:
    order = [("conversation", "ascending"), ("turn", "ascending")]
    return pa.concat_tables(tables).sort_by(order)


def test_a_cluster_counts_as_bench_count_also_if_a_process_is_killed(
    chats: list[Path], tmp_path: Path, bench: Bench
) -> None:
    example, *_ = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert len(example.splitlines()) <= 10
    (tmp_path / "example.py").write_text(example, encoding="utf-8")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    # Paths of sockets must be short.
    with tempfile.TemporaryDirectory(prefix="ray-") as temporary:
        done = subprocess.run(
            [sys.executable, "program.py", temporary],
            cwd=tmp_path,
            env={
                **os.environ,
                # The first actor keeps what the others need to start.
                "ISL_BENCH_CACHE": str(tmp_path / "cache"),
                "RAY_USAGE_STATS_ENABLED": "0",
                "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    expected = []
    for path in chats:
        out = tmp_path / "isl.parquet"
        assert bench("count", path, "--tokenizer", tmp_path / "tokenizer", "--out", out).code == 0
        expected.append(pq.read_table(out))
    for folder in ("isl", "killed-isl"):
        got = [pq.read_table(path) for path in (tmp_path / folder).iterdir()]
        assert len(got) > 1 or folder == "isl"
        assert sorted_table(got).equals(sorted_table(expected)), folder
    killed = (tmp_path / "killed").read_text()
    worked = {path.name for path in tmp_path.glob("worked-*")}
    assert worked - {f"worked-{killed}"}
