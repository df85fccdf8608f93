"""The ISL of every turn as a table: Parquet, JSONL or CSV, and its distribution."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, count, repeat
from pathlib import Path
from typing import IO, Any, Self, TypeAlias, cast

from bench.reporting.growing import GrowingFile
from bench.reporting.json_file import json_text
from bench.reporting.output import is_stream
from bench.reporting.words import CONTROLS
from strategies import Counts, InputError, _native
from strategies.streaming import Turns

Cell: TypeAlias = str | int | None
About: TypeAlias = Callable[[], Mapping[str, Any]]

COLUMNS = ("conversation", "turn", "messages", "isl")
"""Id; number of the client turn, from 1; messages in its prompt; tokens, null if skipped."""

REQUEST = "request"
"""A further column with the id of the turn's request, if the dataset has one record for each."""

FILE = "file"
"""A further column with the file that the turn is from, if the dataset has several."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a table is written.

    Parameters
    ----------
    begin
        Returns what stands before the rows.
    rows
        Returns the rows of conversations as bytes, which are put after those before them.
    ids
        Yields the column of conversations of such a file.
    finish
        Turns the file of all rows into the table; None if it is the table.
    """

    begin: Callable[[tuple[str, ...]], bytes]
    rows: Callable[[tuple[str, ...], Iterable[Turns]], bytes]
    ids: Callable[[IO[bytes]], Iterator[str]]
    finish: Callable[[IO[bytes], IO[bytes], tuple[str, ...], About], None] | None = None


def columns_of(*, requests: bool, more: Sequence[str] = (), files: bool = False) -> tuple[str, ...]:
    """Return the columns of a table.

    Parameters
    ----------
    requests
        Whether its rows are requests, with their ids.
    more
        Further columns with numbers of tokens or blocks.
    files
        Whether they are from several files, which are named.
    """
    named = ((REQUEST, requests), (FILE, files))
    return (*COLUMNS, *more, *(name for name, wanted in named if wanted))


def check_ending(path: Path) -> None:
    """Raise `InputError` unless the file's ending names a format."""
    _ending(path)


def _ending(path: Path) -> str:
    """Return the ending that names the format. A pipe or a device without one gets JSON Lines."""
    if path.suffix in FORMS:
        return path.suffix
    with suppress(OSError):
        if not path.suffix and is_stream(path):
            return ".jsonl"
    raise InputError(f"unknown ending; there are {', '.join(FORMS)}", file=path)


def _cells(turns: Turns, columns: tuple[str, ...]) -> list[Sequence[Cell]]:
    """Return the cells of the columns after those of the conversation and the turn."""
    # `Turns` names the others as the table does.
    return [
        turns.more[name] if name in turns.more else getattr(turns, name) for name in columns[2:]
    ]


def _no_rows(_columns: tuple[str, ...]) -> bytes:
    return b""


def _schema(columns: tuple[str, ...], metadata: Mapping[str, str] | None = None) -> Any:
    import pyarrow as pa

    kinds = {
        "conversation": pa.string(),
        "turn": pa.int32(),
        "messages": pa.int32(),
        REQUEST: pa.string(),
        FILE: pa.string(),
    }
    # The others are numbers of tokens or blocks.
    fields = [(column, kinds.get(column, pa.int64())) for column in columns]
    return pa.schema(fields, metadata=metadata)


def _arrow_rows(columns: tuple[str, ...], conversations: Iterable[Turns]) -> bytes:
    """Return rows as a whole Arrow stream. Such streams may follow each other in a file."""
    import pyarrow as pa

    schema = _schema(columns)
    whole: list[list[Cell]] = [[] for _ in columns]
    for turns in conversations:
        number = len(turns.isl)
        whole[0] += [turns.conversation] * number
        whole[1] += range(1, number + 1)
        for place, cells in enumerate(_cells(turns, columns), 2):
            whole[place] += cells
    arrays = [pa.array(column, kind) for column, kind in zip(whole, schema.types, strict=True)]
    out = io.BytesIO()
    with pa.ipc.new_stream(out, schema) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=schema))
    return out.getvalue()


def _arrow_batches(file: IO[bytes]) -> Iterator[Any]:
    import pyarrow as pa

    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    while file.tell() < end:
        yield from pa.ipc.open_stream(file)


def _arrow_ids(file: IO[bytes]) -> Iterator[str]:
    for batch in _arrow_batches(file):
        yield from batch.column("conversation").to_pylist()


ROW_GROUP = 1 << 17
"""Rows of a row group of a Parquet file. One at a time is in memory."""


def _finish_parquet(
    rows: IO[bytes], file: IO[bytes], columns: tuple[str, ...], about: About
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(columns, {"isl_bench": json.dumps(about(), sort_keys=True)})
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        held: list[Any] = []
        number = 0
        for batch in _arrow_batches(rows):
            held.append(batch)
            number += batch.num_rows
            # The groups are the same, however the rows were put together before.
            while number >= ROW_GROUP:
                table = pa.Table.from_batches(held)
                writer.write_table(_described(table.slice(0, ROW_GROUP), schema))
                held = table.slice(ROW_GROUP).to_batches()
                number -= ROW_GROUP
        if number:
            writer.write_table(_described(pa.Table.from_batches(held), schema))


def _described(table: Any, schema: Any) -> Any:
    return table.replace_schema_metadata(schema.metadata).combine_chunks()


def _jsonl_rows(columns: tuple[str, ...], conversations: Iterable[Turns]) -> bytes:
    heads = [
        (
            f'{{"conversation": {json_text(turns.conversation)}, "turn": ',
            [_json_cells(cells) for cells in _cells(turns, columns)],
        )
        for turns in conversations
    ]
    labels = [f', "{column}": ' for column in columns[2:]]
    return _native.rows(heads, labels, nothing="null", end="}\n")


def _json_cells(cells: Sequence[Cell]) -> list[Any]:
    """Return cells in which each text is JSON."""
    if cells and isinstance(cells[0], str):
        return [json_text(str(cell)) for cell in cells]
    return cells if isinstance(cells, list) else list(cells)


def _jsonl_ids(file: IO[bytes]) -> Iterator[str]:
    for line in file:
        yield json.loads(line)["conversation"]


def _csv_begin(columns: tuple[str, ...]) -> bytes:
    return (",".join(columns) + "\n").encode()


def _csv_rows(columns: tuple[str, ...], conversations: Iterable[Turns]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for turns in conversations:
        cells = [_csv_cells(each) for each in _cells(turns, columns)]
        writer.writerows(zip(repeat(escaped(turns.conversation)), count(1), *cells, strict=False))
    return text.getvalue().encode()


def _csv_cells(cells: Sequence[Cell]) -> Sequence[Cell]:
    return [escaped(cell) if isinstance(cell, str) else cell for cell in cells]


def _csv_ids(file: IO[bytes]) -> Iterator[str]:
    rows = csv.reader(line.decode() for line in file)
    next(rows, None)
    for row in rows:
        yield unescaped(row[0])


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


FORMS: dict[str, Form] = {
    ".parquet": Form(_no_rows, _arrow_rows, _arrow_ids, _finish_parquet),
    ".jsonl": Form(_no_rows, _jsonl_rows, _jsonl_ids),
    ".csv": Form(_csv_begin, _csv_rows, _csv_ids),
}


class TableFile:
    """A table that grows. Use it as a context manager.

    Parameters
    ----------
    path, keep, start, digest
        As for `GrowingFile`.
    columns
        From `columns_of`.

    Raises
    ------
    InputError
        As `GrowingFile` does, and if the ending of the file is unknown.
    """

    def __init__(
        self,
        path: Path,
        columns: tuple[str, ...],
        *,
        keep: bool = False,
        start: int = 0,
        digest: str = "",
    ) -> None:
        self._form = FORMS[_ending(path)]
        self._columns = columns
        self._file = GrowingFile(path, keep=keep, start=start, digest=digest)
        if not start:
            self._file.write(self._form.begin(columns))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, conversations: Iterable[Turns]) -> None:
        """Add the rows of conversations.

        Raises
        ------
        InputError
            If they cannot be written.
        """
        self._file.write(self._form.rows(self._columns, conversations))

    def ids(self) -> set[str]:
        """Return the ids of the conversations so far."""
        with self._file.read() as rows:
            return set(self._form.ids(rows))

    def keep(self) -> None:
        """Let the rows stay from now on, even if the table is not completed."""
        self._file.keep()

    def state(self) -> dict[str, Any]:
        """Put all rows on the disk, and return what a later run needs to go on."""
        return self._file.state()

    def complete(self, about: About, last: Callable[[], object]) -> None:
        """Give the table its name. The same rows give the same bytes.

        Parameters
        ----------
        about
            Returns metadata for a Parquet file. The other formats have no room for metadata, so
            it is not called for them.
        last
            Called when all bytes are written, just before the table gets its name.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        finish = self._form.finish
        if finish is None:
            last()
            self._file.complete()
            return

        def whole(rows: IO[bytes], file: IO[bytes]) -> None:
            finish(rows, file, self._columns, about)
            last()

        self._file.complete(whole)


@dataclass(slots=True)
class Tally:
    """How ISLs are distributed, exactly: how many turns have each.

    Parameters
    ----------
    isls
        Number of turns by their ISL in tokens. There are no more of them than the longest prompt
        has tokens.
    skipped
        Number of turns without an ISL.
    sums
        Sums of further columns, by their names.
    known
        Number of turns that have a value there, by the same names.
    """

    isls: Counter[int] = field(default_factory=Counter)
    skipped: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)

    def add(self, counts: Counts) -> None:
        """Add the counts of more conversations."""
        every: Counter[int | None] = Counter(chain.from_iterable(counts))
        self.skipped += every.pop(None, 0)
        self.isls.update(cast("Counter[int]", every))

    def add_more(self, more: Mapping[str, Sequence[int | None]]) -> None:
        """Add the further columns of a conversation."""
        for column, cells in more.items():
            values = [cell for cell in cells if cell is not None]
            self.sums[column] += sum(values)
            self.known[column] += len(values)

    def tokens(self) -> dict[str, float | int | None]:
        """Return the tokens of all prompts, those of each further column, and the ratio shared.

        The ratio is that of the shared tokens to all, and None if there are none. The answer of a
        turn may be unknown, so ``osl_turns`` says of how many turns ``osl`` is the sum. A sum of
        no turns is None.
        """
        total = sum(isl * number for isl, number in self.isls.items())
        result: dict[str, float | int | None] = {"tokens": total}
        for column, tokens in self.sums.items():
            result[column] = tokens if self.known[column] else None
        if "osl" in self.sums:
            result["osl_turns"] = self.known["osl"]
        if "shared" in self.sums:
            result["shared_ratio"] = self.sums["shared"] / total if total else None
        return result

    def summary(self) -> dict[str, float | int | None]:
        """Return turns, skipped turns and min, mean, p50, p90, p99 and max of the ISLs.

        Percentiles interpolate linearly. If no turn was counted, all six are None.
        """
        turns = self.isls.total()
        result: dict[str, float | int | None] = {"turns": turns, "skipped": self.skipped}
        if not turns:
            return result | dict.fromkeys(("min", "mean", "p50", "p90", "p99", "max"))
        ordered = sorted(self.isls.items())
        return result | {
            "min": ordered[0][0],
            "mean": sum(isl * number for isl, number in ordered) / turns,
            "p50": _percentile(ordered, turns, 50),
            "p90": _percentile(ordered, turns, 90),
            "p99": _percentile(ordered, turns, 99),
            "max": ordered[-1][0],
        }


def _percentile(ordered: Sequence[tuple[int, int]], total: int, percent: int) -> float:
    """Return a percentile as NumPy does, to the last bit, without the time that its import takes.

    Parameters
    ----------
    ordered
        Values in rising order, at least one, and how often there is each.
    total
        How many there are.
    percent
        From 0 to 100.
    """
    place = (total - 1) * (percent / 100)
    low = int(place)
    part = place - low
    below, above = _at(ordered, low), _at(ordered, min(low + 1, total - 1))
    # From the nearer side, so that nothing is lost in rounding.
    if part < 0.5:
        return below + (above - below) * part
    return above - (above - below) * (1 - part)


def _at(ordered: Iterable[tuple[int, int]], place: int) -> int:
    for value, number in ordered:
        place -= number
        if place < 0:
            return value
    raise IndexError(place)
