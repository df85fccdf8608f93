"""A dataset is one file, or several: named one by one, by a pattern, or by their folder."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import InputError, IslWarning, read_conversations
from strategies.conversations.sources import find_files
from tests.datasets import USER, Row, as_parquet, rows, said


def chat(name: str, **more: Any) -> Row:
    return {"id": name, "messages": [USER], **more}


def write(path: Path, *records: Row) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(each)}\n" for each in records), encoding="utf-8")
    return path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(found: Iterable[Path], folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in found]


def refusal(given: Any) -> str:
    with pytest.raises(InputError) as caught:
        find_files(given)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


# Files and patterns.


def test_files_are_read_in_the_order_in_which_they_are_given(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{name}.jsonl", chat(name)) for name in ("b", "a")]
    assert [each.id for each in read_conversations(paths)] == ["b", "a"]
    assert find_files(paths).told == ()


def test_the_files_of_a_pattern_come_by_the_numbers_in_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "p-10.jsonl", "p-9.jsonl", "p-1.jsonl", "q.jsonl", "p-x.jsonl", "p-2/x")
    pattern = str(tmp_path / "p-*")
    found = find_files(pattern)
    assert names(found.files, tmp_path) == ["p-1.jsonl", "p-9.jsonl", "p-10.jsonl", "p-x.jsonl"]
    assert found.told == (f"{pattern}: 4 files, p-1.jsonl to p-x.jsonl",)
    assert find_files(str(tmp_path / "**" / "x")).told == (f"{tmp_path}/**/x: x",)


@given(st.lists(st.integers(0, 10**6), unique=True, min_size=1, max_size=8))
def test_numbers_are_sorted_by_their_size(tmp_path_factory: Any, numbers: list[int]) -> None:
    folder = tmp_path_factory.mktemp("numbers")
    touch(folder, *(f"s{number}.jsonl" for number in numbers))
    found = find_files(str(folder / "s*")).files
    assert names(found, folder) == [f"s{number}.jsonl" for number in sorted(numbers)]


def test_a_file_whose_name_is_a_pattern_is_that_file(tmp_path: Path) -> None:
    touch(tmp_path, "[a].jsonl", "a.jsonl")
    assert names(find_files(tmp_path / "[a].jsonl").files, tmp_path) == ["[a].jsonl"]


def test_what_names_no_file_or_one_twice_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.jsonl")
    path = tmp_path / "a.jsonl"
    assert refusal(tmp_path / "x*") == f"{tmp_path}/x*: no file matches this pattern"
    again = f"{path}: is named twice, and would be counted twice"
    assert refusal([path, tmp_path / "*.jsonl"]) == again
    assert refusal([path, tmp_path / "b" / ".." / "a.jsonl"]).endswith(again.partition(": ")[2])
    assert refusal(["-", "-"]).startswith("standard input: is named twice")
    assert refusal([]) == "dataset: name at least one file"
    with pytest.raises(InputError, match=r"gone\.jsonl: no such file"):
        read_conversations([path, tmp_path / "gone.jsonl"])


# Several files are one dataset.


def test_each_file_may_have_a_format_and_a_container_of_its_own(tmp_path: Path) -> None:
    one = write(tmp_path / "1.jsonl", {"messages": [USER]}, {"messages": [USER]})
    two = tmp_path / "2.parquet"
    two.write_bytes(as_parquet([{"conversations": [said("human", "hi")]}]))
    three = write(tmp_path / "3.jsonl", *rows(USER))
    got = read_conversations([one, two, three])
    assert [each.id for each in got] == [
        *("conversation-1", "conversation-2", "conversation-3"),
        "a",
    ]
    assert [(each.path, each.format) for each in got.files] == [
        (str(one), "OpenAI chat"),
        (str(two), "ShareGPT"),
        (str(three), "MLCommons endpoints"),
    ]


def test_an_error_names_its_own_file_and_line(tmp_path: Path) -> None:
    good = write(tmp_path / "1.jsonl", chat("a"), chat("b"))
    bad = write(tmp_path / "2.jsonl", chat("a"), {"messages": 1})
    with pytest.raises(InputError, match=r"2\.jsonl:2: messages: must be a non-empty array"):
        read_conversations([good, bad])
    with pytest.warns(IslWarning) as told:
        got = read_conversations([good, bad], on_error="skip")
    assert [each.id for each in got] == ["a", "b", "a"]
    assert [(each.file, each.line) for each in got.rejects] == [(str(bad), 2)]
    (warning,) = (str(each.message) for each in told)
    assert warning.startswith(f"1 record was not read, the first: {bad}: line 2: messages: must")


def test_a_file_of_several_may_be_empty_and_that_is_told(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.jsonl", *([chat("a")] if n == 1 else [])) for n in range(3)]
    with pytest.warns(IslWarning) as told:
        assert len(read_conversations(paths)) == 1
    assert [str(each.message) for each in told] == [
        f"{paths[n]} holds no conversations" for n in (0, 2)
    ]
    with pytest.raises(InputError, match="holds no conversations, and neither does any of 2"):
        read_conversations([paths[0], paths[2]])


def test_the_rows_of_a_conversation_may_not_be_in_two_files(tmp_path: Path) -> None:
    """It would be counted as two, or its turns as those of another one."""
    first = write(tmp_path / "1.jsonl", *rows(USER, {"role": "assistant", "content": "x"}))
    rest = write(tmp_path / "2.jsonl", *rows(USER, first=3))
    again = write(tmp_path / "3.jsonl", *rows(USER))
    for other in (rest, again):
        with pytest.raises(InputError, match=rf"{other.name}:1: conversation_id: rows of conv"):
            read_conversations([first, other])


def test_requests_are_joined_in_their_file_only(tmp_path: Path) -> None:
    longer = [USER, {"role": "assistant", "content": "a"}, USER]
    one = write(tmp_path / "1.jsonl", {"messages": [USER]}, {"messages": longer})
    two = write(tmp_path / "2.jsonl", {"messages": longer})
    got = read_conversations([one, two], records="request")
    assert [each.requests for each in got] == [("request-1", "request-2"), ("request-3",)]


# Folders.


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["data.jsonl", "README.md", ".cache/x.jsonl"], ["data.jsonl"]),
        (["a/data.json.gz"], ["a/data.json.gz"]),
        (
            ["data/train-00001-of-00002.parquet", "data/train-00000-of-00002.parquet"],
            ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
        ),
        (
            ["train-00000-of-00001-a3b4c5d6e7f80912.parquet", "dataset_infos.json"],
            ["train-00000-of-00001-a3b4c5d6e7f80912.parquet"],
        ),
        ([f"part_{n}.jsonl.zst" for n in range(12)], [f"part_{n}.jsonl.zst" for n in range(12)]),
        (["2.jsonl", "1.jsonl"], ["1.jsonl", "2.jsonl"]),
    ],
)
def test_a_folder_with_one_set_of_files_is_that_set(
    tmp_path: Path, files: list[str], found: list[str]
) -> None:
    touch(tmp_path, *files)
    assert names(find_files(tmp_path).files, tmp_path) == found


@pytest.mark.parametrize(
    ("files", "sets"),
    [
        (
            [
                f"data/{split}-0000{n}-of-00002.parquet"
                for split in ("test", "train")
                for n in (0, 1)
            ],
            ["data/test-*.parquet", "data/train-*.parquet"],
        ),
        (["en/train.jsonl", "fr/train.jsonl"], ["en/train.jsonl", "fr/train.jsonl"]),
        (["train.jsonl", "train.parquet"], ["train.jsonl", "train.parquet"]),
        (["gpt-4.jsonl", "gpt-5.jsonl"], ["gpt-4.jsonl", "gpt-5.jsonl"]),
        (["part-0.jsonl", "part-2.jsonl"], ["part-0.jsonl", "part-2.jsonl"]),
        (["part-0.jsonl", "part-1.jsonl.gz"], ["part-0.jsonl", "part-1.jsonl.gz"]),
    ],
)
def test_a_folder_with_several_sets_lists_them(
    tmp_path: Path, files: list[str], sets: list[str]
) -> None:
    touch(tmp_path, *files)
    listed = ", ".join(str(tmp_path / each) for each in sets)
    assert refusal(tmp_path) == (
        f"{tmp_path}: is a folder with several sets of files; name those to count: {listed}"
    )
    for each in sets:
        assert find_files(tmp_path / each).files


def test_parts_that_are_not_there_are_missed(tmp_path: Path) -> None:
    touch(tmp_path, "train-00000-of-00003.parquet", "train-00002-of-00003.parquet")
    assert refusal(tmp_path) == (
        f"{tmp_path}/train-00001-of-00003: part 00001 of 00003 is not there; fetch it, or name the "
        "files to count"
    )
    (tmp_path / "train-00002-of-00003.parquet").unlink()
    assert "part 00001 of 00003 is not there" in refusal(tmp_path)
    assert len(find_files(tmp_path / "train-*").files) == 1


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "README.md", "x.txt", "dataset_infos.json")
    assert "is a folder without dataset files (.jsonl, " in refusal(tmp_path)
    touch(tmp_path, *(f"{letter}.jsonl" for letter in "abcdefghij"))
    assert refusal(tmp_path).endswith("h.jsonl and 2 more")


CONFIGS = """---
license: mit
configs:
- config_name: chats
  data_files:
  - split: train
    path: data/*.jsonl
  - split: test
    path: gone/*
{more}---
# Chats
"""


def test_the_head_of_the_readme_names_the_files(tmp_path: Path) -> None:
    touch(tmp_path, "data/b.jsonl", "data/a.jsonl", "extra.jsonl")
    readme = tmp_path / "README.md"
    readme.write_text(CONFIGS.format(more=""))
    assert names(find_files(tmp_path).files, tmp_path) == ["data/a.jsonl", "data/b.jsonl"]
    readme.write_text(CONFIGS.format(more='- config_name: other\n  data_files: "extra.jsonl"\n'))
    assert refusal(tmp_path).endswith(f": {tmp_path}/data/*.jsonl, {tmp_path}/extra.jsonl")
    readme.write_text(CONFIGS.format(more="- data_files: ../../*\n- data_files: /etc/*\n"))
    assert len(find_files(tmp_path).files) == 2


@pytest.mark.parametrize(
    "head",
    [
        "---\n: [\n---\n",
        "---\nconfigs: 5\n---\n",
        "---\n[]\n---\n",
        "none",
        "---\nx: &a [*a]\n---\n",
    ],
)
def test_a_readme_that_says_nothing_is_none(tmp_path: Path, head: str) -> None:
    touch(tmp_path, "a.jsonl")
    (tmp_path / "README.md").write_text(head)
    assert names(find_files(tmp_path).files, tmp_path) == ["a.jsonl"]


def saved(folder: Path, records: list[Row], files: int = 1) -> None:
    """Write a folder as the `save_to_disk` of `datasets` does."""
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(records)
    names = [f"data-{n:05}-of-{files:05}.arrow" for n in range(files)]
    for n, name in enumerate(names):
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.slice(n, 1 if files > 1 else None))
        (folder / name).write_bytes(sink.getvalue())
    state = {"_data_files": [{"filename": name} for name in names], "_split": "train"}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")


def test_a_saved_dataset_is_read(tmp_path: Path) -> None:
    records = [chat(f"{n}") for n in range(12)]
    saved(tmp_path / "one", records, 12)
    got = read_conversations(tmp_path / "one")
    assert [each.id for each in got] == [f"{n}" for n in range(12)]
    saved(tmp_path / "dict" / "train", records)
    (tmp_path / "dict" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    assert list(read_conversations(tmp_path / "dict")) == list(got)
    (tmp_path / "dict" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    folder = tmp_path / "dict"
    assert refusal(folder) == (
        f"{folder}: is a folder with several splits; name those to count: {folder}/train, "
        f"{folder}/test"
    )


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ('{"_data_files": [{"filename": "gone.arrow"}]}', "gone.arrow: is missing; state.json"),
        ('{"_data_files": [{"filename": "../x.arrow"}]}', "names no files of this folder"),
        ('{"_data_files": []}', "holds no rows"),
        (
            '{"_data_files": [], "_indices_data_files": [{}]}',
            "are chosen by indices, which are not",
        ),
        ("{", "state.json: cannot be read: "),
    ],
)
def test_a_saved_dataset_that_is_not_whole_is_refused(
    tmp_path: Path, state: str, message: str
) -> None:
    (tmp_path / "state.json").write_text(state)
    assert message in refusal(tmp_path)


# Pipes.


def test_standard_input_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", chat("a"), {"messages": 1})
    kept = os.dup(0)
    try:
        for given in ("-", "/dev/stdin", "/dev/fd/0"):
            reading, writing = os.pipe()
            os.write(writing, path.read_bytes())
            os.close(writing)
            os.dup2(reading, 0)
            os.close(reading)
            with pytest.raises(InputError) as caught:
                read_conversations(given)
            name = "standard input" if given == "-" else given
            assert str(caught.value).startswith(f"{name}:2: messages: must be a non-empty array")
    finally:
        os.dup2(kept, 0)
        os.close(kept)
