#!/bin/sh
# Libraries: transformers 5.23.0, sentencepiece 0.2.3, tokenizers 0.23.3, protobuf 7.36.2. Seen with
# Python 3.11, November 2026.
#
# Guess before: a folder with only a BPE `tokenizer.model`, loaded as LlamaTokenizer, tokenizes unlike
# the sentencepiece library where several spaces stand together, wherever in the text that is, because
# transformers orders the merges by the pieces' ids and not by their scores.
#
# Seen: on a model as sentencepiece trains it, runs of spaces inside a text are tokenized alike. Texts
# that begin with a space are not. sentencepiece puts one more space before every text. transformers
# puts it there only if the text does not begin with one, so it loses a space: " cat" and "cat" get the
# same ids, and the decoded text lacks the space. If the model says that no space is to be added
# (`add_dummy_prefix`), transformers adds it all the same, unless the text begins with a space; so then
# the texts that differ are those that begin with none.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    transformers==5.23.0 sentencepiece==0.2.3 tokenizers==0.23.3 protobuf==7.36.2
cd "$folder"
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error
"$folder/venv/bin/python" - <<'PYTHON'
import json
import random
from pathlib import Path

from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from transformers import AutoTokenizer

words = "the cat sat on a mat and the dog ran to the house while rain fell over hills".split()
random.seed(1)
texts = []
for _ in range(400):
    between = " " * random.choice([1, 1, 2, 3])
    texts.append(" " * random.choice([0, 0, 1, 2, 4]) + between.join(random.choices(words, k=8)))
Path("texts").write_text("\n".join(texts))


def tokenizers(name, **options):
    Path(name).mkdir()
    SentencePieceTrainer.train(
        input="texts",
        model_prefix=f"{name}/tokenizer",
        model_type="bpe",
        vocab_size=330,
        byte_fallback=True,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        normalization_rule_name="identity",
        minloglevel=2,
        **options,
    )
    config = {"tokenizer_class": "LlamaTokenizer", "legacy": False}
    Path(name, "tokenizer_config.json").write_text(json.dumps(config))
    return SentencePieceProcessor(model_file=f"{name}/tokenizer.model"), AutoTokenizer.from_pretrained(name)


for name, options in (("space", {}), ("no-space", {"add_dummy_prefix": False})):
    library, loaded = tokenizers(name, **options)
    print(name, options)
    for text in ("cat", " cat", "   cat", "cat   sat    on"):
        ours = library.encode(text, out_type=str)
        theirs = loaded.tokenize(text)
        back = loaded.decode(loaded.encode(text, add_special_tokens=False))
        print(f"  {text!r}: sentencepiece {ours}, transformers {theirs}, decoded {back!r}")
    differ = [library.encode(each) != loaded.encode(each, add_special_tokens=False) for each in texts]
    begin = [each.startswith(" ") for each in texts]
    print(f"  {sum(differ)} of {len(texts)} texts differ; {sum(begin)} begin with a space")
    assert 0 < sum(begin) < len(texts)
    assert differ == (begin if name == "space" else [not each for each in begin])
PYTHON
