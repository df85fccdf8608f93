"""The plain call, spread over threads, each with a tokenizer of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Barrier, local
from typing import TYPE_CHECKING

from strategies.chat.tokenizer import ChatTokenizer
from strategies.conversations.counts import Counts, OnError, Progress
from strategies.errors import TurnError
from strategies.plain import first_failure, reference_turn
from strategies.runtime.parallelism import library_threads
from strategies.runtime.workers import check_threads, no_threads

if TYPE_CHECKING:
    from strategies.conversations.conversation import Conversation


@dataclass(frozen=True, slots=True)
class ThreadPool:
    """One `apply_chat_template` per turn, turns handed to threads, longest first."""

    name: str = "thread-pool"
    summary: str = "the plain call in threads, a tokenizer per thread"

    def availability(self, chat: ChatTokenizer) -> str | None:  # noqa: ARG002  # the plain call works everywhere
        """Return None."""
        return None

    @contextmanager
    def open(self, chat: ChatTokenizer, *, workers: int) -> Iterator[_Counter]:
        """Start the threads and give each a tokenizer of its own; the first gets `chat`."""
        threads = f"{workers} threads of {self.name}"
        # Before the tokenizers are loaded, which takes longer.
        check_threads(workers, threads)
        chats: SimpleQueue[ChatTokenizer] = SimpleQueue()
        chats.put(chat)
        for _ in range(workers - 1):
            chats.put(chat.load_again())
        own = local()
        # No task may end before all threads have started, or one thread would take two tasks.
        everyone = Barrier(workers)

        def take_tokenizer() -> None:
            own.chat = chats.get()

        with ThreadPoolExecutor(workers, "isl-count", take_tokenizer) as pool:
            try:
                for started in [pool.submit(everyone.wait) for _ in range(workers)]:
                    started.result()
            except BaseException as error:
                # Or the threads that have started would wait for the others forever.
                everyone.abort()
                if isinstance(error, RuntimeError):
                    raise no_threads(threads, error) from error
                raise
            try:
                yield _Counter(pool, own, chat)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


@dataclass(frozen=True, slots=True)
class _Counter:
    pool: ThreadPoolExecutor
    own: local
    chat: ChatTokenizer

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        counts: Counts = [[None] * len(conversation.turns) for conversation in conversations]
        turns = [
            (place, index)
            for place, conversation in enumerate(conversations)
            for index in range(len(conversation.turns))
        ]
        # The last turns of a conversation are its longest.
        turns.sort(key=lambda turn: -conversations[turn[0]].turns[turn[1]])

        def one(place: int, index: int) -> int | None:
            return reference_turn(self.own.chat, conversations[place], index, on_error)

        # The threads are the parallelism; the library's own pool would fight them.
        with library_threads(1):
            futures = {self.pool.submit(one, *turn): turn for turn in turns}
            try:
                for future in as_completed(futures):
                    place, index = futures[future]
                    counts[place][index] = future.result()
                    if progress:
                        progress(1)
            except TurnError as error:
                self._cancel(futures)
                raise first_failure(conversations, self.chat, error) from error
            except BaseException:
                self._cancel(futures)
                raise
        return counts

    def _cancel(self, futures: Iterable[Future[int | None]]) -> None:
        """Drop tasks that have not begun. Wait for the others: they still use the tokenizers."""
        futures = list(futures)
        for future in futures:
            future.cancel()
        wait(futures)
