#!/bin/sh
# Libraries: sentencepiece 0.2.3, transformers 5.23.0, tokenizers 0.23.3, protobuf 7.36.2. Seen with
# Python 3.11, November 2026.
#
# Guess before: a text that holds a control piece of the model, such as "[INST]", gets that piece's id
# from sentencepiece's `encode`. So a rendered prompt has the same ids whether the library encodes it
# or transformers does after loading the same `tokenizer.model`.
#
# Seen: the library never finds a control piece in a text, not even "<s>". It spells it out, in
# letters and bytes. It finds a user-defined piece. transformers makes special tokens of the control
# pieces and finds them, so one file gives two counts for a prompt with markers.
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
Path("texts").write_text("\n".join(" ".join(random.choices(words, k=8)) for _ in range(400)))
SentencePieceTrainer.train(
    input="texts",
    model_prefix="tokenizer",
    model_type="bpe",
    vocab_size=320,
    byte_fallback=True,
    control_symbols=["[INST]"],
    user_defined_symbols=["[TOOL]"],
    minloglevel=2,
)
Path("tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer", "legacy": False}))
library = SentencePieceProcessor(model_file="tokenizer.model")
loaded = AutoTokenizer.from_pretrained(".")
for piece, in_library in (("[INST]", False), ("<s>", False), ("[TOOL]", True)):
    number = library.piece_to_id(piece)
    text = f"the {piece} cat"
    ours, theirs = library.encode(text), loaded.encode(text, add_special_tokens=False)
    print(f"{text!r}, where {piece!r} is {number}")
    print("  sentencepiece", ours, library.encode(text, out_type=str))
    print("  transformers ", theirs, loaded.tokenize(text))
    assert loaded.convert_tokens_to_ids(piece) == number
    assert (number in ours) == in_library
    assert number in theirs
    assert (ours == theirs) == in_library
PYTHON
