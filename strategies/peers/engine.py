"""The engine of a peer: a worker process that counts texts, and the counter that asks it."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING

from strategies.chat.failures import turn_error
from strategies.conversations.counts import Counts, OnError, Progress
from strategies.errors import TurnError, UnavailableError, WorkerError, one_line
from strategies.peers import worker
from strategies.runtime.signals import interruptions_held
from strategies.whole_prompts import RenderedTurn, WholePrompts

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Conversation

PATIENCE = 600.0
"""Seconds that an engine may take for one answer: to load a tokenizer, or to count a batch of a
few million characters. The slowest takes a few of them on a machine that nobody else uses."""


def cannot_ask(chat: ChatTokenizer, families: Sequence[str] | None = None) -> str | None:
    """Return None, or why a peer cannot be asked to count with a tokenizer.

    Parameters
    ----------
    chat
        The tokenizer.
    families
        The families that the peer can load, as `ChatTokenizer.family` names them; None for all.
    """
    if chat.no_separate_rendering is not None:
        return chat.no_separate_rendering
    if chat.backend is None:
        return "it has no tokenizers backend, and so no tokenizer.json for the peer to load"
    if families is not None and chat.family not in families:
        return f"the peer loads no {chat.family}"
    if chat.tokenizer.split_special_tokens:
        return "split_special_tokens is not in tokenizer.json, so the peer cannot know of it"
    return None


@contextmanager
def opened(
    engine: str, python: str | os.PathLike[str], chat: ChatTokenizer, workers: int
) -> Iterator[PeerCounter]:
    """Start a worker, and yield the counter that asks it.

    Parameters
    ----------
    engine
        Name of the engine, see `strategies.peers.worker.ENGINES`.
    python
        The Python that has it.
    chat
        The tokenizer.
    workers
        Threads of the engine.

    Raises
    ------
    UnavailableError
        With the engine's reason, if it cannot load the tokenizer.
    WorkerError
        If the process cannot be started, ends before it answers, or does not answer in `PATIENCE`
        seconds.
    """
    if chat.backend is None:
        raise UnavailableError("it has no tokenizers backend")
    process = _started(engine, python, workers)
    link = Engine(engine, process)
    try:
        reason = link.load(chat.backend.to_str(), workers)
        if reason:
            raise UnavailableError(f"{engine} cannot load its tokenizer: {one_line(reason)}")
        yield PeerCounter(chat, workers, link)
    finally:
        with interruptions_held():
            link.end()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    with suppress(BrokenPipeError):
                        pipe.close()


def _started(engine: str, python: str | os.PathLike[str], threads: int) -> subprocess.Popen[bytes]:
    own = {
        "RAYON_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
        # NumPy would start threads, and only a process with one thread can be forked.
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [os.fspath(python), "-I", str(Path(worker.__file__)), engine]
    try:
        with interruptions_held():
            # A group of its own, so that Ctrl-C in a terminal does not reach it.
            return subprocess.Popen(  # noqa: S603  # this project's own worker
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **own},
                process_group=0,
            )
    except OSError as error:
        raise WorkerError(f"the worker of {engine} cannot be started: {error}") from error


@dataclass(slots=True)
class Engine:
    """Asks a worker; see `strategies.peers.worker` for the frames.

    Parameters
    ----------
    name
        Of the engine.
    process
        The worker, in a process group of its own.
    patience
        Seconds that it may take for one answer.
    """

    name: str
    process: subprocess.Popen[bytes]
    patience: float = PATIENCE

    def load(self, tokenizer: str, threads: int) -> str:
        """Return an empty text, or why the engine cannot load a tokenizer.

        Parameters
        ----------
        tokenizer
            Content of a tokenizer.json.
        threads
            Threads that the engine may use.
        """
        content = tokenizer.encode()
        self._send(struct.pack("<IQ", threads, len(content)), content)
        return self._receive_text()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Begin a call with an engine that remembers nothing, and end it.

        A call that is interrupted leaves an answer unread. Then the worker is ended, and the next
        call raises a `WorkerError`.
        """
        self._send(b"C")
        try:
            yield
        except TurnError:
            self._send(b"E")
            raise
        except BaseException:
            self.end()
            raise
        self._send(b"E")

    def end(self) -> None:
        """End the worker, and the copy of it that serves a call."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def lengths(self, texts: Sequence[bytes]) -> tuple[list[int | None], str]:
        """Return the tokens of each text, and why the first that has no count is refused.

        Parameters
        ----------
        texts
            UTF-8, together no larger than `LARGEST_FRAME`.
        """
        sizes = [len(text) for text in texts]
        if sum(sizes) > worker.LARGEST_FRAME:
            return [None] * len(texts), f"more than {worker.LARGEST_FRAME:,} bytes"
        self._send(b"T", struct.pack(f"<I{len(texts)}Q", len(texts), *sizes), *texts)
        counts = struct.unpack(f"<{len(texts)}q", self._receive(8 * len(texts)))
        reason = self._receive_text()
        return [None if count == worker.REFUSED else count for count in counts], reason

    def _send(self, *parts: bytes) -> None:
        pipe = _pipe(self.process.stdin)
        try:
            for part in parts:
                pipe.write(part)
            pipe.flush()
        except (BrokenPipeError, ValueError) as error:
            raise self._died() from error

    def _receive(self, size: int) -> bytes:
        pipe = _pipe(self.process.stdout).fileno()
        waiting = select.poll()
        waiting.register(pipe, select.POLLIN)
        until = monotonic() + self.patience
        content = bytearray(size)
        left = memoryview(content)
        while left:
            if not waiting.poll(max(0.0, until - monotonic()) * 1000):
                self.end()
                raise WorkerError(
                    f"the worker of {self.name} did not answer in {self.patience:g} s; "
                    "nothing was counted"
                )
            got = os.readv(pipe, [left])
            if not got:
                raise self._died()
            left = left[got:]
        return bytes(content)

    def _receive_text(self) -> str:
        (size,) = struct.unpack("<Q", self._receive(8))
        return self._receive(size).decode()

    def _died(self) -> WorkerError:
        return WorkerError(
            f"the worker of {self.name} ended before it answered; nothing was counted"
        )


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101  # for the type checker; both are piped
    return pipe


@dataclass(slots=True)
class PeerCounter:
    """Renders with Jinja2, and has whole prompts counted by the engine of a peer."""

    chat: ChatTokenizer
    workers: int
    engine: Engine
    parts: dict[str, float] = field(default_factory=dict)

    def count(
        self,
        conversations: Sequence[Conversation],
        *,
        progress: Progress | None = None,
        on_error: OnError = "raise",
    ) -> Counts:
        """Return what the engine counts for every turn; see `strategies.contract.Counter`.

        Parameters
        ----------
        conversations
            The conversations to count.
        progress
            Called with the number of turns done since its last call.
        on_error
            Whether a turn without a count fails the call or is skipped.
        """
        counter = WholePrompts(self.chat, self.workers, self._lengths)
        with self.engine.call():
            counts = counter.count(conversations, progress=progress, on_error=on_error)
        self.parts = counter.parts
        return counts

    def _lengths(self, batch: Sequence[RenderedTurn], on_error: OnError) -> list[int | None]:
        counts: list[int | None] = [None] * len(batch)
        refused: dict[int, BaseException] = {}
        texts, places = [], []
        for place, turn in enumerate(batch):
            try:
                texts.append(turn.prompt.encode())
                places.append(place)
            except UnicodeEncodeError as error:
                # No engine takes it, and neither does the reference.
                refused[place] = error
        found, reason = self.engine.lengths(texts)
        for place, count in zip(places, found, strict=True):
            counts[place] = count
            if count is None:
                refused.setdefault(place, _Refused(f"{self.engine.name}: {reason}"))
        if refused and on_error == "raise":
            first = min(refused)
            turn = batch[first]
            raise turn_error(turn.conversation, turn.index, refused[first])
        return counts


class _Refused(Exception):  # noqa: N818  # its name is in messages
    """A text that an engine refuses."""
