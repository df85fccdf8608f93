"""Make a case that fails smaller, as long as it still fails."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias

from strategies.conversations.conversation import Conversation
from strategies.errors import IslError
from strategies.fewest import fewest
from strategies.testing.case import ONE_MESSAGE, Case, of_texts
from strategies.testing.tokenizers import TokenizerFile, TokenizerFolder, renumbered

SECONDS = 30.0
"""How long a case is made smaller at most."""

Place: TypeAlias = tuple[str | int, ...]
"""The keys and places that lead to a value in nested data."""

_TAGS = re.compile(r"(\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\})", re.DOTALL)
_STEPS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def shrunk(case: Case, fails: Callable[[Case], bool], *, seconds: float = SECONDS) -> Case:
    """Return a smaller case that still fails.

    It tries to replace the template by one that writes a single text. Then it takes away
    conversations, turns, messages, tags of the template, added tokens and their flags, steps of
    the pipeline, merges, words and characters, as long as the case fails.

    Parameters
    ----------
    case
        A case that fails.
    fails
        Says whether a case fails. One that cannot be loaded does not.
    seconds
        After this time, the smallest case so far is returned.
    """
    until = monotonic() + seconds
    if isinstance(case.tokenizer, TokenizerFolder):
        file = case.tokenizer.as_file()
        if file is not None and fails(replace(case, tokenizer=file)):
            # Words can be taken out of it.
            case = replace(case, tokenizer=file)
    shrinker = _Shrinker(_data(case), case, fails, until)
    size = None
    while size != len(repr(shrinker.data)) and shrinker.has_time:
        size = len(repr(shrinker.data))
        shrinker.once()
    return shrinker.case(shrinker.data)


@dataclass(slots=True)
class _Shrinker:
    """Data that fail, and what makes them smaller.

    Parameters
    ----------
    data
        A case as plain data; see `_data`.
    first
        The case that it began with.
    fails
        Whether a case fails.
    until
        When to stop, by the monotonic clock.
    """

    data: Any
    first: Case
    fails: Callable[[Case], bool]
    until: float

    @property
    def has_time(self) -> bool:
        """Whether there is time for another attempt."""
        return monotonic() < self.until

    def case(self, data: Mapping[str, Any]) -> Case:
        """Return the case that data stand for.

        Raises
        ------
        InputError
            If they stand for none any more.
        """
        conversations = []
        for number, given in enumerate(data["conversations"]):
            messages = tuple(row["message"] for row in given["messages"])
            turns = tuple(place for place, row in enumerate(given["messages"], 1) if row["turn"])
            tools = None if given["tools"] is None else tuple(given["tools"])
            conversations.append(Conversation(f"c{number}", messages, tools, turns))
        tokenizer = self.first.tokenizer
        if data["tokenizer"] is not None:
            tokenizer = TokenizerFile(renumbered(data["tokenizer"]), data["config"])
        template = "".join(data["template"])
        return Case(tokenizer, template, tuple(conversations), data["messages"])

    def once(self) -> None:
        """Try everything once."""
        self.fewer("conversations")
        self.as_texts()
        for place in range(len(self.data["conversations"])):
            self.attempt(None, "conversations", place, "tools")
            self.fewer("conversations", place, "messages")
            for message in range(len(self.at("conversations", place, "messages"))):
                self.attempt(False, "conversations", place, "messages", message, "turn")
        self.fewer("template")
        if self.data["tokenizer"] is not None:
            self.pipeline()
            self.added_tokens()
        for place, conversation in enumerate(self.data["conversations"]):
            if conversation["tools"] is not None:
                self.plainer("conversations", place, "tools")
            for message in range(len(conversation["messages"])):
                self.plainer("conversations", place, "messages", message, "message")
        if self.data["tokenizer"] is not None:
            if self.at("tokenizer", "model").get("merges"):
                self.fewer("tokenizer", "model", "merges")
            self.fewer("tokenizer", "model", "vocab")

    def added_tokens(self) -> None:
        """Take added tokens and their flags away, and what the configuration says of them."""
        self.fewer("tokenizer", "added_tokens")
        for place in range(len(self.at("tokenizer", "added_tokens"))):
            for flag in _FLAGS:
                self.attempt(False, "tokenizer", "added_tokens", place, flag)
        self.fewer("config")

    def at(self, *path: str | int) -> Any:
        """Return the value at a path."""
        value = self.data
        for key in path:
            value = value[key]
        return value

    def attempt(self, value: Any, *path: str | int) -> bool:
        """Put a value at a path if the case then still fails, and say so."""
        if not self.has_time or self.at(*path) == value:
            return False
        candidate = _replaced(self.data, path, value)
        try:
            failing = self.fails(self.case(candidate))
        except IslError:
            # It is no conversation any more, or cannot be loaded.
            return False
        if failing:
            self.data = candidate
        return failing

    def fewer(self, *path: str | int) -> None:
        """Take items, keys or characters away: half of them at once, then fewer."""
        items = self.at(*path)
        fewest(list(items), lambda kept: self.attempt(_only(items, kept), *path))

    def plainer(self, *path: str | int) -> None:
        """Take away what is in a value, in every depth, and then simplify its texts."""
        value = self.at(*path)
        if isinstance(value, str):
            self.fewer(*path)
            for place in range(len(self.at(*path))):
                text = self.at(*path)
                self.attempt(f"{text[:place]}a{text[place + 1 :]}", *path)
        elif isinstance(value, list | dict):
            self.fewer(*path)
            value = self.at(*path)
            for key in list(value) if isinstance(value, dict) else range(len(value)):
                self.plainer(*path, key)

    def pipeline(self) -> None:
        """Take steps of the tokenizer away."""
        for step in _STEPS:
            if self.attempt(None, "tokenizer", step):
                continue
            value = self.at("tokenizer", step)
            for inner in ("normalizers", "pretokenizers", "processors"):
                if value and inner in value:
                    self.fewer("tokenizer", step, inner)

    def as_texts(self) -> None:
        """Have the template write the prompts as they are, if that fails, too."""
        case = self.case(self.data)
        if case.template == ONE_MESSAGE:
            return
        with tempfile.TemporaryDirectory() as folder:
            chat = case.load(Path(folder))
            prompts = [[p for _, p in chat.prompts(c, "skip") if p] for c in case.conversations]
        # A turn alone is simpler than the turns of its conversation.
        alone = [(of_texts("c0", [prompt]),) for some in prompts for prompt in some]
        all_turns = tuple(of_texts(f"c{place}", some) for place, some in enumerate(prompts))
        for texts in (*alone, all_turns):
            if self.attempt_case(Case(case.tokenizer, ONE_MESSAGE, texts)):
                return

    def attempt_case(self, case: Case) -> bool:
        """Go on with another case if it fails, too, and say so."""
        if not (self.has_time and self.fails(case)):
            return False
        self.data = _data(case)
        return True


def _data(case: Case) -> dict[str, Any]:
    """Return a case as data from which anything can be taken away."""
    file = case.tokenizer if isinstance(case.tokenizer, TokenizerFile) else None
    return {
        "template": [piece for piece in _TAGS.split(case.template) if piece],
        "messages": case.messages,
        "config": None if file is None else dict(file.config),
        "tokenizer": None if file is None else dict(file.state),
        "conversations": [_conversation_data(each) for each in case.conversations],
    }


def _conversation_data(conversation: Conversation) -> dict[str, Any]:
    return {
        "messages": [
            # A turn is a mark at its last message, so that messages can be taken away.
            {"turn": place in conversation.turns, "message": message}
            for place, message in enumerate(conversation.messages, 1)
        ],
        "tools": None if conversation.tools is None else list(conversation.tools),
    }


def _replaced(data: Any, path: Place, value: Any) -> Any:
    """Return data with another value at a path. What does not change is shared."""
    if not path:
        return value
    key, *rest = path
    changed = data.copy()
    changed[key] = _replaced(data[key], tuple(rest), value)
    return changed


def _only(items: Any, kept: Sequence[Any]) -> Any:
    """Return a list, text or dict with some of its items only.

    Parameters
    ----------
    items
        The list, text or dict.
    kept
        Its items, characters or keys that stay.
    """
    if isinstance(items, dict):
        return {key: items[key] for key in kept}
    return "".join(kept) if isinstance(items, str) else list(kept)
