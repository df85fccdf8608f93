"""Measure the pull request that a workflow runs for, and leave what is to be posted in a folder.

It runs `bench decide` between the merge base and the head of the pull request, and asv's own
comparison of the same two commits. The check fails if counts are wrong or a benchmark is broken. It
does not fail if the decision is inconclusive or asv could not measure, because neither says that
the change is bad.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench.hosted.comment import COMMENT_JSON, COMMENT_MD, annotate
from bench.recorded.continuous import Change, Continuous, compare_commits

STATUSES = {0: "decided", 1: "wrong", 2: "inconclusive"}
"""The exit codes of `bench decide` that come with a decision."""

_MARKS = {"+": "slower", "-": "faster", "!": "broken"}


@dataclass(frozen=True, slots=True)
class PullRequest:
    """The pull request of an event: its number, and the commits to compare, as full hashes."""

    number: int
    base: str
    head: str

    @classmethod
    def of_event(cls, path: Path) -> PullRequest:
        """Read it from the file that GitHub writes for each event."""
        pull = json.loads(path.read_text("utf-8"))["pull_request"]
        head = pull["head"]["sha"]
        # Not the tip of the base branch: its newer commits are no part of the change.
        found = _run(["git", "merge-base", pull["base"]["sha"], head], capture=True)
        if found.returncode != 0:
            raise click.ClickException(f"no common commit with the base: {found.stderr.strip()}")
        return cls(pull["number"], found.stdout.strip(), head)


@dataclass(frozen=True, slots=True)
class Decision:
    """What `bench decide` said.

    Parameters
    ----------
    status
        `decided`, `wrong`, `inconclusive`, or `failed` if it made no decision.
    verdict
        One sentence.
    fingerprint
        The same as long as the decision is the same.
    text
        Its report in Markdown; the verdict is its first line.
    """

    status: str
    verdict: str
    fingerprint: str
    text: str


def decide(pull: PullRequest, arguments: Sequence[str], folder: Path) -> Decision:
    """Run `bench decide` between the two commits of a pull request.

    Parameters
    ----------
    pull
        The pull request.
    arguments
        What is to be compared, as options of `bench decide`.
    folder
        Where it writes its report.
    """
    commits = ["--base", pull.base, "--head", pull.head]
    code = _run(
        ["bench", "decide", *commits, *arguments, "--for-pr", "--out", str(folder)]
    ).returncode
    try:
        data = json.loads((folder / "decision.json").read_text("utf-8"))
        text = (folder / "decision.md").read_text("utf-8")
        decision = Decision(data["status"], data["verdict"], str(data["fingerprint"]), text)
    except (OSError, ValueError, LookupError, TypeError):
        decision = None
    if decision is None or STATUSES.get(code) != decision.status:
        verdict = (
            f"Could not be measured: bench decide ended with {code}. Its output is in the run."
        )
        return Decision("failed", verdict, f"failed {code}", f"**{verdict}**\n")
    return decision


def comment(decision: Decision, asv: Continuous | None) -> str:
    """Return the comment in Markdown: the decision, then what asv says."""
    parts = [decision.text.strip()]
    if asv is not None:
        parts.append(f"**{asv.verdict}**")
        if asv.changes:
            parts.append(_table(asv.changes))
        parts += [f"- {remark}" for remark in asv.remarks]
    return "\n\n".join(parts) + "\n"


def _table(changes: Sequence[Change]) -> str:
    rows = [
        (_MARKS[each.mark], each.before, each.after, each.ratio, f"`{each.benchmark}`")
        for each in changes
    ]
    head = ("", "before", "after", "ratio", "benchmark")
    lines = [head, ("---", "--:", "--:", "--:", "---"), *rows]
    # A bar ends a cell even in code.
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def fingerprint(decision: Decision, asv: Continuous | None) -> str:
    """Return a digest that is the same as long as the decision and asv's findings are."""
    found = None
    if asv is not None:
        found = [asv.outcome, sorted((each.mark, each.benchmark) for each in asv.changes)]
    told = json.dumps([decision.status, decision.fingerprint, found])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def exit_code(decision: Decision, asv: Continuous | None) -> int:
    """Return 1 if the check is to fail."""
    broken = asv is not None and asv.outcome == "broken"
    return int(broken or decision.status in {"wrong", "failed"})


def _run(command: Sequence[str], *, capture: bool = False) -> subprocess.CompletedProcess[str]:
    # What it prints shows in the log of the run, where it belongs after what is printed here.
    sys.stdout.flush()
    return subprocess.run(command, capture_output=capture, text=True, check=False)  # noqa: S603


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--out", metavar="FOLDER", type=click.Path(path_type=Path), required=True)
@click.option("--environment", metavar="NAME", default="", help="Of asv; empty: without asv.")
@click.option("--bench", "benchmarks", metavar="REGEX", multiple=True, help="Benchmarks of asv.")
@click.option("--config", type=click.Path(path_type=Path), default="asv.conf.json")
@click.option("--results", type=click.Path(path_type=Path), default="bench/history")
@click.argument("decide_arguments", nargs=-1, type=click.UNPROCESSED)
def main(
    out: Path,
    environment: str,
    benchmarks: Sequence[str],
    config: Path,
    results: Path,
    decide_arguments: Sequence[str],
) -> None:
    """Measure the pull request of GITHUB_EVENT_PATH; other options go to `bench decide`."""
    pull = PullRequest.of_event(Path(os.environ["GITHUB_EVENT_PATH"]))
    out.mkdir(parents=True, exist_ok=True)
    decision = decide(pull, decide_arguments, out)
    asv = None
    if environment:
        commits = (config, results, pull.base, pull.head)
        asv = compare_commits(*commits, bench=benchmarks, environment=environment)
    text = comment(decision, asv)
    data: Mapping[str, Any] = {
        "number": pull.number,
        "base": pull.base,
        "head": pull.head,
        "fingerprint": fingerprint(decision, asv),
        "status": decision.status,
        "verdict": decision.verdict,
        "asv": None if asv is None else asv.as_dict(),
    }
    (out / COMMENT_MD).write_text(text, "utf-8")
    (out / COMMENT_JSON).write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as summary:
        summary.write(text)
    levels = {"decided": "notice", "inconclusive": "warning"}
    annotate(levels.get(decision.status, "error"), decision.verdict)
    if asv is not None:
        levels = {"broken": "error", "slower": "warning", "unmeasured": "warning"}
        annotate(levels.get(asv.outcome, "notice"), asv.verdict)
    sys.exit(exit_code(decision, asv))


if __name__ == "__main__":
    main()
