"""Where a prompt may be cut so that counting it span by span is exact, and why.

The tokenizers library first splits a text at its added tokens that are not `normalized`. It
goes from left to right and takes the longest token that matches (Aho-Corasick,
leftmost-longest). It passes over a `single_word` token inside a word and, with
`split_special_tokens`, over special tokens. Tokens with `lstrip` or `rstrip` swallow the white
space beside them. Only then are the pieces between the tokens normalized, pre-tokenized and
run through the model, each by itself (`added_vocabulary.rs`,
`AddedVocabulary::extract_and_normalize`).

So nothing looks further past a cut than the neighbouring added token:

- swallowed white space belongs to the span beside the token that swallows it;
- a Metaspace pre-tokenizer with ``prepend_scheme: first`` asks whether a piece starts the
  text, and no piece after a token does.

A span counted between its two neighbouring tokens therefore takes exactly the tokens that it
takes in the prompt. The scan for added tokens finds the same ones too: in the shorter text the
same matches are possible up to the closing token, and no others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from strategies.chat.backend import NO_SEPARATE_RENDERING

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
    if not chat.renders_plainly:
        return NO_SEPARATE_RENDERING
    if chat.backend is not None:
        if not keeps_text_once(chat.backend):
            return "its post-processor repeats the text or leaves it out"
        return backend_markers(chat.backend)
    return _sentencepiece_markers(chat.tokenizer)


def keeps_text_once(backend: Tokenizer) -> bool:
    """Whether the post-processor puts the tokens of a text into the result exactly once.

    It does so for the tokens of markers too, and even if no special tokens are added.
    """
    if backend.post_processor is None:
        return True
    steps = [json.loads(backend.post_processor.__getstate__())]
    while steps:
        step = steps.pop()
        steps += step.get("processors", ())
        if step["type"] != "TemplateProcessing":
            continue
        if sum("Sequence" in piece for piece in step["single"]) != 1:
            return False
    return True


def backend_markers(backend: Tokenizer) -> Markers:
    """Return the markers of the tokenizers library, as it is set up now."""
    cuts: set[str] = set()
    passed_over: set[str] = set()
    for token in backend.get_added_tokens_decoder().values():
        if token.normalized or not token.content:
            continue
        # The library then ignores all texts that were special at any time, whatever their
        # tokens say now. That set cannot be read, so nothing is a place to cut.
        ignored = backend.encode_special_tokens
        # An `rstrip` token before it may have swallowed this white space already.
        reaches_back = token.lstrip and token.content[0].isspace()
        is_cut = not (token.single_word or ignored or reaches_back)
        (cuts if is_cut else passed_over).add(token.content)
    return Markers(frozenset(cuts), frozenset(passed_over))


def _sentencepiece_markers(tokenizer: Any) -> Markers | str:
    """Return the markers at which transformers splits a text in Python.

    It uses a trie. If tokens overlap, the trie can keep two partial matches and end in a
    match that is not there. If no token can begin inside another, it is a leftmost-longest
    scan. That holds if the first characters of tokens occur nowhere else in a token.
    """
    from transformers import SentencePieceBackend

    from strategies.chat.model_file import SentencePieceModel

    methods = ("tokenize", "_tokenize", "_encode_plus", "__call__", "prepare_for_tokenization")
    kind = type(tokenizer)
    # The second one looks at the start of a text, which is the start of its first span.
    known = SentencePieceModel if kind is SentencePieceModel else SentencePieceBackend
    if not isinstance(tokenizer, SentencePieceBackend) or any(
        getattr(kind, method) is not getattr(known, method) for method in methods
    ):
        return f"{kind.__name__} splits text by its own rules"
    if tokenizer.split_special_tokens:
        return "split_special_tokens leaves no place to cut"
    added = list(tokenizer.added_tokens_decoder.values())
    # The trie holds more than the added tokens, and has no public list of its texts.
    texts = frozenset(tokenizer.tokens_trie._tokens)
    if any(token.single_word for token in added):
        return "a single_word token joins its neighbours"
    if any(token.lstrip or token.rstrip for token in added) and any(
        text != text.strip() for text in texts
    ):
        return "a stripping token can swallow another one"
    firsts = {text[0] for text in texts}
    for text in texts:
        if firsts.intersection(text[1:]):
            return f"another added token can begin inside {text!r}"
    return Markers(texts, frozenset())


def between_markers(span: Span) -> tuple[str, int]:
    """Return the text to encode for a span, and how many of its tokens are not the span's."""
    before, text, after = span
    markers = (before is not None) + (after is not None)
    return f"{before or ''}{text}{after or ''}", markers


class Cutter:
    """Finds the markers of prompts, leftmost-longest.

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
