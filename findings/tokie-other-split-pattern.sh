#!/bin/sh
# Libraries: tokie 0.1.4, tokenizers 0.23.3. Seen with Python 3.11, November 2026.
#
# Guess before: tokie splits words by the pattern of the tokenizer.json, or refuses to load a file whose
# pattern it does not know.
#
# Seen: it loads the file, says nothing, and splits by a pattern of its own. A pattern for single digits
# still gives a token of two digits, and that of Mistral NeMo, which has no contractions, splits "b'My" after
# the "M". No prompt tells this from a right count.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tokie==0.1.4 tokenizers==0.23.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from tokie import Tokenizer as Tokie

UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
NEMO = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*|\p{{N}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
vocabulary = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
merges = [("1", "2"), ("'", "M"), ("'M", "y")]
vocabulary.update({left + right: 256 + i for i, (left, right) in enumerate(merges)})
for pattern, text, ours, theirs in (
    (r"\d", "12", ["1", "2"], ["12"]),
    (NEMO, "b'My", ["b", "'My"], ["b", "'M", "y"]),
):
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.save("tokenizer.json")
    other = Tokie.from_json("tokenizer.json").encode(text, add_special_tokens=False)
    found = tokenizer.encode(text).tokens, [tokenizer.id_to_token(i) for i in other.ids]
    print(f"{text!r}: tokenizers {found[0]}, tokie {found[1]}")
    assert found == (ours, theirs)
PYTHON
