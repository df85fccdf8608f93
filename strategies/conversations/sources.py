"""The files of a dataset: named one by one, by a pattern, or by the folder that they are in."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from strategies.conversations.files import STANDARD_INPUT, shown_path
from strategies.errors import InputError
from strategies.words import many

ENDINGS = (".jsonl", ".ndjson", ".json", ".parquet", ".arrow")
"""Endings of the files of a dataset in a folder; those of JSON may have another one of `PACKED`."""

PACKED = (".gz", ".zst")

_ABOUT = {"dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json"}
"""Files that describe a dataset, and are none of it."""

_MOST_LISTED = 8


@dataclass(frozen=True, slots=True)
class Found:
    """The files of a dataset.

    Parameters
    ----------
    files
        At least one, in the order in which they are read.
    told
        What was found by patterns and in folders, one line each.
    """

    files: tuple[Path, ...]
    told: tuple[str, ...] = ()


def find_files(given: str | PathLike[str] | Iterable[str | PathLike[str]]) -> Found:
    """Return the files that make up a dataset.

    Parameters
    ----------
    given
        A file, a pattern such as ``"shards/*.jsonl"``, a folder with one set of files, or ``"-"``
        for standard input; or several of these, which are read in this order. The files of a
        pattern or a folder come by their names, and by the numbers in these.

    Raises
    ------
    InputError
        If a pattern or a folder has no such files or a file comes twice. Also if a folder has
        several sets, such as splits: the error lists the patterns to choose from.
    """
    several = [given] if isinstance(given, (str, PathLike)) else list(given)
    if not several:
        raise InputError("name at least one file", field="dataset")
    files: list[Path] = []
    told = []
    for each in several:
        path = Path(each)
        if path.is_dir():
            found = _in_folder(path)
        elif _is_pattern(path):
            found = _matching(path)
        else:
            files.append(path)
            continue
        files += found
        told.append(f"{path}: {_listed(found)}")
    seen = set()
    for path in files:
        place = os.path.normpath(path.absolute())
        if place in seen:
            raise InputError("is named twice, and would be counted twice", file=shown_path(path))
        seen.add(place)
    return Found(tuple(files), tuple(told))


def _is_pattern(path: Path) -> bool:
    return path != STANDARD_INPUT and glob.has_magic(str(path)) and not os.path.lexists(path)


def _matching(pattern: Path) -> list[Path]:
    matches = [Path(each) for each in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207  # it is absolute or not
    found = sorted((path for path in matches if path.is_file()), key=_natural)
    if not found:
        raise InputError("no file matches this pattern", file=pattern)
    return found


def _listed(files: list[Path]) -> str:
    if len(files) == 1:
        return files[0].name
    return f"{many(len(files), 'file')}, {files[0].name} to {files[-1].name}"


def _natural(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """Sort numbers in names by their size: 2 comes before 10."""
    parts = re.split(r"(\d+)", str(path))
    # A number and a text are not compared.
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts], str(path)


def _in_folder(folder: Path) -> list[Path]:
    """Return the only set of files in a folder."""
    splits = _described(folder / "dataset_dict.json", "splits")
    if splits is not None:
        names = [str(name) for name in splits]
        if len(names) != 1:
            named = [str(folder / name) for name in names]
            raise InputError(_several("splits", named), file=folder)
        folder /= names[0]
    saved = _described(folder / "state.json", "_data_files")
    if saved is not None:
        return _saved(folder, saved)
    sets = _named_by_readme(folder) or _named_by_files(folder)
    if not sets:
        endings = ", ".join(ENDINGS)
        raise InputError(f"is a folder without dataset files ({endings}); name a file", file=folder)
    if len(sets) > 1:
        raise InputError(_several("sets of files", list(sets)), file=folder)
    (found,) = sets.values()
    _check_parts(found)
    return found


def _several(what: str, sets: list[str]) -> str:
    shown = ", ".join(sets[:_MOST_LISTED])
    more = f" and {len(sets) - _MOST_LISTED} more" if len(sets) > _MOST_LISTED else ""
    return f"is a folder with several {what}; name those to count: {shown}{more}"


def _described(path: Path, key: str) -> list[Any] | None:
    """Return a list in a file that `datasets` writes beside the data; None if there is none."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", file=path) from None
    value = found.get(key) if isinstance(found, dict) else None
    if key == "_data_files" and isinstance(found, dict) and found.get("_indices_data_files"):
        raise InputError(
            "the rows of this dataset are chosen by indices, which are not read; save it again "
            "after flatten_indices()",
            file=path,
        )
    return value if isinstance(value, list) else None


def _saved(folder: Path, files: list[Any]) -> list[Path]:
    """Return the Arrow files of a dataset that `save_to_disk` has written."""
    names = [each.get("filename") if isinstance(each, dict) else None for each in files]
    found = []
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise InputError("names no files of this folder", file=folder / "state.json")
        found.append(folder / name)
        if not found[-1].is_file():
            raise InputError("is missing; state.json names it", file=found[-1])
    if not found:
        raise InputError("holds no rows: state.json names no files", file=folder)
    return found


def _named_by_readme(folder: Path) -> dict[str, list[Path]]:
    """Return the sets of files that the head of a README.md names, by a pattern for each."""
    sets: dict[str, list[Path]] = {}
    for pattern in _readme_patterns(folder / "README.md"):
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            continue
        found = sorted((path for path in folder.glob(pattern) if path.is_file()), key=_natural)
        if found:
            sets[str(folder / pattern)] = found
    return sets


def _readme_patterns(readme: Path) -> Iterator[str]:
    try:
        head = re.match(r"---\n(.*?)\n---", readme.read_text(encoding="utf-8"), re.DOTALL)
    except (OSError, UnicodeDecodeError):
        return
    if head is None:
        return
    import yaml

    try:
        found = yaml.safe_load(head[1])
    except (yaml.YAMLError, RecursionError):
        return
    for config in _objects(found, "configs"):
        files = config.get("data_files")
        for each in files if isinstance(files, list) else [files]:
            paths = each.get("path") if isinstance(each, dict) else each
            # Several patterns make one split, and are a set that no single pattern names.
            for path in paths if isinstance(paths, list) else [paths]:
                if isinstance(path, str) and path:
                    yield path


def _objects(holder: Any, key: str) -> list[Mapping[str, Any]]:
    value = holder.get(key) if isinstance(holder, dict) else None
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


@dataclass(frozen=True, slots=True, order=True)
class _Name:
    """The name of a file, taken apart.

    Parameters
    ----------
    folder, start, ending
        What all parts of a set have in common.
    number
        Of the part; None if the file is a set of its own.
    parts
        How many parts there are, if the name says so.
    """

    folder: str
    start: str
    ending: str
    number: int | None = None
    parts: int | None = None


_PART = re.compile(
    r"(?P<start>(?:.*?[-_.])?)(?P<number>\d+)(?:-of-(?P<parts>\d+))?(?:-[0-9a-f]{16})?"
)


def _taken_apart(path: Path) -> _Name | None:
    name = path.name
    ending = "".join(path.suffixes[-1:])
    if ending in PACKED:
        ending = "".join(path.suffixes[-2:])
    if not ending.startswith(ENDINGS) or name in _ABOUT or name.startswith("."):
        return None
    stem = name.removesuffix(ending)
    found = _PART.fullmatch(stem)
    if found is None:
        return _Name(str(path.parent), stem, ending)
    parts = None if found["parts"] is None else int(found["parts"])
    return _Name(str(path.parent), found["start"], ending, int(found["number"]), parts)


def _named_by_files(folder: Path) -> dict[str, list[Path]]:
    """Return the sets of files in a folder and those in it, by a pattern for each.

    Files whose names differ by a number only are parts of one set, if none of the numbers is
    missing.
    """
    groups: dict[tuple[str, str, str], list[tuple[_Name, Path]]] = {}
    for path in sorted(_files_below(folder), key=_natural):
        name = _taken_apart(path)
        if name is not None:
            # A name without a number is no part, even if it begins as parts do.
            key = (name.folder, name.start, name.ending if name.number is not None else "")
            groups.setdefault(key, []).append((name, path))
    sets: dict[str, list[Path]] = {}
    for named in groups.values():
        first, files = named[0][0], [path for _, path in named]
        if len(files) > 1 and _are_parts(named):
            sets[str(Path(first.folder) / f"{first.start}*{first.ending}")] = files
        else:
            sets |= {str(path): [path] for path in files}
    return sets


def _are_parts(named: list[tuple[_Name, Path]]) -> bool:
    """Whether files are the parts of one set: their names say so, or are numbered without a gap."""
    numbers = [name.number for name, _ in named]
    if all(name.parts is not None for name, _ in named):
        return len({name.parts for name, _ in named}) == 1
    start = numbers[0]
    return start in {0, 1} and numbers == list(range(start or 0, (start or 0) + len(numbers)))


def _check_parts(files: list[Path]) -> None:
    """Raise `InputError` if names say how many parts a set has, and some are not there."""
    sets: dict[tuple[str, str, str, int], set[int]] = {}
    for path in files:
        name = _taken_apart(path)
        if name is not None and name.parts is not None and name.number is not None:
            key = (name.folder, name.start, name.ending, name.parts)
            sets.setdefault(key, set()).add(name.number)
    for (folder, start, _, parts), numbers in sets.items():
        missing = next((each for each in range(parts) if each not in numbers), None)
        if missing is not None:
            raise InputError(
                f"part {missing:05} of {parts:05} is not there; fetch it, or name the files to "
                "count",
                file=Path(folder) / f"{start}{missing:05}-of-{parts:05}",
            )


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        # Hidden folders hold what tools keep for themselves.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in files)
