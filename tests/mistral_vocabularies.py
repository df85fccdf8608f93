"""Vocabularies of mistral-common: those that it ships, and small ones of versions it does not."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from strategies.renderers.mistral import MistralCommon, OpenMistral

SHIPPED = {
    "v1": "tokenizer.model.v1",
    "v2": "mistral_instruct_tokenizer_240216.model.v2",
    "v3": "mistral_instruct_tokenizer_240323.model.v3",
    "v7": "mistral_instruct_tokenizer_241114.model.v7",
    "v3-tekken": "tekken_240718.json",
}

DERIVED = ("v7-tekken", "v11-tekken", "v13-tekken", "v15-tekken")
"""Nothing that mistral-common ships has these versions with tekken."""

CUT = 6000
"""Tokens of the derived vocabularies; the library cuts them at any number."""


def shipped(name: str) -> Path:
    import mistral_common

    return Path(mistral_common.__file__).parent / "data" / SHIPPED[name]


@cache
def opened(name: str, folder: Path) -> OpenMistral:
    return MistralCommon().open(str(path_of(name, folder)))


@cache
def path_of(name: str, folder: Path) -> Path:
    """Return the file of a vocabulary by a name above; a derived one is written to `folder`."""
    return shipped(name) if name in SHIPPED else derived(folder, name.removesuffix("-tekken"))


def derived(folder: Path, version: str) -> Path:
    """Write a shipped tekken vocabulary, cut, as one of another version."""
    from mistral_common.tokens.tokenizers.base import SpecialTokens

    special = [
        {"rank": rank, "token_str": token.value, "is_control": True}
        for rank, token in enumerate(SpecialTokens)
    ]
    ranks = _ranks()
    content: dict[str, Any] = {
        "config": {
            **ranks["config"],
            "default_vocab_size": CUT,
            "default_num_special_tokens": len(special),
            "version": version,
        },
        "vocab": ranks["vocab"][: CUT - len(special)],
        "special_tokens": special,
    }
    if version == "v15":
        content["model_settings_builder"] = {
            "reasoning_effort": {
                "type": "enum",
                "values": ["none", "high"],
                "accepts_none": True,
                "default": "none",
            }
        }
    path = folder / version / "tekken.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    return path


@cache
def _ranks() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(shipped("v3-tekken").read_text())
    return {"config": content["config"], "vocab": content["vocab"][:CUT]}
