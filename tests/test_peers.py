"""Peers count with other libraries: they are checked and shown, and nothing counts with them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from tokenizers import AddedToken

import strategies
from bench.bundled import tokenizer_names
from strategies import (
    ChatTokenizer,
    Conversation,
    Counter,
    TurnError,
    UnavailableError,
    WorkerError,
    get,
    is_peer,
    load_chat,
    names,
    open_available,
)
from strategies.peers.engine import Engine
from strategies.verification import mismatches
from tests.conftest import Bench, bundled_chat, eventually, plain_counts
from tests.test_strategies import (
    RAISES_FROM_THE_FIFTH_MESSAGE,
    SCENARIOS,
    conversation,
    knows_one_word,
    saved_chat,
)

PEERS = [name for name in names() if is_peer(get(name))]
COUNT_WRONG = {"tokie", "iree-tokenizer"}
"""Count some turns of the bundled samples wrong, with the bundled BPE tokenizer already."""
MODULES = {
    "gigatoken": "gigatoken",
    "fastokens": "fastokens",
    "snaptokens": "snaptokens",
    "tokie": "tokie",
    "kitoken": "kitoken",
    "splintr-rs": "splintr",
    "iree-tokenizer": "iree.tokenizer",
}
"""What is imported from each package of the extra."""
REFUSED = {
    ("fastokens", "sp-bpe"),
    ("snaptokens", "sp-bpe"),
    ("snaptokens", "unigram"),
    ("iree-tokenizer", "unigram"),
}
"""Tokenizers that a peer cannot load."""
SINGLE_WORDS = "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"


@contextmanager
def open_peer(name: str, chat: ChatTokenizer, workers: int = 1) -> Iterator[Counter]:
    reason = get(name).availability(chat)
    if reason is not None:
        pytest.skip(reason)
    with open_available(get(name), chat, workers) as counter:
        yield counter


@pytest.fixture
def finds_single_words(tmp_path: Path) -> ChatTokenizer:
    """A tokenizer with a token that only counts as a word; gigatoken finds it inside words too."""
    backend = bundled_chat("bpe-chatml").load_again().backend
    assert backend is not None
    backend.add_tokens([AddedToken("cat", single_word=True, normalized=False)])
    return saved_chat(tmp_path, backend, SINGLE_WORDS)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_counts_the_sample_right(
    name: str, workers: int, sample: list[Conversation]
) -> None:
    chat = bundled_chat("bpe-chatml")
    with open_peer(name, chat, workers) as counter:
        counted = counter.count(sample, on_error="skip")
    wrong = mismatches(sample, plain_counts(chat, sample), counted)
    # One that counts right some day comes off the list.
    assert bool(wrong) == (name in COUNT_WRONG)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_counts_every_scenario_right(name: str) -> None:
    chat = bundled_chat("bpe-chatml")
    with open_peer(name, chat) as counter:
        for scenario in SCENARIOS:
            data = list(scenario.conversations)
            counted = counter.count(data)
            if name not in COUNT_WRONG:
                assert counted == plain_counts(chat, data), scenario.name


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("tokenizer", tokenizer_names())
def test_a_peer_opens_or_says_why_not(name: str, tokenizer: str) -> None:
    chat = bundled_chat(tokenizer)
    data = [conversation("a")]
    if (name, tokenizer) in REFUSED:
        with (
            pytest.raises(UnavailableError, match=rf"^{name} cannot load its tokenizer: .+$"),
            open_peer(name, chat),
        ):
            pass
        return
    with open_peer(name, chat) as counter:
        counted = counter.count(data)
    # tokie 0.1.4 does not replace line ends as the normalizer of this tokenizer asks for.
    assert (counted == plain_counts(chat, data)) == ((name, tokenizer) != ("tokie", "unigram"))


@pytest.mark.parametrize("name", PEERS)
def test_turns_that_the_template_refuses_fail_as_in_the_reference(name: str) -> None:
    chat = bundled_chat("bpe-chatml", RAISES_FROM_THE_FIFTH_MESSAGE)
    data = [conversation(*"abcdefg", name="broken"), conversation("a", "b", "c", name="fine")]
    with open_peer(name, chat) as counter:
        assert counter.count(data, on_error="skip") == plain_counts(chat, data)
        with pytest.raises(TurnError, match="conversation 'broken', turn 3"):
            counter.count(data)
        assert counter.count(data, on_error="skip") == plain_counts(chat, data)


@pytest.mark.parametrize("name", PEERS)
def test_a_prompt_that_is_no_text_fails_its_turn_only(name: str) -> None:
    text = "{% for m in messages %}{{ '\\ud800' if m.content == 'no' else m.content }}{% endfor %}"
    chat = bundled_chat("bpe-chatml", text)
    data = [conversation("a", "b", "no", name="later"), conversation("a", name="fine")]
    with open_peer(name, chat) as counter:
        assert counter.count(data, on_error="skip") == plain_counts(chat, data)
        with pytest.raises(TurnError, match=r"conversation 'later', turn 2 .*UnicodeEncodeError"):
            counter.count(data)


def test_a_text_that_an_engine_refuses_has_no_count(tmp_path: Path) -> None:
    template = "{% for m in messages %}<|{{ m.role }} {{ m.content }}{% endfor %}<|assistant"
    chat = knows_one_word(tmp_path, template)
    data = [conversation("known", "known", "unknown", name="later"), conversation("known")]
    with open_peer("tokenizers-1.0", chat) as counter:
        assert counter.count(data, on_error="skip") == plain_counts(chat, data)
        with pytest.raises(TurnError, match=r"turn 2 .*: tokenizers-1\.0: "):
            counter.count(data)


def workers() -> list[psutil.Process]:
    """Return the workers of peers, without the processes that other tests have left."""
    children = psutil.Process().children()
    return [child for child in children if any("worker.py" in part for part in child.cmdline())]


@pytest.mark.parametrize("name", PEERS)
def test_the_worker_ends_with_the_strategy(name: str) -> None:
    with open_peer(name, bundled_chat("bpe-chatml")):
        (worker,) = workers()
    assert not worker.is_running()


def test_a_worker_that_dies_fails_the_call_in_one_line() -> None:
    with open_peer("gigatoken", bundled_chat("bpe-chatml")) as counter:
        (worker,) = workers()
        worker.kill()
        worker.wait()
        for _ in range(2):
            with pytest.raises(WorkerError, match="gigatoken ended before it answered"):
                counter.count([conversation("a")])


@contextmanager
def engine_that(does: str, patience: float) -> Iterator[Engine]:
    """Start an engine that reads what it gets and then does something."""
    program = f"import os, sys, time; os.read(0, 1 << 20); {does}"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
    ) as process:
        yield Engine("some-engine", process, patience)


def test_an_engine_that_hangs_is_ended_with_its_copies(tmp_path: Path) -> None:
    told = tmp_path / "copy"
    does = f"copy = os.fork(); copy and open({str(told)!r}, 'w').write(str(copy)); time.sleep(600)"
    with engine_that(does, 2.0) as engine:
        with pytest.raises(WorkerError, match=r"some-engine did not answer in 2 s; nothing was"):
            engine.load("{}", 1)
        copy = int(told.read_text())
        assert eventually(lambda: not is_alive(engine.process.pid) and not is_alive(copy))


def is_alive(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_an_engine_that_crashes_fails_in_one_line() -> None:
    with (
        engine_that("os.abort()", 60.0) as engine,
        pytest.raises(WorkerError, match=r"some-engine ended before it answered; nothing was"),
    ):
        engine.load("{}", 1)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = bundled_chat("bpe-chatml")
    for package, module in MODULES.items():
        monkeypatch.setitem(sys.modules, module, None)
        reason = get(package).availability(chat)
        assert reason == f"needs the package {package}: pip install 'isl-bench[peers]'"
    monkeypatch.setenv("ISL_BENCH_TOKENIZERS_1", "/nowhere/python")
    reason = get("tokenizers-1.0").availability(chat)
    assert reason is not None
    assert reason.startswith("/nowhere/python is no Python with tokenizers 1.0: run make peers")


def test_another_tokenizers_is_no_tokenizers_1(monkeypatch: pytest.MonkeyPatch) -> None:
    # This Python has the tokenizers of the reference.
    monkeypatch.setenv("ISL_BENCH_TOKENIZERS_1", sys.executable)
    with (
        pytest.raises(UnavailableError, match=r"has tokenizers 0\..* and not 1\.0"),
        open_available(get("tokenizers-1.0"), bundled_chat("bpe-chatml"), 1),
    ):
        pass


def test_no_command_counts_with_a_peer(bench: Bench, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    assert bench("sample", "--out", data).code == 0
    for name in PEERS:
        result = bench("count", data, "--tokenizer", "bpe-chatml", "--strategy", name)
        assert (result.code, result.out) == (3, "")
        assert f"{name}: counts with another library, which nothing proves right" in result.error


def test_a_peer_is_compared_and_not_recommended(bench: Bench) -> None:
    pytest.importorskip("gigatoken", reason="needs the extra peers")
    compared = ("compare", "--json", "--rounds", "1", "--tokenizer", "bpe-chatml", "--cores", "1")
    result = bench(*compared, "--strategies", "sequential,gigatoken")
    report = json.loads(result.out)
    (peer,) = [row for row in report["results"] if row["peer"]]
    assert (peer["strategy"], peer["status"], peer["exact"]) == ("gigatoken", "ok", True)
    # It is faster than the only other one, and the plain call is still the one to use.
    assert peer["speedup"]["median"] > 1
    assert report["groups"][0]["recommended"] in ([], ["sequential"])
    assert result.code == 0


def test_a_peer_that_counts_wrong_is_shown_and_fails_nothing(
    bench: Bench, finds_single_words: ChatTokenizer, tmp_path: Path
) -> None:
    pytest.importorskip("gigatoken", reason="needs the extra peers")
    messages = [{"role": "user", "content": "category"}]
    data = tmp_path / "data.jsonl"
    data.write_text("".join(f"{json.dumps({'messages': messages})}\n" for _ in range(9)))
    folder = finds_single_words.spec.name_or_path
    chosen = ("--tokenizer", folder, "--strategies", "sequential,gigatoken", "--rounds", "1")
    result = bench("compare", data, *chosen, "--cores", "1", "--json")
    (peer,) = [row for row in json.loads(result.out)["results"] if row["peer"]]
    assert (peer["status"], peer["mismatches"], peer["speedup"]) == ("wrong", 9, None)
    assert peer["seconds"] is not None
    assert result.code == 0
    assert strategies.verify("rust", strategies.read_conversations(data), load_chat(folder)) == []


def test_peers_are_compared_if_asked_for(bench: Bench) -> None:
    # No peer loads this tokenizer, so they take no time.
    options = ("--json", "--rounds", "1", "--tokenizer", "sentencepiece", "--cores", "1")
    for asked in ((), ("--peers",)):
        result = bench("compare", *options, "--strategies", "sequential", *asked)
        rows = json.loads(result.out)["results"]
        assert {row["strategy"] for row in rows if row["peer"]} == (set(PEERS) if asked else set())


def test_the_worker_needs_nothing_but_python() -> None:
    worker = Path(strategies.__file__).parent / "peers" / "worker.py"
    # Without any installed package. It ends at once, because nobody asks it anything.
    ran = subprocess.run(
        [sys.executable, "-I", "-S", worker, "gigatoken"],
        input=b"",
        capture_output=True,
        check=True,
    )
    assert (ran.stdout, ran.stderr) == (b"", b"")
