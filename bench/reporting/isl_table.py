"""The ISL of every turn as a table: Parquet, JSONL or CSV, and its distribution."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, TypeAlias

from bench.reporting.json_file import json_line
from bench.reporting.output import is_stream, write_whole
from bench.reporting.words import CONTROLS
from strategies import Conversation, Counts, InputError
from strategies.conversations.direct import DirectConversations

Row: TypeAlias = tuple[Any, ...]
About: TypeAlias = Callable[[], Mapping[str, Any]]

COLUMNS = ("conversation", "turn", "messages", "isl")
"""Id; number of the client turn, from 1; messages in its prompt; tokens, null if skipped."""

REQUEST = "request"
"""A further column with the id of the turn's request, if the dataset has one record for each."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of all turns, in the order of the data.

    Parameters
    ----------
    columns
        `COLUMNS`, and `REQUEST` if there are ids of requests.
    rows
        One for each turn.
    """

    columns: tuple[str, ...]
    rows: Sequence[Row]


def table_of(conversations: Sequence[Conversation], counts: Counts) -> Table:
    """Return the table of all turns."""
    # What the core has read has no requests, and need not become Python objects here.
    direct = isinstance(conversations, DirectConversations)
    named = not direct and any(each.requests is not None for each in conversations)
    columns = (*COLUMNS, REQUEST) if named else COLUMNS
    return Table(columns, [row[: len(columns)] for row in _rows(conversations, counts)])


def _rows(conversations: Sequence[Conversation], counts: Counts) -> Iterator[Row]:
    if isinstance(conversations, DirectConversations):
        for (name, prefixes), lengths in zip(conversations.outlines, counts, strict=True):
            for turn, (messages, isl) in enumerate(zip(prefixes, lengths, strict=True), 1):
                yield name, turn, messages, isl
        return
    for conversation, lengths in zip(conversations, counts, strict=True):
        requests = conversation.requests or (None,) * len(lengths)
        turns = zip(conversation.turns, lengths, requests, strict=True)
        for turn, (messages, isl, request) in enumerate(turns, 1):
            yield conversation.id, turn, messages, isl, request


def check_ending(path: Path) -> None:
    """Raise `InputError` unless the file's ending names a format."""
    _ending(path)


def _ending(path: Path) -> str:
    """Return the ending that names the format. A pipe or a device without one gets JSON Lines."""
    if path.suffix in WRITERS:
        return path.suffix
    with suppress(OSError):
        if not path.suffix and is_stream(path):
            return ".jsonl"
    raise InputError(f"unknown ending; there are {', '.join(WRITERS)}", file=path)


def write_table(
    path: Path, conversations: Sequence[Conversation], counts: Counts, about: About
) -> None:
    """Write the table in the format that the file's ending names.

    The same input gives the same bytes.

    Parameters
    ----------
    path
        The file to write.
    conversations
        The conversations that were counted.
    counts
        For each conversation one count per turn, in tokens.
    about
        Returns metadata for a Parquet file. The other formats have no room for metadata, so it
        is not called for them.

    Raises
    ------
    InputError
        If the ending is unknown or the file cannot be written.
    """
    write_format = WRITERS[_ending(path)]
    table = table_of(conversations, counts)
    write_whole(path, lambda file: write_format(file, table, about))


def _write_parquet(file: IO[bytes], table: Table, about: About) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = (pa.string(), pa.int32(), pa.int32(), pa.int64(), pa.string())
    types = kinds[: len(table.columns)]
    schema = pa.schema(
        list(zip(table.columns, types, strict=True)),
        metadata={"isl_bench": json.dumps(about(), sort_keys=True)},
    )
    columns = list(zip(*table.rows, strict=True)) or [()] * len(types)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file, compression="zstd")


def _write_jsonl(file: IO[bytes], table: Table, _about: About) -> None:
    line = "{{" + ", ".join(f'"{column}": {{}}' for column in table.columns) + "}}\n"
    # The rows of a conversation follow each other, so its id is written once for all of them.
    written = lru_cache(2)(json_line)
    for row in table.rows:
        cells = [cell if isinstance(cell, int) else written(cell) for cell in row]
        file.write(line.format(*cells).encode())


def _write_csv(file: IO[bytes], table: Table, _about: About) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(
        [escaped(cell) if isinstance(cell, str) else cell for cell in row] for row in table.rows
    )
    file.write(text.getvalue().encode())


def escaped(text: str) -> str:
    r"""Return a text as CSV shows it: on one line, and nothing in it that a terminal obeys.

    A character that controls a terminal or the direction of text is written as ``\xNN`` or
    ``\uNNNN``. A backslash is doubled if a reader could take it for the start of these, or for
    one of a pair. So `unescaped` gives every text back. Most ids are as they were.
    """
    return _ESCAPED.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if found[0] == "\\":
        return "\\\\"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # two digits


def unescaped(written: str) -> str:
    """Return the text that `escaped` has written."""
    return _ESCAPE.sub(lambda found: chr(int(found[1] or found[2] or "5c", 16)), written)


_ESCAPED = re.compile(
    rf"{CONTROLS.pattern}|\\(?=\\|{CONTROLS.pattern}|x[0-9a-f]{{2}}|u[0-9a-f]{{4}})"
)
_ESCAPE = re.compile(r"\\(?:\\|x([0-9a-f]{2})|u([0-9a-f]{4}))")


WRITERS: dict[str, Callable[[IO[bytes], Table, About], None]] = {
    ".parquet": _write_parquet,
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
}


def distribution(counts: Counts) -> dict[str, float | int | None]:
    """Return turns, skipped turns and min, mean, p50, p90, p99 and max of the ISLs.

    Percentiles interpolate linearly. If no turn was counted, all six are None.
    """
    lengths = [isl for conversation in counts for isl in conversation]
    known = sorted(isl for isl in lengths if isl is not None)
    result: dict[str, float | int | None] = {
        "turns": len(known),
        "skipped": len(lengths) - len(known),
    }
    if not known:
        return result | dict.fromkeys(("min", "mean", "p50", "p90", "p99", "max"))
    return result | {
        "min": known[0],
        "mean": sum(known) / len(known),
        "p50": _percentile(known, 50),
        "p90": _percentile(known, 90),
        "p99": _percentile(known, 99),
        "max": known[-1],
    }


def _percentile(ordered: Sequence[int], percent: int) -> float:
    """Return a percentile as NumPy does, to the last bit, without the time that its import takes.

    Parameters
    ----------
    ordered
        Numbers in rising order, at least one.
    percent
        From 0 to 100.
    """
    place = (len(ordered) - 1) * (percent / 100)
    low = int(place)
    part = place - low
    below, above = ordered[low], ordered[min(low + 1, len(ordered) - 1)]
    # From the nearer side, so that nothing is lost in rounding.
    if part < 0.5:
        return below + (above - below) * part
    return above - (above - below) * (1 - part)
