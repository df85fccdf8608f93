"""The workflows of hosted CI, by doing what their steps say in a throw-away repository.

Each `run:` is given to bash as GitHub's runner gives it, with the variables and files that the
runner would set. Three things stand in for GitHub: what the `uses:` actions do to files, the values
of `${{ }}`, and an HTTP server on the loopback interface for its API. asv runs for real.
`bench decide` is a script that leaves a decision as the real one does.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from bench.hosted.markdown import LIMIT
from tests.decisions import SPEEDUPS, timed_group, written
from tests.decisions import changed as faulty
from tests.tiny_asv import git, make_project

pytest.importorskip("asv", reason="it runs asv: install isl-bench[asv]")

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
BOT = "github-actions[bot]"
NUMBER = 7
HERE = {"ASV_ENVIRONMENT": "here:3", "ASV_BENCHMARKS": r"Work\.", "ASV_RESULTS": "results"}
MISSING = {**HERE, "ASV_ENVIRONMENT": "here:9"}
NO_ASV = {**HERE, "ASV_ENVIRONMENT": ""}


TESTS_VALUES = {
    "matrix.python": "3.11",
    "runner.os": "Linux",
    "hashFiles('strategies/rust/Cargo.lock')": "0123",
}


def workflow(name: str) -> dict[Any, Any]:
    read: dict[Any, Any] = yaml.safe_load((WORKFLOWS / f"{name}.yml").read_text("utf-8"))
    return read


# --- a stand-in for GitHub's API --------------------------------------------------------


@dataclass
class Hub:
    """One repository of GitHub: its pull requests, and their comments."""

    address: str = ""
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    """Every request that was not a plain question."""

    def add(self, body: str, login: str) -> dict[str, Any]:
        comment = {"id": 100 + len(self.comments), "body": body, "user": {"login": login}}
        self.comments.append(comment)
        return comment

    def ours(self) -> list[str]:
        return [each["body"] for each in self.comments if each["user"]["login"] == BOT]

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: Any) -> Any:
        """Return a status and an answer, as GitHub's reference says."""
        if method != "GET":
            self.changes.append(f"{method} {path}")
        if body and len(body["body"]) > 65536:
            return 422, {"message": "Body is too long (maximum is 65536 characters)"}
        if found := re.fullmatch(r"/repos/o/r/pulls/(\d+)", path):
            pull = self.pulls.get(int(found[1]))
            return (200, pull) if pull else (404, {"message": "Not Found"})
        if re.fullmatch(rf"/repos/o/r/issues/{NUMBER}/comments", path):
            if method == "POST":
                return 201, self.add(body["body"], BOT)
            size, page = (int(query.get(key, [default])[0]) for key, default in PAGING)
            return 200, self.comments[size * (page - 1) : size * page]
        if found := re.fullmatch(r"/repos/o/r/issues/comments/(\d+)", path):
            (comment,) = [each for each in self.comments if each["id"] == int(found[1])]
            comment["body"] = body["body"]
            return 200, comment
        return 404, {"message": "Not Found"}


PAGING = (("per_page", "30"), ("page", "1"))


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            where = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = 401, {"message": "Bad credentials"}
            if self.headers["Authorization"] == "Bearer token-of-the-job":
                status, answer = hub.answer(self.command, where.path, parse_qs(where.query), body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815  # HTTP's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield hub
        server.shutdown()


# --- a stand-in for GitHub's runner -----------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """A job that was run: whether it succeeded, what it printed, and its summary."""

    succeeded: bool
    printed: str
    summary: str


@dataclass(frozen=True)
class Machine:
    """A runner that has checked out a repository, and whatever artifacts were uploaded."""

    folder: Path
    checkout: Path
    artifacts: Path

    def run(
        self,
        name: str,
        job: str,
        event: Mapping[str, Any],
        values: Mapping[str, str],
        *,
        changed: Mapping[str, str] | None = None,
        api: str = "",
    ) -> Ran:
        """Do what the steps of a job say, in order.

        Parameters
        ----------
        name, job
            Of the workflow and of one of its jobs.
        event
            What GitHub says about the event.
        values
            The value of each `${{ expression }}`.
        changed
            Variables at the top of the workflow that another repository would change.
        api
            Address of GitHub's API.
        """
        described = workflow(name)
        temp = self.folder / "temp"
        shutil.rmtree(temp, ignore_errors=True)
        temp.mkdir(parents=True)
        for file in ("path", "env", "output", "summary"):
            (temp / file).touch()
        (temp / "event.json").write_text(json.dumps(event))
        base = {
            # `make` and git are the system's. Python is whatever a step or the image provides.
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": api,
            "GITHUB_EVENT_PATH": str(temp / "event.json"),
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_WORKSPACE": str(self.checkout),
            "RUNNER_TEMP": str(temp),
            **{
                f"GITHUB_{variable}": str(temp / file)
                for variable, file in (
                    ("PATH", "path"), ("ENV", "env"), ("OUTPUT", "output"),
                    ("STEP_SUMMARY", "summary"),
                )
            },
            **described.get("env", {}),
            **(changed or {}),
        }  # fmt: skip
        values = {"runner.temp": str(temp), "github.token": "token-of-the-job", **values}
        succeeded, printed = True, ""
        for step in described["jobs"][job]["steps"]:
            if not succeeded and step.get("if") != "${{ !cancelled() }}":
                continue
            if "uses" in step:
                given = {
                    key: substituted(value, values) for key, value in step.get("with", {}).items()
                }
                done = self.act(step["uses"], given)
                succeeded = succeeded and (done or step.get("continue-on-error", False))
                continue
            # Nothing that others wrote may become a part of a program.
            assert "${{" not in step["run"], step
            (temp / "script.sh").write_text(step["run"])
            environment = {k: substituted(v, values) for k, v in step.get("env", {}).items()}
            path = [*(temp / "path").read_text().split(), base["PATH"]]
            ran = subprocess.run(
                ["/bin/bash", "-e", str(temp / "script.sh")],
                cwd=self.checkout,
                env={**base, "PATH": ":".join(path), **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            printed += ran.stdout
            succeeded = succeeded and ran.returncode == 0
        return Ran(succeeded, printed, (temp / "summary").read_text("utf-8"))

    def act(self, action: str, given: Mapping[str, str]) -> bool:
        """Do to the files what an action does, and return whether it succeeds."""
        name, version = action.split("@")
        assert re.fullmatch("[0-9a-f]{40}", version), action
        if name in {"actions/setup-python", "actions/cache"}:
            return True
        if name == "actions/checkout":
            # Otherwise the token stays in the checkout, where any code can read it.
            assert given["persist-credentials"] == "false"
            if "ref" in given:
                git(self.checkout, "checkout", "--quiet", given["ref"])
            return True
        artifact = self.artifacts / given["name"]
        if name == "actions/upload-artifact":
            assert given["if-no-files-found"] == "ignore"
            shutil.rmtree(artifact, ignore_errors=True)
            if (self.checkout / given["path"]).exists():
                shutil.copytree(self.checkout / given["path"], artifact)
            return True
        assert name == "actions/download-artifact"
        assert set(given) == {"name", "path", "run-id", "github-token"}
        if artifact.exists():
            shutil.copytree(artifact, given["path"], symlinks=True)
        return artifact.exists()


def substituted(value: object, values: Mapping[str, str]) -> str:
    """Return a value with its `${{ expressions }}` replaced; each of them must be known."""
    text = value if isinstance(value, str) else json.dumps(value)
    return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: values[found[1]], text)


# --- a pull request ---------------------------------------------------------------------

MAKEFILE = """
setup:
	@mkdir -p .venv/bin
	@ln -sf {tools}/python .venv/bin/python
	@ln -sf {tools}/bench .venv/bin/bench
	@echo $@ >> "$$HOME/made"

lint docs compare-quick wheel-check test:
	@echo $@ >> "$$HOME/made"
"""

DECIDE = """
# Leaves what $HOME/decide.json says, as `bench decide` would.
import json, os, pathlib, sys
home = pathlib.Path(os.environ["HOME"])
(home / "asked.json").write_text(json.dumps(sys.argv[1:]))
told = json.loads((home / "decide.json").read_text())
if "report" in told:
    # The real one, from a report instead of from two commits.
    rest = sys.argv[sys.argv.index("--for-pr") :]
    os.execv(sys.executable, [sys.executable, "-m", "bench", "decide", told["report"], *rest])
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
if told["status"]:
    (out / "decision.json").write_text(json.dumps(told))
    (out / "decision.md").write_text(told["text"])
else:
    print("bench: --base: no such revision", file=sys.stderr)
sys.exit(told["code"])
"""

CODES = {"decided": 0, "wrong": 1, "inconclusive": 2, "": 3}


@dataclass(frozen=True)
class PullRequest:
    """A pull request of the tiny project, the runners of its workflows, and the API."""

    untrusted: Machine
    trusted: Machine
    hashes: Mapping[str, str]
    hub: Hub

    def measure(
        self,
        branch: str = "same",
        *,
        status: str = "decided",
        verdict: str = "Use rust.",
        text: str | None = None,
        report: Path | None = None,
        changed: Mapping[str, str] = NO_ASV,
        code: int | None = None,
    ) -> Ran:
        """Run decision.yml for the pull request with a branch as its head."""
        head = self.hashes[branch]
        decision = {
            "status": status,
            "verdict": verdict,
            "fingerprint": f"{status}: {verdict}",
            "text": text
            or f"**{verdict}**\n\n| strategy | speedup |\n| --- | --: |\n| rust | 9 |\n",
            "code": CODES[status] if code is None else code,
            **({} if report is None else {"report": str(report)}),
        }
        home = self.untrusted.folder / "home"
        (home / "decide.json").write_text(json.dumps(decision))
        self.hub.pulls[NUMBER] = {"number": NUMBER, "state": "open", "head": {"sha": head}}
        pull = {"number": NUMBER, "base": {"sha": self.hashes["main"]}, "head": {"sha": head}}
        return self.untrusted.run(
            "decision",
            "measure",
            {"action": "labeled", "pull_request": pull},
            {"github.event.pull_request.head.sha": head},
            changed=changed,
        )

    def comment(self, branch: str = "same") -> Ran:
        """Run decision-comment.yml after it."""
        run = {
            "id": 5,
            "event": "pull_request",
            "head_sha": self.hashes[branch],
            "html_url": "https://github.example/o/r/actions/runs/5",
        }
        return self.trusted.run(
            "decision-comment",
            "comment",
            {"workflow_run": run},
            {"github.event.workflow_run.id": "5"},
            api=self.hub.address,
        )

    def artifact(self, name: str) -> Path:
        return self.untrusted.artifacts / "decision" / name

    def left(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.artifact("comment.json").read_text())
        return read

    def rewrite(self, **changed: object) -> None:
        """Change what was left, as code of a pull request may."""
        self.artifact("comment.json").write_text(json.dumps({**self.left(), **changed}))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The tiny project, with what the workflows need from this one."""
    folder = tmp_path_factory.mktemp("repository")
    for part in ("untrusted/home", "untrusted/bin", "trusted/home", "trusted/bin", "tools"):
        (folder / part).mkdir(parents=True)
    tools = folder / "tools"
    scripts = {
        "tools/python": f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n',
        "tools/bench": f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {tools}/bench.py "$@"\n',
        "tools/bench.py": DECIDE,
        # The Python of the runner's image, with no package installed.
        "trusted/bin/python3": f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -S -E "$@"\n',
    }
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    clone = folder / "untrusted" / "checkout"
    clone.mkdir()
    (clone / "Makefile").write_text(MAKEFILE.format(tools=tools))
    hashes = make_project(clone, home=folder / "untrusted" / "home")
    hashes["main"] = git(clone, "rev-parse", "main")
    # What the posting job checks out: only its own program is needed.
    hosted = folder / "trusted" / "checkout" / "bench" / "hosted"
    hosted.mkdir(parents=True)
    shutil.copy(ROOT / "bench" / "__init__.py", hosted.parent)
    for path in (ROOT / "bench" / "hosted").glob("*.py"):
        shutil.copy(path, hosted)
    return folder, hashes


@pytest.fixture
def pull(repository: tuple[Path, dict[str, str]], hub: Hub, tmp_path: Path) -> PullRequest:
    folder, hashes = repository
    untrusted, trusted = (
        Machine(folder / each, folder / each / "checkout", tmp_path)
        for each in ("untrusted", "trusted")
    )
    shutil.rmtree(untrusted.checkout / "decision", ignore_errors=True)
    return PullRequest(untrusted, trusted, hashes, hub)


# --- measuring --------------------------------------------------------------------------


@pytest.mark.enable_socket
def test_a_decided_pull_request_passes_and_leaves_its_report(pull: PullRequest) -> None:
    ran = pull.measure()
    assert ran.succeeded, ran.printed
    asked = json.loads((pull.untrusted.folder / "home" / "asked.json").read_text())
    head = pull.hashes["same"]
    assert asked == [
        *("decide", "--base", pull.hashes["base"], "--head", head),
        *["--strategy", "rust", "--tokenizer", "bpe-chatml", "--for-pr", "--out", "decision"],
    ]
    left = pull.left()
    assert (left["number"], left["head"], left["status"]) == (NUMBER, head, "decided")
    assert pull.artifact("comment.md").read_text().startswith("**Use rust.**\n\n| strategy |")
    assert pull.artifact("decision.md").exists()
    assert ran.summary == pull.artifact("comment.md").read_text()
    assert "::notice::Use rust." in ran.printed
    assert (left["asv"], "asv" in ran.summary) == (None, False)


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("status", "code", "passes", "said"),
    [
        ("wrong", 1, False, "::error::Use rust."),
        ("inconclusive", 2, True, "::warning::Use rust."),
        ("", 3, False, "::error::Could not be measured: bench decide ended with 3."),
        # It says that it decided, and its code says otherwise.
        ("decided", 1, False, "::error::Could not be measured: bench decide ended with 1."),
    ],
)
def test_wrong_counts_fail_the_check_and_an_inconclusive_decision_does_not(
    pull: PullRequest, status: str, code: int, passes: bool, said: str
) -> None:
    ran = pull.measure(status=status, code=code)
    assert ran.succeeded == passes, ran.printed
    assert said in ran.printed
    # What failed is posted as well.
    assert pull.comment().succeeded
    assert len(pull.hub.ours()) == 1


@pytest.mark.enable_socket
def test_a_missing_environment_of_asv_is_not_measured_and_no_regression(pull: PullRequest) -> None:
    ran = pull.measure("slow", changed=MISSING)
    assert ran.succeeded, ran.printed
    assert "::warning::asv could not measure: No executable found for python 9" in ran.printed
    assert pull.left()["asv"]["outcome"] == "unmeasured"
    assert "**asv could not measure: No executable" in ran.summary
    assert "slower" not in ran.summary


@pytest.mark.enable_socket
def test_a_slowdown_that_asv_finds_is_in_the_comment_and_passes(pull: PullRequest) -> None:
    ran = pull.measure("slow", changed={**HERE, "ASV_BENCHMARKS": r"Work\..*'c'"})
    assert ran.succeeded, ran.printed
    assert "::warning::asv: 1 benchmark slower." in ran.printed
    assert ran.summary.endswith(
        "**asv: 1 benchmark slower.**\n\n"
        "|  | before | after | ratio | benchmark |\n"
        "| --- | --: | --: | --: | --- |\n"
        "| slower | 200±0ms | 600±0ms | 3 | `work.Work.time_work('c')` |\n"
    )


@pytest.mark.enable_socket
def test_a_benchmark_that_breaks_fails_the_check(pull: PullRequest) -> None:
    ran = pull.measure("broken", changed={**HERE, "ASV_BENCHMARKS": r"Work\..*'c'"})
    assert not ran.succeeded
    assert "::error::asv: 1 benchmark broken." in ran.printed


@pytest.mark.enable_socket
def test_a_run_that_ends_before_it_measures_posts_nothing(pull: PullRequest) -> None:
    pull.hub.pulls[NUMBER] = {"state": "open", "head": {"sha": pull.hashes["same"]}}
    ran = pull.comment()
    assert ran.succeeded, ran.printed
    assert "nothing was measured" in ran.printed
    assert pull.hub.comments == []


@pytest.mark.enable_socket
@pytest.mark.parametrize("status", ["decided", "wrong", "inconclusive"])
def test_a_real_decision_is_posted_as_it_was_written(
    pull: PullRequest, status: str, tmp_path: Path
) -> None:
    speedups = {"spliced": 1.0} if status == "inconclusive" else SPEEDUPS
    group = timed_group("a", speedups, rounds=3 if status == "inconclusive" else 15)
    if status == "wrong":
        group = faulty(group, "rust", status="wrong", mismatches=3, reason="@all", speedup=None)
    ran = pull.measure(report=written(tmp_path, [group]))
    assert ran.succeeded == (status != "wrong"), ran.printed
    assert pull.left()["status"] == status
    assert pull.comment().succeeded
    (body,) = pull.hub.ours()
    text = pull.artifact("decision.md").read_text().strip()
    assert "<details><summary>All numbers" in text
    assert text in body


# --- the comment ------------------------------------------------------------------------


@pytest.mark.enable_socket
def test_the_first_comment_is_created_left_alone_and_updated_if_the_verdict_changes(
    pull: PullRequest,
) -> None:
    pull.measure()
    ran = pull.comment()
    assert ran.succeeded, ran.printed
    (first,) = pull.hub.ours()
    assert "**Use rust.**" in first
    assert "by [this run](https://github.example/o/r/actions/runs/5)" in first
    assert pull.hub.changes == [f"POST /repos/o/r/issues/{NUMBER}/comments"]

    # Other numbers, the same verdict, a newer commit.
    pull.measure("slow", text="**Use rust.**\n\nother numbers\n")
    ran = pull.comment("slow")
    assert "the verdict is the same" in ran.printed
    assert pull.hub.ours() == [first]
    assert len(pull.hub.changes) == 1

    pull.measure("slow", verdict="Use spliced.")
    ran = pull.comment("slow")
    assert "the verdict has changed" in ran.printed
    (updated,) = pull.hub.ours()
    assert "**Use spliced.**" in updated
    assert pull.hub.changes[1:] == ["PATCH /repos/o/r/issues/comments/100"]


@pytest.mark.enable_socket
def test_a_comment_of_somebody_else_is_never_taken_for_ours(pull: PullRequest) -> None:
    pull.measure()
    pull.comment()
    (ours,) = pull.hub.comments
    pull.hub.comments.clear()
    for number in range(130):
        # They begin as ours does, and more than one page of them stands before ours.
        pull.hub.add(ours["body"], f"somebody-{number}")
    pull.hub.changes.clear()
    assert pull.comment().succeeded
    assert pull.hub.changes == [f"POST /repos/o/r/issues/{NUMBER}/comments"]
    pull.measure(verdict="Use spliced.")
    assert pull.comment().succeeded
    assert pull.hub.changes[1:] == ["PATCH /repos/o/r/issues/comments/230"]
    assert all(each["body"] == ours["body"] for each in pull.hub.comments[:-1])


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("lines", "last"), [("| é | 1 |\n" * 20_000, "| é | 1 |"), ("x" * 200_000, "```")]
)
def test_a_long_report_is_shortened_after_a_whole_line_and_says_so(
    pull: PullRequest, lines: str, last: str
) -> None:
    pull.measure(text="**Use rust.**\n\n<details>\n<summary>All</summary>\n\n```\n" + lines)
    # GitHub refuses a comment that is longer, and so does what stands in for it.
    ran = pull.comment()
    assert ran.succeeded, ran.printed
    (body,) = pull.hub.ours()
    assert len(body) <= LIMIT
    said = re.search(r"\*\*Shortened:\*\* this shows ([\d,]+) of ([\d,]+) characters", body)
    assert said is not None
    shown, total = (int(number.replace(",", "")) for number in said.groups())
    assert total == len(pull.artifact("comment.md").read_text().strip())
    start = body.index("\n") + 1
    assert body[start : start + shown].endswith(f"\n{last}")
    # The code and the folded part end before the note, so that it can be read.
    assert body[start + shown :].startswith("\n```\n\n</details>\n\n**Shortened:**")


@pytest.mark.enable_socket
def test_a_report_that_fits_is_posted_whole(pull: PullRequest) -> None:
    pull.measure(text="x\n" * 30_000)
    assert pull.comment().succeeded
    (body,) = pull.hub.ours()
    assert body.count("x\n") == 30_000
    assert "Shortened" not in body


# --- what code of a pull request may leave ----------------------------------------------


def linked(pull: PullRequest, target: Path) -> Path:
    link = pull.artifact("link")
    link.symlink_to(target)
    return link


FORGED: dict[str, tuple[Callable[[PullRequest], object], str]] = {
    "another pull request": (lambda pull: pull.rewrite(number=8), "404"),
    "a number that is a path": (lambda pull: pull.rewrite(number="7/../8"), "number is no number"),
    "a number that is true": (lambda pull: pull.rewrite(number=True), "number is no number"),
    "a head that was not run": (
        lambda pull: pull.rewrite(head="0" * 40),
        "the measured commit is not the one",
    ),
    "a head that is no hash": (lambda pull: pull.rewrite(head="x"), "head is no hash"),
    "a fingerprint that ends the comment": (
        lambda pull: pull.rewrite(fingerprint="0 -->"),
        "fingerprint is none",
    ),
    "no JSON": (lambda pull: pull.artifact("comment.json").write_text("{"), "is no JSON"),
    "deep JSON": (lambda pull: pull.artifact("comment.json").write_text("[" * 9999), "is no JSON"),
    "a list": (lambda pull: pull.artifact("comment.json").write_text("[]"), "is no object"),
    "large JSON": (
        lambda pull: pull.artifact("comment.json").write_text(" " * 10_001),
        "comment.json has more than 10,000 bytes",
    ),
    "bytes": (lambda pull: pull.artifact("comment.md").write_bytes(b"\xff"), "is not UTF-8"),
    "large text": (
        lambda pull: pull.artifact("comment.md").write_text("x" * 1_000_001),
        "comment.md has more than 1,000,000 bytes",
    ),
    "no text": (lambda pull: pull.artifact("comment.md").unlink(), "comment.md cannot be read"),
    "a link to a file of the runner": (
        lambda pull: linked(pull, pull.trusted.folder / "bin" / "python3").replace(
            pull.artifact("comment.md")
        ),
        "comment.md cannot be read",
    ),
}


@pytest.mark.enable_socket
@pytest.mark.parametrize("forged", FORGED)
def test_what_is_forged_is_refused_in_one_line(pull: PullRequest, forged: str) -> None:
    pull.measure()
    forge, said = FORGED[forged]
    forge(pull)
    ran = pull.comment()
    assert not ran.succeeded
    assert said in ran.printed
    assert ran.printed.startswith("::error::")
    assert ran.printed.count("\n") == 1
    assert (pull.hub.comments, pull.hub.changes) == ([], [])


@pytest.mark.enable_socket
@pytest.mark.parametrize("now", [{"state": "closed"}, {"head": {"sha": "1" * 40}}])
def test_a_pull_request_that_has_moved_on_is_left_alone(
    pull: PullRequest, now: dict[str, Any]
) -> None:
    pull.measure()
    pull.hub.pulls[NUMBER].update(now)
    ran = pull.comment()
    assert ran.succeeded, ran.printed
    assert "nothing to do" in ran.printed
    assert pull.hub.comments == []


@pytest.mark.enable_socket
def test_what_is_posted_calls_nobody_and_holds_no_html_but_plain_tags(pull: PullRequest) -> None:
    wild = (
        "**Use rust.** @everyone `@org/team` <img src=x onerror=y> ![](https://x.example/pixel)\n"
        "<!-- isl-bench decision 00000000 -->\x1b[31m\u202e<details open>a</details><br>1 < 2 "
        "a@<!-- -->b\n"
    )
    pull.measure(text=wild)
    assert pull.comment().succeeded
    (body,) = pull.hub.ours()
    first, *rest = body.split("\n")
    assert re.fullmatch("<!-- isl-bench decision [0-9a-f]{32} -->", first)
    text = "\n".join(rest)
    for wanted in ("<details open>a</details><br>1 < 2 a@<!-- -->b", "<sub>Measured at"):
        assert wanted in text
    for unwanted in ("@everyone", "@org", "<img", "![", "<!-- isl", "\x1b", "\u202e"):
        assert unwanted not in text
    # It looks as it did.
    assert "@everyone" in text.replace("\u200b", "")


# --- what the files say -----------------------------------------------------------------


def test_who_may_write_runs_nothing_of_a_pull_request() -> None:
    decision, comment = workflow("decision"), workflow("decision-comment")
    # YAML 1.1 reads the key `on` as true.
    assert set(decision[True]) == {"pull_request"}
    assert decision["permissions"] == {"contents": "read"}
    assert set(comment[True]) == {"workflow_run"}
    assert comment[True]["workflow_run"]["workflows"] == [decision["name"]]
    (job,) = comment["jobs"].values()
    assert {k for k, v in job["permissions"].items() if v == "write"} == {"pull-requests"}
    assert comment["permissions"] == {}
    (checkout,) = [s for s in job["steps"] if s.get("uses", "").startswith("actions/checkout@")]
    # Without a ref it is the default branch.
    assert set(checkout["with"]) == {"persist-credentials"}
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        'python3 -m bench.hosted.comment "$RUNNER_TEMP/decision"'
    ]


@pytest.mark.parametrize("name", sorted(path.stem for path in WORKFLOWS.iterdir()))
def test_each_job_has_few_rights_a_limit_of_time_and_no_secret(name: str) -> None:
    described = workflow(name)
    assert "permissions" in described
    assert "secrets." not in (WORKFLOWS / f"{name}.yml").read_text("utf-8")
    for job in described["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 120
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("job", "made"),
    [
        ("lint", ["setup", "lint", "docs"]),
        ("tests", ["setup", "compare-quick", "wheel-check", "test"]),
    ],
)
def test_the_jobs_of_the_tests_make_what_the_project_checks(
    pull: PullRequest, job: str, made: list[str]
) -> None:
    home = pull.untrusted.folder / "home"
    (home / "made").unlink(missing_ok=True)
    ran = pull.untrusted.run("tests", job, {}, TESTS_VALUES)
    assert ran.succeeded, ran.printed
    assert (home / "made").read_text().split() == made


def test_the_tests_are_those_of_the_project_on_the_oldest_and_the_newest_python() -> None:
    described = workflow("tests")
    assert set(described[True]) == {"push", "pull_request"}
    jobs = described["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == ["3.11", "3.x"]
    run = {step["run"] for job in jobs.values() for step in job["steps"] if "run" in step}
    ours = set(re.findall(r"^make .*$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE))
    assert run == {"make setup", *ours}


def test_only_a_tag_publishes_and_only_what_was_used_on_its_own_system() -> None:
    jobs = workflow("wheels")["jobs"]
    writers = {
        name
        for name, job in jobs.items()
        if any(right == "write" for right in job.get("permissions", {}).values())
    }
    assert writers == {"publish"}
    publish = jobs["publish"]
    assert publish["if"] == "github.event_name == 'push' && github.ref_type == 'tag'"
    assert publish["environment"] == "pypi"
    # It runs no code of the project.
    assert not any("run" in step for step in publish["steps"])
    assert set(publish["needs"]) == set(jobs) - {"publish", "version"}
    for name in publish["needs"]:
        assert jobs[name]["needs"] == "version"
        run = [step.get("run", "") for step in jobs[name]["steps"]]
        assert any("python .ci/check_wheel.py" in each for each in run)


def test_the_workflows_pass_zizmor() -> None:
    program = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("zizmor is not installed: install isl-bench[lint]")
    done = subprocess.run(
        [program, "--offline", "--strict-collection", "--no-progress", str(ROOT / ".github")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
