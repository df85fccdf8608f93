#!/bin/sh
# Library: pyarrow 26.0.1. Seen with Python 3.11, November 2026.
#
# Guess before: an Arrow stream says where it ends, so that reading one whose last bytes are lost fails.
#
# Seen: pyarrow takes the end of the bytes at the border of two batches for the end of the rows. A stream of two
# batches without its last batch and its end mark gives the rows of the first one, and no error. It also stops at
# the end mark of the first of two streams that were put together, and leaves the second one unread.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import io

import pyarrow as pa

ROWS = pa.table({"text": ["a", "b", "c", "d"]})


def stream(table):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
        border = sink.tell()
    return sink.getvalue(), border


def rows(data):
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all().num_rows


whole, end = stream(ROWS)
_, border = stream(ROWS.slice(0, 2))
found = {
    "whole": rows(whole),
    "without the end mark": rows(whole[:end]),
    "without the second batch": rows(whole[:border]),
    "two put together": rows(whole + whole),
}
print("rows read:", found)
assert found == {
    "whole": 4,
    "without the end mark": 4,
    "without the second batch": 2,
    "two put together": 4,
}, "pyarrow reads such streams in another way now"
PYTHON
