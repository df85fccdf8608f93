"""Put tiny random weights beside a tokenizer: ``python random_model.py FOLDER``."""

from __future__ import annotations

import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM

folder = sys.argv[1]
torch.manual_seed(0)
LlamaForCausalLM(LlamaConfig.from_pretrained(folder)).save_pretrained(folder)
