"""How Sphinx builds the site from the pages of the project."""

from __future__ import annotations

import os
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT))

project = "isl-bench"
copyright = "the isl-bench authors"  # noqa: A001  # the name that Sphinx wants
release = version = metadata.version("isl-bench")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
myst_heading_anchors = 4
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"{project} {release}"
# Nothing is loaded from other hosts, and no page says when it was built.
html_show_copyright = html_show_sphinx = False

TEXTS = {
    "overview": "README.md",
    "project/contributing": "CONTRIBUTING.md",
    "project/changes": "CHANGELOG.md",
    "project/native-core": "strategies/rust/README.md",
    "project/asv-suite": "bench/benchmarks/README.md",
}
"""Pages whose text stands elsewhere in the project, where its readers look for it first."""

_PAGES = {text: page for page, text in TEXTS.items()}
_LINK = re.compile(r"(\]\()([^)#\s:]+)(#[^)\s]*)?\)")


def _with_links(text: str, source: Path, page: str) -> str:
    """Let links between files of the project lead to the pages of the site."""

    def link(match: re.Match[str]) -> str:
        target = os.path.relpath(source.parent / match[2], ROOT)
        place = DOCS / f"{_PAGES[target]}.md" if target in _PAGES else ROOT / target
        shown = os.path.relpath(place, (DOCS / page).parent)
        return f"{match[1]}{shown}{match[3] or ''})"

    return _LINK.sub(link, text)


def _read(_app: Any, page: str, content: list[str]) -> None:
    text = TEXTS.get(page)
    source = ROOT / text if text else DOCS / f"{page}.md"
    if text:
        content[0] = source.read_text(encoding="utf-8")
    content[0] = _with_links(content[0], source, page)


def _plain(_app: Any, _context: Any, lines: list[str]) -> None:
    """Let help be plain text: a pattern such as *.jsonl begins no emphasis."""
    lines[:] = [line.replace("*", r"\*") for line in lines]


def _untyped(_app: Any, what: str, _name: str, _it: Any, _options: Any, lines: list[str]) -> None:
    """Let a colon in the first line of a property's docstring be text.

    napoleon would take what stands before it for a type, and has no setting for this. It looks at
    the first line alone, so that line ends after its first word.
    """
    if what in {"attribute", "data", "property"} and lines:
        first, _, rest = lines[0].partition(" ")
        lines[:1] = [first, rest] if rest else [first]


def setup(app: Any) -> None:
    """Register with Sphinx."""
    # Before napoleon, whose priority is 500.
    app.connect("autodoc-process-docstring", _untyped, priority=400)
    app.connect("source-read", _read)
    for part in ("description", "options", "arguments"):
        app.connect(f"sphinx-click-process-{part}", _plain)
