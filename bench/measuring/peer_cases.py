"""The smallest tokenizer and text that a peer and the tokenizers library count differently."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from bench.measuring.causes import TEXT_ALONE, Causes, Difference
from bench.measuring.folders import temporary_folder
from bench.measuring.shrinking import File, smallest_tokenizer
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
from strategies.splicing import Cutter, SpanPath, backend_markers

COUNTS = "peer_counts.json"


@dataclass(frozen=True, slots=True)
class PeerCase:
    """A small tokenizer and a short text.

    Parameters
    ----------
    file
        The tokenizer.
    text
        The text.
    ids
        What the tokenizers library makes of it.
    cause
        Why a peer counts it wrong, in a few words.
    seen
        The tokenizer with which it was seen.
    """

    file: File
    text: str
    ids: tuple[int, ...]
    cause: str
    seen: str


def add_cases(cases: dict[str, PeerCase], peer: Strategy, chat: ChatTokenizer, why: Causes) -> None:
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
    """
    for difference, _ in why.differences:
        key = f"{peer.name}: {difference.cause}"
        if not difference.text or key in cases:
            continue
        same = [case for case in cases.values() if case.text == difference.text]
        if not any(_counts_wrong(peer, case) for case in same):
            case = peer_case(json.loads(chat.backend_state()), difference, peer, chat.name)
            if case is not None:
                cases[key] = case


def _counts_wrong(peer: Strategy, case: PeerCase) -> bool:
    count = count_of(case.file, case.text, peer)
    return isinstance(count, int) and count != len(case.ids)


def write_cases(path: Path, cases: Sequence[PeerCase], peers: Sequence[Strategy]) -> None:
    """Write cases as a file of the conformance corpus, and what each peer counts of them.

    The counts go to a file of their own beside it, since the corpus says what is right.

    Parameters
    ----------
    path
        Of the file of the corpus; the counts stand in ``peer_counts.json`` a folder up.
    cases
        The cases.
    peers
        The peers to ask. Those that count right or cannot load a tokenizer are not named.
    """
    rows, counts = [], {}
    for number, case in enumerate(cases, 1):
        name = f"{re.sub('[^a-z0-9]+', '-', case.cause.lower()).strip('-')}-{number}"
        found = {peer.name: count_of(case.file, case.text, peer) for peer in peers}
        counts[name] = {
            peer: count
            for peer, count in found.items()
            if isinstance(count, int) and count != len(case.ids)
        }
        about = f"{case.cause}; seen with {case.seen}, counted wrong by {', '.join(counts[name])}"
        tokenizer = {"file": case.file}
        rows.append(
            {"id": name, "about": about, "tokenizer": tokenizer, "text": case.text}
            | {"ids": case.ids, "alone": alone(case)}
        )
    libraries = {name: version(name) for name in ("tokenizers", "transformers", "jinja2")}
    head = {
        "about": "what other libraries count wrong, each with the smallest tokenizer that shows it",
        "versions": libraries,
    }
    _write(path, head, "cases", [json.dumps(row) for row in rows])
    lines = [f"{json.dumps(name)}: {json.dumps(counts[name])}" for name in counts]
    _write(path.parents[1] / COUNTS, {"versions": library_versions(peers)}, "wrong", lines)


def library_versions(peers: Sequence[Strategy]) -> dict[str, str]:
    """Return the versions of the libraries of the peers that are there, and of tokenizers."""
    found = {"tokenizers": version("tokenizers")}
    for peer in peers:
        asked: Callable[[], str] | None = getattr(peer, "version", None)
        if asked is not None:
            with suppress(PackageNotFoundError, OSError):
                found[peer.name] = asked()
    return found


def alone(case: PeerCase) -> str:
    """Return whether counting the spans between added tokens by themselves is exact."""
    backend = Tokenizer.from_str(json.dumps(case.file))
    ids: list[int] = []
    for _, span, after in SpanPath(Cutter(backend_markers(backend))).advance(case.text)[1]:
        for piece in (span, after):
            ids += backend.encode(piece or "", add_special_tokens=False).ids
    return "exact" if ids == list(case.ids) else "wrong"


def peer_case(file: File, found: Difference, strategy: Strategy, seen: str) -> PeerCase | None:
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

    Returns
    -------
    PeerCase or None
        None if the difference needs the whole tokenizer. The library splits the text of the case
        into the same tokens, and the peer counts as many as before. So it is the same difference.
    """
    text = found.text
    tokens, got = pieces(file, text), count_of(file, text, strategy)

    def differs(smaller: File) -> bool:
        return pieces(smaller, text) == tokens and count_of(smaller, text, strategy) == got

    small = smallest_tokenizer(file, text, differs)
    if small is None or tokens is None:
        return None
    ids = Tokenizer.from_str(json.dumps(small)).encode(text, add_special_tokens=False).ids
    return PeerCase(small, text, tuple(ids), found.cause, seen)


def _write(path: Path, head: Mapping[str, Any], key: str, lines: Sequence[str]) -> None:
    """Write JSON with one line for each case; other characters than ASCII are escaped."""
    is_list = not lines or lines[0].startswith("{")
    opening, closing = "[]" if is_list else "{}"
    fields = "".join(
        f"  {json.dumps(name)}: {json.dumps(value)},\n" for name, value in head.items()
    )
    body = ",\n    ".join(lines)
    path.write_text(
        f'{{\n{fields}  "{key}": {opening}\n    {body}\n  {closing}\n}}\n', encoding="utf-8"
    )


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
        (folder / "tokenizer.json").write_text(json.dumps(file), encoding="utf-8")
        settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
        spec = chat_spec(folder, template=TEXT_ALONE, messages="as-written")
        messages = ({"role": "user", "content": text},)
        conversation = Conversation("text", messages, None, (1,))
        try:
            chat = ChatTokenizer(spec)
            with open_available(strategy, chat, 1) as counter:
                ((count,),) = count_with(counter, chat, [conversation], on_error="skip")
        except UnavailableError as error:
            return str(error)
        except IslError:
            # The tokenizer cannot be loaded at all, or the peer's process has ended.
            return None
    return count
