"""Run llama.cpp's server with a tiny random model around a byte-level BPE tokenizer.

``python llama_cpp.py FOLDER MODEL.gguf [TEMPLATE]`` makes the file from the folder of a tokenizer,
prints the address of the server, and serves until standard input is closed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import xllamacpp

WIDTH, HEADS, INNER = 32, 2, 64


def write_model(folder: Path, target: Path) -> None:
    """Write a model of one layer with the vocabulary, merges and template of a tokenizer."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    own = folder / "chat_template.jinja"
    template = own.read_text(encoding="utf-8") if own.exists() else config["chat_template"]
    added = {token["id"]: token for token in tokenizer["added_tokens"]}
    vocabulary = tokenizer["model"]["vocab"]
    size = max([*vocabulary.values(), *added]) + 1
    tokens = [f"[unused {number}]" for number in range(size)]
    types: list[Any] = [gguf.TokenType.UNUSED] * size
    for token, number in vocabulary.items():
        tokens[number], types[number] = token, gguf.TokenType.NORMAL
    for number, token in added.items():
        tokens[number] = token["content"]
        special = token["special"]
        types[number] = gguf.TokenType.CONTROL if special else gguf.TokenType.USER_DEFINED
    writer = gguf.GGUFWriter(str(target), "llama")
    writer.add_context_length(131072)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(size)
    writer.add_tokenizer_model("gpt2")
    # Its splitting pattern is that of Qwen2, and of the tokenizers that are used here.
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([each if isinstance(each, str) else " ".join(each) for each in merges])
    ends = {token["content"]: number for number, token in added.items()}
    writer.add_eos_token_id(ends[config["eos_token"]])
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)
    for name, shape in _shapes(size).items():
        values = np.random.default_rng(0).standard_normal(shape) * 0.02
        writer.add_tensor(name, values.astype(np.float32 if len(shape) == 1 else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _shapes(size: int) -> dict[str, tuple[int, ...]]:
    square = (WIDTH, WIDTH)
    layer: dict[str, tuple[int, ...]] = {
        "attn_norm": (WIDTH,),
        **{f"attn_{part}": square for part in ("q", "k", "v", "output")},
        "ffn_norm": (WIDTH,),
        "ffn_gate": (INNER, WIDTH),
        "ffn_up": (INNER, WIDTH),
        "ffn_down": (WIDTH, INNER),
    }
    return {
        "token_embd.weight": (size, WIDTH),
        **{f"blk.0.{name}.weight": shape for name, shape in layer.items()},
        "output_norm.weight": (WIDTH,),
        "output.weight": (size, WIDTH),
    }


def serve(model: Path, template: Path | None) -> None:
    """Serve a model on loopback, and print the address."""
    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.n_ctx = 65536
    settings.n_parallel = 1
    settings.use_jinja = True
    settings.warmup = False
    settings.fit_params = False
    if template is not None:
        settings.chat_template = template.read_text(encoding="utf-8")
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    source, made, *more = map(Path, sys.argv[1:])
    write_model(source, made)
    serve(made, more[0] if more else None)
