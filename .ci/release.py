"""Check that the version, the changelog and a tag agree.

    python .ci/release.py              # the version and the form of the changelog
    python .ci/release.py --tag v1.2.3 # also that this version is ready to be released

The home of the version is strategies/rust/Cargo.toml. The core, the wheel and `bench --version`
take it from there; Cargo.lock and CITATION.cff repeat it. The version is printed. What is wrong is
one line each on standard error, and the exit code is 1. This needs only Python's own library.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CRATE = Path("strategies") / "rust"
VERSION = re.compile(r"\d+\.\d+\.\d+")
UNRELEASED = "Unreleased"
GROUPS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""What a version of the changelog is divided into, in this order."""


def main() -> int:
    """Check, and return the exit code."""
    parser = argparse.ArgumentParser(description="Check that version, changelog and tag agree.")
    parser.add_argument("--tag", help="the tag of a release, such as v1.2.3")
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder of the project")
    given = parser.parse_args()
    version = cargo_version(given.root)
    wrong = [*repeated(given.root, version), *changelog(given.root, version, given.tag)]
    if given.tag is not None and given.tag != f"v{version}":
        wrong.append(f"the tag is {given.tag}, the version is {version}: v{version} is expected")
    for line in wrong:
        print(line, file=sys.stderr)
    print(version)
    return 1 if wrong else 0


def cargo_version(root: Path) -> str:
    """Return the version."""
    read = tomllib.loads((root / CRATE / "Cargo.toml").read_text(encoding="utf-8"))
    return str(read["package"]["version"])


def repeated(root: Path, version: str) -> Iterator[str]:
    """Yield what is wrong about the version itself, and about the files that repeat it."""
    if VERSION.fullmatch(version) is None:
        yield f"{CRATE / 'Cargo.toml'}: {version} is not three numbers"
    lock = tomllib.loads((root / CRATE / "Cargo.lock").read_text(encoding="utf-8"))
    (locked,) = (each["version"] for each in lock["package"] if each["name"] == "isl-bench")
    if locked != version:
        yield f"{CRATE / 'Cargo.lock'}: {locked}, the version is {version}"
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    cited = re.findall(r"^version: *(\S+)$", citation, re.MULTILINE)
    if cited != [version]:
        yield f"CITATION.cff: {' '.join(cited) or 'no version'}, the version is {version}"


def changelog(root: Path, version: str, tag: str | None) -> Iterator[str]:
    """Yield what is wrong about the changelog.

    Parameters
    ----------
    root
        The folder of the project.
    version
        The version of the code. It is the newest in the changelog, or not in it yet.
    tag
        The tag of a release; the changelog then says what is in it. None if there is none yet.
    """
    lines = (root / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    titles: list[str] = []
    entries: dict[str, int] = {}
    groups: list[str] = []
    for number, line in enumerate(lines, 1):
        place = f"CHANGELOG.md:{number}"
        if line.startswith("## "):
            titles.append(line.removeprefix("## "))
            entries[titles[-1]], groups = 0, []
            if titles[-1] != UNRELEASED and VERSION.fullmatch(titles[-1]) is None:
                yield f"{place}: {titles[-1]} is no version of three numbers"
        elif line.startswith("### "):
            group = line.removeprefix("### ")
            groups.append(group)
            if groups != [each for each in GROUPS if each in groups]:
                yield f"{place}: {group} is unknown, repeated or out of order: {', '.join(GROUPS)}"
        elif line.startswith("- ") and titles:
            entries[titles[-1]] += 1
            if not groups:
                yield f"{place}: an entry under none of {', '.join(GROUPS)}"
    if titles[:1] != [UNRELEASED]:
        yield f"CHANGELOG.md: the first section is not {UNRELEASED}"
    versions = [title for title in titles if VERSION.fullmatch(title)]
    if versions != sorted(set(versions), key=_numbers, reverse=True):
        yield "CHANGELOG.md: the versions are not in order, the newest first"
    elif versions[:1] != [version]:
        yield f"CHANGELOG.md: the newest version is not {version}, that of the code"
    if tag is not None and entries.get(version, 0) == 0:
        yield f"CHANGELOG.md: nothing under {version}"
    if tag is not None and entries.get(UNRELEASED, 0) > 0:
        yield f"CHANGELOG.md: entries under {UNRELEASED}; they belong under {version}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


if __name__ == "__main__":
    sys.exit(main())
