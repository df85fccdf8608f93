"""The version, the changelog and a tag agree, and the check of that finds what does not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ("CHANGELOG.md", "CITATION.cff", "strategies/rust/Cargo.lock", "strategies/rust/Cargo.toml")
NEXT = "9.8.7"
GOOD = f"""# Changelog

## Unreleased

## {NEXT}

Words about it.

### Added
- One thing.

### Fixed
- Another.

## 0.1.0

### Added
- All.
"""


def checked(root: Path, *options: str) -> tuple[int, str, list[str]]:
    """Run the check and return the exit code, the version, and the lines about what is wrong."""
    command = [sys.executable, str(ROOT / ".ci" / "release.py"), "--root", str(root), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip(), done.stderr.splitlines()


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A project whose next version is ready to be released."""
    now = version("isl-bench")
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
        text = (tmp_path / name).read_text("utf-8")
        for before, after in (
            (f'name = "isl-bench"\nversion = "{now}"', f'name = "isl-bench"\nversion = "{NEXT}"'),
            (f"\nversion: {now}\n", f"\nversion: {NEXT}\n"),
        ):
            text = text.replace(before, after)
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "CHANGELOG.md").write_text(GOOD, "utf-8")
    return tmp_path


def test_the_project_agrees_with_itself() -> None:
    assert checked(ROOT) == (0, version("isl-bench"), [])


def test_a_version_that_is_ready_may_have_a_tag(released: Path) -> None:
    assert checked(released, "--tag", f"v{NEXT}") == (0, NEXT, [])


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("CITATION.cff", NEXT, "0.1.0", "CITATION.cff: 0.1.0, the version is 9.8.7"),
        ("strategies/rust/Cargo.lock", NEXT, "0.1.0", "Cargo.lock: 0.1.0, the version is 9.8.7"),
        ("CHANGELOG.md", NEXT, "9.8.6", "the newest version is not 9.8.7, that of the code"),
        ("CHANGELOG.md", NEXT, "next", "CHANGELOG.md:5: next is no version of three numbers"),
        ("CHANGELOG.md", "## Unreleased\n", "", "the first section is not Unreleased"),
        ("CHANGELOG.md", "### Fixed", "### Mended", "CHANGELOG.md:12: Mended is unknown"),
        ("CHANGELOG.md", "### Fixed", "### Added", "CHANGELOG.md:12: Added is unknown, repeated"),
        ("CHANGELOG.md", "### Added\n- One", "- One", "CHANGELOG.md:9: an entry under none"),
        ("CHANGELOG.md", "## 0.1.0", "## 10.0.0", "the versions are not in order"),
        ("CHANGELOG.md", "## Unreleased", "## Unreleased\n### Added\n- New.", "entries under"),
        ("CHANGELOG.md", f"## {NEXT}", "## Other", f"nothing under {NEXT}"),
    ],
)
def test_what_does_not_agree_is_named(
    file: str, before: str, after: str, said: str, released: Path
) -> None:
    path = released / file
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), "utf-8")
    code, _, lines = checked(released, "--tag", f"v{NEXT}")
    assert code == 1
    assert any(said in line for line in lines), lines


def test_a_tag_of_another_version_is_refused(released: Path) -> None:
    code, _, lines = checked(released, "--tag", "v1.0.0")
    assert (code, lines) == (1, ["the tag is v1.0.0, the version is 9.8.7: v9.8.7 is expected"])
