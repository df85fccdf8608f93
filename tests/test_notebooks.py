"""Every notebook runs in a real kernel, in any folder, and shows the pictures that it promises."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from bench.bundled import report_names, report_path
from bench.claims.catalog import CLAIMS
from bench.notebook.__main__ import main
from bench.notebook.execution import execute, parameters_of, read_notebook
from bench.notebook.page import page, title
from bench.reporting.json_file import json_bytes
from bench.reporting.kinds import read_any
from strategies import InputError
from tests.conftest import eventually
from tests.reports import report_of

for needed in ("jupytext", "nbclient", "nbconvert", "ipykernel"):
    pytest.importorskip(needed, reason="install isl-bench[notebooks]")

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))


MOST_BYTES = 300_000
"""Of a recorded report. They are part of the package."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What an executed notebook must hold.

    Parameters
    ----------
    pictures
        Returns how many pictures each cell that shows one must show, in order.
    parameters
        To run it quickly.
    """

    pictures: Callable[[], list[int]]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def pictures_in(cell: Any) -> int:
    """Return how many pictures the outputs of an executed cell hold."""
    return sum("image/png" in output.get("data", ()) for output in cell.get("outputs", ()))


def plots(*names: str) -> list[int]:
    return [len(read_any(report_path(name))[0].plots) for name in names]


PROMISES = {
    "claims": Promise(lambda: [1] * len(CLAIMS), {"EFFORT": "quick"}),
    "choose": Promise(lambda: plots("bundled")),
    "exactness": Promise(lambda: [1, 1], {"MOST_PIECES": 2}),
    "speedup": Promise(lambda: plots("bundled", "growth")),
}


def test_every_notebook_has_a_promise() -> None:
    assert [path.stem for path in NOTEBOOKS] == sorted(PROMISES)


def executed(path: Path, folder: Path, parameters: Mapping[str, Any]) -> Any:
    notebook = read_notebook(path, parameters)
    execute(notebook, folder)
    return notebook


def outputs(notebook: Any) -> list[Any]:
    return [each for cell in notebook.cells for each in cell.get("outputs", ())]


def written(folder: Path, name: str, *cells: str) -> Path:
    """Write a notebook of some cells."""
    path = folder / name
    path.write_text("".join(f"# %%{cell}\n" for cell in cells), encoding="utf-8")
    return path


class Loads(HTMLParser):
    """Collects what a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get("src") or (given.get("href") if tag != "a" else None)
        if tag in {"script", "iframe"} or (address and not address.startswith(("data:", "#"))):
            self.found.append((tag, address))


def loads(html: str) -> list[tuple[str, str | None]]:
    parser = Loads()
    parser.feed(html)
    return [*parser.found, *(("css", each) for each in re.findall(r"@import|url\([^)]*\)", html))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_its_pictures_in_any_folder(path: Path, tmp_path: Path) -> None:
    promise = PROMISES[path.stem]
    notebook = executed(path, tmp_path, promise.parameters)
    shown = [pictures_in(cell) for cell in notebook.cells]
    assert [number for number in shown if number] == promise.pictures()
    assert all(number > 0 for number in promise.pictures())
    found = outputs(notebook)
    assert [each for each in found if each.output_type in {"error", "stream"}] == []
    # A cell that shows anything shows it for readers, not as the repr of an object.
    assert all({"image/png", "text/markdown"} & set(each.data) for each in found)
    assert not list(tmp_path.iterdir())
    html = page(notebook)
    assert loads(html) == []
    assert html.count("data:image/png;base64,") == sum(shown)
    assert f"<title>{title(notebook)}</title>" in html


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_opens_in_jupyter_and_holds_no_logic(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert "format_name: percent" in source
    assert "name: python3" in source
    notebook = read_notebook(path)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.metadata.kernelspec.name == "python3"
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert not re.search(r"^\s*(def|class|for|while|if|with|try|lambda)\b", code, re.MULTILINE)


def test_recorded_reports_are_complete_and_small() -> None:
    assert report_names() == ("bundled", "growth", "mistral-v3-mlcommons", "qwen3-mlcommons")
    for name in report_names():
        read_any(report_path(name))
        assert report_path(name).stat().st_size < MOST_BYTES
        # It names no folder of the machine that it was measured on.
        assert not re.search(r'"/(?!dev/)\w+/', report_path(name).read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="no recorded report 'other': one of bundled, growth"):
        report_path("other")


def test_a_maintainer_reads_the_decision_of_another_report(tmp_path: Path) -> None:
    made = report_of({"one": {"sequential": 1.0, "spliced": 30.0}})
    path = tmp_path / "report.json"
    path.write_bytes(json_bytes(made.as_dict()))
    notebook = executed(ROOT / "notebooks" / "choose.py", tmp_path, {"REPORT": str(path)})
    told = "".join(each.data.get("text/markdown", "") for each in outputs(notebook))
    assert "use spliced" in told
    assert "`bench decide report.json`" in told
    assert str(tmp_path) not in told


def test_every_claim_has_a_cell() -> None:
    source = (ROOT / "notebooks" / "claims.py").read_text(encoding="utf-8")
    assert re.findall(r'^tell\(answers\["(.+)"\]\)$', source, re.MULTILINE) == list(CLAIMS)


def test_a_figure_without_pyplot_is_no_picture_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "n.py",
        "\nfrom matplotlib.figure import Figure\nfigure = Figure()",
        "\nfigure",
        "\nfrom bench.notebook import show\nshow.picture(figure, 'nothing at all')",
    )
    notebook = executed(path, tmp_path, {})
    assert [pictures_in(cell) for cell in notebook.cells] == [0, 0, 1]
    assert 'alt="nothing at all"' in page(notebook)


def test_the_kernel_runs_in_the_folder_with_this_python(tmp_path: Path) -> None:
    shown = "\nimport os, sys; from bench.notebook import show"
    path = written(tmp_path, "n.py", shown, "\nshow.text(f'{os.getcwd()} {sys.prefix}')")
    notebook = executed(path, tmp_path, {})
    (output,) = outputs(notebook)
    assert output.data["text/markdown"] == f"{tmp_path} {sys.prefix}"


def test_no_kernel_is_left(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    path = written(tmp_path, "n.py", "\nimport os\nos.getpid()")
    (output,) = outputs(executed(path, tmp_path, {}))
    assert eventually(lambda: not psutil.pid_exists(int(output.data["text/plain"])))
    assert set(psutil.Process().children(recursive=True)) <= before


def test_the_pages_of_a_folder_are_written(tmp_path: Path) -> None:
    cells = (' tags=["parameters"]\nA = 1', "\nprint(A)")
    for name in ("one.py", "two.py"):
        written(tmp_path, name, " [markdown]\n# # About <it>", *cells[: 2 if name < "t" else 0])
    out = tmp_path / "pages"
    done = CliRunner().invoke(main, [str(tmp_path), "--out", str(out), "--set", "A=5"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[1::2] == [f"wrote {out}/{name}.html" for name in ("one", "two")]
    assert "<title>About &lt;it&gt;</title>" in (out / "one.html").read_text()
    assert "5" in re.sub(r"<style>.*</style>", "", (out / "one.html").read_text(), flags=re.DOTALL)
    done = CliRunner().invoke(main, [str(tmp_path), "--out", str(out), "--set", "B=5"])
    assert done.exit_code == 2
    assert "no notebook has a parameter B" in done.output


def test_a_cell_that_raises_fails_the_notebook(tmp_path: Path) -> None:
    from nbclient.exceptions import CellExecutionError

    path = written(tmp_path, "n.py", "\n1 / 0")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        executed(path, tmp_path, {})


def test_parameters_replace_those_of_the_tagged_cell(tmp_path: Path) -> None:
    path = written(tmp_path, "n.py", ' tags=["parameters"]\nA = 1\nB = "b"', "\nprint(A, B)")
    assert parameters_of(path) == ("A", "B")
    notebook = executed(path, tmp_path, {"B": "it's"})
    assert [each.text for each in outputs(notebook)] == ["1 it's\n"]
    with pytest.raises(InputError, match="has no parameter C"):
        read_notebook(path, {"C": "1"})
    other = written(tmp_path, "other.py", "\nA = 1")
    assert parameters_of(other) == ()
    with pytest.raises(InputError, match="has no parameter A"):
        read_notebook(other, {"A": "2"})


def test_what_a_page_would_load_is_found() -> None:
    html = (
        '<a href="https://a.example">x</a><script src="https://b.example/x.js"></script>'
        '<script>1</script><link rel="stylesheet" href="https://c.example/x.css">'
        '<img src="data:image/png;base64,AA"><img src="http://d.example/x.png">'
        "<style>@import 'x'; a { background: url(https://e.example) }</style>"
    )
    assert [tag for tag, _ in loads(html)] == ["script", "script", "link", "img", "css", "css"]
