"""A case: a tokenizer, a template and conversations, all that a count depends on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from strategies.conversations.conversation import Conversation
from strategies.errors import IslWarning
from strategies.testing.conversations import ConversationWriter
from strategies.testing.templates import TemplateWriter
from strategies.testing.texts import TEXTS, TextWriter
from strategies.testing.tokenizers import TokenizerFile, TokenizerFolder, TokenizerWriter
from strategies.testing.wild import WildWriter

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer

CLOCK = datetime(2026, 1, 2)  # noqa: DTZ001  # templates write local dates
"""What templates read as now, so that a case means the same on every day."""

ONE_MESSAGE = "{{ messages[-1].content }}"
"""The template of a case that is about texts: the last message is the prompt."""

PROFILES = ("as-written", "as-written", "vllm")
"""The messages profiles of random cases."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that a count depends on.

    Parameters
    ----------
    tokenizer
        The tokenizer.
    template
        The text of the chat template.
    conversations
        The conversations to count.
    messages
        Name of the messages profile.
    """

    tokenizer: TokenizerFile | TokenizerFolder
    template: str
    conversations: tuple[Conversation, ...]
    messages: str = "as-written"

    def load(self, folder: Path) -> ChatTokenizer:
        """Write the tokenizer into a folder and load it, with the template and a fixed clock.

        Raises
        ------
        InputError
            If it cannot be loaded.
        """
        from strategies.chat.tokenizer import load_chat

        place = self.tokenizer.save(folder)
        with warnings.catch_warnings():
            # What a user should know about a random template is of no interest.
            warnings.simplefilter("ignore", IslWarning)
            return load_chat(place, template=self.template, messages=self.messages, clock=CLOCK)


class CaseWriter:
    """Writes random cases.

    Parameters
    ----------
    dice
        Makes every choice.
    """

    def __init__(self, dice: Random) -> None:
        self.dice = dice

    def case(self, conversations: int = 3, most: int = 14) -> Case:
        """Return a case of a new tokenizer.

        Parameters
        ----------
        conversations
            How many it has.
        most
            About how many messages each of them has at most.
        """
        return self.case_of(TokenizerWriter(self.dice).tokenizer(), conversations, most)

    def case_of(
        self, tokenizer: TokenizerFile | TokenizerFolder, conversations: int = 3, most: int = 14
    ) -> Case:
        """Return a case of a given tokenizer.

        Parameters
        ----------
        tokenizer
            The tokenizer, whose markers the template and the messages write.
        conversations
            How many it has.
        most
            About how many messages each of them has at most.
        """
        template = TemplateWriter(self.dice, tokenizer.added).template()
        texts = TextWriter(self.dice, tokenizer.added, tokenizer.words)
        writer = ConversationWriter(self.dice, texts.short)
        found: list[Conversation] = []
        for number in range(conversations):
            name = f"c{number}"
            if found and self.dice.random() < 0.3:
                found.append(writer.branch(name, self.dice.choice(found), most=most))
            else:
                wild = self.dice.random() < 0.2
                found.append(writer.conversation(name, wild=wild, most=most))
        return Case(tokenizer, template, tuple(found), self.dice.choice(PROFILES))

    def wild_case(
        self,
        tokenizer: TokenizerFile | TokenizerFolder,
        conversations: int = 3,
        most: int = 14,
        *,
        expressions: Sequence[str] = (),
    ) -> Case:
        """Return a case of a template of any expressions, and of messages that break every rule.

        Parameters
        ----------
        tokenizer
            The tokenizer.
        conversations
            How many it has.
        most
            How many messages each of them has at most.
        expressions
            More expressions for the template to write.
        """
        writer = ConversationWriter(self.dice, self._listed)
        found = [writer.conversation(f"c{n}", wild=True, most=most) for n in range(conversations)]
        template = WildWriter(self.dice, expressions).template()
        return Case(tokenizer, template, tuple(found))

    def text_case(self, tokenizer: TokenizerFile | TokenizerFolder, conversations: int = 3) -> Case:
        """Return a case about texts: prompts of any text, that mostly grow.

        Parameters
        ----------
        tokenizer
            The tokenizer, whose words and markers the texts hold.
        conversations
            How many sequences of prompts it has.
        """
        texts = TextWriter(self.dice, tokenizer.added, tokenizer.words)
        found = [of_texts(f"c{number}", texts.growing()) for number in range(conversations)]
        return Case(tokenizer, ONE_MESSAGE, tuple(found))

    def _listed(self) -> str:
        return "".join(self.dice.choices(TEXTS, k=self.dice.randint(0, 4)))


def of_texts(name: str, texts: Sequence[str]) -> Conversation:
    """Return a conversation whose prompts are these texts, with the template `ONE_MESSAGE`.

    Parameters
    ----------
    name
        Its id.
    texts
        The prompts, in order.
    """
    messages = tuple({"role": "user", "content": text} for text in texts)
    return Conversation(name, messages, None, tuple(range(1, len(texts) + 1)))
