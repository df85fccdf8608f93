"""Tests for pytest, one a case; `isl_bench_pytest` brings them in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bench.conformance.asking import Answer, Target, Writer
from bench.conformance.corpus import FOLDER, Case, chosen_cases
from bench.conformance.runner import judged
from bench.conformance.targets import Function, refuses, target_named
from strategies import InputError

MOST_SHOWN = 400
"""Characters of a text, and of its ids, that a failure shows."""


def activate(config: pytest.Config, target: str, patterns: Sequence[str], timeout: float) -> None:
    """Add the cases to a run of pytest.

    Parameters
    ----------
    config
        Of the run.
    target
        See `bench.conformance.targets.target_named`.
    patterns
        Which cases; all if there are none.
    timeout
        Seconds that a command may take for an answer.

    Raises
    ------
    pytest.UsageError
        If there is no such target, or no such case.
    """
    cases = chosen_cases(patterns)
    if not cases:
        raise pytest.UsageError("--isl-cases: fits no case of the corpus")
    if not timeout > 0:
        raise pytest.UsageError("--isl-timeout: must be more than 0")
    try:
        asked = Asked(target_named(target, timeout))
    except InputError as error:
        raise pytest.UsageError(f"--isl-conformance: {error}") from error
    config.add_cleanup(asked.folder.cleanup)
    config.pluginmanager.register(_Cases(cases, asked), "isl-bench cases")


@dataclass(slots=True)
class Asked:
    """A target that is asked what a run of pytest needs to know.

    Parameters
    ----------
    target
        The target.
    """

    target: Target
    folder: TemporaryDirectory[str] = field(
        default_factory=lambda: TemporaryDirectory(prefix="isl-bench-")
    )
    _answers: dict[str, Answer] = field(default_factory=dict)
    _writer: Writer | None = None

    def answer(self, case: Case, chosen: Sequence[Case]) -> Answer:
        """Return the answer to a case.

        A function is asked when its test runs, so that a debugger can be in it, and what it
        raises is raised. Other targets are asked all that is chosen at once.

        Parameters
        ----------
        case
            The case.
        chosen
            Those whose tests run.
        """
        if self._writer is None:
            self._writer = Writer(Path(self.folder.name))
        if isinstance(self.target, Function):
            return self.target.ask(self._writer.question(case))
        if case.id not in self._answers:
            questions = [self._writer.question(each) for each in chosen]
            found = self.target.answers(questions)
            self._answers |= dict(zip((each.id for each in chosen), found, strict=True))
        return self._answers[case.id]


class _Cases:
    """Adds the cases to what pytest has collected."""

    def __init__(self, cases: Sequence[Case], asked: Asked) -> None:
        self._cases = cases
        self._asked = asked

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> None:
        # First, so that -k, -m and --last-failed choose among these, too.
        for subject in dict.fromkeys(case.subject for case in self._cases):
            file = f"{subject}.json"
            parent: CorpusFile = CorpusFile.from_parent(session, name=file, nodeid=file)
            parent.cases = [case for case in self._cases if case.subject == subject]
            parent.asked = self._asked
            report = parent.ihook.pytest_make_collect_report(collector=parent)
            # So that they are among what pytest says that it has collected.
            parent.ihook.pytest_collectreport(report=report)
            items.extend(report.result)

    def pytest_report_header(self) -> str:
        return f"isl-conformance: {self._asked.target.name}"


class CorpusFile(pytest.Collector):
    """A file of the corpus."""

    cases: Sequence[Case]
    asked: Asked

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each case."""
        for case in self.cases:
            item: CaseItem = CaseItem.from_parent(self, name=case.name)
            item.case, item.asked = case, self.asked
            yield item


class CaseItem(pytest.Item):
    """The test of a case."""

    case: Case
    asked: Asked

    def runtest(self) -> None:
        """Ask the target, and judge its answer."""
        chosen = [item.case for item in self.session.items if isinstance(item, CaseItem)]
        try:
            answer = self.asked.answer(self.case, chosen)
        except InputError as error:
            raise WrongError(str(error)) from error
        except BaseException as error:
            if self.case.expected is None and refuses(error):
                # What a function raises refuses the text.
                return
            raise
        outcome = judged(self.case, answer)
        if outcome.status == "unavailable":
            pytest.skip(outcome.said)
        if outcome.status != "passed":
            raise WrongError(outcome.said)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,
    ) -> Any:
        """Return what is wrong, and what the case is; a traceback if a function raised."""
        if not isinstance(excinfo.value, WrongError):
            return super().repr_failure(excinfo, style)
        case = self.case
        lines = [
            str(excinfo.value),
            f"about: {case.about}",
            f"text: {_short(ascii(case.text))}",
        ]
        if case.expected is not None and case.expected.ids is not None:
            lines.append(f"expected ids: {_short(str(list(case.expected.ids)))}")
        lines.append(f"tokenizer: {_short(ascii(dict(case.tokenizer)))}")
        if case.shows:
            lines.append(f"shows: {', '.join(case.shows)}")
        return "\n".join(lines)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the case is written."""
        return FOLDER / f"{self.case.subject}.json", None, self.case.id


class WrongError(Exception):
    """A case that is wrong or failed."""


def _short(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}… ({len(text):,} characters)"
