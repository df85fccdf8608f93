"""How far a count has come, so that another run can go on after a kill."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.reporting.growing import hidden
from bench.reporting.isl_table import Tally
from bench.reporting.output import write_bytes
from strategies import InputError
from strategies.conversations.detect import formats
from strategies.conversations.parts import Place

FORMAT = 1
"""Raised whenever the meaning of a journal changes."""


@dataclass(frozen=True, slots=True)
class Written:
    """How much of a file was written.

    Parameters
    ----------
    start, digest
        As `GrowingFile` takes them.
    """

    start: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """How far a count has come.

    Parameters
    ----------
    place
        Where the reading goes on.
    out, rejects
        What was written of both files.
    tally
        The distribution so far.
    contents
        How much of each kind of content there was, as `Contents.found` has it.
    """

    place: Place = field(default_factory=Place)
    out: Written = field(default_factory=Written)
    rejects: Written = field(default_factory=Written)
    tally: Tally = field(default_factory=Tally)
    contents: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of the count whose table is a file.

    Parameters
    ----------
    out
        That file.
    """

    out: Path

    @property
    def path(self) -> Path:
        """Where it is written."""
        return hidden(self.out, ".journal")

    def write(self, about: Mapping[str, Any], state: State) -> None:
        """Write how far the count has come; a kill meanwhile leaves the journal of before.

        Parameters
        ----------
        about
            All that the counts depend on.
        state
            How far it has come. All bytes that it tells of are on the disk.
        """
        document = {
            "format": FORMAT,
            "about": about,
            "place": state.place.as_json(),
            "out": asdict(state.out),
            "rejects": asdict(state.rejects),
            "isls": {str(isl): turns for isl, turns in state.tally.isls.items()},
            "skipped": state.tally.skipped,
            "sums": state.tally.sums,
            "known": state.tally.known,
            "contents": state.contents,
        }
        content = json.dumps(document).encode()
        write_bytes(self.path, content, interim=True, alone=self._unfinished)

    def read(self) -> tuple[dict[str, Any], State] | None:
        """Return what an earlier run depended on, and how far it came; None if there is none.

        Raises
        ------
        InputError
            If the file is no such journal.
        """
        try:
            found = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._unreadable() from error
        try:
            if found["format"] != FORMAT:
                raise self._unreadable()
            tally = Tally(
                Counter({int(isl): turns for isl, turns in found["isls"].items()}),
                found["skipped"],
                Counter(found["sums"]),
                Counter(found["known"]),
            )
            place = Place(**found["place"])
            out, rejects = Written(**found["out"]), Written(**found["rejects"])
            contents, about = found["contents"], found["about"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._unreadable() from error
        numbers = (
            place.offset,
            place.lines,
            place.groups,
            place.rejected,
            place.file,
            0 if place.column is None else place.column,
            tally.skipped,
        )
        # A journal may hold anything.
        sizes: tuple[Any, ...] = (*numbers, out.start, rejects.start)
        kinds = isinstance(about, dict) and isinstance(contents, dict)
        if not kinds or not all(isinstance(size, int) and size >= 0 for size in sizes):
            raise self._unreadable()
        texts = [*place.before, *place.empty] if _are_lists(place.before, place.empty) else [None]
        if not all(isinstance(text, str) for text in texts):
            raise self._unreadable()
        if place.form is not None and place.form not in {form.name for form in formats()}:
            raise self._unreadable()
        return about, State(place, out, rejects, tally, contents)

    def remove(self) -> None:
        """Remove it, if there is one, and what a kill has left of a newer one."""
        self.path.unlink(missing_ok=True)
        self._unfinished.unlink(missing_ok=True)

    @property
    def _unfinished(self) -> Path:
        # Whoever writes a journal has locked the table, so that it is the only one.
        return hidden(self.out, ".journal.part")

    def _unreadable(self) -> InputError:
        return InputError(
            "is no journal that this version can read; leave out --resume to begin anew",
            file=self.path,
        )


def _are_lists(*values: object) -> bool:
    return all(isinstance(value, (list, tuple)) for value in values)


def check_same(before: Mapping[str, Any], now: Mapping[str, Any], out: Path) -> None:
    """Raise `InputError` unless two runs give the same counts.

    Parameters
    ----------
    before, now
        What each depends on.
    out
        The table, for the error.
    """
    # As the journal holds them.
    now = json.loads(json.dumps(now))
    different = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    if different:
        raise InputError(
            f"was begun with another value of {', '.join(different)}; give the same, or leave out "
            "--resume to begin anew",
            file=out,
        )
