"""The vocabulary of mistral-common: which file it is, and which version its name tells."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from strategies.errors import InputError, one_line

if TYPE_CHECKING:
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

_WANTED = (
    "mistral-common reads a tekken.json, or a SentencePiece model whose name ends in its version, "
    "such as tokenizer.model.v3"
)

_NO_VERSION = (
    "the name {} tells no version, so mistral-common takes the file for version 1, but it has the "
    "control tokens of a later one: copy it to a name that ends in the model's version, such as "
    "tokenizer.model.v3"
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A vocabulary as mistral-common has read it.

    Parameters
    ----------
    tokenizer
        It with its rules: mistral-common's validator, normalizer and encoder of its version.
    version
        The number of its version: 1, 2, 3, 7, 11, 13 or 15.
    digest
        SHA-256 of the file.
    warnings
        What a user should know about the choice of the file and of the version.
    """

    tokenizer: MistralTokenizer
    version: int
    digest: str
    warnings: tuple[str, ...]


def read_vocabulary(name: str) -> Vocabulary:
    """Read the vocabulary that a folder or a file is, by mistral-common's own rules.

    Parameters
    ----------
    name
        A folder or a file here. Nothing is downloaded.

    Raises
    ------
    InputError
        If there is none, or mistral-common does not take it.
    """
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    path, warnings = _chosen(Path(name))
    try:
        # vLLM checks requests in the mode "test", which asks for no name of a model.
        tokenizer: MistralTokenizer = MistralTokenizer.from_file(str(path))
        version = tokenizer.version.version_num
        if version == 1 and path.suffix == ".model" and _knows_inst(tokenizer):
            warnings = (*warnings, _NO_VERSION.format(path.name))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except Exception as error:
        # Damaged files raise whatever the reader stumbles over.
        reason = one_line(error) or type(error).__name__
        raise InputError(f"mistral-common cannot read it: {reason}", file=path) from error
    return Vocabulary(tokenizer, version, digest, warnings)


def _chosen(path: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the file that mistral-common takes, and what is to be said about it."""
    from mistral_common.tokens.tokenizers.utils import get_one_valid_tokenizer_file

    try:
        if path.is_file():
            return path, ()
        if not path.is_dir():
            raise InputError(f"no such folder or file; {_WANTED}", file=path)
        names = sorted(entry.name for entry in path.iterdir() if entry.is_file())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    try:
        taken = get_one_valid_tokenizer_file(names)
    except ValueError:
        raise InputError(f"holds no vocabulary; {_WANTED}", file=path) from None
    others = [name for name in names if name != taken and _is_vocabulary(name)]
    if not others:
        return path / taken, ()
    return path / taken, (f"counted with {taken}, which mistral-common prefers to {others[0]}",)


def _is_vocabulary(name: str) -> bool:
    from mistral_common.tokens.tokenizers.utils import get_one_valid_tokenizer_file

    try:
        get_one_valid_tokenizer_file([name])
    except ValueError:
        return False
    return True


def _knows_inst(tokenizer: MistralTokenizer) -> bool:
    """Whether the vocabulary has a control token for the start of an instruction."""
    known: bool = tokenizer.instruct_tokenizer.tokenizer.is_special("[INST]")
    return known
