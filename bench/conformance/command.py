"""A command as a target: a JSON line for each text in, a JSON line with its answer out.

All texts are given at once. If the command then ends, stops or writes something else before it
has answered all of them, each text that is left is given to a process of its own. So a crash
counts against the text that causes it, and against no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.conformance.asking import Answer, Question, counted, counted_ids
from bench.conformance.talking import StoppedError, Talk, started

MOST_LOST = 5
"""Processes in a row that may end without an answer. Then the command is given up."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that reads questions from standard input.

    Parameters
    ----------
    line
        The command, as typed; it is not given to a shell.
    timeout
        Seconds that may pass without a new answer.
    """

    line: str
    timeout: float

    @property
    def name(self) -> str:
        """The command itself."""
        return self.line

    def answers(self, questions: Sequence[Question]) -> Iterator[Answer]:
        """Yield what the command answers to each question, or why it gave no answer.

        Raises
        ------
        InputError
            If it cannot be started.
        """
        # A text that is no Unicode can stop a whole reader, so these come last.
        ordered = sorted(questions, key=lambda each: each.case.expected is None)
        found, lost = self._asked(ordered)
        if lost is not None:
            self._ask_one_by_one(ordered, found)
        for question in questions:
            yield found[question.case.id]

    def _ask_one_by_one(self, questions: Sequence[Question], found: dict[str, Answer]) -> None:
        """Ask the questions without an answer, each in a process of its own."""
        losses = 0
        for question in questions:
            name = question.case.id
            if name in found:
                continue
            if losses == MOST_LOST:
                found[name] = Answer(
                    failed=f"not asked: {MOST_LOST} processes in a row had given no answer"
                )
                continue
            said, lost = self._asked([question])
            losses = 0 if name in said else losses + 1
            found[name] = said.get(name, Answer(failed=lost))

    def _asked(self, questions: Sequence[Question]) -> tuple[dict[str, Answer], str | None]:
        """Return the answers of one process, and why some are missing, if some are."""
        lines = {line.id: line for each in questions for line in _lines(each)}
        given = b"".join(line.written for line in lines.values())
        found: dict[str, Answer] = {}

        def take(written: bytes) -> None:
            name, answer = _read(written, lines)
            if not lines.pop(name).is_earlier:
                found[name] = answer

        with started(self.line) as process:
            try:
                Talk(process, given, self.timeout, take, lambda: not lines).listen()
            except StoppedError as stopped:
                return found, str(stopped)
        return found, None


@dataclass(frozen=True, slots=True)
class _Line:
    id: str
    written: bytes
    is_earlier: bool


def _lines(question: Question) -> Iterator[_Line]:
    """Yield the lines of a question: those of texts that come before it, and its own."""
    case = question.case
    for number, earlier in enumerate(case.after, start=1):
        name = f"{case.id}#{number}"
        fields = _fields(question, name, earlier.text, earlier.add_special_tokens)
        yield _Line(name, _json_line(fields), is_earlier=True)
    fields = _fields(question, case.id, case.text, case.add_special_tokens)
    if case.conversation is not None:
        fields["conversation"] = case.conversation
    yield _Line(case.id, _json_line(fields), is_earlier=False)


def _fields(question: Question, name: str, text: str, adds: bool) -> dict[str, Any]:
    return {
        "id": name,
        "tokenizer": str(question.tokenizer),
        "text": text,
        "add_special_tokens": adds,
        "split_special_tokens": question.case.split_special_tokens,
    }


def _json_line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _read(line: bytes, waited_for: Mapping[str, object]) -> tuple[str, Answer]:
    """Return whose answer a line is, and the answer."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise StoppedError(f"wrote a line that is no JSON: {_shown(line)}") from None
    if not isinstance(said, dict):
        raise StoppedError(f"wrote a line that is no JSON object: {_shown(line)}")
    name = said.get("id")
    if name is None and "error" in said and len(waited_for) == 1:
        # It could not read the line, so it does not know the id.
        (name,) = waited_for
    if not isinstance(name, str) or name not in waited_for:
        raise StoppedError(f"wrote an answer to nothing that it was asked: {_shown(line)}")
    return name, _answer(said)


def _answer(said: Mapping[str, Any]) -> Answer:
    if said.get("unavailable") is not None:
        return Answer(unavailable=str(said["unavailable"]))
    if said.get("error") is not None:
        return Answer(error=str(said["error"]))
    if said.get("ids") is not None:
        return _ids_answer(said["ids"], said.get("count"))
    if type(said.get("count")) is not int:
        return Answer(failed="answered without count, ids, unavailable or error")
    return counted(said["count"])


def _ids_answer(ids: object, count: object) -> Answer:
    if not isinstance(ids, list) or not all(type(each) is int for each in ids):
        return Answer(failed="its ids are no list of whole numbers")
    if count is not None and count != len(ids):
        return Answer(failed=f"its count is {str(count)[:40]}, but it gives {len(ids)} ids")
    return counted_ids(ids)


def _shown(line: bytes) -> str:
    text = line[:60].decode(errors="backslashreplace").strip()
    return f"{text!a}{'…' if len(line) > 60 else ''}"
