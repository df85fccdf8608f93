"""The tokenizers library has as many threads as a strategy has workers, only while it counts."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from strategies import Conversation, TurnError, get
from strategies.runtime.parallelism import library_threads
from tests.conftest import bundled_chat

SWITCH, THREADS = "TOKENIZERS_PARALLELISM", "RAYON_NUM_THREADS"


def environment() -> tuple[str | None, str | None]:
    return os.environ.get(SWITCH), os.environ.get(THREADS)


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SWITCH, THREADS):
        # Set it first, so that it is restored whatever a test does.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_one_worker_is_the_calling_thread_and_more_are_a_pool_of_that_size() -> None:
    with library_threads(1):
        assert environment() == ("false", None)
    assert environment() == (None, None)
    with library_threads(3):
        assert environment() == ("true", "3")
    assert environment() == (None, None)


def test_what_the_user_has_set_is_there_again_and_the_size_of_the_pool_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SWITCH, "1")
    monkeypatch.setenv(THREADS, "7")
    for workers, switched in ((1, "false"), (3, "true")):
        with library_threads(workers):
            assert environment() == (switched, "7")
        assert environment() == ("1", "7")


def test_uses_that_overlap_leave_the_environment_as_the_first_found_it() -> None:
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(library_threads(1))
        second.enter_context(library_threads(2))
        assert environment() == ("true", "2")
        # In threads, the first use to begin may be the first to end.
        first.close()
        assert environment() == ("true", "2")
        second.close()
        assert environment() == (None, None)


def test_an_error_switches_back() -> None:
    with pytest.raises(TurnError), library_threads(2):
        raise TurnError("c", 1, 1, "no")
    assert environment() == (None, None)


def seen_while_counting(strategy: str, workers: int) -> set[str | None]:
    chat = bundled_chat("unigram")
    if get(strategy).availability(chat) is not None:
        pytest.skip(f"{strategy} cannot")
    message = {"role": "user", "content": "hello"}
    data = [Conversation(str(i), (message,), None, (1,)) for i in range(4)]
    seen = set()
    with get(strategy).open(chat, workers=workers) as counter:
        counter.count(data, progress=lambda _: seen.add(os.environ.get(SWITCH)))
    assert environment() == (None, None)
    return seen


def test_with_one_worker_no_strategy_lets_the_library_use_threads(strategy_name: str) -> None:
    assert seen_while_counting(strategy_name, 1) <= {"false", None}


@pytest.mark.parametrize(
    ("strategy", "switch"),
    # The threads of a pool and those of the library would compete for the cores.
    [("sequential", "false"), ("thread-pool", "false"), ("batched", "true"), ("spliced", "true")],
)
def test_with_more_workers_the_library_uses_threads_where_nothing_else_does(
    strategy: str, switch: str
) -> None:
    assert seen_while_counting(strategy, 2) == {switch}
