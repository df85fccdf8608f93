#!/bin/sh
# Libraries: gigatoken 0.10.0, tokenizers 0.23.3. Seen with Python 3.11, November 2026.
#
# Guess before: gigatoken reads a tokenizer.json, so an added token with `single_word` counts as a token
# only if it is a word, as the file says.
#
# Seen: it finds the token inside a word, too. "category" is then 4 tokens instead of 1.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gigatoken==0.10.0 tokenizers==0.23.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from gigatoken import Tokenizer as Gigatoken
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

vocabulary = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
merges = []
for end in range(2, len("category") + 1):
    merges.append(("category"[: end - 1], "category"[end - 1]))
    vocabulary["category"[:end]] = len(vocabulary)
tokenizer = Tokenizer(models.BPE(vocabulary, merges))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.add_tokens([AddedToken("ego", single_word=True, normalized=False)])
other = Gigatoken.from_json(tokenizer.to_str())
for text, ours, theirs in (("ego", 1, 1), ("category", 1, 4)):
    found = len(tokenizer.encode(text)), len(other.encode(text))
    print(f"{text!r}: tokenizers {found[0]}, gigatoken {found[1]}")
    assert found == (ours, theirs)
PYTHON
