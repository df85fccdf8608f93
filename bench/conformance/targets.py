"""Targets by name: functions, strategies and commands.

A function takes the path of a tokenizer.json and a text, and returns a count or ids. A package
registers one under the entry point group `isl_bench.conformance`.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.conformance.asking import Answer, Question, Target, answer_of, counted
from bench.conformance.command import Command
from bench.conformance.prompts import conversation_of, loaded_chat
from strategies import (
    Counter,
    InputError,
    IslError,
    Strategy,
    UnavailableError,
    availability,
    get,
    open_available,
)
from strategies.chat.failures import is_failure
from strategies.errors import one_line

GROUP = "isl_bench.conformance"
TIMEOUT = 30.0
"""Seconds without an answer after which a command is given up."""
COMMAND = "command:"
STRATEGY = "strategy:"


def target_named(name: str, timeout: float = TIMEOUT) -> Target:
    """Return the target of that name.

    Parameters
    ----------
    name
        ``command:…``, ``strategy:NAME``, ``module:function``, ``file.py:function``, or the name
        of an entry point.
    timeout
        Seconds that a command may take for an answer.

    Raises
    ------
    InputError
        If there is none, or it cannot be loaded.
    """
    if name.startswith(COMMAND):
        return Command(name.removeprefix(COMMAND), timeout)
    if name.startswith(STRATEGY):
        return StrategyTarget(name.removeprefix(STRATEGY))
    registered = {point.name: point for point in entry_points(group=GROUP)}
    if name in registered:
        return Function(name, _loaded(name, registered[name].load))
    place, colon, function = name.rpartition(":")
    if colon and place.endswith(".py"):
        return Function(name, _loaded(name, lambda: getattr(_module_of(Path(place)), function)))
    if place and function:
        point = EntryPoint(name, f"{place}:{function}", GROUP)
        return Function(name, _loaded(name, point.load))
    known = ", ".join(sorted(registered)) or "none"
    raise InputError(
        f"{name!r} is neither module:function, file.py:function nor an entry point of the group "
        f"{GROUP} (there are: {known})",
        field="target",
    )


@dataclass(frozen=True, slots=True)
class Function:
    """A function of this process as a target.

    Parameters
    ----------
    name
        Its name in reports.
    call
        Takes the path of a tokenizer.json and a text. If it also takes the keyword arguments
        ``add_special_tokens`` or ``split_special_tokens``, it is asked the cases in which they
        are true, too.
    """

    name: str
    call: Callable[..., Any]

    def answers(self, questions: Sequence[Question]) -> Iterator[Answer]:
        """Yield what the function returns for each question."""
        for question in questions:
            try:
                yield self.ask(question)
            except BaseException as error:
                if not refuses(error):
                    raise
                yield Answer(error=f"{type(error).__name__}: {one_line(error)}")

    def ask(self, question: Question) -> Answer:
        """Return the function's answer to one question.

        What it raises is raised, and refuses the text, except that `UnavailableError` and
        `NotImplementedError` say that it does not do such a case.
        """
        case = question.case
        flags = {
            "add_special_tokens": case.add_special_tokens
            or any(each.add_special_tokens for each in case.after),
            "split_special_tokens": case.split_special_tokens,
        }
        for flag, needed in flags.items():
            if needed and not _takes(self.call, flag):
                return Answer(unavailable=f"it takes no {flag}")
        for each in case.after:
            # Only what comes after it is judged.
            try:
                self._asked(question, each.text, each.add_special_tokens)
            except BaseException as error:
                if not refuses(error):
                    raise
        return self._asked(question, case.text, case.add_special_tokens)

    def _asked(self, question: Question, text: str, adds: bool) -> Answer:
        flags = {
            "add_special_tokens": adds,
            "split_special_tokens": question.case.split_special_tokens,
        }
        given = {flag: value for flag, value in flags.items() if _takes(self.call, flag)}
        try:
            said = self.call(str(question.tokenizer), text, **given)
        except (UnavailableError, NotImplementedError) as error:
            return Answer(unavailable=one_line(error))
        return answer_of(said)


@dataclass(frozen=True, slots=True)
class StrategyTarget:
    """A registered strategy as a target.

    Parameters
    ----------
    strategy
        Its name.
    """

    strategy: str

    @property
    def name(self) -> str:
        """The name of the strategy."""
        return self.strategy

    def answers(self, questions: Sequence[Question]) -> Iterator[Answer]:
        """Yield what the strategy counts for each question.

        Raises
        ------
        InputError
            If there is no such strategy.
        """
        chosen = get(self.strategy)
        found: dict[str, Answer] = {}
        for _, group in groupby(sorted(questions, key=_chat_key), key=_chat_key):
            found |= _counted(chosen, list(group))
        for question in questions:
            yield found[question.case.id]


def _written(question: Question) -> Mapping[str, Any]:
    """Return the conversation of a question; a bare text is one with nothing around it."""
    case = question.case
    return case.conversation or _bare(case.text)


def _bare(text: str) -> Mapping[str, Any]:
    return {
        "messages": [{"role": "user", "content": text}],
        "template": "{{ messages[0].content }}",
    }


def _chat_key(question: Question) -> tuple[str, str, str]:
    written = _written(question)
    return str(question.tokenizer), written["template"], repr(written.get("kwargs"))


def _counted(strategy: Strategy, questions: Sequence[Question]) -> dict[str, Answer]:
    """Count cases that share a tokenizer and a template."""
    chat = loaded_chat(questions[0].tokenizer.parent, _written(questions[0]))
    with ExitStack() as stack:
        counter, reason = None, availability(strategy, chat)
        if reason is None:
            try:
                counter = stack.enter_context(open_available(strategy, chat, 1))
            except UnavailableError as error:
                reason = one_line(error)
        return {
            each.case.id: Answer(unavailable=reason) if counter is None else _count(counter, each)
            for each in questions
        }


def _count(counter: Counter, question: Question) -> Answer:
    case = question.case
    if case.add_special_tokens or any(each.add_special_tokens for each in case.after):
        return Answer(unavailable="prompts of templates get no special tokens")
    asked = []
    for text in case.after:
        with suppress(InputError):
            # A conversation of that text cannot be made, so no cache can have seen it.
            asked.append(conversation_of("before", _bare(text.text)))
    try:
        asked.append(conversation_of(case.name, _written(question)))
        ((count,),) = counter.count(asked, on_error="skip")[-1:]
    except InputError as error:
        return Answer(error=one_line(error))
    except IslError as error:
        return Answer(failed=one_line(error))
    return Answer(error="no count") if count is None else counted(count)


def refuses(error: BaseException) -> bool:
    """Whether what a function raises refuses its text.

    Panics of libraries in Rust do, too, and so does `sys.exit`: it must not end the command, whose
    exit code says what was found.
    """
    return isinstance(error, (Exception, SystemExit)) or is_failure(error)


def _loaded(name: str, load: Callable[[], Any]) -> Callable[..., Any]:
    try:
        function = load()
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{name!r} cannot be loaded: {type(error).__name__}: {one_line(error)}", field="target"
        ) from error
    if not callable(function):
        raise InputError(f"{name!r} is no function", field="target")
    loaded: Callable[..., Any] = function
    return loaded


def _module_of(path: Path) -> Any:
    """Import a file that need not be in a package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up there.
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _takes(function: Callable[..., Any], keyword: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        # Some functions of extensions do not say what they take.
        return False
    return any(
        each.name == keyword or each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters
    )
