"""The conformance corpus: texts, each with a tokenizer and the ids that the library gives.

A file in ``bench/data/conformance`` holds the cases of one subject. `bench.conformance.make`
fills in what the library says, so that to add a case is to write what is above ``ids`` in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FOLDER = Path(__file__).parents[1] / "data" / "conformance"
SCHEMA = FOLDER.parent / "conformance.schema.json"

LIBRARIES = ("tokenizers", "transformers", "jinja2")
"""The libraries that give the expected values."""

MOST_IDS = 400
"""More ids than this are kept as their number and a digest."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A text that is asked for before the text of a case.

    Parameters
    ----------
    text
        The text. Its ids are not looked at.
    add_special_tokens
        Whether the post-processor's tokens are asked for.
    """

    text: str
    add_special_tokens: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """The ids of a whole text, or their number and a digest if they are many.

    Parameters
    ----------
    count
        Number of tokens.
    ids
        The ids, or None if they are many.
    sha256
        Digest of the ids as JSON without blanks.
    """

    count: int
    ids: tuple[int, ...] | None
    sha256: str

    def is_equal(self, ids: Sequence[int]) -> bool:
        """Whether these ids are the expected ones."""
        return digest(ids) == self.sha256


@dataclass(frozen=True, slots=True)
class Case:
    """A case of the corpus.

    Parameters
    ----------
    subject
        Name of its file, without the ending.
    name
        Its name in the file.
    about
        What it is about.
    tokenizer
        Description of its tokenizer; see `bench.conformance.build`.
    text
        The text to encode. Of a conversation it is the prompt.
    expected
        What the library gives for the whole text; None if it must be refused.
    alone
        ``"exact"`` or ``"wrong"``: what counting the spans between added tokens gives, each by
        itself. None if the text must be refused.
    shows
        The published bugs that it would have shown, as ``owner#number``.
    add_special_tokens
        Whether the post-processor's tokens are asked for.
    after
        Texts that a cache has seen before.
    conversation
        Messages, tools and template that `text` is rendered from, or None.
    """

    subject: str
    name: str
    about: str
    tokenizer: Mapping[str, Any]
    text: str
    expected: Expected | None
    alone: str | None
    shows: tuple[str, ...] = ()
    add_special_tokens: bool = False
    after: tuple[Earlier, ...] = ()
    conversation: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        """Its name in reports, ``subject::name``."""
        return f"{self.subject}::{self.name}"

    @property
    def split_special_tokens(self) -> bool:
        """Whether special tokens are read as plain text."""
        return bool(self.tokenizer.get("split_special_tokens"))

    def made_tokenizer(self) -> Tokenizer:
        """Return its tokenizer, a new one each time."""
        from bench.conformance.build import described_tokenizer

        return described_tokenizer(self.tokenizer)


def corpus_files() -> tuple[Path, ...]:
    """Return the files of the corpus, by name."""
    return tuple(sorted(FOLDER.glob("*.json")))


@cache
def corpus_cases() -> tuple[Case, ...]:
    """Return all cases, in the order of their files."""
    return tuple(case for path in corpus_files() for case in read_cases(path))


def chosen_cases(patterns: Sequence[str]) -> tuple[Case, ...]:
    """Return the cases whose id fits one of the patterns; all if there are none.

    Parameters
    ----------
    patterns
        Such as ``flags::*``. A pattern without ``::`` chooses by subject.
    """
    wanted = [pattern if "::" in pattern else f"{pattern}::*" for pattern in patterns]
    return tuple(
        case
        for case in corpus_cases()
        if not wanted or any(fnmatchcase(case.id, each) for each in wanted)
    )


def read_cases(path: Path) -> tuple[Case, ...]:
    """Return the cases of a file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return tuple(_case(path.stem, row) for row in content["cases"])


def made_with() -> dict[str, str]:
    """Return the versions of the libraries that gave the expected values."""
    found: dict[str, set[str]] = {library: set() for library in LIBRARIES}
    for path in corpus_files():
        for library, version in json.loads(path.read_text(encoding="utf-8"))["versions"].items():
            found[library].add(version)
    return {library: ", ".join(sorted(versions)) for library, versions in found.items()}


def whole_text(written: str | Sequence[tuple[str, int]]) -> str:
    """Return a text that is written whole, or as parts, each with how often it comes."""
    if isinstance(written, str):
        return written
    return "".join(part * times for part, times in written)


def digest(ids: Sequence[int]) -> str:
    """Return the SHA-256 of ids, as JSON without blanks."""
    return hashlib.sha256(json.dumps(list(ids), separators=(",", ":")).encode()).hexdigest()


def expected_of(ids: Sequence[int]) -> Expected:
    """Return ids as a case keeps them."""
    kept = tuple(ids) if len(ids) <= MOST_IDS else None
    return Expected(len(ids), kept, digest(ids))


def _case(subject: str, row: Mapping[str, Any]) -> Case:
    return Case(
        subject,
        row["id"],
        row["about"],
        row["tokenizer"],
        whole_text(row["text"]),
        _expected(row),
        row.get("alone"),
        tuple(row.get("shows", ())),
        bool(row.get("add_special_tokens")),
        tuple(
            Earlier(whole_text(each["text"]), bool(each.get("add_special_tokens")))
            for each in row.get("after", ())
        ),
        row.get("conversation"),
    )


def _expected(row: Mapping[str, Any]) -> Expected | None:
    if row.get("refused"):
        return None
    ids = row["ids"]
    if isinstance(ids, list):
        return expected_of(ids)
    return Expected(ids["count"], None, ids["sha256"])
