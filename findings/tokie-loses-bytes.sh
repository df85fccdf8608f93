#!/bin/sh
# Libraries: tokie 0.1.4, tokenizers 0.23.3. Seen with Python 3.11, November 2026.
#
# Guess before: with `byte_fallback`, tokie writes a character without a token of its own as the tokens
# of its bytes, or refuses to load a tokenizer for which it cannot. Its README says "100% accurate".
#
# Seen: with this small SentencePiece BPE the bytes are gone. "é" alone is no token at all, and the three
# bytes of "€" between two other letters become three tokens of the next letter. The published
# tokenizers with byte fallback that were tried, with many more words, are not affected.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tokie==0.1.4 tokenizers==0.23.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from tokenizers import Tokenizer, models
from tokie import Tokenizer as Tokie

tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "a", "b", "ab"]
model = models.BPE(
    {token: i for i, token in enumerate(tokens)},
    [("a", "b")],
    unk_token="<unk>",
    byte_fallback=True,
)
tokenizer = Tokenizer(model)
tokenizer.save("tokenizer.json")
other = Tokie.from_json("tokenizer.json")
a, c3, a9 = 259, 3 + 0xC3, 3 + 0xA9
for text, ours, theirs in (
    ("ab", [261], [261]),
    ("é", [c3, a9], []),
    ("a€a", [a, 3 + 0xE2, 3 + 0x82, 3 + 0xAC, a], [a, a, a, a, a]),
):
    found = tokenizer.encode(text).ids, list(other.encode(text, add_special_tokens=False).ids)
    print(f"{text!r}: tokenizers {found[0]}, tokie {found[1]}")
    assert found == (ours, theirs)
    assert other.count_tokens(text) == len(theirs)
PYTHON
