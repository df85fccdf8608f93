"""Random small tokenizers, with added tokens of every combination of flags."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers, processors

from strategies.testing.dice import happens
from strategies.testing.vocabularies import MODELS, Model

CONFIG = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1_000_000}

NAMES = (
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<s>", "</s>", "[INST]", "[/INST]"),
    *(
        "<think>",
        "</think>",
        "<tool_call>",
        "</tool_call>",
        "<｜User｜>",
        "<start_of_turn>",
        "[TOOL]",
    ),
    *(
        "user",
        "tok",
        "\n\n",
        "  ",
        "\t",
        "é",
        "<|",
        "|>",
        "a",
        "<unk>",
        "\u2581",
        "ＡＢ",
        "{{",
        "<\n>",
    ),
)
"""Texts of added tokens: markers of published templates, words, white space, parts of markers."""

_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLITS = (
    _WORDS.replace("DIGITS", r"\p{N}"),
    _WORDS.replace("DIGITS", r"\p{N}{1,3}"),
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"\p{N}{1,3}",
    r" ?[^(\s|[.,!?…。，、।۔،])]+",
    r"\s+",
)
"""Patterns of published tokenizers, and two simple ones."""

NORMALIZERS: tuple[Callable[[], Any], ...] = (
    normalizers.NFC,
    normalizers.NFKC,
    normalizers.NFD,
    normalizers.NFKD,
    normalizers.Lowercase,
    normalizers.Strip,
    partial(normalizers.Strip, left=True, right=False),
    normalizers.StripAccents,
    normalizers.Nmt,
    partial(normalizers.Replace, Regex(r"\s{2,}"), " "),
    partial(normalizers.Replace, "``", '"'),
    partial(normalizers.Prepend, "▁"),
    partial(normalizers.BertNormalizer, lowercase=True),
)

_BEHAVIORS = ("isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous")
_SCHEMES = ("always", "first", "never")
_FLAGS = ("lstrip", "rstrip", "single_word", "normalized", "special")


@dataclass(frozen=True, slots=True)
class TokenizerFile:
    """A tokenizer as the files that hold it.

    Parameters
    ----------
    state
        What ``tokenizer.json`` holds.
    config
        What ``tokenizer_config.json`` holds.
    """

    state: Mapping[str, Any]
    config: Mapping[str, Any]

    def save(self, folder: Path) -> Path:
        """Write the files into a folder, which is made if it is absent, and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.json").write_text(json.dumps(self.state), encoding="utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps(self.config), encoding="utf-8")
        return folder

    @property
    def added(self) -> tuple[str, ...]:
        """The texts of its added tokens, in the order of their ids."""
        return tuple(token["content"] for token in self.state["added_tokens"])

    @property
    def words(self) -> tuple[str, ...]:
        """The entries of its vocabulary, as they are written there."""
        vocabulary = self.state["model"]["vocab"]
        # Unigram has a list of entries with scores.
        entries = vocabulary if isinstance(vocabulary, dict) else (word for word, _ in vocabulary)
        return tuple(entries)


@dataclass(frozen=True, slots=True)
class TokenizerFolder:
    """A tokenizer that lies in a folder, or in a SentencePiece ``.model`` file.

    Parameters
    ----------
    path
        Where it lies.
    added
        The texts of its added tokens, in the order of their ids.
    words
        Some entries of its vocabulary, as they are written there.
    """

    path: Path
    added: tuple[str, ...]
    words: tuple[str, ...]

    def save(self, folder: Path) -> Path:  # noqa: ARG002  # nothing is written
        """Return where it lies already."""
        return self.path

    def as_file(self) -> TokenizerFile | None:
        """Return its content, of which words can be taken away; None without tokenizer.json."""
        path = self.path / "tokenizer.json"
        if not path.is_file():
            return None
        state = json.loads(path.read_text(encoding="utf-8"))
        config = json.loads((self.path / "tokenizer_config.json").read_text(encoding="utf-8"))
        config.pop("chat_template", None)
        return TokenizerFile(state, config)


def read_tokenizer(path: Path, dice: Random, words: int = 5_000) -> TokenizerFolder:
    """Return a tokenizer that exists, for cases about it.

    Parameters
    ----------
    path
        A folder or a SentencePiece ``.model`` file.
    dice
        Chooses the words.
    words
        How many entries of the vocabulary texts are made of.

    Raises
    ------
    InputError
        If it cannot be loaded.
    """
    from strategies.chat.tokenizer import load_chat

    tokenizer = load_chat(path, template="{{ messages }}").tokenizer
    added = [token.content for _, token in sorted(tokenizer.added_tokens_decoder.items())]
    known = sorted(tokenizer.get_vocab())
    chosen = tuple(dice.choice(known) for _ in range(words))
    return TokenizerFolder(path, tuple(filter(None, added)), chosen)


class TokenizerWriter:
    """Writes random tokenizers.

    Parameters
    ----------
    dice
        Makes every choice.
    """

    def __init__(self, dice: Random) -> None:
        self.dice = dice

    def tokenizer(self) -> TokenizerFile:
        """Return a tokenizer with a small vocabulary."""
        model = self.dice.choice(MODELS)(self.dice)
        backend = Tokenizer(model.model)
        normalizer, pre_tokenizer = self._normalizer(model), self._pre_tokenizer(model)
        if normalizer is not None:
            backend.normalizer = normalizer
        if pre_tokenizer is not None:
            backend.pre_tokenizer = pre_tokenizer
        for token in self._added():
            if token.normalized and normalizer and not normalizer.normalize_str(token.content):
                # With such a token the library itself may take all memory (A13).
                token = AddedToken(**{**token.__getstate__(), "normalized": False})  # noqa: PLW2901
            (backend.add_special_tokens if token.special else backend.add_tokens)([token])
        config: dict[str, Any] = dict(CONFIG)
        self._finish(backend, config)
        return TokenizerFile(json.loads(backend.to_str()), config)

    def _normalizer(self, model: Model) -> Any:
        steps = []
        if happens(self.dice, 0.3):
            steps += [self.dice.choice(NORMALIZERS)() for _ in range(self.dice.randint(1, 2))]
        if model.spaces == "normalizer":
            if self.dice.random() < 0.8:
                steps.append(normalizers.Prepend("▁"))
            steps.append(normalizers.Replace(" ", "▁"))
        if not steps:
            return None
        return steps[0] if len(steps) == 1 else normalizers.Sequence(steps)

    def _pre_tokenizer(self, model: Model) -> Any:
        pick, chance = self.dice.choice, partial(happens, self.dice)
        steps: list[Any] = []
        if chance(0.25):
            steps.append(
                pick(
                    (
                        pre_tokenizers.Digits(individual_digits=chance(0.5)),
                        pre_tokenizers.Punctuation(pick(_BEHAVIORS)),
                        pre_tokenizers.UnicodeScripts(),
                        pre_tokenizers.Split(pick((" ", "\n", "e")), pick(_BEHAVIORS)),
                    )
                )
            )
        if model.spaces == "bytes":
            pattern = chance(0.5)
            if pattern:
                steps.append(pre_tokenizers.Split(Regex(pick(SPLITS)), "isolated"))
            steps.append(
                pre_tokenizers.ByteLevel(
                    add_prefix_space=chance(0.2), use_regex=not pattern and chance(0.8)
                )
            )
        elif model.spaces == "metaspace":
            steps.append(pre_tokenizers.Metaspace(prepend_scheme=pick(_SCHEMES), split=chance(0.5)))
        elif model.spaces == "words":
            steps.append(
                pick(
                    (
                        pre_tokenizers.BertPreTokenizer(),
                        pre_tokenizers.Whitespace(),
                        pre_tokenizers.WhitespaceSplit(),
                    )
                )
            )
        if not steps:
            return None
        return steps[0] if len(steps) == 1 else pre_tokenizers.Sequence(steps)

    def _added(self) -> list[AddedToken]:
        pick, chance = self.dice.choice, partial(happens, self.dice)
        contents = self.dice.sample(NAMES, self.dice.randint(1, 6))
        for _ in range(self.dice.randint(0, 3)):
            contents.append(self._related(contents))
        strange = chance(0.6)
        tokens = []
        for content in dict.fromkeys(filter(None, contents)):
            flags = dict.fromkeys(_FLAGS, False)
            flags["special"] = chance(0.6)
            if strange and chance(0.6):
                flags |= {flag: chance(0.4) for flag in _FLAGS}
            elif strange and chance(0.3):
                flags[pick(_FLAGS)] = True
            tokens.append(AddedToken(content, **flags))
        return tokens

    def _related(self, contents: Sequence[str]) -> str:
        """Return a text that overlaps, holds or is held by another one."""
        one, other = self.dice.choice(contents), self.dice.choice(contents)
        cut = self.dice.randint(0, len(one))
        return self.dice.choice(
            (one[:cut], one[cut:], one + other, one[cut:] + other, f"{one} ", f" {one}", one * 2)
        )

    def _finish(self, backend: Tokenizer, config: dict[str, Any]) -> None:
        """Set beginning and end of text, in the configuration and in the post-processor.

        Parameters
        ----------
        backend
            The tokenizer.
        config
            Its configuration, which is completed.
        """
        added = [token.content for token in backend.get_added_tokens_decoder().values()]
        if happens(self.dice, 0.7):
            config["bos_token"] = self.dice.choice(added)
            config["eos_token"] = self.dice.choice(added)
        if happens(self.dice, 0.3):
            first = self.dice.choice(added)
            pattern = self.dice.choice((f"{first} $A", f"$A {first}", f"{first} $A {first}"))
            number = backend.token_to_id(first)
            # A token of white space cannot be named in a pattern.
            if first.split() == [first] and not first.startswith("$"):
                backend.post_processor = processors.TemplateProcessing(
                    single=pattern, pair=None, special_tokens=[(first, number)]
                )


def renumbered(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a ``tokenizer.json`` in which ids follow one another again.

    Words and added tokens may have been taken away. Ids of the vocabulary begin at 0, and those of
    added tokens that are no entries of it follow them.

    Parameters
    ----------
    state
        What ``tokenizer.json`` holds.
    """
    model = dict(state["model"])
    if isinstance(model["vocab"], dict):
        model["vocab"] = {word: number for number, word in enumerate(model["vocab"])}
        known = dict(model["vocab"])
    else:
        known = {word: number for number, (word, _) in enumerate(model["vocab"])}
    tokens = []
    for token in state["added_tokens"]:
        number = known.setdefault(token["content"], len(known))
        tokens.append({**token, "id": number})
    changed = {**state, "model": model, "added_tokens": tokens}
    processor = state.get("post_processor")
    if processor and processor["type"] == "TemplateProcessing":
        special = {
            name: {**entry, "ids": [known.get(name, 0)]}
            for name, entry in processor["special_tokens"].items()
        }
        changed["post_processor"] = {**processor, "special_tokens": special}
    return changed
