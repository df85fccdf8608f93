#!/bin/sh
# Libraries: pyarrow 26.0.1 alone, and with pandas 3.1.1. Seen with Python 3.11, November 2026.
#
# Guess before: `to_pylist` gives plain Python values, which depend on the data and on pyarrow alone.
#
# Seen: of a timestamp in nanoseconds it gives a pandas.Timestamp if pandas is installed, also where
# nobody imports it. Without pandas it gives a datetime, or raises ValueError for a value that has
# nanoseconds. Ray Data brings pandas along, so installing an engine changed what our reader saw.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
cat >"$folder/values.py" <<'PYTHON'
import pyarrow as pa

for number in (1000, 1001):
    try:
        (value,) = pa.array([number], pa.timestamp("ns")).to_pylist()
        print(number, type(value).__module__.split(".")[0])
    except ValueError:
        print(number, "ValueError")
PYTHON
alone=$("$folder/venv/bin/python" "$folder/values.py")
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1
beside=$("$folder/venv/bin/python" "$folder/values.py")
printf 'alone:\n%s\nbeside pandas:\n%s\n' "$alone" "$beside"
test "$alone" = "1000 datetime
1001 ValueError"
case "$beside" in *datetime* | *ValueError*) exit 1 ;; esac
