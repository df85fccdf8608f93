#!/bin/sh
# Library: tokenizers 0.23.3. Seen with Python 3.11, November 2026.
#
# Guess before: a BPE model with byte fallback gives the tokens of a text in its order. A character whose
# bytes are no tokens becomes the unknown token in its place, and `fuse_unk` joins neighbours only.
#
# Seen: the unknown token waits until the next character that is not written in bytes, or the end.
# Characters in bytes overtake it, so the ids are not in the order of the text. With `fuse_unk`, unknown
# characters on both sides of them become one token: the count changes, not only the order.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.23.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from tokenizers import Tokenizer, models

vocabulary = {"<unk>": 0, "a": 1, "<0xC3>": 2, "<0xA9>": 3}
in_bytes = ["<0xC3>", "<0xA9>"]
for fuse, text, expected in (
    (False, "日é", [*in_bytes, "<unk>"]),
    (False, "日aé", ["<unk>", "a", *in_bytes]),
    (False, "日é日", [*in_bytes, "<unk>", "<unk>"]),
    (True, "日é日", [*in_bytes, "<unk>"]),
):
    model = models.BPE(vocabulary, [], unk_token="<unk>", fuse_unk=fuse, byte_fallback=True)
    tokens = Tokenizer(model).encode(text).tokens
    print(f"fuse_unk={fuse}, {text}: {tokens}")
    assert tokens == expected
PYTHON
