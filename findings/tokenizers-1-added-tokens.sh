#!/bin/sh
# Libraries: tokenizers 0.23.3 and 1.0.0rc3. Seen with Python 3.11, November 2026.
#
# Guess before: version 1.0 of the library gives a text the same ids as 0.23 from one tokenizer.json,
# as long as the file holds nothing but added tokens and a small BPE model.
#
# Seen: it differs in two flags. 0.23 looks for all added tokens first; a token that strips white space
# on its right (`rstrip`) leaves a token of white space after it in place. 1.0 strips first, and the
# second token is gone. And 1.0 looks for a `normalized` token, which is the default, in a text whose
# spaces Metaspace has replaced, so it never finds a token with a space in it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 0.23.3 1.0.0rc3; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "tokenizers==$version"
done
cd "$folder"
0.23.3/bin/python - <<'PYTHON'
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

stripping = Tokenizer(models.BPE({"x": 0, "<unk>": 1}, [], unk_token="<unk>"))
stripping.add_tokens(
    [AddedToken("<|m|>", rstrip=True, normalized=False), AddedToken("\n\n", normalized=False)]
)
stripping.save("stripping.json")
words = Tokenizer(models.BPE({"▁": 0, "a": 1, "b": 2, "▁a": 3}, [("▁", "a")]))
words.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
words.add_tokens(["a b"])
words.save("words.json")
PYTHON
cat > encode.py <<'PYTHON'
import sys
from importlib.metadata import version

from tokenizers import Tokenizer

print("tokenizers", version("tokenizers"))
for file, text, expected in (
    ("stripping.json", "<|m|>\n\nx", {"0": [2, 3, 0], "1": [2, 0]}),
    ("words.json", "a b", {"0": [4], "1": [3, 0, 2]}),
):
    ids = list(Tokenizer.from_file(file).encode(text, add_special_tokens=False).ids)
    print(" ", file, repr(text), ids)
    assert ids == expected[version("tokenizers")[0]]
PYTHON
0.23.3/bin/python encode.py
1.0.0rc3/bin/python encode.py
