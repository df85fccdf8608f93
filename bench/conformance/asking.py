"""What a target is asked, and what it can answer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Any, Protocol, SupportsIndex

from bench.conformance.corpus import Case


@dataclass(frozen=True, slots=True)
class Question:
    """A case, with its tokenizer written to a file.

    Parameters
    ----------
    case
        The case.
    tokenizer
        Path of its tokenizer.json. Cases with the same tokenizer share the file.
    """

    case: Case
    tokenizer: Path


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target said. One of the first five fields is set; with `ids` also `count`.

    Parameters
    ----------
    count
        Number of tokens.
    ids
        The tokens.
    unavailable
        Why the target does not do such a case.
    error
        Why it refuses the text.
    failed
        Why there is no usable answer: it crashed, hung or wrote something else.
    """

    count: int | None = None
    ids: tuple[int, ...] | None = None
    unavailable: str | None = None
    error: str | None = None
    failed: str | None = None


class Target(Protocol):
    """A cutter or an engine that can be asked."""

    @property
    def name(self) -> str:
        """Its name in reports."""
        ...

    def answers(self, questions: Sequence[Question]) -> Iterator[Answer]:
        """Yield an answer to each question, in their order."""
        ...


class Writer:
    """Writes the tokenizers of cases, each one once.

    Parameters
    ----------
    folder
        Where to; its owner removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[str, Path] = {}

    def question(self, case: Case) -> Question:
        """Return a case as a question."""
        from bench.conformance.build import write_tokenizer

        key = json.dumps(case.tokenizer, sort_keys=True)
        if key not in self._written:
            place = Path(tempfile.mkdtemp(prefix="tokenizer-", dir=self._folder))
            self._written[key] = write_tokenizer(case.tokenizer, place)
        return Question(case, self._written[key])


def answer_of(said: object) -> Answer:
    """Return what a function returned as an answer: a count, or a sequence of ids."""
    if isinstance(said, SupportsIndex) and not isinstance(said, bool):
        # Arrays of NumPy have the method, and only one number in an array is one.
        with suppress(TypeError):
            return counted(index(said))
    if isinstance(said, Iterable) and not isinstance(said, str | bytes | Mapping):
        with suppress(TypeError):
            return counted_ids([index(each) for each in said])
    return Answer(failed=f"returned {_short(said)}, which is neither a count nor ids")


def counted(count: int) -> Answer:
    """Return a count as an answer, if it can be one."""
    if count < 0:
        return Answer(failed=f"{count} is no count")
    return Answer(count=count)


def counted_ids(ids: Sequence[int]) -> Answer:
    """Return ids as an answer, with their number."""
    return Answer(count=len(ids), ids=tuple(ids))


def _short(said: Any) -> str:
    text = repr(said)
    return text if len(text) <= 40 else f"{text[:37]}..."
