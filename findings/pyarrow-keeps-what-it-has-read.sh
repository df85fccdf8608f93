#!/bin/sh
# Library: pyarrow 26.0.1. Seen with Python 3.11, November 2026.
#
# Guess before: to go through a Parquet file with iter_batches takes the memory of a batch, or at most
# of a row group, whatever the size of the file; and total_allocated_bytes of Arrow shows it.
#
# Seen: memory grows by the size of the file. pre_buffer is True by default, and what it has read of
# each row group stays until the reader is closed. If the file is a Python object, Arrow's own count
# of its memory says that there is nearly nothing. With pre_buffer=False, memory stays where it was.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
cat > "$folder/read.py" <<'PYTHON'
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq

path, options = sys.argv[1], {} if sys.argv[2] == "default" else {"pre_buffer": False}


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


size = os.path.getsize(path)
with open(path, "rb") as stream, pq.ParquetFile(stream, **options) as file:
    batches = file.iter_batches(1000)
    next(batches)
    before = resident()
    for batch in batches:
        pass
    del batch
    grown, counted = (resident() - before) / size, pa.total_allocated_bytes() / size
print(f"{sys.argv[2]}: memory grew by {grown:.2f} of the file, Arrow counts {counted:.2f} of it")
assert counted < 0.2, counted
assert (grown > 0.6) if sys.argv[2] == "default" else (grown < 0.2), grown
PYTHON
"$folder/venv/bin/python" - "$folder/rows.parquet" <<'PYTHON'
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq

dice = random.Random(1)
schema = pa.schema([("text", pa.string())])
with pq.ParquetWriter(sys.argv[1], schema) as writer:
    for _ in range(100):
        rows = [dice.randbytes(500).hex() for _ in range(3000)]
        writer.write_table(pa.table({"text": rows}, schema))
PYTHON
for how in default pre_buffer=False; do
    ARROW_DEFAULT_MEMORY_POOL=system "$folder/venv/bin/python" "$folder/read.py" "$folder/rows.parquet" "$how"
done
