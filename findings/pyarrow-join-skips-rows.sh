#!/bin/sh
# Library: pyarrow 26.0.1. Seen with Python 3.11, November 2026.
#
# Guess before: `binary_join_element_wise` with `null_handling="skip"` returns a text for each row, and an
# empty one where all values of a row are null: an element-wise function returns as many rows as it gets.
#
# Seen: such a row is missing in what it returns, without an error. The rows after it move up, so that
# whoever puts the result beside other columns has the texts of other rows. With "replace" and an empty
# text all rows are there.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import pyarrow as pa
import pyarrow.compute as pc

first, second = pa.array(["a", None, "c"]), pa.array(["x", None, None])
skipped = pc.binary_join_element_wise(first, second, ",", null_handling="skip")
replaced = pc.binary_join_element_wise(
    first, second, ",", null_handling="replace", null_replacement=""
)
print(len(first), "rows:", skipped.to_pylist(), replaced.to_pylist())
assert skipped.to_pylist() == ["a,x", "c"]
assert replaced.to_pylist() == ["a,x", ",", "c,"]
PYTHON
