"""Errors that a user can act on; the text of each is one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from strategies.words import printable

LONGEST_LINE = 1000
"""Characters that a reason may have. The messages of libraries that tell something are shorter."""


def one_line(text: object) -> str:
    """Return `text` on one line, shortened at a word if it is longer than `LONGEST_LINE`.

    Messages of libraries may hold line breaks and whole documents. The errors of this project are
    read in terminals and logs, in which one line is one event.
    """
    flat = printable(" ".join(str(text).split()))
    if len(flat) <= LONGEST_LINE:
        return flat
    start = flat[: LONGEST_LINE - 1]
    words, _, _ = start.rpartition(" ")
    # Without a space for so long it is no prose, and may be cut anywhere.
    kept = words if len(words) > LONGEST_LINE // 2 else start[:-1]
    return f"{kept} …"


class IslError(Exception):
    """Base class of every error that this project raises on purpose."""


class IslWarning(UserWarning):
    """Something that a user should know about counts that are right for what was asked."""


class InputError(IslError):
    """Input or usage that cannot be counted: a file, a field, a name, an option.

    Parameters
    ----------
    reason
        What is wrong and what to do about it.
    file, line, field
        Where it is, if that is known; `line` counts from 1.
    """

    def __init__(
        self,
        reason: str,
        *,
        file: object = None,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(reason, file, line, field)
        self.reason = one_line(reason)
        self.file = None if file is None else str(file)
        self.line = line
        self.field = field

    def at(self, *, file: object = None, line: int | None = None) -> InputError:
        """Return the same error with file and line added, unless it has them."""
        return InputError(
            self.reason,
            file=self.file if self.file is not None else file,
            line=self.line if self.line is not None else line,
            field=self.field,
        )

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}"
        return ": ".join(printable(part) for part in (place, self.field, self.reason) if part)

    def __reduce__(self) -> tuple[Any, ...]:
        return _input_error, (self.reason, self.file, self.line, self.field)


@contextmanager
def placed(*, file: object = None, line: int | None = None) -> Iterator[None]:
    """Add file and line to an `InputError` raised inside, unless it has them."""
    try:
        yield
    except InputError as error:
        raise error.at(file=file, line=line) from None


def _input_error(reason: str, file: str | None, line: int | None, field: str | None) -> InputError:
    return InputError(reason, file=file, line=line, field=field)


class TurnError(IslError):
    """A turn that has no ISL, because rendering or encoding it raises.

    Parameters
    ----------
    conversation
        Id of the conversation.
    turn
        Number of the client turn in it, from 1.
    messages
        How many messages the turn's prompt holds.
    reason
        The message of the exception, usually the template's own.
    """

    def __init__(self, conversation: str, turn: int, messages: int, reason: str) -> None:
        super().__init__(conversation, turn, messages, reason)
        self.conversation = conversation
        self.turn = turn
        self.messages = messages
        self.reason = one_line(reason)
        self.file: str | None = None

    def at(self, file: str | None) -> TurnError:
        """Return the same error with the file that the conversation is from, if that is known."""
        error = TurnError(self.conversation, self.turn, self.messages, self.reason)
        error.file = file or self.file
        return error

    def __str__(self) -> str:
        place = f"{printable(self.file)}: " if self.file else ""
        return (
            f"{place}conversation {self.conversation!r}, turn {self.turn} "
            f"(its first {self.messages} messages): {self.reason}"
        )


class UnavailableError(IslError):
    """A strategy that cannot run for a tokenizer; the text is its reason."""


class WorkerError(IslError):
    """A worker of a strategy that could not start, or died before it answered."""
