#!/bin/sh
# Libraries: mistral-common 1.13.1, sentencepiece 0.2.3. Seen with Python 3.11, November 2026.
#
# Guess before: a SentencePiece vocabulary whose name tells no version is refused, or its version is
# found from its pieces, since later versions have control pieces such as [INST].
#
# Seen: the end of the file's name alone decides. The same bytes as tokenizer.model.v3 write [INST] as
# one token; as tokenizer.model, the name that transformers looks for, they are taken for version 1
# without a word: [INST] becomes text, the system prompt stands elsewhere, tools are refused, and each
# turn has another count. mistral-common has a switch that refuses a name without a version, and does
# not use it when it opens a file.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    mistral-common==1.13.1 sentencepiece==0.2.3
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import shutil
import sys
from pathlib import Path

import mistral_common
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

shipped = Path(mistral_common.__file__).parent / "data"
model = shipped / "mistral_instruct_tokenizer_240323.model.v3"
messages = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Bye"},
]
seen = {}
for name in ("tokenizer.model.v3", "tokenizer.model"):
    path = Path(sys.argv[1]) / name
    shutil.copy(model, path)
    tokenizer = MistralTokenizer.from_file(path)
    tokens = tokenizer.encode_chat_completion(ChatCompletionRequest.from_openai(messages)).tokens
    pieces = [tokenizer.instruct_tokenizer.tokenizer.id_to_piece(token) for token in tokens]
    seen[name] = len(tokens), tokenizer.version.value
    print(f"{name:20} {tokenizer.version.value} {len(tokens):3} tokens  {' '.join(pieces)}")
assert seen["tokenizer.model.v3"] == (15, "v3"), seen
assert seen["tokenizer.model"] == (25, "v1"), seen
PYTHON
