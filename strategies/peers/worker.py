"""Counts texts with the engine of a peer, in a process of its own.

It is run by its path, by the Python that has the engine, and imports nothing of this project: that
Python may have neither this project nor its libraries. It reads frames from standard input and
answers on standard output. All numbers are little-endian.

===========  =====================================================  ==============================
frame        content                                                answer
===========  =====================================================  ==============================
start        u32 threads, text of tokenizer.json                    text, empty if it is loaded
``C`` call   none                                                   none
``T`` texts  u32 count, u64 sizes in bytes, the texts               counts and text, see `_count`
``E`` end    none                                                   none
===========  =====================================================  ==============================

A text is its size in bytes as u64, then UTF-8. Engines remember the words that they have met. So a
copy of this process, forked for the call, counts the texts of a call and then ends: each call
begins with an engine that has just been loaded, and none is faster because of the calls before it.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NoReturn

REFUSED = -1
"""Stands for the count of a text that the engine refuses."""
LARGEST_FRAME = 1 << 31
"""Bytes of all texts of a frame. More is a mistake, and would take the machine's memory."""
LONGEST_REASON = 2_000

Lengths = Callable[[Sequence[str]], Sequence[int]]


def gigatoken(tokenizer: str, threads: int) -> Lengths:
    """Load a tokenizer with gigatoken."""
    import awkward
    from gigatoken import Tokenizer

    backend = Tokenizer.from_json(tokenizer)

    def lengths(texts: Sequence[str]) -> Sequence[int]:
        if threads == 1:
            return [len(backend.encode(text)) for text in texts]
        counts: list[int] = awkward.num(backend.encode_batch(list(texts), parallel=True)).tolist()
        return counts

    return lengths


def fastokens(tokenizer: str, threads: int) -> Lengths:  # noqa: ARG001  # it reads RAYON_NUM_THREADS
    """Load a tokenizer with fastokens, with its cache for texts between added tokens."""
    from fastokens import Tokenizer

    backend = Tokenizer.from_json_str(tokenizer)
    backend.no_truncation()
    backend.no_padding()
    backend.enable_segment_cache(256 << 20)

    return lambda texts: _differences(backend.encode_batch_flat(list(texts))[1])


def snaptokens(tokenizer: str, threads: int) -> Lengths:
    """Load a tokenizer with snaptokens."""
    from concurrent.futures import ThreadPoolExecutor

    from snaptokens import Tokenizer

    backend = Tokenizer.from_json_str(tokenizer)
    backend.no_truncation()
    backend.no_padding()

    def length(text: str) -> int:
        return len(backend.encode(text))

    def lengths(texts: Sequence[str]) -> Sequence[int]:
        # Its batch call waits for threads that it has started while loading, and a copy of this
        # process has none of them.
        if threads == 1:
            return [length(text) for text in texts]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(length, texts))

    return lengths


def tokie(tokenizer: str, threads: int) -> Lengths:
    """Load a tokenizer with tokie."""
    from tokie import Tokenizer

    with _file(tokenizer) as path:
        backend = Tokenizer.from_json(path)
    backend.no_truncation()
    backend.no_padding()

    def lengths(texts: Sequence[str]) -> Sequence[int]:
        if threads == 1:
            return [backend.count_tokens(text) for text in texts]
        counts: list[int] = backend.count_tokens_batch(list(texts))
        return counts

    return lengths


def kitoken(tokenizer: str, threads: int) -> Lengths:
    """Load a tokenizer with kitoken."""
    from kitoken import Kitoken

    backend = Kitoken.from_tokenizers(_whole_texts(tokenizer).encode())

    def lengths(texts: Sequence[str]) -> Sequence[int]:
        if threads == 1:
            return [len(backend.encode(text, True)) for text in texts]
        return [len(ids) for ids in backend.encode_all(list(texts), True)]

    return lengths


def splintr_rs(tokenizer: str, threads: int) -> Lengths:  # noqa: ARG001  # see below
    """Load a tokenizer with splintr-rs."""
    from splintr import from_json_bytes

    # This call adds no tokens around a text. It holds Python's lock, so it has one thread. The
    # batch calls wait for threads that were started while loading, see `snaptokens`.
    encode = from_json_bytes(tokenizer.encode()).encode_raw
    return lambda texts: [len(encode(text)) for text in texts]


def iree_tokenizer(tokenizer: str, threads: int) -> Lengths:  # noqa: ARG001  # it has one thread
    """Load a tokenizer with iree-tokenizer."""
    from iree.tokenizer import Tokenizer

    backend = Tokenizer.from_str(tokenizer)

    def lengths(texts: Sequence[str]) -> Sequence[int]:
        counts: list[int] = backend.encode_batch_to_array(list(texts))[1].tolist()
        return counts

    return lengths


def tokenizers_1(tokenizer: str, threads: int) -> Lengths:
    """Load a tokenizer with tokenizers 1.0."""
    from importlib.metadata import version

    import tokenizers

    if version("tokenizers").partition(".")[0] != "1":
        raise ImportError(f"{sys.executable} has tokenizers {version('tokenizers')}, and not 1.0")
    with _file(tokenizer) as path:
        backend: Any = tokenizers.Tokenizer.from_file(path)

    def lengths(texts: Sequence[str]) -> Sequence[int]:
        options = {"add_special_tokens": False, "padding": None, "truncation": None}
        if threads == 1:
            return [len(backend.encode(text, **options)) for text in texts]
        return [len(each) for each in backend.encode_batch(list(texts), **options)]

    return lengths


ENGINES = {
    "gigatoken": gigatoken,
    "fastokens": fastokens,
    "snaptokens": snaptokens,
    "tokie": tokie,
    "kitoken": kitoken,
    "splintr-rs": splintr_rs,
    "iree-tokenizer": iree_tokenizer,
    "tokenizers-1.0": tokenizers_1,
}


@contextmanager
def _file(tokenizer: str) -> Iterator[str]:
    """Write a tokenizer.json for an engine that reads files only, and yield its path."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        file.write(tokenizer)
        file.flush()
        yield file.name


def _whole_texts(tokenizer: str) -> str:
    """Return a tokenizer.json that asks for no truncation and no padding."""
    content = json.loads(tokenizer)
    if content.get("truncation") is None and content.get("padding") is None:
        return tokenizer
    return json.dumps({**content, "truncation": None, "padding": None})


def _differences(offsets: bytes) -> Sequence[int]:
    """Return how many ids each text has, from where its ids start: numbers of 64 bits."""
    return [end - start for start, end in pairwise(memoryview(offsets).cast("Q"))]


def main(engine: str) -> None:
    """Serve until standard input ends."""
    answers = _own_output()
    (threads,) = struct.unpack("<I", _read(4))
    tokenizer = _read(struct.unpack("<Q", _read(8))[0]).decode()
    try:
        lengths = ENGINES[engine](tokenizer, threads)
    except BaseException as error:  # an engine may panic
        _write(answers, _text(_reason(error)))
        return
    del tokenizer
    _write(answers, _text(""))
    while _read(1) == b"C":
        child = os.fork()
        if child == 0:
            _serve_call(answers, lengths)
        _, status = os.waitpid(child, 0)
        if status != 0:
            # The call cannot be finished. The one who asks sees that the answers end.
            return


def _serve_call(answers: int, lengths: Lengths) -> NoReturn:
    try:
        while _read(1) == b"T":
            (count,) = struct.unpack("<I", _read(4))
            sizes = struct.unpack(f"<{count}Q", _read(8 * count))
            if sum(sizes) > LARGEST_FRAME:
                os._exit(1)
            written = _read(sum(sizes))
            texts, end = [], 0
            for size in sizes:
                texts.append(written[end : end + size].decode())
                end += size
            counts, reason = _count(lengths, texts)
            _write(answers, struct.pack(f"<{count}q", *counts) + _text(reason))
    except BaseException:  # it must not go on as a second server
        os._exit(1)
    os._exit(0)


def _count(lengths: Lengths, texts: Sequence[str]) -> tuple[Sequence[int], str]:
    """Return a count for each text, `REFUSED` for some, and why the first of these is refused."""
    try:
        return lengths(texts), ""
    except BaseException as error:  # an engine may panic
        if len(texts) == 1:
            return [REFUSED], _reason(error)
    counts, reason = [], ""
    for text in texts:
        (count,), why = _count(lengths, [text])
        counts.append(count)
        reason = reason or why
    return counts, reason


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:LONGEST_REASON] or "no reason"


def _own_output() -> int:
    """Return standard output, and let nothing that a library prints reach it."""
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers


def _read(size: int) -> bytes:
    """Return the next bytes of standard input, and take no more: a copy goes on reading there."""
    content = bytearray(size)
    left = memoryview(content)
    while left:
        got = os.readv(0, [left])
        if not got:
            # The process that asked has ended.
            os._exit(0)
        left = left[got:]
    return bytes(content)


def _text(text: str) -> bytes:
    content = text.encode(errors="backslashreplace")
    return struct.pack("<Q", len(content)) + content


def _write(answers: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(answers, left) :]


if __name__ == "__main__":
    main(sys.argv[1])
