"""The smallest tokenizer and text that a peer and the tokenizers library count differently."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from tokenizers import Tokenizer

from bench.conformance.build import write_tokenizer
from bench.conformance.corpus import LIBRARIES
from bench.conformance.make import made, written
from bench.measuring.causes import TEXT_ALONE, Causes, Difference
from bench.measuring.folders import temporary_folder
from bench.measuring.shrinking import File, smallest_tokenizer
from bench.reporting.output import write_bytes
from strategies import (
    ChatTokenizer,
    Conversation,
    IslError,
    Strategy,
    UnavailableError,
    chat_spec,
    count_with,
    open_available,
)

LARGEST = 10_000
"""Characters of a tokenizer as JSON. More is the table of a normalizer, which stays whole."""
COUNTS = "peer_counts.json"
"""The file of what each peer counts of the cases, beside the folder of the corpus."""


@dataclass(frozen=True, slots=True)
class PeerCase:
    """A small tokenizer and a short text.

    Parameters
    ----------
    file
        The tokenizer.
    text
        The text.
    cause
        Why a peer counts it wrong, in a few words.
    seen
        The tokenizer with which it was seen.
    wrong
        What each peer counts that counts it wrong.
    """

    file: File
    text: str
    cause: str
    seen: str
    wrong: Mapping[str, int]


def add_cases(
    cases: dict[str, PeerCase],
    peer: Strategy,
    chat: ChatTokenizer,
    why: Causes,
    peers: Sequence[Strategy],
) -> None:
    """Add a case for each cause for which a peer counts wrong, unless there is one already.

    Parameters
    ----------
    cases
        The cases by peer and cause; they are added here.
    peer
        The peer.
    chat
        The tokenizer; it has a backend if something was counted wrong.
    why
        What the peer counts wrong with it.
    peers
        All peers. Each is asked about a new case.
    """
    for difference, _ in why.differences:
        key = f"{peer.name}: {difference.cause}"
        same = (case for case in cases.values() if case.text == difference.text)
        if (
            difference.text
            and key not in cases
            and all(peer.name not in each.wrong for each in same)
        ):
            case = peer_case(json.loads(chat.backend_state()), difference, peer, chat.name, peers)
            if case is not None:
                cases[key] = case


def write_cases(path: Path, cases: Sequence[PeerCase], versions: Mapping[str, str]) -> None:
    """Write cases as a file of the conformance corpus, and what each peer counts of them.

    The counts go to a file of their own, since the corpus says what is right.

    Parameters
    ----------
    path
        Of the file of the corpus; the counts stand in `COUNTS` a folder up.
    cases
        The cases.
    versions
        Of the libraries of the peers.
    """
    rows: list[dict[str, Any]] = []
    counts = {}
    for number, case in enumerate(cases, 1):
        name = f"{re.sub('[^a-z0-9]+', '-', case.cause.lower()).strip('-')}-{number}"
        counts[name] = dict(case.wrong)
        about = f"{case.cause}; seen with {case.seen}, counted wrong by {', '.join(case.wrong)}"
        rows.append(
            made({"id": name, "about": about, "tokenizer": {"file": case.file}, "text": case.text})
        )
    content = {
        "about": "what other libraries count wrong, each with the smallest tokenizer that shows it",
        "versions": {library: version(library) for library in LIBRARIES},
        "cases": rows,
    }
    write_bytes(path, written(content).encode(), interim=True)
    found = {"versions": dict(versions), "wrong": counts}
    counted = f"{json.dumps(found, indent=2)}\n"
    write_bytes(path.parents[1] / COUNTS, counted.encode(), interim=True)


def library_versions(peers: Sequence[Strategy]) -> dict[str, str]:
    """Return the versions of the libraries of the peers that are there, and of tokenizers."""
    found = {"tokenizers": version("tokenizers")}
    for peer in peers:
        asked: Callable[[], str] | None = getattr(peer, "version", None)
        if asked is not None:
            with suppress(PackageNotFoundError, OSError, CalledProcessError):
                found[peer.name] = asked()
    return found


def peer_case(
    file: File, found: Difference, strategy: Strategy, seen: str, peers: Sequence[Strategy]
) -> PeerCase | None:
    """Make the tokenizer small that shows that a peer counts a text wrong.

    Parameters
    ----------
    file
        The tokenizer with which the text is counted wrong.
    found
        The text, and why it is counted wrong.
    strategy
        The peer.
    seen
        Name of the tokenizer.
    peers
        Those to ask about the small tokenizer, too.

    Returns
    -------
    PeerCase or None
        None if the difference needs the whole tokenizer, or more than `LARGEST` of it. The library
        splits the text of the case into the same tokens, and the peer counts as many as before. So
        it is the same difference.
    """
    text = found.text
    tokens, got = pieces(file, text), count_of(file, text, strategy)

    def differs(smaller: File) -> bool:
        return pieces(smaller, text) == tokens and count_of(smaller, text, strategy) == got

    small = smallest_tokenizer(file, text, differs)
    if small is None or tokens is None or len(json.dumps(small)) > LARGEST:
        return None
    asked = {peer.name: count_of(small, text, peer) for peer in peers}
    wrong = {
        peer: count
        for peer, count in asked.items()
        if isinstance(count, int) and count != len(tokens)
    }
    return PeerCase(small, text, found.cause, seen, wrong)


def pieces(file: File, text: str) -> Sequence[str] | None:
    """Return the tokens of a text as the tokenizers library sees it, or None if it does not.

    Parameters
    ----------
    file
        The tokenizer.
    text
        The text.
    """
    try:
        tokenizer = Tokenizer.from_str(json.dumps(file))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        found: list[str] = tokenizer.encode(text, add_special_tokens=False).tokens
    except Exception:  # the library raises nothing narrower
        return None
    return found


def count_of(file: File, text: str, strategy: Strategy) -> int | str | None:
    """Return what a strategy counts: the reason, if it cannot load the tokenizer.

    Parameters
    ----------
    file
        The tokenizer.
    text
        The text. None is its count if it is refused.
    strategy
        The strategy, usually a peer.
    """
    with temporary_folder() as folder:
        spec = chat_spec(folder, template=TEXT_ALONE, messages="as-written")
        messages = ({"role": "user", "content": text},)
        conversation = Conversation("text", messages, None, (1,))
        try:
            write_tokenizer({"file": file}, folder)
            chat = ChatTokenizer(spec)
            with open_available(strategy, chat, 1) as counter:
                ((count,),) = count_with(counter, chat, [conversation], on_error="skip")
        except UnavailableError as error:
            return str(error)
        except IslError:
            # The tokenizer cannot be loaded at all, or the peer's process has ended.
            return None
    return count
