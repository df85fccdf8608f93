"""Random conversations: tool loops, reasoning, parts, missing content, rules broken, branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from strategies.conversations.conversation import Conversation, Message, Tool
from strategies.testing.dice import happens

ROLES = ("user", "assistant", "system", "tool", "developer", "alien", "")
REASONING = ("reasoning_content", "thinking", "reasoning")
NUMBERS = (None, True, False, 0, -7, 10**20, 1.5, 1e-7, 3.0)


class ConversationWriter:
    """Writes random conversations.

    Parameters
    ----------
    dice
        Makes every choice.
    text
        Returns a text for a message.
    """

    def __init__(self, dice: Random, text: Callable[[], str]) -> None:
        self.dice = dice
        self.text = text

    def data(self, depth: int = 2) -> Any:
        """Return plain JSON data."""
        kind = self.dice.randrange(8) if depth else self.dice.randrange(6)
        if kind < 2:
            return self.text()
        if kind < 6:
            return self.dice.choice(NUMBERS)
        if kind == 6:
            return [self.data(depth - 1) for _ in range(self.dice.randrange(3))]
        return {self.text(): self.data(depth - 1) for _ in range(self.dice.randrange(3))}

    def wild_message(self, place: int) -> Message:
        """Return a message that may break every rule.

        Parameters
        ----------
        place
            Its place in the conversation, from 0; the usual roles alternate.
        """
        chance = self.dice.random
        role = ROLES[place % 2] if chance() < 0.8 else self.dice.choice(ROLES)
        message: Message = {"role": role}
        if chance() < 0.95:
            message["content"] = self.text() if chance() < 0.85 else self.data()
        if happens(self.dice, 0.1):
            message["content"] = [{"type": "text", "text": self.text()} for _ in range(2)]
        if happens(self.dice, 0.15):
            message[self.dice.choice(REASONING)] = self.text()
        if happens(self.dice, 0.15):
            arguments = {self.text(): self.data(1)} if chance() < 0.8 else self.text()
            message["tool_calls"] = [_call("c", self.text(), arguments)]
        if happens(self.dice, 0.1):
            message[self.text()] = self.data()
        return message

    def exchange(self) -> list[Message]:
        """Return some messages that a client and a model exchange, seldom against the rules."""
        kind = self.dice.randrange(8)
        if kind < 4:
            return [self._user(), self._assistant(self.text())]
        if kind < 7:
            return self._tool_loop()
        pick = self.dice.choice
        role = pick(("user", "assistant", "tool", "system", "developer", "alien"))
        return [{"role": role, "content": pick((self.text(), None, self._parts(), 1, True, 1.5))}]

    def messages(self, most: int = 14) -> list[Message]:
        """Return the messages of a conversation.

        Parameters
        ----------
        most
            No exchange begins after this many messages.
        """
        found = self.beginning()
        for _ in range(self.dice.randint(1, max(1, most // 2))):
            if len(found) < most:
                found += self.exchange()
        return found

    def beginning(self) -> list[Message]:
        """Return a system message, or nothing."""
        return [{"role": "system", "content": self.text()}] if happens(self.dice, 0.4) else []

    def tools(self) -> tuple[Tool, ...]:
        """Return tool definitions."""
        found = []
        for _ in range(self.dice.randint(1, 2)):
            parameters = {"type": "object", "properties": {self.text(): self.data(1)}}
            function = {"name": self.text(), "description": self.text(), "parameters": parameters}
            found.append({"type": "function", "function": function})
        return tuple(found)

    def conversation(self, name: str, *, wild: bool = False, most: int = 14) -> Conversation:
        """Return a conversation of which most prefixes are turns.

        Parameters
        ----------
        name
            Its id.
        wild
            Whether every message may break every rule.
        most
            About how many messages it has at most.
        """
        if wild:
            places = range(self.dice.randint(1, most))
            return self.of_messages(name, [self.wild_message(place) for place in places])
        return self.of_messages(name, self.messages(most))

    def branch(self, name: str, stem: Conversation, *, most: int = 14) -> Conversation:
        """Return a conversation that begins as another one does, with the same tools.

        Parameters
        ----------
        name
            Its id.
        stem
            The other conversation.
        most
            About how many messages it has at most.
        """
        kept = self.dice.randint(0, len(stem.messages))
        more = self.messages(max(2, most - kept))
        found = self.of_messages(name, [*stem.messages[:kept], *more])
        return Conversation(name, found.messages, stem.tools, found.turns)

    def of_messages(self, name: str, messages: Sequence[Message]) -> Conversation:
        """Return a conversation of given messages, with turns and perhaps tools."""
        turns = [k for k in range(1, len(messages) + 1) if self.dice.random() < 0.9]
        tools = self.tools() if happens(self.dice, 0.2) else None
        return Conversation(name, tuple(messages), tools, tuple(turns))

    def _user(self) -> Message:
        parts = happens(self.dice, 0.1)
        return {"role": "user", "content": self._parts() if parts else self.text()}

    def _assistant(self, content: str | None) -> Message:
        message: Message = {"role": "assistant", "content": content}
        if content is None and self.dice.random() < 0.5:
            del message["content"]
        if happens(self.dice, 0.2):
            message[self.dice.choice(REASONING)] = self.text()
        elif happens(self.dice, 0.1) and content is not None:
            message["content"] = f"<think>{self.text()}</think>{content}"
        return message

    def _tool_loop(self) -> list[Message]:
        found = [self._user()]
        for step in range(self.dice.randint(1, 3)):
            calls = self.dice.randint(1, 2)
            asking = self._assistant(self.dice.choice((self.text(), "", None)))
            ids = [f"call{step}{number:04}" for number in range(calls)]
            asking["tool_calls"] = [_call(each, self.text(), self._arguments()) for each in ids]
            found.append(asking)
            found += [
                {"role": "tool", "tool_call_id": each, "name": "f", "content": self.text()}
                for each in ids
            ]
        return [*found, self._assistant(self.text())]

    def _arguments(self) -> dict[str, Any] | str:
        kind = self.dice.randrange(4)
        if kind == 0:
            return '{"x": 1}'
        return {} if kind == 1 else {self.text(): self.data(1)}

    def _parts(self) -> list[dict[str, str]]:
        return [{"type": "text", "text": self.text()} for _ in range(self.dice.randint(1, 2))]


def _call(name: str, function: str, arguments: dict[str, Any] | str) -> dict[str, Any]:
    return {
        "id": name,
        "type": "function",
        "function": {"name": function, "arguments": arguments},
    }
