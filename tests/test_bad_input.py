"""Bad input to the real command gives exit code 3, one line on standard error, and no file."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Never

import pytest
from transformers import AutoTokenizer

from bench.bundled import tokenizer_path
from strategies import available_cores, names
from tests.conftest import BENCH, Bench, Result

TOKENIZER = str(tokenizer_path("sp-bpe"))
GOOD = json.dumps({"id": "c", "messages": [{"role": "user", "content": "hi"}]}) + "\n"


def process(
    *arguments: object, within: Sequence[str] = (), limit: Callable[[], None] | None = None
) -> Result:
    """Run the command line as a process of its own, started by other commands if needed."""
    done = subprocess.run(
        [*within, *BENCH, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        preexec_fn=limit,  # this process has no threads that hold a lock
    )
    return Result(done.returncode, done.stdout, done.stderr)


def assert_refused(result: Result, *parts: object) -> None:
    """Require exit code 3, nothing on standard output, and one line that names the parts."""
    assert (result.code, result.out) == (3, ""), result.error
    assert result.error.startswith("bench: ")
    assert result.error.endswith("\n")
    assert len(result.error.splitlines()) == 1, result.error
    for part in parts:
        assert str(part) in result.error


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text(GOOD)
    return path


def test_the_same_command_with_good_input_writes_its_file(
    bench: Bench, dataset: Path, tmp_path: Path
) -> None:
    result = bench("count", dataset, "--tokenizer", TOKENIZER, "--out", tmp_path / "isl.csv")
    assert result.code == 0
    assert files(tmp_path) == {"data.jsonl", "isl.csv"}


# Datasets.


def openai(*messages: Any, **fields: Any) -> str:
    return json.dumps({"messages": messages, **fields}) + "\n"


def row(turn: Any, role: str, **fields: Any) -> str:
    return json.dumps({"conversation_id": "c", "turn": turn, "role": role, **fields}) + "\n"


DATASETS = [
    pytest.param(b"", ": holds no conversations: the file is empty", id="empty"),
    pytest.param(b"\n\n", ": holds no conversations", id="blank lines"),
    pytest.param(b"[]", ": holds no conversations", id="empty array"),
    pytest.param(b"not JSON", ":1: not JSON: Expecting value at column 1", id="not JSON"),
    pytest.param(GOOD + "{", ":2: not JSON: ", id="cut off"),
    pytest.param(b"\x89PNG\r\n\x1a\n\0\0", ":1: not UTF-8 text", id="binary"),
    pytest.param(b"PAR1" + b"\0" * 50, ": cannot be read as Parquet: ", id="damaged Parquet"),
    pytest.param(gzip.compress(GOOD.encode())[:-9], ": cannot be read: ", id="truncated gzip"),
    pytest.param(GOOD + "[" * 10**5, ":2: not JSON: nested too deeply", id="nested"),
    pytest.param(
        GOOD[:-2] + ', "documents": [{"a": NaN}]}', ":1: documents[0].a: nan is not a", id="NaN"
    ),
    pytest.param(
        GOOD + openai({"role": "user", "content": "hi"}, mood="sad"),
        ":2: mood: is not known, and may change the prompt; take it out, or leave out such fields "
        "with --unknown-fields ignore",
        id="unknown field",
    ),
    pytest.param('{"prompt": "x"}', ":1: unknown format (fields: prompt)", id="unknown format"),
    pytest.param(GOOD + "7", ":2: expected an object", id="a number"),
    pytest.param(GOOD + '{"id": 1}', ":2: messages: is missing", id="missing field"),
    pytest.param(openai(), ":1: messages: must be a non-empty array", id="no message"),
    pytest.param(
        GOOD + openai({"role": "user", "content": 5}), ":2: messages[0].content: must", id="type"
    ),
    pytest.param(
        GOOD + openai({"role": "robot", "content": "x"}),
        ":2: messages[0].role: unknown role 'robot'; known are system, ",
        id="unknown role",
    ),
    pytest.param(
        openai({"role": "user", "content": "\ud800"}),
        ":1: messages[0].content: lone surrogate U+D800",
        id="surrogate",
    ),
    pytest.param(
        openai({"role": "user", "a\n\x1b[31m": "\ud800", "content": ""}),
        r":1: messages[0].'a\n\x1b[31m': is not known",
        id="field with line break and colour",
    ),
    pytest.param(
        row(1, "user", content=1),
        ":1: content: must be a string or an array of parts (read as MLCommons endpoints)",
        id="row with a number",
    ),
    pytest.param(
        row(1, "user", content="x") + row(3, "assistant", content="y"),
        ":2: turn: turn 3 of conversation 'c' should be turn 2",
        id="gap in turn numbers",
    ),
    pytest.param(
        json.dumps({"conversations": [{"from": "narrator", "value": ""}]}),
        ":1: conversations[0].from: unknown role 'narrator'",
        id="ShareGPT role",
    ),
]


@pytest.mark.parametrize(("data", "message"), DATASETS)
@pytest.mark.parametrize("command", ["count", "compare"])
def test_a_bad_dataset_is_named_with_line_and_field(
    bench: Bench, tmp_path: Path, command: str, data: bytes | str, message: str
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    out = tmp_path / ("isl.parquet" if command == "count" else "report")
    result = bench(command, path, "--tokenizer", TOKENIZER, "--out", out)
    assert_refused(result, f"bench: {path}{message}")
    assert files(tmp_path) == {"data.jsonl"}


@pytest.mark.parametrize("command", ["count", "compare"])
def test_a_dataset_that_is_no_file_is_named(bench: Bench, tmp_path: Path, command: str) -> None:
    missing = tmp_path / "missing.jsonl"
    for path, message in [(missing, "no such file"), (tmp_path, "is a folder; name a dataset")]:
        result = bench(command, path, "--tokenizer", TOKENIZER)
        assert_refused(result, f"bench: {path}: {message}")


# Options.

KNOWN_STRATEGIES = f"there are {', '.join(names())}"
MANY = available_cores() + 1

OPTIONS = [
    pytest.param(
        "count",
        ["--strategy", "magic"],
        f"unknown strategy 'magic'; {KNOWN_STRATEGIES}",
        id="count",
    ),
    pytest.param(
        "compare",
        ["--strategies", "sequential,magic"],
        f"unknown strategy 'magic'; {KNOWN_STRATEGIES}",
        id="compare",
    ),
    pytest.param("compare", ["--cores", MANY], f"--cores: {MANY} cores asked for", id="cores"),
    pytest.param("compare", ["--cores", f"1,{10**9}"], "cores asked for", id="some cores"),
    pytest.param("compare", ["--cores", "0"], "'--cores': '0' is no list of", id="no cores"),
    pytest.param("compare", ["--cores", "two"], "'--cores': 'two' is no list of", id="cores text"),
    pytest.param("compare", ["--cores", "9" * 5000], "'--cores': '999", id="cores too long"),
    pytest.param("compare", ["--seed", "-1"], "'--seed': -1 is not in the range", id="seed"),
    pytest.param("compare", ["--workers", "1,,2"], "'--workers': '1,,2' is no", id="workers text"),
    pytest.param("count", ["--workers", "0"], "'--workers': 0 is not in the range", id="workers"),
    pytest.param("compare", ["--rounds", "-1"], "'--rounds': -1 is not in the", id="rounds"),
    pytest.param("compare", ["--sample", "small"], "--sample is for the bundled data", id="sample"),
    pytest.param("count", ["--fast"], "No such option", id="no option"),
    pytest.param("count", ["--on-error", "ignore"], "'ignore' is not one of", id="on-error"),
    pytest.param("count", ["--clock", "noon"], "'noon' does not match", id="clock"),
    pytest.param("count", ["--template-kwargs", "{"], "not JSON: ", id="kwargs no JSON"),
    pytest.param("count", ["--template-kwargs", "[1]"], "must be a JSON object", id="kwargs array"),
    pytest.param("count", ["--template-kwargs", '{"a": NaN}'], "not JSON data", id="kwargs NaN"),
    pytest.param(
        "count",
        ["--template-kwargs", '{"tools": []}'],
        "template kwargs: 'tools' is an argument of apply_chat_template",
        id="kwargs reserved",
    ),
]


@pytest.mark.parametrize(("command", "options", "message"), OPTIONS)
def test_a_bad_option_is_one_line(
    bench: Bench, dataset: Path, tmp_path: Path, command: str, options: list[str], message: str
) -> None:
    out = tmp_path / ("isl.csv" if command == "count" else "report")
    result = bench(command, dataset, "--tokenizer", TOKENIZER, "--out", out, *options)
    assert_refused(result, message)
    assert files(tmp_path) <= {"data.jsonl", "report"}


def test_a_command_without_its_arguments_is_one_line(bench: Bench, dataset: Path) -> None:
    assert_refused(bench("count", dataset), "Missing option '--tokenizer'")
    assert_refused(bench("count", "--tokenizer", TOKENIZER), "Missing argument 'DATASET…'")
    assert_refused(bench("counts"), "No such command 'counts'")


# Tokenizers and templates.


def folder_of(tokenizer: str, folder: Path, *left_out: str) -> Path:
    shutil.copytree(tokenizer, folder, ignore=shutil.ignore_patterns(*left_out))
    return folder


def test_a_tokenizer_that_is_not_there_is_named(
    bench: Bench, dataset: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for tokenizer, message in [
        (tmp_path / "missing", "no such folder"),
        (empty, "no tokenizer in this folder"),
        (dataset, "is a file; name the tokenizer's folder"),
        ("nobody/nothing", "neither a folder nor a tokenizer on the hub that can be reached"),
    ]:
        result = bench("count", dataset, "--tokenizer", tokenizer, "--out", tmp_path / "isl.csv")
        assert_refused(result, f"bench: {tokenizer}: {message}")
    assert files(tmp_path) == {"data.jsonl", "empty"}


@pytest.mark.parametrize("damage", [b"", b"{", b'{"model": 1}', b"\xff"])
def test_a_damaged_tokenizer_is_named(
    bench: Bench, dataset: Path, tmp_path: Path, damage: bytes
) -> None:
    folder = folder_of(TOKENIZER, tmp_path / "damaged")
    (folder / "tokenizer.json").chmod(0o644)
    (folder / "tokenizer.json").write_bytes(damage)
    result = bench("count", dataset, "--tokenizer", folder)
    assert_refused(result, f"bench: {folder}: the tokenizer cannot be loaded, its files may be")


def test_a_tokenizer_without_template_asks_for_one(
    bench: Bench, dataset: Path, tmp_path: Path
) -> None:
    folder = folder_of(TOKENIZER, tmp_path / "bare", "*.jinja")
    result = bench("count", dataset, "--tokenizer", folder)
    assert_refused(result, f"bench: {folder}: has no chat template; give one with --template")


def test_a_missing_template_file_is_named(bench: Bench, dataset: Path, tmp_path: Path) -> None:
    path = tmp_path / "missing.jinja"
    for command in ("count", "compare"):
        result = bench(command, dataset, "--tokenizer", TOKENIZER, "--template", path)
        assert_refused(result, f"bench: {path}: cannot read the template: No such file")


def test_an_empty_template_does_not_pass_for_none(
    bench: Bench, dataset: Path, tmp_path: Path
) -> None:
    path = tmp_path / "empty.jinja"
    path.touch()
    result = bench("count", dataset, "--tokenizer", TOKENIZER, "--template", path)
    assert_refused(result, f"bench: {path}: the template is empty")


def test_a_template_with_an_error_is_named_with_its_line(
    bench: Bench, dataset: Path, tmp_path: Path
) -> None:
    path = tmp_path / "broken.jinja"
    path.write_text("{{ messages }}\n{% if %}")
    result = bench("count", dataset, "--tokenizer", TOKENIZER, "--template", path)
    assert_refused(result, f"bench: {path}: the chat template has an error in line 2")
    assert TOKENIZER not in result.error


RAISING = "{% if messages | length > 1 %}{{ raise_exception('roles must\nalternate') }}{% endif %}x"
LONGER = openai(*({"role": role, "content": "x"} for role in ("user", "assistant", "user")), id="c")


@pytest.mark.parametrize("strategy", ["sequential", "batched", "spliced", "rust", "auto"])
def test_a_template_that_raises_is_named_with_conversation_and_turn(
    bench: Bench, tmp_path: Path, strategy: str
) -> None:
    data, template = tmp_path / "data.jsonl", tmp_path / "raising.jinja"
    data.write_text(GOOD + LONGER)
    template.write_text(RAISING)
    arguments: list[object] = ["count", data, "--tokenizer", TOKENIZER, "--template", template]
    arguments += ("--strategy", strategy, "--workers", "1", "--out", tmp_path / "isl.csv")
    assert_refused(
        bench(*arguments),
        f"{data}: conversation 'c', turn 2 (its first 3 messages): roles must alternate",
    )
    assert files(tmp_path) == {"data.jsonl", "raising.jinja"}
    skipped = bench(*arguments, "--on-error", "skip")
    assert skipped.code == 0
    assert "warning: 1 turns have no ISL" in skipped.error
    assert (tmp_path / "isl.csv").read_text().splitlines()[1:] == ["c,1,1,1", "c,1,1,1", "c,2,3,"]


# Output.


@pytest.mark.parametrize("name", ["isl.txt", "isl", "no/isl.csv", "folder.csv"])
def test_a_place_that_takes_no_table_is_named(
    bench: Bench, dataset: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    result = bench("count", dataset, "--tokenizer", TOKENIZER, "--out", tmp_path / name)
    assert_refused(result, tmp_path / Path(name).parts[0])
    assert files(tmp_path) == {"data.jsonl", "folder.csv"}


def test_the_dataset_is_not_written_over(bench: Bench, dataset: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.jsonl"
    link.symlink_to(dataset)
    for out in (dataset, link):
        result = bench("count", dataset, "--tokenizer", TOKENIZER, "--out", out)
        assert_refused(result, f"bench: {out}: is the dataset itself")
    assert dataset.read_text() == GOOD


def test_a_name_with_a_line_break_or_a_colour_stays_on_one_line(
    bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "a\nb\x1b[31m.jsonl"
    path.write_text("{")
    result = bench("count", path, "--tokenizer", TOKENIZER)
    assert_refused(result, r"a\nb\x1b[31m.jsonl:1: not JSON")


def test_a_reserved_template_variable_is_the_only_line(dataset: Path) -> None:
    # In a process of its own, because importing transformers can say something too.
    result = process(
        *("count", dataset, "--tokenizer", TOKENIZER, "--template-kwargs", '{"tools": []}')
    )
    assert_refused(result, "template kwargs: 'tools' is an argument of apply_chat_template")


def test_a_file_in_place_of_the_report_folder_is_named(bench: Bench, dataset: Path) -> None:
    result = bench("compare", dataset, "--tokenizer", TOKENIZER, "--out", dataset)
    assert_refused(result, f"bench: {dataset}: no folder can be made here: File exists")
    assert dataset.read_text() == GOOD


def test_a_name_too_long_for_a_file_is_named(bench: Bench, tmp_path: Path) -> None:
    out = tmp_path / "isl.csv"
    out.touch()
    name = "x" * 300
    result = bench("count", tmp_path / name, "--tokenizer", TOKENIZER, "--out", out)
    assert_refused(result, f"bench: {tmp_path / name}: File name too long")


def test_too_little_memory_is_one_line(
    bench: Bench, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out(*_: object, **__: object) -> Never:
        raise MemoryError

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", run_out)
    assert_refused(bench("count", dataset, "--tokenizer", TOKENIZER), "bench: out of memory")


# The same in a process of its own, and failures of the machine.


def test_the_command_itself_ends_in_one_line_and_exit_code_3(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("bench")
    path = tmp_path / "data.jsonl"
    path.write_text(GOOD + "{")
    arguments = ["count", str(path), "--tokenizer", TOKENIZER, "--out", str(tmp_path / "isl.csv")]
    for command in (BENCH, [str(script)]) if script.exists() else (BENCH,):
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        assert_refused(Result(done.returncode, done.stdout, done.stderr), f"bench: {path}:2: not")
    assert files(tmp_path) == {"data.jsonl"}


@pytest.mark.enable_socket
def test_a_hub_that_does_not_answer_is_asked_nothing_twice(dataset: Path, tmp_path: Path) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            with suppress(OSError):  # the server is closed
                while True:
                    connection, _ = server.accept()
                    asked.append(connection.recv(10000).partition(b"\r\n")[0])
                    connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        done = subprocess.run(
            [*BENCH, "count", dataset, "--tokenizer", "Qwen/Qwen3-8B"],
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                "HF_ENDPOINT": f"http://127.0.0.1:{server.getsockname()[1]}",
                "HF_HOME": str(tmp_path),
                "HF_HUB_OFFLINE": "0",
            },
        )
    result = Result(done.returncode, done.stdout, done.stderr)
    assert_refused(result, "Qwen/Qwen3-8B: neither a folder nor a tokenizer on the hub")
    assert asked[0] == b"HEAD / HTTP/1.1"
    assert len(set(asked)) == len(asked)


def test_output_that_nobody_reads_is_no_wrong_count() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*BENCH, "strategies"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    closed = process("strategies", within=["sh", "-c", '"$@" >&-', "sh"])
    assert closed == Result(0, "", "")


def test_more_cores_than_exist_start_nothing(dataset: Path, tmp_path: Path) -> None:
    result = process("compare", dataset, "--tokenizer", TOKENIZER, "--cores", MANY)
    assert_refused(result, f"--cores: {MANY} cores asked for, 1 to {MANY - 1} can be used here")
    assert files(tmp_path) == {"data.jsonl"}


def test_a_raising_template_ends_a_comparison_in_one_line(tmp_path: Path) -> None:
    data, template = tmp_path / "data.jsonl", tmp_path / "raising.jinja"
    data.write_text(GOOD + LONGER)
    template.write_text(RAISING)
    result = process(
        *("compare", data, "--tokenizer", TOKENIZER, "--template", template),
        *("--cores", 1, "--out", tmp_path / "report"),
    )
    expected = "conversation 'c', turn 2 (its first 3 messages): roles must alternate"
    assert_refused(result, f"{data}: {expected}")
    assert files(tmp_path) == {"data.jsonl", "raising.jinja", "report"}


def test_a_comparison_and_a_check_name_the_file_of_several(bench: Bench, tmp_path: Path) -> None:
    before, data, after = (tmp_path / f"{n}.jsonl" for n in (1, 2, 3))
    template = tmp_path / "raising.jinja"
    before.write_text(GOOD.replace('"id": "c"', '"id": "b"'))
    data.write_text(GOOD + LONGER)
    after.write_text(GOOD.replace('"id": "c"', '"id": "d"'))
    template.write_text(RAISING)
    given: list[object] = [before, data, after, "--tokenizer", TOKENIZER, "--template", template]
    expected = "conversation 'c', turn 2 (its first 3 messages): roles must alternate"
    for more in (("compare", "--cores", "1"), ("check", "--against", "http://127.0.0.1:9")):
        assert_refused(bench(more[0], *given, *more[1:]), f"{data}: {expected}")
    # Where several have such a conversation, none is named that may be the wrong one.
    after.write_text(GOOD)
    assert_refused(bench("compare", *given, "--cores", "1"), f"{data} or {after}: {expected}")


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_a_file_that_may_not_grow_leaves_the_old_one(tmp_path: Path, ending: str) -> None:
    data, out = tmp_path / "data.jsonl", tmp_path / f"isl.{ending}"
    data.write_text("".join(GOOD.replace('"c"', f'"conversation {i}"') for i in range(99)))
    out.write_text("old")
    result = process(
        *("count", data, "--tokenizer", TOKENIZER, "--out", out),
        limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)),
    )
    assert_refused(result, f"bench: {out}: cannot be written: File too large")
    assert out.read_text() == "old"
    assert files(tmp_path) == {"data.jsonl", out.name}


def usable(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def own_mounts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return a command that runs others in a namespace in which they may mount disks."""
    folder = str(tmp_path_factory.mktemp("mount"))
    for unshare in (["unshare", "-m"], ["unshare", "-Urm"]):
        if usable(*unshare, "mount", "-t", "tmpfs", "-o", "size=64k", "none", folder):
            return unshare
    pytest.skip("no file system can be mounted here")


def test_a_full_disk_is_one_line_and_leaves_the_old_file(
    tmp_path: Path, own_mounts: list[str]
) -> None:
    data, disk = tmp_path / "data.jsonl", tmp_path / "disk"
    data.write_text("".join(GOOD.replace('"c"', f'"conversation {i}"') for i in range(999)))
    disk.mkdir()
    out = disk / "isl.jsonl"
    # List the files inside the namespace, because the disk ends with it.
    inside = (
        f"mount -t tmpfs -o size=16k none '{disk}' && echo old > '{out}' && "
        f"\"$@\"; code=$?; ls -A '{disk}' > '{tmp_path}/listing'; "
        f"cat '{out}' > '{tmp_path}/kept'; exit $code"
    )
    result = process(
        *("count", data, "--tokenizer", TOKENIZER, "--out", out),
        within=[*own_mounts, "sh", "-c", inside, "sh"],
    )
    assert_refused(result, f"bench: {out}: cannot be written: No space left on device")
    assert (tmp_path / "listing").read_text() == "isl.jsonl\n"
    assert (tmp_path / "kept").read_text() == "old\n"


@pytest.fixture(scope="module")
def unprivileged() -> list[str]:
    """Return a command that runs others without the privileges of root."""
    if os.geteuid() != 0:
        return []
    drop = "-dac_override,-dac_read_search"
    setpriv = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"]
    if not usable(*setpriv, "true"):
        pytest.skip("root may read everything, and setpriv cannot take that away")
    return setpriv


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """Make a folder that nobody may enter, with a dataset and a tokenizer in it."""
    folder = tmp_path / "closed"
    shutil.copytree(TOKENIZER, folder / "tokenizer")
    (folder / "data.jsonl").write_text(GOOD)
    folder.chmod(0)
    yield folder
    folder.chmod(0o755)


def test_an_unreadable_folder_is_named(
    tmp_path: Path, closed: Path, dataset: Path, unprivileged: list[str]
) -> None:
    out = tmp_path / "isl.csv"
    for data, tokenizer, named in [
        (closed / "data.jsonl", TOKENIZER, f"{closed / 'data.jsonl'}: cannot be read: Permission"),
        (closed, TOKENIZER, f"Invalid value for 'DATASET…': Path '{closed}' is not readable"),
        (dataset, closed / "tokenizer", f"{closed / 'tokenizer'}: cannot be read: Permission"),
        (dataset, closed, f"{closed}: cannot be read: Permission denied"),
    ]:
        result = process("count", data, "--tokenizer", tokenizer, "--out", out, within=unprivileged)
        assert_refused(result, f"bench: {named}")
    assert not out.exists()


@pytest.mark.parametrize("command", ["count", "compare"])
def test_a_folder_that_takes_no_files_is_named(
    tmp_path: Path, dataset: Path, unprivileged: list[str], command: str
) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    out = folder / "isl.csv" if command == "count" else folder
    result = process(command, dataset, "--tokenizer", TOKENIZER, "--out", out, within=unprivileged)
    assert_refused(result, f"bench: {folder}: the folder cannot be written to")
    assert files(tmp_path) == {"data.jsonl", "read-only"}
