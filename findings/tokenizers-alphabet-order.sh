#!/bin/sh
# Library: tokenizers 0.23.3. Seen with Python 3.11, November 2026.
#
# Guess before: `pre_tokenizers.ByteLevel.alphabet()` lists the 256 characters of the bytes in the order of
# the bytes, so that a vocabulary numbered by it has the same ids in each run.
#
# Seen: it is a list, but in another order in each process. A vocabulary that is numbered by it has other ids
# each time, and expected ids that were written down do not come back. Sorted, it is always the same.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.23.3
cd "$folder"
for process in 1 2 3; do
  "$folder/venv/bin/python" - >>orders <<'PYTHON'
from tokenizers import pre_tokenizers

alphabet = pre_tokenizers.ByteLevel.alphabet()
assert isinstance(alphabet, list) and len(set(alphabet)) == 256
print("".join(alphabet))
PYTHON
done
"$folder/venv/bin/python" - <<'PYTHON'
orders = open("orders", encoding="utf-8").read().splitlines()
print([order[:8] for order in orders])
assert len(orders) == 3 and len(set(orders)) > 1
assert len({"".join(sorted(order)) for order in orders}) == 1
PYTHON
