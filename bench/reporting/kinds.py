"""The kinds of reports: how each is read, printed and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from rich.console import Console

from bench.reporting.growth_report import GrowthReport, print_growth
from bench.reporting.json_file import json_bytes, read_json
from bench.reporting.output import write_bytes
from bench.reporting.plots import COMPARISON_PLOTS, GROWTH_PLOTS, pictures
from bench.reporting.report import Report
from bench.reporting.tables import markdown, print_report
from bench.reporting.words import listed
from strategies.errors import placed
from strategies.words import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class _Value(Protocol):
    def as_dict(self) -> dict[str, Any]: ...


R = TypeVar("R", bound=_Value)


@dataclass(frozen=True, slots=True)
class Kind(Generic[R]):
    """A kind of report.

    Parameters
    ----------
    json_name
        Name of the file that holds the whole report.
    decode
        Returns the report that such a file holds.
    show
        Prints its tables.
    texts
        Names of other text files, each with the function that returns its content.
    plots
        Names of PNG files, each with the function that draws it. The same picture as SVG is
        written beside it.
    """

    json_name: str
    decode: Callable[[Any], R]
    show: Callable[[Console, R], None]
    texts: Mapping[str, Callable[[R], str]]
    plots: Mapping[str, Callable[[R], Figure]]

    def write(self, folder: Path, report: R, *, with_json: bool) -> str:
        """Write a report as files, and return the line that says so.

        Parameters
        ----------
        folder
            Where to write; it exists.
        report
            The report.
        with_json
            Whether to write the file that holds the whole report, too.

        Raises
        ------
        InputError
            If a file cannot be written.
        """
        contents = {self.json_name: json_bytes(report.as_dict())} if with_json else {}
        for name, text in self.texts.items():
            contents[name] = text(report).encode(errors="backslashreplace")
        # Draw before writing, because drawing takes seconds: Ctrl-C meanwhile leaves no file.
        for name, draw in self.plots.items():
            contents |= pictures(name, draw(report))
        for name, content in contents.items():
            write_bytes(folder / name, content)
        return printable(f"wrote {listed(list(contents))} to {folder}")


COMPARISON = Kind(
    "report.json",
    Report.from_dict,
    print_report,
    texts={"report.md": markdown},
    plots=COMPARISON_PLOTS,
)
GROWTH = Kind("growth.json", GrowthReport.from_dict, print_growth, {}, GROWTH_PLOTS)

KINDS: dict[str, Kind[Any]] = {"results": COMPARISON, "points": GROWTH}
"""By a member of the JSON that only files of this kind have."""


def read_any(path: Path) -> tuple[Kind[Any], Any]:
    """Return the kind of a recorded report, and the report.

    Raises
    ------
    InputError
        If it cannot be read, or is no complete report.
    """
    with placed(file=path):
        document = read_json(path)
        members = document if isinstance(document, dict) else {}
        # For a file of no kind, the error says what a comparison must have.
        kind = next((KINDS[key] for key in KINDS if key in members), COMPARISON)
        return kind, kind.decode(document)
