"""Commands and programs of a page, run as a reader would run them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ELISION = "…"
_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A command or a program.

    Parameters
    ----------
    page
        The page that it is on.
    language
        ``console`` or ``python``.
    source
        The command without its ``$``, or the program.
    output
        What the page shows of the output of a command.
    """

    page: str
    language: str
    source: str
    output: str = ""

    def run(self, folder: Path) -> None:
        """Run it in a folder, and compare its output with what the page shows."""
        if self.language == "python":
            command = [sys.executable, "-c", self.source]
        else:
            bench = Path(sys.executable).parent
            command = ["env", f"PATH={bench}:/usr/bin:/bin", "bash", "-c", self.source]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        told = f"{self.page}: {self.source}\n{done.stdout}{done.stderr}"
        # What few rounds on a busy machine show may be too little for a decision.
        codes = {0, 2} if self.source.startswith("bench decide") else {0}
        assert done.returncode in codes, told
        assert not self.output or matches(self.output, done.stdout), told


def snippets(page: Path) -> Iterator[Snippet]:
    """Yield the snippets of a page, in order."""
    for language, block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            yield Snippet(page.name, language, block)
            continue
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Snippet(page.name, language, command, output)


def matches(shown: str, printed: str) -> bool:
    """Whether a text was printed, if an elision stands for any text.

    White space at the ends of lines, and empty lines around the text, are not compared.
    """
    parts = map(re.escape, _trimmed(shown).split(ELISION))
    return re.fullmatch(".*".join(parts), _trimmed(printed), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
