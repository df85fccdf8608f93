"""The ISL of every turn as a table: Parquet, JSONL or CSV, and its distribution."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from bench.reporting.output import write_whole
from strategies import Conversation, Counts, InputError

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
    named = any(conversation.requests is not None for conversation in conversations)
    columns = (*COLUMNS, REQUEST) if named else COLUMNS
    return Table(columns, [row[: len(columns)] for row in _rows(conversations, counts)])


def _rows(conversations: Sequence[Conversation], counts: Counts) -> Iterator[Row]:
    for conversation, lengths in zip(conversations, counts, strict=True):
        requests = conversation.requests or (None,) * len(lengths)
        turns = zip(conversation.turns, lengths, requests, strict=True)
        for turn, (messages, isl, request) in enumerate(turns, 1):
            yield conversation.id, turn, messages, isl, request


def check_ending(path: Path) -> None:
    """Raise `InputError` unless the file's ending names a format."""
    if path.suffix not in WRITERS:
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
    check_ending(path)
    table = table_of(conversations, counts)
    write_whole(path, lambda file: WRITERS[path.suffix](file, table, about))


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
    for row in table.rows:
        line = json.dumps(dict(zip(table.columns, row, strict=True)), ensure_ascii=False)
        file.write(f"{line}\n".encode())


def _write_csv(file: IO[bytes], table: Table, _about: About) -> None:
    text = io.StringIO()
    # Older Pythons write a carriage return without quotes, and readers then break the line there.
    unusual = any(isinstance(cell, str) and "\r" in cell for row in table.rows for cell in row)
    writer = csv.writer(
        text,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if unusual else csv.QUOTE_MINIMAL,
    )
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    file.write(text.getvalue().encode())


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
    known = np.array([isl for isl in lengths if isl is not None], dtype=np.int64)
    result: dict[str, float | int | None] = {
        "turns": len(known),
        "skipped": len(lengths) - len(known),
    }
    if not len(known):
        return result | dict.fromkeys(("min", "mean", "p50", "p90", "p99", "max"))
    p50, p90, p99 = np.percentile(known, (50, 90, 99))
    return result | {
        "min": int(known.min()),
        "mean": float(known.mean()),
        "p50": float(p50),
        "p90": float(p90),
        "p99": float(p99),
        "max": int(known.max()),
    }
