"""Post what was measured as one comment of a pull request, or update it if the verdict changed.

It runs in a job that may write comments, after another job ran the code of the pull request. So the
files that the other job left are data of an unknown author:

- it reads two files of bounded size, and follows no links;
- the number of the pull request counts only if GitHub says that this pull request is open and that
  its head is the commit that was measured;
- the text is posted as Markdown that mentions nobody and loads nothing.

It needs nothing but Python, so that its job installs nothing.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.hosted.markdown import LIMIT, shorten, tame

COMMENT_JSON, COMMENT_MD = "comment.json", "comment.md"
AUTHOR = "github-actions[bot]"
"""Whose comments are ours: the author of what a workflow posts with its own token."""

_MARKER = re.compile(r"<!-- isl-bench decision ([0-9a-f]+) -->")
_LARGEST = {COMMENT_JSON: 10_000, COMMENT_MD: 1_000_000}
"""Bytes that a file may have."""

_LARGEST_ANSWER = 20_000_000
_PAGE = 100


class RefusedError(Exception):
    """What was left by the other job, or an answer of GitHub, cannot be used; in one line."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the measuring job says, checked for its form and for nothing else.

    Parameters
    ----------
    number
        Of the pull request.
    head
        Hash of the commit that was measured.
    fingerprint
        The same as long as the verdict is the same.
    text
        Markdown, tamed.
    """

    number: int
    head: str
    fingerprint: str
    text: str


@dataclass(frozen=True, slots=True)
class GitHub:
    """The part of GitHub's API that is about one repository.

    Parameters
    ----------
    api
        Address of the API.
    repository
        Owner and name.
    token
        What it is allowed by.
    """

    api: str
    repository: str
    token: str

    def ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:
        """Return the answer to a request.

        Parameters
        ----------
        method
            Of HTTP.
        path
            Below the repository.
        body
            What to send, if anything.

        Raises
        ------
        RefusedError
            If GitHub refuses it, cannot be reached or answers no JSON.
        """
        request = urllib.request.Request(  # noqa: S310  # the address is GitHub's, from its runner
            f"{self.api}/repos/{self.repository}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "X-GitHub-Api-Version": "2022-11-28",
                "User-Agent": "isl-bench",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # as above
                content = answer.read(_LARGEST_ANSWER)
            return json.loads(content)
        except urllib.error.HTTPError as error:
            said = error.read(500).decode(errors="replace")
            raise RefusedError(f"GitHub answers {error.code} to {method} {path}: {said}") from None
        except (OSError, ValueError) as error:
            raise RefusedError(f"GitHub does not answer {method} {path}: {error}") from None

    def comments(self, number: int) -> Iterator[dict[str, Any]]:
        """Return all comments of a pull request, the oldest first."""
        page = 1
        while True:
            some = self.ask("GET", f"issues/{number}/comments?per_page={_PAGE}&page={page}")
            yield from some
            if len(some) < _PAGE:
                return
            page += 1


def read_measured(folder: Path) -> Measured:
    """Read what the measuring job left in a folder.

    Raises
    ------
    RefusedError
        If it is too large, no file, or not of the right form.
    """
    try:
        data = json.loads(_read(folder / COMMENT_JSON))
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{COMMENT_JSON} is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise RefusedError(f"{COMMENT_JSON} is no object")
    number, head, fingerprint = (data.get(key) for key in ("number", "head", "fingerprint"))
    if type(number) is not int or not 0 < number < 2**31:
        raise RefusedError(f"{COMMENT_JSON}: number is no number of a pull request")
    if not (isinstance(head, str) and re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", head)):
        raise RefusedError(f"{COMMENT_JSON}: head is no hash of a commit")
    if not (isinstance(fingerprint, str) and re.fullmatch("[0-9a-f]{8,64}", fingerprint)):
        raise RefusedError(f"{COMMENT_JSON}: fingerprint is none")
    return Measured(number, head, fingerprint, tame(_read(folder / COMMENT_MD)))


def _read(path: Path) -> str:
    """Read a plain file of bounded size as text."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise RefusedError(f"{path.name} is no plain file")
            content = file.read(_LARGEST[path.name] + 1)
    except OSError as error:
        raise RefusedError(f"{path.name} cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST[path.name]:
        raise RefusedError(f"{path.name} has more than {_LARGEST[path.name]:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise RefusedError(f"{path.name} is not UTF-8") from None


def post(github: GitHub, measured: Measured, run: Mapping[str, Any], author: str = AUTHOR) -> str:
    """Create the comment, update it, or leave it alone; return in one line which, and why.

    Parameters
    ----------
    github
        Where to post.
    measured
        What to post.
    run
        The run of the measuring workflow, as GitHub describes it.
    author
        Whose comments are ours. Anybody can write a comment that begins like ours.

    Raises
    ------
    RefusedError
        If the pull request is not the one that was measured, or GitHub refuses something.
    """
    pull = github.ask("GET", f"pulls/{measured.number}")
    if measured.head != run["head_sha"]:
        raise RefusedError("the measured commit is not the one that GitHub ran the workflow for")
    if pull["state"] != "open" or pull["head"]["sha"] != run["head_sha"]:
        return (
            f"#{measured.number} is closed, or its head is not {measured.head[:8]}: nothing to do"
        )
    body = _body(measured, run)
    for comment in github.comments(measured.number):
        marked = _MARKER.match(comment["body"] or "")
        if (comment["user"] or {}).get("login") != author or not marked:
            continue
        if marked[1] == measured.fingerprint:
            return f"the verdict is the same: comment {comment['id']} stays as it is"
        github.ask("PATCH", f"issues/comments/{comment['id']}", {"body": body})
        return f"the verdict has changed: comment {comment['id']} is updated"
    made = github.ask("POST", f"issues/{measured.number}/comments", {"body": body})
    return f"comment {made['id']} is the first"


def _body(measured: Measured, run: Mapping[str, Any]) -> str:
    url = run["html_url"]
    start = f"<!-- isl-bench decision {measured.fingerprint} -->\n"
    end = (
        f"\n\n<sub>Measured at {measured.head[:8]} by [this run]({url}), which ran the code of "
        "the pull request. A later run changes this comment only if the verdict changes.</sub>\n"
    )
    note = (
        "**Shortened:** this shows {shown} of {total} characters, because GitHub takes "
        f"{LIMIT:,}. [The run]({url}) has the whole report as its artifact."
    )
    return start + shorten(measured.text.strip(), LIMIT - len(start + end), note) + end


def annotate(level: str, text: str) -> None:
    """Print a line that GitHub shows at the top of the run."""
    # In one line, in which the runner would take these for commands of its own.
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::{level}::{text}", flush=True)


def main() -> None:
    """Post what is in the folder named on the command line."""
    folder = Path(sys.argv[1])
    run = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text("utf-8"))["workflow_run"]
    github = GitHub(
        os.environ["GITHUB_API_URL"], os.environ["GITHUB_REPOSITORY"], os.environ["GITHUB_TOKEN"]
    )
    try:
        if not (folder / COMMENT_JSON).is_file():
            annotate("notice", f"{folder} holds no {COMMENT_JSON}: nothing was measured")
            return
        annotate("notice", post(github, read_measured(folder), run))
    except RefusedError as refused:
        annotate("error", str(refused))
        sys.exit(1)


if __name__ == "__main__":
    main()
