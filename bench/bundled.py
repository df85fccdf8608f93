"""The bundled tokenizers, one for each family, and the recorded reports."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Family of tokenizers → folder name of the bundled one.
TOKENIZERS: Mapping[str, str] = MappingProxyType(
    {
        "byte-level BPE": "bpe-chatml",
        "SentencePiece BPE": "sp-bpe",
        "Unigram": "unigram",
        "sentencepiece library": "sentencepiece",
    }
)

_FOLDER = Path(__file__).parent / "data" / "tokenizers"
_REPORTS = Path(__file__).parent / "data" / "reports"


def tokenizer_names() -> tuple[str, ...]:
    """Return the names of the bundled tokenizers, one a family."""
    return tuple(TOKENIZERS.values())


def tokenizer_path(name: str) -> Path:
    """Return the folder of a bundled tokenizer, for ``AutoTokenizer.from_pretrained``.

    Parameters
    ----------
    name
        One of `tokenizer_names`.

    Raises
    ------
    ValueError
        For any other name.
    """
    if name not in tokenizer_names():
        raise ValueError(f"no bundled tokenizer {name!r}: one of {', '.join(tokenizer_names())}")
    return _FOLDER / name


def resolve(name_or_path: str) -> str:
    """Return the folder of a bundled tokenizer, or any other name or path unchanged.

    A file or folder of that name in the working directory wins. The hub is never asked for
    these names: except for a few old ones, tokenizers there are called owner/name.
    """
    if name_or_path in tokenizer_names() and not Path(name_or_path).exists():
        return str(tokenizer_path(name_or_path))
    return name_or_path


def report_names() -> tuple[str, ...]:
    """Return the names of the recorded reports, in alphabetical order."""
    return tuple(sorted(path.stem for path in _REPORTS.glob("*.json")))


def report_path(name: str) -> Path:
    """Return the file of a recorded report: the report.json or growth.json of a command.

    Parameters
    ----------
    name
        One of `report_names`.

    Raises
    ------
    ValueError
        For any other name.
    """
    if name not in report_names():
        raise ValueError(f"no recorded report {name!r}: one of {', '.join(report_names())}")
    return _REPORTS / f"{name}.json"
