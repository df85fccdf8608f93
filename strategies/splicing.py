"""Where a prompt may be cut so that counting it span by span is exact.

The rule stands in docs/cutting.md, as numbered conditions with their proof. `strategies.exactness`
checks them one by one, and this file cuts. The native core has the same rule in
``engine/rule.rs``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from strategies.exactness.conditions import Refusal
from strategies.exactness.library import searched_texts, sentencepiece_refusal
from strategies.exactness.pipeline import backend_refusal, token_refusal

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from strategies.chat.tokenizer import ChatTokenizer

Span: TypeAlias = tuple[str | None, str, str | None]
"""A text between two markers, and the markers; None is the start or the end of the prompt."""


@dataclass(frozen=True, slots=True)
class Markers:
    """The texts of added tokens that decide where a tokenizer cuts.

    Parameters
    ----------
    cuts
        Texts of the tokens that end a piece wherever the scan finds them. There are none
        with `split_special_tokens`.
    passed_over
        Texts that the scan finds too, but that may or may not end a piece. They hide tokens
        that they overlap, and are no place to cut.
    """

    cuts: frozenset[str]
    passed_over: frozenset[str]


def markers_of(chat: ChatTokenizer) -> Markers | str:
    """Return the markers of a tokenizer, or the reason why it cannot be cut exactly."""
    refusal = refusal_of(chat)
    if refusal is not None and refusal.condition != "A6":
        return refusal.reason
    if chat.backend is not None:
        # There are none if special tokens are split (A6). Prompts are then counted whole.
        return backend_markers(chat.backend)
    return Markers(searched_texts(chat.tokenizer), frozenset())


def refusal_of(chat: ChatTokenizer) -> Refusal | None:
    """Return why a tokenizer cannot be cut anywhere, or None (A1 to A6 and A13, or B1 to B5)."""
    if chat.no_separate_rendering is not None:
        return Refusal("A1", chat.no_separate_rendering)
    if chat.backend is not None:
        return backend_refusal(chat.backend)
    return sentencepiece_refusal(chat.tokenizer)


def backend_markers(backend: Tokenizer) -> Markers:
    """Return the markers of the tokenizers library, as it is set up now (A6 to A10)."""
    cuts: set[str] = set()
    passed_over: set[str] = set()
    for token in backend.get_added_tokens_decoder().values():
        if token.normalized or not token.content:
            # The first search does not look for it.
            continue
        is_cut = not backend.encode_special_tokens and token_refusal(token) is None
        (cuts if is_cut else passed_over).add(token.content)
    return Markers(frozenset(cuts), frozenset(passed_over))


def between_markers(span: Span) -> tuple[str, int]:
    """Return the text to encode for a span, and how many of its tokens are not the span's (A11)."""
    before, text, after = span
    markers = (before is not None) + (after is not None)
    return f"{before or ''}{text}{after or ''}", markers


class Cutter:
    """Finds the markers of prompts, leftmost-longest (A10).

    Parameters
    ----------
    markers
        The texts to look for.
    """

    def __init__(self, markers: Markers) -> None:
        texts = markers.cuts | markers.passed_over
        self._pattern = re.compile(_trie_pattern(texts)) if texts else None
        self._cuts = markers.cuts
        self.longest = max(map(len, texts), default=0)

    def find(self, text: str, start: int = 0) -> Iterator[tuple[int, int]]:
        """Yield start and end of each marker from `start` on.

        `start` must be 0 or the end of a marker: at these places the scan is independent of
        the text before.
        """
        if self._pattern is None:
            return
        for match in self._pattern.finditer(text, start):
            if match.group() in self._cuts:
                yield match.span()


class SpanPath:
    """Cuts the growing prompts of one conversation, and scans only the new part of each.

    A prompt mostly repeats the one before it. The scan would find the same markers again in
    their common beginning, so it resumes after the last of them that is certain.
    """

    def __init__(self, cutter: Cutter) -> None:
        self._cutter = cutter
        self._prompt = ""
        self._cuts: list[tuple[int, int]] = []

    def advance(self, prompt: str) -> tuple[int, list[Span]]:
        """Take the next prompt.

        Returns
        -------
        kept : int
            How many of the last prompt's spans this one begins with.
        spans : list of Span
            The spans that follow them, in order. They and the markers between them make up
            the prompt.
        """
        kept = self._shared_cuts(prompt)
        del self._cuts[kept:]
        position = self._cuts[-1][1] if kept else 0
        before = prompt[slice(*self._cuts[-1])] if kept else None
        spans: list[Span] = []
        for start, end in self._cutter.find(prompt, position):
            marker = prompt[start:end]
            spans.append((before, prompt[position:start], marker))
            self._cuts.append((start, end))
            position, before = end, marker
        spans.append((before, prompt[position:], None))
        self._prompt = prompt
        return kept, spans

    def _shared_cuts(self, prompt: str) -> int:
        """Return how many cuts of the last prompt the scan is sure to find in this one.

        A match is certain if as many characters as the longest marker has, counted from the
        start of the match, lie in the common beginning. A marker at the very end of the last
        prompt is not certain: the text that follows now could make it a longer one.
        """
        low, high = 0, len(self._cuts)
        comparable = min(len(prompt), len(self._prompt))
        while low < high:
            middle = (low + high + 1) // 2
            reach = self._cuts[middle - 1][0] + self._cutter.longest
            if reach <= comparable and prompt.startswith(self._prompt[:reach]):
                low = middle
            else:
                high = middle - 1
        return low


def _trie_pattern(texts: Iterable[str]) -> str:
    """Return a regular expression for the longest of `texts` at a position.

    A plain alternation tries every text at every bracket; tokenizers have a thousand.
    """
    root: dict[str, Any] = {}
    for text in texts:
        node = root
        for character in text:
            node = node.setdefault(character, {})
        node[""] = {}
    return _node_pattern(root)


def _node_pattern(node: dict[str, Any]) -> str:
    branches = []
    for character, child in sorted(node.items()):
        if character:
            literal = character
            while len(child) == 1 and "" not in child:
                ((character, child),) = child.items()  # noqa: PLW2901  # walks down a chain
                literal += character
            branches.append(re.escape(literal) + (_node_pattern(child) if len(child) else ""))
    if not branches:
        return ""
    group = f"(?:{'|'.join(branches)})"
    # Greedy: if a text ends here, a longer one is still tried first.
    return f"{group}?" if "" in node else group
