"""`CountTurns` counts batches as `bench count` counts files, whatever holds them."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.bundled import tokenizer_path
from bench.samples import sample_bytes
from strategies import (
    CountTurns,
    InputError,
    IslWarning,
    TurnError,
    chat_spec,
    read_conversations,
)
from strategies.conversations.batches import BatchReader, batch_of
from strategies.conversations.detect import formats
from strategies.conversations.format import BrokenExample, Example, Format
from strategies.conversations.options import ReadOptions
from tests.conftest import Bench, eventually
from tests.datasets import ANSWER, TOOL, USER, Row, as_parquet, exactly, rows, said

FOLDER = tokenizer_path("bpe-chatml")
LOUD = "{% if messages|length > 2 %}{{ raise_exception('too long') }}{% endif %}"
COUNTED: Row = {"id": "a", "messages": [USER, ANSWER, USER]}


def table_of(*records: Row) -> pa.Table:
    return pq.read_table(io.BytesIO(as_parquet(list(records))))


@pytest.fixture(scope="module")
def sample_table() -> pa.Table:
    records = [json.loads(line) for line in sample_bytes("small").splitlines()]
    return table_of(*records)


@pytest.fixture(scope="module")
def counter() -> CountTurns:
    return CountTurns(FOLDER)


@pytest.fixture
def counted(bench: Bench, tmp_path: Path, sample_table: pa.Table) -> pa.Table:
    """What `bench count` writes for the sample."""
    pq.write_table(sample_table, tmp_path / "chats.parquet")
    out = tmp_path / "isl.parquet"
    ran = bench("count", tmp_path / "chats.parquet", "--tokenizer", FOLDER, "--out", out)
    assert ran.code == 0, ran.error
    return pq.read_table(out)


def test_a_table_gives_the_table_of_bench_count(
    counter: CountTurns, sample_table: pa.Table, counted: pa.Table
) -> None:
    got = counter(sample_table)
    assert got.equals(counted)
    assert got.schema.equals(counted.schema)


def test_it_has_the_further_columns_of_bench_count(
    bench: Bench, tmp_path: Path, sample_table: pa.Table
) -> None:
    pq.write_table(sample_table, tmp_path / "chats.parquet")
    out = tmp_path / "isl.parquet"
    options = ("--columns", "new,osl", "--block-size", 16, "--out", out)
    ran = bench("count", tmp_path / "chats.parquet", "--tokenizer", FOLDER, *options)
    assert ran.code == 0, ran.error
    got = CountTurns(FOLDER, columns=["new", "osl"], block_size=16)(sample_table)
    assert got.schema.equals(pq.read_schema(out).remove_metadata())
    assert got.equals(pq.read_table(out))
    with pytest.raises(InputError, match="old: unknown column; there are shared, new, osl"):
        CountTurns(FOLDER, columns=["old"])


@pytest.mark.parametrize("size", [1, 7, 300])
def test_the_size_of_batches_changes_nothing(
    counter: CountTurns, sample_table: pa.Table, size: int
) -> None:
    starts = range(0, len(sample_table), size)
    parts = [counter(sample_table.slice(start, size)) for start in starts]
    assert pa.concat_tables(parts).equals(counter(sample_table))


def test_a_batch_of_many_chunks_and_pieces_is_read_in_order(counter: CountTurns) -> None:
    some = [table_of({**COUNTED, "id": str(number)}) for number in range(600)]
    got = counter(pa.concat_tables([*some[:3], pa.concat_tables(some[3:]).combine_chunks()]))
    assert got["conversation"].to_pylist()[::2] == [str(number) for number in range(600)]


def as_arrays(table: pa.Table) -> dict[str, Any]:
    return {name: table[name].to_numpy() for name in table.schema.names}


@pytest.mark.parametrize(
    "made", [pa.Table.to_pydict, as_arrays, lambda table: table.combine_chunks().to_batches()[0]]
)
def test_every_kind_of_batch_gives_its_own_kind(
    counter: CountTurns, sample_table: pa.Table, made: Callable[[pa.Table], Any]
) -> None:
    batch = made(sample_table)
    got = counter(batch)
    assert type(got) is type(batch)
    expected = counter(sample_table)
    if isinstance(got, dict):
        kind = type(batch["messages"])
        assert {type(column) for column in got.values()} == {kind}
        got = pa.table(
            {name: pa.array(got[name], expected.schema.field(name).type) for name in got}
        )
    else:
        got = pa.Table.from_batches([got])
    assert got.equals(expected)


@pytest.mark.parametrize(
    "batch",
    [
        table_of(COUNTED).slice(0, 0),
        table_of(COUNTED).slice(0, 0).to_pydict(),
        as_arrays(table_of(COUNTED).slice(0, 0)),
        {},
    ],
)
def test_an_empty_batch_gives_the_columns(counter: CountTurns, batch: Any) -> None:
    got = counter(batch)
    if isinstance(got, pa.Table):
        assert got.schema.equals(counter(table_of(COUNTED)).schema)
        got = got.to_pydict()
    assert [len(got[name]) for name in ("conversation", "turn", "messages", "isl")] == [0] * 4


WHOLE = [form for form in formats() if form.whole]
EXAMPLES = [(form, example) for form in WHOLE for example in form.examples]
BROKEN = [(form, example) for form in WHOLE for example in form.broken]


def with_ids(records: tuple[Row, ...]) -> bytes:
    """Return records with ids as Parquet."""
    try:
        return as_parquet([{**record, "id": f"n{number}"} for number, record in enumerate(records)])
    except pa.ArrowException as error:
        pytest.skip(f"Arrow cannot hold these records: {error}")


@pytest.mark.filterwarnings("ignore:fields were left out. answers")
@pytest.mark.parametrize(
    ("form", "example"),
    EXAMPLES,
    ids=[f"{form.name}: {example.name}" for form, example in EXAMPLES],
)
def test_records_are_those_of_a_parquet_file(
    tmp_path: Path, form: Format, example: Example
) -> None:
    data = with_ids(example.records)
    (tmp_path / "d.parquet").write_bytes(data)
    expected = read_conversations(tmp_path / "d.parquet")
    table = pq.read_table(io.BytesIO(data))
    if len(expected) != len(example.records):
        held = r": holds (several conversations|no request to a model);"
        with pytest.raises(InputError, match=held):
            list(BatchReader(ReadOptions()).read(batch_of(table)))
        return
    for batch in (table, table.to_pydict()):
        (got,) = BatchReader(ReadOptions()).read(batch_of(batch))
        assert got == list(expected), form.name
        assert list(map(exactly, got)) == list(map(exactly, expected))


@pytest.mark.parametrize(
    ("form", "example"), BROKEN, ids=[f"{form.name}: {example.name}" for form, example in BROKEN]
)
def test_a_broken_record_is_refused_as_in_a_file(form: Format, example: BrokenExample) -> None:
    table = pq.read_table(io.BytesIO(with_ids(example.records)))
    with pytest.raises(InputError) as caught:
        list(BatchReader(ReadOptions()).read(batch_of(table)))
    assert str(caught.value).startswith(
        f"conversation 'n{example.line - 1}': {example.field}: {example.reason}"
    ), form.name


def test_harmless_values_are_never_looked_at(counter: CountTurns) -> None:
    # Python has no such date, in a field of the record and in one of a message.
    late = pa.array([2**60], pa.timestamp("s"))
    messages = pa.array([[{"role": "user", "content": "hi", "timestamp": 2**60}]])
    kind = pa.list_(
        pa.struct(
            {"role": pa.string(), "content": pa.string(), "timestamp": pa.timestamp("s")}.items()
        )
    )
    stored = {"id": ["a"], "timestamp": late, "messages": messages.cast(kind)}
    assert counter(pa.table(stored)).num_rows == 1


def test_columns_that_no_format_reads_are_not_converted(counter: CountTurns) -> None:
    late = pa.array([2**60], pa.timestamp("s"))
    table = table_of(COUNTED).append_column("mood", late)
    with pytest.raises(InputError, match=r"^conversation 'a': mood: is not known"):
        counter(table)
    ignoring = CountTurns(FOLDER, unknown_fields="ignore")
    with pytest.warns(IslWarning, match="^fields were left out: mood$"):
        assert ignoring(table).num_rows == 2


def test_a_value_that_python_cannot_hold_is_named_with_its_id(counter: CountTurns) -> None:
    bad = pa.array([b"\xff"]).view(pa.string())
    table = pa.table({"id": ["a", "b"], "messages": [[USER], [USER]]})
    table = table.append_column("system", pa.chunked_array([pa.array([""]), bad]))
    with pytest.raises(InputError, match=r"^conversation 'b': system: cannot be read: "):
        counter(table)


@pytest.mark.parametrize("made", [lambda table: table, pa.Table.to_pydict, as_arrays])
def test_a_null_that_may_be_a_missing_key_is_refused(
    counter: CountTurns, made: Callable[[pa.Table], Any]
) -> None:
    record = {**COUNTED, "tools": [TOOL, {"type": "function", "function": {"name": "g"}}]}
    with pytest.raises(InputError, match=r"^conversation 'a': tools\[1\]\.function: a null"):
        counter(made(pa.Table.from_pylist([record])))


def test_a_record_without_an_id_is_refused(counter: CountTurns) -> None:
    table = table_of(COUNTED, {**COUNTED, "id": None})
    text = (
        "row 2 of the batch: has no id, and a batch does not know its place in the file; "
        "name a column of ids with id_column"
    )
    for each in (counter, CountTurns(FOLDER, on_error="skip")):
        with pytest.raises(InputError) as caught:
            each(table)
        assert str(caught.value) == text


@pytest.mark.parametrize("column", ["key", "prompt_id", "conversation_id"])
def test_a_column_of_ids_can_be_named(counter: CountTurns, column: str) -> None:
    table = table_of({**COUNTED, column: 7}, {**COUNTED, column: 8})
    got = CountTurns(FOLDER, id_column=column)(table)
    assert got["conversation"].to_pylist() == ["7", "7", "8", "8"]
    assert (
        got.drop(["conversation"])
        .slice(0, 2)
        .equals(counter(table_of(COUNTED)).drop(["conversation"]))
    )


def test_a_column_of_ids_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        CountTurns(FOLDER, id_column="key")(table_of(COUNTED))
    assert str(caught.value) == "key: the batch has no such column; its columns: id, messages"


def test_rows_of_single_messages_are_refused(counter: CountTurns) -> None:
    with pytest.raises(InputError) as caught:
        counter(table_of(*rows(USER, ANSWER, conversation="a")))
    assert str(caught.value) == (
        "conversation 'a': read as MLCommons endpoints: one row per message with conversation_id, "
        "turn and role; a batch takes whole conversations, one in each row, so put the rows of a "
        "conversation together first"
    )


NO_BATCH = "a batch is an Arrow table or record batch, or a dict of lists or NumPy arrays; got list"
FLOATS = (
    "id: floats in a NumPy array may have been whole numbers beside a null; give batches of Arrow"
)


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        ([COUNTED], NO_BATCH),
        ({"id": "a"}, "id: must be a list or a NumPy array, got str"),
        ({"id": ["a"], "messages": []}, "the columns of the batch have different lengths"),
        ({"id": np.array([1.0, np.nan]), "messages": [[USER]] * 2}, FLOATS),
        (pa.table([["a"], ["b"]], names=["id", "id"]), "id: column appears twice"),
        (pa.table({"timestamp": [1]}), "unknown format (fields: none); known are "),
    ],
)
def test_what_is_no_batch_is_refused(counter: CountTurns, batch: Any, text: str) -> None:
    with pytest.raises(InputError) as caught:
        counter(batch)
    assert str(caught.value).startswith(text)


def test_nulls_of_numpy_are_nulls(counter: CountTurns) -> None:
    batch = as_arrays(table_of(COUNTED)) | {"tools": np.array([np.nan])}
    assert counter(batch)["isl"].tolist() == counter(table_of(COUNTED))["isl"].to_pylist()


def test_each_row_shows_its_own_format(counter: CountTurns) -> None:
    chat = {"id": "a", "messages": [USER], "conversations": None}
    shared = {"id": "b", "messages": None, "conversations": [said("human", "hi")]}
    together = counter(table_of(chat, shared))
    assert together["conversation"].to_pylist() == ["a", "b"]
    apart = [counter(table_of(chat, shared).slice(place, 1)) for place in (0, 1)]
    assert pa.concat_tables(apart).equals(together)


def pickled(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))  # noqa: S301  # made here


def loud(**options: Any) -> CountTurns:
    return CountTurns(chat_spec(FOLDER, template=LOUD + "x"), **options)


def test_a_turn_that_is_refused_names_its_conversation() -> None:
    with pytest.raises(TurnError) as caught:
        loud()(table_of({"id": "b", "messages": [USER]}, COUNTED))
    assert (caught.value.conversation, caught.value.turn) == ("a", 2)
    assert pickled(caught.value).args == caught.value.args


@pytest.mark.parametrize("made", [lambda table: table, pa.Table.to_pydict, as_arrays])
def test_skipping_gives_null_and_leaves_broken_records_out(
    made: Callable[[pa.Table], Any],
) -> None:
    table = table_of(COUNTED, {"id": "b", "messages": []}, {"id": "c", "messages": [USER]})
    with pytest.warns(IslWarning) as told:
        got = loud(on_error="skip")(made(table))
    assert "1 record was not read, the first: conversation 'b': messages: must be a " in str(
        told[-1].message
    )
    if isinstance(got, pa.Table):
        assert got.schema.field("isl").type == pa.int64()
        got = got.to_pydict()
    lengths = [None if isl is None else int(isl) for isl in got["isl"]]
    assert list(zip(got["conversation"], got["turn"], lengths, strict=True)) == [
        ("a", 1, 1),
        ("a", 2, None),
        ("c", 1, 1),
    ]


def test_content_that_the_template_leaves_out_is_told_once() -> None:
    silent = CountTurns(chat_spec(FOLDER, template="{{ messages[-1].content }}"))
    record = {**COUNTED, "tools": [TOOL]}
    with pytest.warns(IslWarning, match="^bpe-chatml: the template leaves out tools$"):
        silent(table_of(record))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silent(table_of(record))


def test_a_date_is_taken_once_for_all_processes() -> None:
    template = "{{ strftime_now('%Y') }}"
    first, last = (
        chat_spec(FOLDER, template=template, clock=datetime(year, 1, 1))  # noqa: DTZ001  # local
        for year in (9, 1999)
    )
    short, long = (pickled(CountTurns(spec))(table_of(COUNTED)) for spec in (first, last))
    assert short["isl"][0].as_py() < long["isl"][0].as_py()


def test_a_date_that_each_process_would_take_is_refused(tmp_path: Path) -> None:
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "chat_template.jinja").write_text("{{ strftime_now('%Y') }}")
    with pytest.raises(InputError, match="its template reads the date, and each process would"):
        CountTurns(tmp_path)(table_of(COUNTED))
    assert CountTurns(chat_spec(tmp_path))(table_of(COUNTED)).num_rows == 2


def test_wrong_options_fail_before_an_engine_starts() -> None:
    with pytest.raises(InputError, match="unknown strategy 'quick'"):
        CountTurns(FOLDER, strategy="quick")
    with pytest.raises(InputError, match="on_error: must be 'raise' or 'skip', got 'stop'"):
        CountTurns(FOLDER, on_error="stop")  # type: ignore[arg-type]  # the point of the test


def test_a_pool_of_processes_counts_the_same(counter: CountTurns, sample_table: pa.Table) -> None:
    parts = [sample_table.slice(0, 30), sample_table.slice(30, 5)]
    counter(parts[0])  # what it has loaded stays here
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        got = pool.map(counter, parts)
    assert pa.concat_tables(got).equals(counter(sample_table.slice(0, 35)))


def test_threads_may_share_it(counter: CountTurns, sample_table: pa.Table) -> None:
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(counter, [sample_table.slice(0, 30)] * 8))
    assert all(each.equals(got[0]) for each in got)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_what_it_started_ends_with_it() -> None:
    pooled = CountTurns(FOLDER, strategy="process-pool")
    pooled(table_of(COUNTED))
    before = children()
    del pooled
    # The server that forks them stays.
    assert eventually(lambda: children() < before)


LOADED = """
import json, pickle, sys
counter, table = pickle.loads(sys.stdin.buffer.read())
print(json.dumps([counter(table)["isl"].to_pylist(), "transformers" in sys.modules]))
"""


def test_another_process_starts_from_what_the_first_one_kept(tmp_path: Path) -> None:
    def counted(**options: Any) -> tuple[list[int], bool]:
        given = pickle.dumps((CountTurns(FOLDER, **options), table_of(COUNTED)))
        done = subprocess.run(
            [sys.executable, "-c", LOADED],
            input=given,
            stdout=subprocess.PIPE,
            check=True,
            env={**os.environ, "ISL_BENCH_CACHE": str(tmp_path / "cache")},
        )
        isls, loaded = json.loads(done.stdout)
        return isls, loaded

    first, loaded = counted(cache=False)
    assert loaded
    assert not (tmp_path / "cache").exists()
    assert [counted() for _ in range(2)] == [(first, True), (first, False)]


def test_a_tokenizer_that_was_loaded_is_still_there_when_its_files_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISL_BENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "tokenizer"
    shutil.copytree(FOLDER, folder)
    counter = CountTurns(chat_spec(folder, template=LOUD + "x"), on_error="skip")
    counter(table_of({"id": "b", "messages": [USER]}))
    assert list((tmp_path / "cache").rglob("*"))
    shutil.rmtree(folder)
    assert counter(table_of(COUNTED))["isl"].to_pylist() == [1, None]


def test_it_loads_again_after_it_was_closed() -> None:
    pooled = CountTurns(FOLDER, strategy="thread-pool")
    expected = pooled(table_of(COUNTED))
    pooled.close()
    pooled.close()
    assert pooled(table_of(COUNTED)).equals(expected)


def in_a_fork(function: Callable[[], bool]) -> bool:
    process = multiprocessing.get_context("fork").Process(
        target=lambda: os._exit(0 if function() else 1)
    )
    process.start()
    process.join()
    return process.exitcode == 0


def test_a_fork_does_not_wait_for_threads_that_it_has_not() -> None:
    pooled = CountTurns(FOLDER, strategy="thread-pool")
    expected = pooled(table_of(COUNTED))
    assert in_a_fork(lambda: pooled(table_of(COUNTED)).equals(expected))


def test_a_fork_does_not_end_what_its_parent_uses() -> None:
    pooled = CountTurns(FOLDER, strategy="process-pool")
    expected = pooled(table_of(COUNTED))

    def close() -> bool:
        pooled.close()
        return True

    assert in_a_fork(close)
    assert pooled(table_of(COUNTED)).equals(expected)
    pooled.close()
