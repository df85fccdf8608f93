#!/bin/sh
# Libraries: openai 3.57.0 (its types), pydantic 2.14.4. Seen with Python 3.11, November 2026.
#
# Guess before: a server that declares messages with openai's TypedDicts and lets pydantic check them
# gets back what the client sent, so a chat template that writes a tool call as JSON renders the call
# as the client wrote it.
#
# Seen: pydantic builds each tool call anew, in the order of the type's fields: "id" before "function"
# before "type", and inside "arguments" before "name". Fields that the type does not name are dropped.
# In a model that allows extra fields, as servers have one, they are kept and come last, also in the
# types inside it, which say nothing about extra fields. Messages keep their own fields in the order of the type too: a user's "content" comes before
# its "role". A template that writes `tool_call.function | tojson` therefore renders other text, with
# another token count, than the same messages given to apply_chat_template by a script.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openai==3.57.0 pydantic==2.14.4
"$folder/venv/bin/python" - <<'PYTHON'
import json

from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel, ConfigDict, TypeAdapter

sent = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"type": "function", "function": {"name": "add", "arguments": "{}"}, "index": 0, "id": "c1"}
    ],
}
message = TypeAdapter(ChatCompletionMessageParam).validate_python(sent)
(call,) = list(message["tool_calls"])
print("sent    ", json.dumps(sent["tool_calls"][0]))
print("returned", json.dumps(call))
assert list(call) == ["id", "function", "type"], list(call)
assert list(call["function"]) == ["arguments", "name"], list(call["function"])


class Request(BaseModel):
    model_config = ConfigDict(extra="allow")
    messages: list[ChatCompletionMessageParam]


(call,) = list(Request(messages=[sent]).messages[0]["tool_calls"])
print("allowed ", json.dumps(call))
assert list(call) == ["id", "function", "type", "index"], list(call)

user = TypeAdapter(ChatCompletionMessageParam).validate_python({"role": "user", "content": "Hi"})
print("user    ", json.dumps(user))
assert list(user) == ["content", "role"], list(user)
PYTHON
