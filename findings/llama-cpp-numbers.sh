#!/bin/sh
# Library: llama.cpp's server, as xllamacpp 2026.10.11549 brings it, with a model file of a few hundred
# kilobytes that gguf 0.19.0 writes here. Seen with Python 3.11, November 2026.
#
# Guess before: a prompt of llama.cpp's server has the arguments of a tool call as the client sent them,
# as it has with transformers.
#
# Seen: its Jinja writes a number that is no integer with six significant digits, and without ".0".
# 1234567.891 becomes 1.23457e+06, 2.0 becomes 2, and an integer of more than 64 bits becomes a number
# with an exponent. So the model reads other values than its own call had, and the count differs.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
cd "$folder"
"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON'
import json
import urllib.request

import gguf
import numpy as np
import xllamacpp

WIDTH = 32
TEMPLATE = (
    "{% for m in messages %}{% for call in m.tool_calls or [] %}"
    "{{ call.function.arguments | tojson }}{% endfor %}{% endfor %}"
)


def byte_characters():
    """Return the characters by which byte-level vocabularies write the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [*map(chr, plain), *(chr(256 + i) for i in range(256 - len(plain)))]


tokens = [*byte_characters(), "Ġ1", "<end>"]
writer = gguf.GGUFWriter("model.gguf", "llama")
writer.add_context_length(4096)
writer.add_embedding_length(WIDTH)
writer.add_block_count(1)
writer.add_feed_forward_length(WIDTH)
writer.add_head_count(1)
writer.add_head_count_kv(1)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_dimension_count(WIDTH)
writer.add_vocab_size(len(tokens))
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("gpt-2")
writer.add_token_list(tokens)
writer.add_token_types([gguf.TokenType.NORMAL] * (len(tokens) - 1) + [gguf.TokenType.CONTROL])
writer.add_token_merges(["Ġ 1"])
writer.add_eos_token_id(len(tokens) - 1)
writer.add_chat_template(TEMPLATE)
shapes = {"token_embd": (len(tokens), WIDTH), "output": (len(tokens), WIDTH), "output_norm": (WIDTH,)}
shapes |= {f"blk.0.{name}_norm": (WIDTH,) for name in ("attn", "ffn")}
shapes |= {f"blk.0.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
shapes |= {f"blk.0.ffn_{name}": (WIDTH, WIDTH) for name in ("gate", "up", "down")}
for name, shape in shapes.items():
    writer.add_tensor(f"{name}.weight", np.ones(shape, np.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

settings = xllamacpp.CommonParams()
settings.model.path = "model.gguf"
settings.hostnames = ["127.0.0.1"]
settings.port = 0
settings.n_ctx = 512
settings.use_jinja = True
settings.warmup = False
settings.fit_params = False
server = xllamacpp.Server(settings)

sent = '{"a": 1234567.891, "b": 0.123456789, "c": 2.0, "d": 12345678901234567890123, "e": 7}'
call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": sent}}
messages = [
    {"role": "user", "content": "x"},
    {"role": "assistant", "content": "", "tool_calls": [call]},
    {"role": "tool", "tool_call_id": "1", "content": "y"},
]
request = urllib.request.Request(
    f"{server.listening_address}/apply-template",
    json.dumps({"messages": messages}).encode(),
    {"Content-Type": "application/json"},
)
with urllib.request.urlopen(request) as answer:
    prompt = json.load(answer)["prompt"]
print("sent:  ", sent)
print("prompt:", prompt)
assert prompt == '{"a": 1.23457e+06, "b": 0.123457, "c": 2, "d": 1.23457e+22, "e": 7}', prompt
PYTHON
