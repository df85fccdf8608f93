"""The folder of entries and the bytes of an entry: whole or nothing, private, bounded."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strategies.kept import folder as folders
from strategies.kept import libraries
from strategies.kept.entry import packed, read_head, read_part
from strategies.kept.files import files_digest
from strategies.kept.folder import ABANDONED_SECONDS, FOLDER_VARIABLE, Folder, default_place
from strategies.kept.libraries import libraries as depends
from strategies.kept.store import Kept

ABOUT = {"spec": {"name": "Zürich"}}
PARTS = {"facts": b'{"a": 1}', "tables": bytes(range(256)) * 40, "nothing": b""}


def kept_in(folder: Folder, key: str = "k" * 64) -> Kept:
    kept = Kept(key, ABOUT, folder)
    for name, content in PARTS.items():
        kept.put(name, content)
    kept.save()
    return Kept(key, ABOUT, folder)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "some" / "where")
    kept = kept_in(folder)
    assert kept.names == set(PARTS)
    assert {name: kept.get(name) for name in PARTS} == PARTS
    assert kept.get("other") is None
    assert not kept.changed
    kept.put("facts", PARTS["facts"])
    assert not kept.changed
    kept.put("facts", b"new")
    kept.save()
    again = Kept("k" * 64, ABOUT, folder)
    assert again.get("facts") == b"new"
    assert again.get("tables") == PARTS["tables"]
    # An open entry stays as it was, because its file is replaced and not changed.
    assert Kept("l" * 64, ABOUT, folder).names == set()


def test_an_entry_is_private(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "cache")
    before = os.umask(0)
    try:
        kept_in(folder)
    finally:
        os.umask(before)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (entry,) = folder.path.iterdir()
    assert entry.stat().st_mode & 0o777 == 0o600


def test_nothing_kept_is_written_without_a_folder() -> None:
    kept = Kept("k", ABOUT, None)
    kept.put("facts", b"1")
    kept.save()
    assert kept.get("facts") == b"1"
    kept.drop()
    assert kept.names == {"facts"}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=300,
)
@given(data=st.data())
def test_an_entry_that_was_changed_gives_its_parts_or_nothing(
    tmp_path: Path, data: st.DataObject
) -> None:
    whole = b"".join(packed("key", ABOUT, PARTS))
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    more = data.draw(st.one_of(st.just(b""), st.binary(max_size=3)))
    path = tmp_path / "entry"
    path.write_bytes(bytes(changed[:end]) + more)
    with path.open("rb") as file:
        head = read_head(file.fileno())
        if path.read_bytes() == whole:
            assert head is not None
        if head is None:
            return
        # Whoever changes one byte cannot change its digest with it.
        assert (head.key, head.about, head.parts.keys()) == ("key", ABOUT, PARTS.keys())
        for name, part in head.parts.items():
            assert read_part(file.fileno(), part) in {None, PARTS[name]}
        if path.read_bytes() != whole:
            assert any(
                read_part(file.fileno(), part) != PARTS[name] for name, part in head.parts.items()
            )


def test_a_part_that_is_damaged_is_gone_and_the_others_stay(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    kept_in(folder)
    (entry,) = folder.path.iterdir()
    content = bytearray(entry.read_bytes())
    content[-1] ^= 1
    entry.write_bytes(content)
    kept = Kept("k" * 64, ABOUT, folder)
    assert kept.get("tables") is None
    assert kept.get("facts") == PARTS["facts"]
    kept.put("more", b"1")
    kept.save()
    assert Kept("k" * 64, ABOUT, folder).names == {"facts", "nothing", "more"}


def test_an_entry_under_another_name_is_not_used(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    kept_in(folder)
    (folder.path / ("k" * 64)).rename(folder.path / ("o" * 64))
    assert Kept("o" * 64, ABOUT, folder).names == set()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o777])
def test_an_entry_that_others_can_open_is_not_used(tmp_path: Path, mode: int) -> None:
    folder = Folder(tmp_path)
    kept_in(folder)
    (entry,) = folder.path.iterdir()
    entry.chmod(mode)
    assert Kept("k" * 64, ABOUT, folder).names == set()
    assert kept_in(folder).names == set(PARTS)
    assert entry.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o755])
def test_a_folder_that_others_can_open_is_not_used(tmp_path: Path, mode: int) -> None:
    folder = Folder(tmp_path)
    kept_in(folder)
    folder.path.chmod(mode)
    assert kept_in(folder, "l" * 64).names == set()
    assert [entry.name for entry in folder.path.iterdir()] == ["k" * 64]
    assert (folder.entries(), folder.clear()) == ([], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
@pytest.mark.parametrize("what", ["the folder", "the entry"])
def test_what_belongs_to_somebody_else_is_not_used(tmp_path: Path, what: str) -> None:
    folder = Folder(tmp_path)
    kept_in(folder)
    os.chown(folder.path if what == "the folder" else folder.path / ("k" * 64), 12345, 12345)
    assert Kept("k" * 64, ABOUT, folder).names == set()


def test_no_symbolic_link_is_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    folder = Folder(tmp_path / "cache")
    folder.place.mkdir()
    folder.path.symlink_to(victim)
    assert kept_in(folder).names == set()
    assert not list(victim.iterdir())

    folder.path.unlink()
    kept_in(folder)
    entry = folder.path / ("k" * 64)
    entry.rename(victim / "entry")
    entry.symlink_to(victim / "entry")
    before = (victim / "entry").read_bytes()
    kept = Kept("k" * 64, ABOUT, folder)
    assert kept.names == set()
    kept.put("facts", b"new")
    kept.save()
    # The link is replaced, and what it points to is as it was.
    assert not entry.is_symlink()
    assert (victim / "entry").read_bytes() == before


def test_a_pipe_of_that_name_does_not_stop_a_run(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    kept_in(folder)
    (folder.path / ("k" * 64)).unlink()
    os.mkfifo(folder.path / ("k" * 64), 0o600)
    assert Kept("k" * 64, ABOUT, folder).names == set()


def test_the_entries_longest_unused_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path)
    size = sum(map(len, packed("k" * 64, ABOUT, PARTS)))
    monkeypatch.setattr(folders, "MAX_BYTES", 3 * size)
    for age, name in ((300, "a"), (400, "b"), (200, "c")):
        kept_in(folder, name * 64)
        os.utime(folder.path / (name * 64), (time.time() - age,) * 2)
    # Asking for it is a use.
    assert Kept("b" * 64, ABOUT, folder).names
    kept_in(folder, "d" * 64)
    assert [entry.name[0] for entry in folder.entries()] == ["d", "b", "c"]
    monkeypatch.setattr(folders, "MAX_BYTES", 1)
    kept_in(folder, "e" * 64)
    assert folder.entries() == []


def test_what_a_killed_process_has_left_is_removed_later(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    kept_in(folder)
    left, writing = folder.path / "x.1.2.part", folder.path / "y.1.2.part"
    for path in (left, writing):
        path.write_bytes(b"half")
        path.chmod(0o600)
    os.utime(left, (time.time() - ABANDONED_SECONDS - 9,) * 2)
    assert [entry.name for entry in folder.entries()] == ["k" * 64]
    kept_in(folder, "l" * 64)
    assert (left.exists(), writing.exists()) == (False, True)
    assert folder.clear() == []
    assert not list(folder.path.iterdir())


def test_a_folder_that_cannot_be_made_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "cache", Path("/proc/nowhere/cache")):
        folder = Folder(place)
        assert kept_in(folder).names == set()
        assert (folder.entries(), folder.clear(), folder.remove("k")) == ([], [], True)


def test_the_environment_says_where_things_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "off")
    assert default_place() is None
    monkeypatch.setenv(FOLDER_VARIABLE, "/tmp/some")  # noqa: S108  # a name
    assert default_place() == Path("/tmp/some")  # noqa: S108  # likewise
    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert default_place() == Path("/var/cache/isl-bench")
    for ignored in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        monkeypatch.setenv("HOME", "/home/somebody")
        assert default_place() == Path("/home/somebody/.cache/isl-bench")


def tokenizer_files(folder: Path) -> Path:
    (folder / "additional_chat_templates").mkdir(parents=True)
    for name in ("tokenizer.json", "config.json", "additional_chat_templates/tool.jinja"):
        (folder / name).write_text(name)
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "tokenizer.json").write_text("tokenizer.jsoN"),
        lambda folder: (folder / "additional_chat_templates/tool.jinja").write_text("{}"),
        lambda folder: (folder / "additional_chat_templates/more.jinja").write_text(""),
        lambda folder: (folder / "added_tokens.json").write_text(""),
        lambda folder: (folder / "config.json").rename(folder / "konfig.json"),
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "model.safetensors").write_bytes(b"other weights"),
        lambda folder: (folder / "original").mkdir(),
    ],
)
def test_every_change_of_the_files_changes_their_digest(tmp_path: Path, change: object) -> None:
    folder = tokenizer_files(tmp_path / "tokenizer")
    before = files_digest(str(folder))
    assert before is not None
    assert before == files_digest(str(folder))
    times = {path: path.stat() for path in folder.rglob("*")}
    assert callable(change)
    change(folder)
    for path, then in times.items():
        # The time of a file can be set, so it says nothing.
        if path.exists():
            os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert files_digest(str(folder)) not in {None, before}


def test_files_that_cannot_be_read_have_no_digest(tmp_path: Path) -> None:
    assert files_digest(str(tmp_path / "nowhere")) is None
    folder = tokenizer_files(tmp_path / "tokenizer")
    (folder / "vocab.json").symlink_to(tmp_path / "nowhere")
    assert files_digest(str(folder)) is None
    (folder / "vocab.json").unlink()
    os.mkfifo(folder / "vocab.json")
    assert files_digest(str(folder)) is None


def test_a_single_file_has_a_digest(tmp_path: Path) -> None:
    model = tmp_path / "tokenizer.model"
    model.write_bytes(b"a")
    before = files_digest(str(model))
    model.write_bytes(b"b")
    assert before != files_digest(str(model))


def test_installing_a_package_changes_what_an_entry_depends_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    seen = [depends()]
    (tmp_path / "tokenizers-0.1.dist-info").mkdir()
    seen.append(depends())
    (tmp_path / "tokenizers-0.1.dist-info").rename(tmp_path / "tokenizers-0.2.dist-info")
    seen.append(depends())
    os.utime(tmp_path / "tokenizers-0.2.dist-info", (1, 1))
    seen.append(depends())
    # In a new process nothing is imported yet.
    monkeypatch.delitem(sys.modules, "jinja2")
    (tmp_path / "jinja2.py").write_text("")
    seen.append(depends())
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "error")
    seen.append(depends())
    assert len({repr(each) for each in seen}) == len(seen)
    assert seen[-1] == depends()


def test_the_code_of_this_project_is_part_of_what_an_entry_depends_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "strategies"
    for name in ("kept", "rust", "__pycache__"):
        (package / name).mkdir(parents=True)
    (package / "kept" / "libraries.py").write_text("1")
    monkeypatch.setattr(libraries, "__file__", str(package / "kept" / "libraries.py"))
    seen = [depends()["code"]]
    for name in ("kept/libraries.py", "native.py", "_native.abi3.so"):
        (package / name).write_text("2")
        seen.append(depends()["code"])
    assert len(set(seen)) == len(seen)
    for name in ("__pycache__/native.pyc", "rust/build.py", "notes.txt"):
        (package / name).write_text("3")
        assert depends()["code"] == seen[-1]
