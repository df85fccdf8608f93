#!/bin/sh
# Libraries: mistral-common 1.13.1, sentencepiece 0.2.3. Seen with Python 3.11, November 2026.
#
# Guess before: versions 2 and 3 strip white space from the end of an answer; later ones encode an
# answer as it is, and so does every version with an answer that the request continues.
#
# Seen: from version 2 on, all strip spaces, and only spaces, from the end of an answer; also of one
# that is to be continued, so that a client who sends "It is " gets what follows "It is". Line ends
# stay. Version 1 strips nothing. An answer with reasoning, which version 13 brings, keeps its spaces:
# adding a thought to a message changes how many tokens the answer beside it has.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    mistral-common==1.13.1 sentencepiece==0.2.3
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import json
import sys
from pathlib import Path

import mistral_common
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers.base import SpecialTokens
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

shipped = Path(mistral_common.__file__).parent / "data"
# No vocabulary of version 13 is shipped: one is made of the tekken that is.
content = json.loads((shipped / "tekken_240718.json").read_text())
content["config"]["version"] = "v13"
content["special_tokens"] = [
    {"rank": rank, "token_str": token.value, "is_control": True}
    for rank, token in enumerate(SpecialTokens)
]
v13 = Path(sys.argv[1]) / "tekken.json"
v13.write_text(json.dumps(content))


def count(path, answer, continued=False, **more):
    messages = [
        {"role": "user", "content": "What is it?"},
        {"role": "assistant", "content": answer, **more},
    ]
    if not continued:
        messages.append({"role": "user", "content": "Hm"})
    request = ChatCompletionRequest.from_openai(messages, continue_final_message=continued)
    return len(MistralTokenizer.from_file(path).encode_chat_completion(request).tokens)


def added(path, end, **more):
    return count(path, "It is" + end, **more) - count(path, "It is", **more)


v1 = shipped / "tokenizer.model.v1"
v7 = shipped / "mistral_instruct_tokenizer_241114.model.v7"
for path in (v1, v7, v13):
    row = [added(path, " "), added(path, "\n"), added(path, " ", continued=True)]
    print(f"{path.name:45} space {row[0]}, line end {row[1]}, space of a continued answer {row[2]}")
    assert row == ([1, 1, 1] if path is v1 else [0, 1, 0]), row
thought = added(v13, " ", reasoning="Let me see.")
print(f"{'the last one, with reasoning':45} space {thought}")
assert thought == 1, thought
PYTHON
