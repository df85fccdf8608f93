#!/bin/sh
# Libraries: tokie 0.1.4, iree-tokenizer 0.3.0, tokenizers 0.23.3. Seen with Python 3.11, November 2026.
#
# Guess before: engines that replace the splitting pattern of Llama 3 and Qwen by code of their own get
# line ends right, since every prompt has them; if one is wrong, another is wrong somewhere else.
#
# Seen: the pattern takes white space up to the last line end that follows in one piece (`\s*[\r\n]+`). Both
# engines stop at the first line end. So an empty line with a space in it is two pieces, and one token
# more. In a tool's output this is common.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    tokie==0.1.4 iree-tokenizer==0.3.0 tokenizers==0.23.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from iree.tokenizer import Tokenizer as Iree
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from tokie import Tokenizer as Tokie

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
vocabulary = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
merges = [("Ċ", "Ġ"), ("ĊĠ", "Ċ"), ("Ċ", "Ċ"), ("Ġ", "Ċ")]
vocabulary.update({left + right: 256 + i for i, (left, right) in enumerate(merges)})
tokenizer = Tokenizer(models.BPE(vocabulary, merges))
tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(LLAMA_3), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)
tokenizer.save("tokenizer.json")
tokie, iree = Tokie.from_json("tokenizer.json"), Iree.from_file("tokenizer.json")
for text, ours, theirs in (("a\n\nb", 3, 3), ("a\n \nb", 3, 4)):
    found = len(tokenizer.encode(text)), tokie.count_tokens(text), len(iree.encode(text))
    print(f"{text!r}: tokenizers {found[0]}, tokie {found[1]}, iree-tokenizer {found[2]}")
    assert found == (ours, theirs, theirs)
PYTHON
