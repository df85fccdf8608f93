"""What `bench count` keeps between runs: the same output, without the libraries, or not used.

Whether a run imports the libraries shows in a process of its own, because only there nothing is
imported yet. Runs that must load the tokenizer share this process, which has the libraries already.
Whether such a run uses an entry shows by whether it writes the entry anew.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.bundled import tokenizer_path
from bench.samples import sample_bytes
from strategies import ChatTokenizer, InputError, chat_spec
from strategies.chat.keeping import keep, kept_of
from strategies.kept.folder import Folder
from tests.conftest import Bench, Result, real_path

HEAVY = {
    *("transformers", "tokenizers", "sentencepiece", "huggingface_hub", "jinja2", "numpy"),
    *("pyarrow", "matplotlib", "scipy", "psutil", "rich", "multiprocessing", "logging"),
    *("importlib.metadata", "click.shell_completion"),
}

PROGRAM = """
import sys
told, before = sys.argv[1], sys.argv[2]
del sys.argv[1:3]
exec(before)
from bench.cli import main
try:
    main()
finally:
    with open(told, "w") as file:
        file.write("\\n".join(sys.modules))
"""


Said = tuple[int, str, str, bytes | None]
"""The exit code, standard output and standard error of a run, and the file that it wrote."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the command: what it said and wrote, and which modules it imported."""

    code: int
    out: str
    error: str
    written: bytes | None
    modules: frozenset[str]

    @property
    def said(self) -> Said:
        return self.code, self.out, self.error, self.written

    @property
    def loaded(self) -> bool:
        """Whether it had to load the tokenizer."""
        return "transformers" in self.modules


@dataclass(frozen=True, slots=True)
class Command:
    """`bench count` in processes of their own, with a cache folder."""

    folder: Path

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def entries(self) -> Path:
        return self.cache / "entries"

    def entry(self) -> Path:
        (entry,) = self.entries.iterdir()
        return entry

    def started(
        self, *arguments: object, before: str = "", **environment: str
    ) -> subprocess.Popen[str]:
        told = self.folder / f"modules-{len(list(self.folder.glob('modules-*')))}"
        told.touch()
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, told, before, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "ISL_BENCH_CACHE": str(self.cache), "COLUMNS": "80", **environment},
        )

    def finished(self, process: subprocess.Popen[str], out: Path | None = None) -> Run:
        output, error = process.communicate(timeout=120)
        assert isinstance(process.args, list)
        modules = frozenset(Path(process.args[3]).read_text().split("\n"))
        written = out.read_bytes() if out is not None and out.exists() else None
        return Run(process.returncode, output, error, written, modules)

    def run(self, *arguments: object, before: str = "", **environment: str) -> Run:
        outs = [each for each in arguments if isinstance(each, Path) and each.stem == "isl"]
        for out in outs:
            out.unlink(missing_ok=True)
        process = self.started(*arguments, before=before, **environment)
        return self.finished(process, outs[0] if outs else None)

    def three(self, bench: Bench, *arguments: object) -> tuple[Said, Run]:
        """Run without a cache, with an empty one, and with a full one, which say the same.

        Returns what all said, and the last run. The others run in this process.
        """
        outs = [each for each in arguments if isinstance(each, Path) and each.stem == "isl"]
        said: list[Said] = []
        for more in (["--no-cache"], []):
            assert not self.cache.exists()
            for out in outs:
                out.unlink(missing_ok=True)
            result = bench(*arguments, *more)
            written = outs[0].read_bytes() if outs and outs[0].exists() else None
            said.append((result.code, result.out, result.error, written))
        last = self.run(*arguments)
        assert said == [last.said] * 2
        return last.said, last


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    made = Command(tmp_path)
    # For runs in this process.
    monkeypatch.setenv("ISL_BENCH_CACHE", str(made.cache))
    return made


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "chats.jsonl"
    path.write_bytes(sample_bytes("small"))
    return path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, chats: Path) -> tuple[Command, Run]:
    """A full cache for the bundled byte-level tokenizer, and the run that filled it."""
    command = Command(tmp_path_factory.mktemp("filled"))
    run = command.run("count", chats, "--tokenizer", "bpe-chatml", "--json")
    assert run.code == 0
    assert run.loaded
    return command, run


PLAIN: dict[tuple[object, ...], tuple[Result, bytes]] = {}
"""What runs without a cache say and write, by their options."""


@dataclass(frozen=True, slots=True)
class Inside:
    """`bench count` in this process, with a cache folder."""

    bench: Bench
    folder: Path
    chats: Path

    @property
    def cache(self) -> Folder:
        return Folder(self.folder / "cache")

    def count(self, *options: object) -> tuple[Result, bytes]:
        """Return what a run said and wrote."""
        out = self.folder / "isl.jsonl"
        result = self.bench("count", self.chats, "--json", "--out", out, *options)
        assert result.code == 0, result.error
        return result, out.read_bytes()

    def entry(self) -> Path:
        (entry,) = self.cache.path.iterdir()
        return entry

    def written_anew(self, *options: object) -> bool:
        """Count, and say whether that has written entries; the output is that without a cache."""
        before = self._files()
        said = self.count(*options)
        after = self._files()
        assert said == self._plain(*options)
        return before != after

    def _plain(self, *options: object) -> tuple[Result, bytes]:
        """Return what a run without a cache says and writes. It leaves the cache alone."""
        # The files of a test are paths, and change. All other options say the same in each test.
        kept = all(isinstance(each, str) for each in options)
        if kept and options in PLAIN:
            return PLAIN[options]
        before = self._files()
        said = self.count(*options, "--no-cache")
        assert before == self._files()
        if kept:
            PLAIN[options] = said
        return said

    def _files(self) -> list[tuple[str, int]]:
        if not self.cache.path.is_dir():
            return []
        return sorted((each.name, each.lstat().st_ino) for each in self.cache.path.iterdir())


@pytest.fixture
def inside(bench: Bench, tmp_path: Path, chats: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    monkeypatch.setenv("ISL_BENCH_CACHE", str(tmp_path / "cache"))
    return Inside(bench, tmp_path, chats)


BUNDLED = ("--tokenizer", "bpe-chatml")


def counted(command: Command, chats: Path, *options: object, **environment: str) -> Run:
    return command.run(
        "count", chats, "--tokenizer", "bpe-chatml", "--json", *options, **environment
    )


@pytest.fixture
def full(command: Command, filled: tuple[Command, Run]) -> Command:
    """A copy of the full cache, to damage."""
    shutil.copytree(filled[0].cache, command.cache)
    return command


@pytest.mark.parametrize(
    ("tokenizer", "ending", "options"),
    [
        ("bpe-chatml", ".parquet", []),
        ("bpe-chatml", ".csv", ["--strategy", "spliced"]),
        (
            "bpe-chatml",
            ".csv",
            ["--quiet", "--template-kwargs", '{"enable_thinking": false, "n": [1, 1.5, null]}'],
        ),
        ("sp-bpe", ".jsonl", ["--json", "--strategy", "rust", "--workers", "1"]),
        ("unigram", ".csv", ["--messages", "as-written"]),
        ("sentencepiece", ".jsonl", ["--json"]),
    ],
)
def test_the_output_is_the_same_with_and_without_a_cache(
    tokenizer: str,
    ending: str,
    options: Sequence[str],
    bench: Bench,
    command: Command,
    chats: Path,
) -> None:
    out = command.folder / f"isl{ending}"
    arguments = ["count", chats, "--tokenizer", tokenizer, "--out", out, *options]
    (code, _, error, written), last = command.three(bench, *arguments)
    assert code == 0, error
    assert written
    # Only the native core counts without the libraries.
    assert last.loaded == ("spliced" in options)


def test_a_start_from_the_cache_imports_no_library(
    filled: tuple[Command, Run], chats: Path
) -> None:
    command, first = filled
    for options in ([], ["--strategy", "rust"], ["--out", command.folder / "isl.csv"]):
        run = counted(command, chats, *options)
        assert (run.code, run.out) == (0, first.out)
        assert not HEAVY.intersection(run.modules)
    shown = command.run("count", chats, "--tokenizer", "bpe-chatml")
    assert HEAVY.intersection(shown.modules) == {"rich"}


def test_a_real_tokenizer_starts_from_the_cache_as_well(command: Command, chats: Path) -> None:
    # Loading one of them warns, and some turns of the other are left to the plain call.
    for name in ("mistral-nemo-tekken", "gemma-4"):
        path = real_path("tokenizers", name)
        runs = [
            command.run("count", chats, "--tokenizer", path, "--json", "--on-error", "skip")
            for _ in range(2)
        ]
        assert runs[0].said == runs[1].said
        assert "warning" in runs[0].error


REFUSES = "{% if messages | length > 2 %}{{ raise_exception('too long') }}{% endif %}"


@pytest.mark.parametrize(
    ("template", "option", "loads"),
    [
        pytest.param(REFUSES, "raise", True, id="the template refuses a turn"),
        pytest.param(REFUSES, "skip", True, id="and it is skipped"),
        pytest.param(
            "{{ messages | length | filesizeformat }}", "skip", True, id="no native template"
        ),
        pytest.param("{{ messages | length }}", "skip", False, id="content is left out"),
    ],
)
def test_what_only_the_libraries_can_decide_is_left_to_them(
    template: str, option: str, loads: bool, bench: Bench, command: Command, chats: Path
) -> None:
    file = command.folder / "template.jinja"
    file.write_text(template)
    out, rejects = command.folder / "isl.jsonl", command.folder / "rejects.jsonl"
    arguments: list[object] = ["count", chats, "--tokenizer", "bpe-chatml", "--template", file]
    arguments += ["--out", out, "--on-error", option, "--json"]
    if option == "skip":
        arguments += ["--rejects", rejects]
    left = []

    def run_and_look(*given: object) -> Result:
        result = bench(*given)
        left.append(rejects.read_bytes() if rejects.exists() else None)
        return result

    (code, *_), last = command.three(run_and_look, *arguments)
    left.append(rejects.read_bytes() if rejects.exists() else None)
    assert len(left) == 3
    assert len(set(left)) == 1
    assert code == (3 if option == "raise" else 0)
    # An error keeps nothing.
    assert last.loaded == loads


def test_template_kwargs_of_conversations_are_kept(bench: Bench, command: Command) -> None:
    data = command.folder / "data.jsonl"
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]
    records = [
        {"messages": messages, "chat_template_kwargs": {"enable_thinking": thinking, "unread": 1}}
        for thinking in (True, False)
    ]
    data.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    (_, _, error, _), last = command.three(
        bench, "count", data, "--tokenizer", "bpe-chatml", "--json"
    )
    assert "does not read unread: 2 conversations" in error
    assert not last.loaded


def test_more_data_adds_to_what_is_kept(command: Command, chats: Path) -> None:
    few = command.folder / "few.jsonl"
    few.write_text('{"messages": [{"role": "user", "content": "hi"}]}\n')
    assert counted(command, few).loaded
    plain = counted(command, chats, "--no-cache")
    # What a template makes of tools has not been asked before.
    runs = [counted(command, chats), counted(command, chats)]
    assert [run.said for run in runs] == [plain.said] * 2
    assert [run.loaded for run in runs] == [True, False]
    assert not counted(command, few).loaded


@pytest.mark.parametrize(
    ("template", "again"), [("{{ strftime_now('%d') }}", True), ("{{ messages }}", False)]
)
def test_a_template_that_reads_the_clock_is_asked_again_on_another_day(
    template: str, again: bool, inside: Inside
) -> None:
    file = inside.folder / "template.jinja"
    file.write_text(template)
    written = [
        inside.written_anew(*BUNDLED, "--template", file, "--clock", clock)
        for clock in ("2025-01-01", "2025-01-01", "2025-01-02", "2025-01-02", "2025-01-01")
    ]
    assert written == ([True, False, True, False, True] if again else [True, *[False] * 4])


def changed_json(folder: Path, name: str, change: Callable[[dict[str, object]], None]) -> None:
    path = folder / name
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def no_merges(content: dict[str, object]) -> None:
    model = content["model"]
    assert isinstance(model, dict)
    model["merges"] = model["merges"][:50]


def one_more_token(content: dict[str, object]) -> None:
    added = content["added_tokens"]
    assert isinstance(added, list)
    added.append({**added[-1], "id": 10**5, "content": "the", "special": False})


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: changed_json(folder, "tokenizer.json", no_merges),
        lambda folder: changed_json(folder, "tokenizer.json", one_more_token),
        lambda folder: (folder / "chat_template.jinja").write_text("{{ messages[0].content }}"),
        lambda folder: (folder / "added_tokens.json").write_text('{"a": 99999}'),
    ],
    ids=["the model", "an added token", "the template", "a file more"],
)
def test_another_tokenizer_is_never_counted_with_what_is_kept(
    change: Callable[[Path], None], inside: Inside
) -> None:
    folder = inside.folder / "tokenizer"
    shutil.copytree(tokenizer_path("bpe-chatml"), folder)
    assert inside.written_anew("--tokenizer", folder)
    times = {path: path.stat() for path in folder.iterdir()}
    change(folder)
    for path, then in times.items():
        os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert inside.written_anew("--tokenizer", folder)
    assert not inside.written_anew("--tokenizer", folder)


def cut_off(entry: Path) -> None:
    os.truncate(entry, entry.stat().st_size // 2)


def flipped(place: float) -> Callable[[Path], None]:
    def flip(entry: Path) -> None:
        content = bytearray(entry.read_bytes())
        content[int(place * len(content))] ^= 0x20
        entry.write_bytes(content)

    return flip


def replaced_by(content: bytes) -> Callable[[Path], object]:
    return lambda entry: entry.write_bytes(content)


def linked(entry: Path) -> None:
    elsewhere = entry.parents[2] / "elsewhere"
    entry.rename(elsewhere)
    entry.symlink_to(elsewhere)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(cut_off, id="cut off"),
        *(
            pytest.param(flipped(place), id=f"byte {place}")
            for place in (0, 0.0001, 0.005, 0.3, 0.99999)
        ),
        pytest.param(replaced_by(b""), id="empty"),
        pytest.param(replaced_by(b"isl-bench kept 2\n" + bytes(999)), id="of another format"),
        pytest.param(lambda entry: entry.chmod(0o666), id="open to others"),
        pytest.param(linked, id="a link"),
    ],
)
def test_a_damaged_entry_is_not_used_and_written_anew(
    damage: Callable[[Path], object], inside: Inside
) -> None:
    assert inside.written_anew(*BUNDLED)
    damage(inside.entry())
    assert inside.written_anew(*BUNDLED)
    assert inside.entry().stat().st_mode & 0o777 == 0o600
    assert not inside.entry().is_symlink()
    assert not inside.written_anew(*BUNDLED)


def test_another_version_of_a_library_uses_nothing(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside.written_anew(*BUNDLED)
    site = inside.folder / "site"
    about = site / "tokenizers-99.0.dist-info" / "METADATA"
    about.parent.mkdir(parents=True)
    about.write_text("Metadata-Version: 2.1\nName: tokenizers\nVersion: 99.0\n")
    with monkeypatch.context() as changed:
        changed.syspath_prepend(str(site))
        assert inside.written_anew(*BUNDLED)
    assert not inside.written_anew(*BUNDLED)


def test_runs_at_the_same_time_disturb_nobody(
    command: Command, filled: tuple[Command, Run], chats: Path
) -> None:
    arguments = ("count", chats, "--tokenizer", "bpe-chatml", "--json")
    processes = [command.started(*arguments) for _ in range(4)]
    assert [command.finished(each).said for each in processes] == [filled[1].said] * 4
    assert command.entry().stat().st_size == filled[0].entry().stat().st_size
    assert not counted(command, chats).loaded


KILLED = """
import os, signal
os.replace = lambda *given, **options: os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_that_is_killed_while_it_writes_leaves_nothing_that_is_used(
    command: Command, filled: tuple[Command, Run], chats: Path
) -> None:
    arguments = ("count", chats, "--tokenizer", "bpe-chatml", "--json")
    killed = command.run(*arguments, before=KILLED)
    # The counts are out before anything is kept.
    assert (killed.code, killed.out) == (-signal.SIGKILL, filled[1].out)
    assert command.entry().suffix == ".part"
    assert counted(command, chats).said == filled[1].said
    assert not counted(command, chats).loaded


def test_a_full_disk_is_as_good_as_no_cache(
    command: Command, filled: tuple[Command, Run], chats: Path
) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = subprocess.run(
        [sys.executable, "-m", "bench", "count", chats, "--tokenizer", "bpe-chatml", "--json"],
        env={**os.environ, "ISL_BENCH_CACHE": str(command.cache)},
        preexec_fn=limited,  # the test starts no thread
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == filled[1].said[:3]
    assert not list(command.entries.iterdir())


def test_a_folder_that_cannot_be_written_is_as_good_as_no_cache(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = inside.count(*BUNDLED, "--no-cache")
    for place in ("/proc/nowhere", str(inside.chats)):
        monkeypatch.setenv("ISL_BENCH_CACHE", place)
        assert inside.count(*BUNDLED) == plain


def test_a_link_in_place_of_the_folder_is_not_followed(inside: Inside) -> None:
    inside.written_anew(*BUNDLED)
    elsewhere = inside.folder / "elsewhere"
    inside.cache.path.rename(elsewhere)
    inside.cache.path.symlink_to(elsewhere)
    for entry in elsewhere.iterdir():
        entry.write_bytes(b"")
    assert not inside.written_anew(*BUNDLED)
    assert [entry.stat().st_size for entry in elsewhere.iterdir()] == [0]


def test_other_options_never_share_an_entry(inside: Inside) -> None:
    options: tuple[tuple[str, ...], ...] = (
        (),
        ("--template-kwargs", '{"enable_thinking": true}'),
        ("--messages", "as-written"),
        ("--template", str(tokenizer_path("sp-bpe") / "chat_template.jinja")),
    )
    assert all(inside.written_anew(*BUNDLED, *some) for some in options)
    assert not any(inside.written_anew(*BUNDLED, *some) for some in options)
    assert len(inside.cache.entries()) == len(options)


def test_remote_code_and_names_on_the_hub_are_never_kept(inside: Inside) -> None:
    assert not inside.written_anew(*BUNDLED, "--trust-remote-code")
    name = str(tokenizer_path("bpe-chatml"))
    assert kept_of(chat_spec(name, trust_remote_code=True), inside.cache) is None
    assert kept_of(chat_spec("owner/name"), inside.cache) is None
    assert kept_of(chat_spec("owner/name", revision="0" * 40), inside.cache) is None


def test_a_tokenizer_that_names_a_file_elsewhere_is_never_kept(inside: Inside) -> None:
    folder = inside.folder / "tokenizer"
    shutil.copytree(tokenizer_path("bpe-chatml"), folder)
    elsewhere = shutil.copy(folder / "tokenizer.json", inside.folder)
    changed_json(
        folder, "tokenizer_config.json", lambda content: content.update(spm_file=elsewhere)
    )
    assert not inside.written_anew("--tokenizer", folder)


@pytest.fixture
def copied(command: Command) -> tuple[Path, Folder]:
    """A copy of a bundled tokenizer, and a cache that has it."""
    path = command.folder / "tokenizer"
    shutil.copytree(tokenizer_path("bpe-chatml"), path)
    folder = Folder(command.cache)
    chat = ChatTokenizer(chat_spec(path), kept_of(chat_spec(path), folder))
    keep(chat)
    return path, folder


def test_a_tokenizer_that_is_needed_later_is_the_same_one(copied: tuple[Path, Folder]) -> None:
    path, folder = copied
    chat = ChatTokenizer(chat_spec(path), kept_of(chat_spec(path), folder))
    loaded = ChatTokenizer(chat_spec(path))
    assert chat.facts is not None
    assert chat.fingerprint == loaded.fingerprint
    assert chat.digest() == loaded.digest()
    assert (chat.renders_plainly, chat.family) == (loaded.renders_plainly, loaded.family)
    assert "tokenizer" not in vars(chat)
    assert type(chat.tokenizer) is type(loaded.tokenizer)
    assert chat.lengths(["the end"]) == loaded.lengths(["the end"])
    assert chat.digest() == loaded.digest()


def test_files_that_change_before_the_tokenizer_is_needed_are_an_error(
    copied: tuple[Path, Folder],
) -> None:
    path, folder = copied
    chat = ChatTokenizer(chat_spec(path), kept_of(chat_spec(path), folder))
    changed_json(path, "tokenizer.json", one_more_token)
    for _ in range(2):
        with pytest.raises(InputError, match="is no longer the tokenizer that was loaded"):
            chat.lengths(["the end"])


def test_files_that_change_while_the_tokenizer_is_loaded_keep_nothing(
    copied: tuple[Path, Folder],
) -> None:
    path, folder = copied
    changed_json(path, "tokenizer.json", no_merges)
    kept = kept_of(chat_spec(path), folder)
    changed_json(path, "tokenizer.json", one_more_token)
    keep(ChatTokenizer(chat_spec(path), kept))
    again = kept_of(chat_spec(path), folder)
    assert kept is not None
    assert again is not None
    assert again.names == set()
    assert len(folder.entries()) == 1


OPENED = """
import json, os, sys, warnings
opened = set()
def hook(event, given):
    if event == "open" and isinstance(given[0], (str, bytes, os.PathLike)):
        opened.add(os.path.realpath(os.fsdecode(given[0])))
sys.addaudithook(hook)
warnings.simplefilter("ignore")
from strategies import load_chat
load_chat(sys.argv[1])
print(json.dumps(sorted(opened)))
"""


def test_every_file_that_loading_reads_is_digested(bundled_name: str) -> None:
    """Python tells which files it opens; the libraries in other languages get theirs from it."""
    folders = [tokenizer_path(bundled_name)]
    if bundled_name == "bpe-chatml":
        folders += [real_path("tokenizers", name) for name in ("qwen3", "deepseek-v3", "t5-small")]
    libraries = (sys.prefix, sys.base_prefix, "/proc", "/sys", "/etc", "/dev", "/usr")
    code = str(Path(__file__).parents[1])
    for folder in folders:
        done = subprocess.run(
            [sys.executable, "-c", OPENED, folder], capture_output=True, text=True, check=True
        )
        opened = [Path(each) for each in json.loads(done.stdout) if Path(each).is_file()]
        own = [each for each in opened if each.is_relative_to(folder.resolve())]
        assert own
        assert all(each.parent == folder.resolve() for each in own)
        others = {each for each in opened if each not in own}
        places = (*libraries, code)
        assert not [each for each in others if not any(map(each.is_relative_to, places))]


def listed(command: Command, *arguments: str) -> tuple[int, dict[str, object]]:
    run = command.run("cache", *arguments, "--json")
    return run.code, json.loads(run.out)


def statuses(command: Command, *arguments: str) -> tuple[int, list[object]]:
    code, found = listed(command, *arguments)
    assert isinstance(found["entries"], list)
    return code, [entry["status"] for entry in found["entries"]]


def test_the_entries_are_listed_checked_and_cleared(full: Command) -> None:
    assert statuses(full, "list") == (0, ["used"])
    assert statuses(full, "verify") == (0, ["equal"])
    _, found = listed(full, "list")
    assert found["folder"] == str(full.entries)
    shown = full.run("cache", "list")
    assert "bpe-chatml" in shown.out
    assert str(full.entries) in shown.out
    flipped(0.0001)(full.entry())
    assert statuses(full, "list") == (0, ["damaged"])
    assert statuses(full, "verify") == (0, ["damaged"])
    name = full.entry().name
    assert listed(full, "clear") == (0, {"removed": [name], "left": []})
    assert not list(full.entries.iterdir())
    assert statuses(full, "list") == (0, [])
    assert full.run("cache", "clear").out.startswith("removed 0 files")


def test_an_entry_whose_files_have_changed_is_stale(copied: tuple[Path, Folder]) -> None:
    path, folder = copied
    command = Command(folder.place.parent)
    (path / "config.json").write_text("{}")
    assert statuses(command, "list") == (0, ["stale"])
    shutil.rmtree(path)
    assert statuses(command, "verify") == (0, ["stale"])


@pytest.mark.parametrize("part", ["chat", "counter", "templates", "tokenizer", "traces"])
def test_an_entry_that_says_something_else_than_the_libraries_is_found(
    part: str, inside: Inside
) -> None:
    inside.count(*BUNDLED)
    assert inside.bench("cache", "verify").code == 0
    kept = kept_of(chat_spec(tokenizer_path("bpe-chatml")), inside.cache)
    assert kept is not None
    content = kept.get(part)
    assert content is not None
    kept.put(part, content + b" ")
    kept.save()
    done = inside.bench("cache", "verify", "--json")
    assert done.code == 1
    (entry,) = json.loads(done.out)["entries"]
    assert (entry["status"], entry["reason"]) == ("different", f"the part {part} is different")


def test_nothing_is_kept_if_the_cache_is_off(bench: Bench) -> None:
    done = bench("cache", "list")
    assert (done.code, done.out) == (0, "nothing is kept: ISL_BENCH_CACHE is off\n")
    assert json.loads(bench("cache", "verify", "--json").out) == {"folder": None, "entries": []}
    assert bench("cache", "clear").out == "removed 0 files\n"
    done = bench("cache", "remove")
    assert done.code == 3


def test_without_a_cache_nothing_is_known_or_kept() -> None:
    chat = ChatTokenizer(chat_spec(tokenizer_path("bpe-chatml")))
    keep(chat)
    assert (chat.kept, chat.facts) == (None, None)
