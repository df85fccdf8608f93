"""The ISL of every turn as a table: Parquet, JSONL or CSV, and its distribution."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np

from bench.reporting.output import write_whole
from strategies import Conversation, Counts, InputError

Row: TypeAlias = tuple[str, int, int, int | None]
About: TypeAlias = Callable[[], Mapping[str, Any]]

COLUMNS = ("conversation", "turn", "messages", "isl")
"""Id; number of the client turn, from 1; messages in its prompt; tokens, null if skipped."""


def rows(conversations: Sequence[Conversation], counts: Counts) -> Iterator[Row]:
    """Yield a row for each turn, in the order of the data."""
    for conversation, lengths in zip(conversations, counts, strict=True):
        pairs = zip(conversation.turns, lengths, strict=True)
        for turn, (messages, isl) in enumerate(pairs, 1):
            yield conversation.id, turn, messages, isl


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
    table = list(rows(conversations, counts))
    write_whole(path, lambda file: WRITERS[path.suffix](file, table, about))


def _write_parquet(file: IO[bytes], table: Sequence[Row], about: About) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = (pa.string(), pa.int32(), pa.int32(), pa.int64())
    schema = pa.schema(
        list(zip(COLUMNS, types, strict=True)),
        metadata={"isl_bench": json.dumps(about(), sort_keys=True)},
    )
    columns = list(zip(*table, strict=True)) or [()] * len(COLUMNS)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file, compression="zstd")


def _write_jsonl(file: IO[bytes], table: Sequence[Row], _about: About) -> None:
    for row in table:
        line = json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False)
        file.write(f"{line}\n".encode())


def _write_csv(file: IO[bytes], table: Sequence[Row], _about: About) -> None:
    text = io.StringIO()
    # Older Pythons write a carriage return without quotes, and readers then break the line there.
    unusual = any("\r" in row[0] for row in table)
    writer = csv.writer(
        text,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if unusual else csv.QUOTE_MINIMAL,
    )
    writer.writerow(COLUMNS)
    writer.writerows(table)
    file.write(text.getvalue().encode())


WRITERS: dict[str, Callable[[IO[bytes], Sequence[Row], About], None]] = {
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
