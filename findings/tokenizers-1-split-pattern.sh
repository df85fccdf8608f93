#!/bin/sh
# Libraries: tokenizers 0.23.3 and 1.0.0rc3. Seen with Python 3.11, November 2026.
#
# Guess before: version 1.0 reads a tokenizer.json with a regular expression of one's own to split words,
# or refuses to load it. So a service that starts has a tokenizer that works.
#
# Seen: it loads the file, and raises at the first text: a `Split` with a pattern that it does not know
# needs a feature that the package on the index is built without. An empty text is no test for it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 0.23.3 1.0.0rc3; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "tokenizers==$version"
done
cd "$folder"
0.23.3/bin/python - <<'PYTHON'
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "-": 2}, []))
tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[a-z]+|-"), "isolated")
tokenizer.save("tokenizer.json")
print("0.23.3 encodes 'a-b' as", tokenizer.encode("a-b").ids)
PYTHON
1.0.0rc3/bin/python - <<'PYTHON'
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")
print("1.0.0rc3 loads it; an empty text has the ids", list(tokenizer.encode("").ids))
try:
    tokenizer.encode("a-b")
except ValueError as error:
    print("1.0.0rc3 on 'a-b':", error)
    assert "fancy-regex" in str(error)
else:
    raise AssertionError("it encodes the text")
PYTHON
