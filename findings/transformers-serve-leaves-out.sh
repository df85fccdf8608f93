#!/bin/sh
# Library: transformers 5.23.0, the server of `transformers serve`; PyTorch is not needed for this.
# Seen with Python 3.11, November 2026.
#
# Guess before: the server gives the messages of a request to apply_chat_template as they are, so its
# prompt is the one that a script gets from the same library.
#
# Seen: it makes new messages. The content of a message that has tool calls is left out, and so are
# reasoning and the name of a message; text parts are joined by a blank. A count by apply_chat_template
# over the messages of the request is another one.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 \
  openai==3.57.0 pydantic fastapi uvicorn
"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON'
from transformers.cli.serving.utils import BaseHandler, Modality

call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
sent = [
    {"role": "user", "content": parts},
    {"role": "assistant", "content": "I look.", "reasoning_content": "Hm.", "tool_calls": [call]},
    {"role": "tool", "name": "f", "tool_call_id": "1", "content": "x"},
    {"role": "assistant", "content": "Done.", "reasoning_content": "Well."},
]
seen = BaseHandler.get_processor_inputs_from_messages(sent, Modality.LLM)
for one, other in zip(sent, seen, strict=True):
    print("sent:    ", one)
    print("template:", other)
call["function"]["arguments"] = {}
assert seen == [
    {"role": "user", "content": "a b"},
    {"role": "assistant", "content": "", "tool_calls": [call]},
    {"role": "tool", "content": "x", "tool_call_id": "1"},
    {"role": "assistant", "content": "Done."},
], seen
PYTHON
