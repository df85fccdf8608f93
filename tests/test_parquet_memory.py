"""Memory while Parquet is read stays where it is, however many row groups there are."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PROGRAM = """
import sys
import psutil
from strategies.conversations.detect import needs
from strategies.conversations.parquet_records import parquet_batches

rows, resident = 0, []
with open(sys.argv[1], "rb") as stream:
    for batch in parquet_batches(stream, "chats", needs(None), most=1 << 40):
        rows += len(batch)
        resident.append(psutil.Process().memory_info().rss)
print(rows, max(resident) - resident[len(resident) // 6])
"""
GROUPS, ROWS = 24, 1000


def test_memory_does_not_grow_with_the_groups_of_a_file(tmp_path: Path) -> None:
    dice = random.Random(1)  # noqa: S311  # texts that do not compress
    path = tmp_path / "chats.parquet"
    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    schema = pa.schema([("id", pa.string()), ("messages", pa.list_(message))])
    with pq.ParquetWriter(path, schema) as writer:
        for group in range(GROUPS):
            rows = [
                {
                    "id": f"{group}-{row}",
                    "messages": [{"role": "user", "content": dice.randbytes(2000).hex()}],
                }
                for row in range(ROWS)
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"},
    )
    read, grown = map(int, done.stdout.split())
    assert read == GROUPS * ROWS
    assert grown < 0.4 * path.stat().st_size
