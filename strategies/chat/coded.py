"""A chat that a renderer in code counts: the renderer, and the requests of a conversation."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strategies.errors import InputError
from strategies.profiles.profile import Profile
from strategies.renderers.contract import OpenRenderer, Renderer, Request
from strategies.renderers.registry import installed_renderer

if TYPE_CHECKING:
    from strategies.chat.spec import ChatSpec
    from strategies.conversations.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Coded:
    """A renderer with its vocabulary, opened for a specification.

    Parameters
    ----------
    renderer
        What was opened.
    opened
        The same with its vocabulary.
    spec
        The specification.
    """

    renderer: Renderer
    opened: OpenRenderer
    spec: ChatSpec

    @property
    def profile(self) -> Profile:
        """What stands for the messages profile: the renderer's own conversion."""
        return Profile(
            name=self.renderer.conversion,
            version="",
            summary=f"as the renderer {self.renderer.name} converts them",
            rules=(),
            message=lambda message, _traits, _mode: message,
            tool=lambda tool: tool,
            whole=None,
        )

    @property
    def keeps_arguments(self) -> bool:
        """Whether the JSON text of arguments shows in a prompt as a client has written it."""
        return not getattr(self.renderer, "parses_arguments", False)

    @property
    def state(self) -> bytes:
        """All that a count depends on except the request."""
        parts = (self.renderer.name, self.renderer.conversion, self.opened.identity)
        return "\n".join(parts).encode()

    def check(self, kwargs: Mapping[str, Any], field: str) -> None:
        """Refuse kwargs that are given for all requests and that the renderer does not know.

        Raises
        ------
        InputError
            With the names that it knows.
        """
        unknown = sorted(kwargs.keys() - self.renderer.kwargs.keys())
        if unknown:
            known = ", ".join(self.renderer.kwargs) or "none"
            raise InputError(
                f"{unknown[0]!r} is nothing that the renderer {self.renderer.name} knows; it "
                f"knows {known}",
                field=field,
            )

    def request(
        self,
        conversation: Conversation,
        index: int,
        kwargs: Mapping[str, Any],
        memory: dict[Hashable, Any] | None = None,
    ) -> Request:
        """Return one turn of a conversation as a request.

        Parameters
        ----------
        conversation
            As the dataset has it.
        index
            Place of the turn in the conversation, from 0.
        kwargs
            Of the conversation.
        memory
            What the renderer may remember from turn to turn.
        """
        k = conversation.turns[index]
        return Request(
            conversation.messages[:k],
            conversation.tools,
            # The server passes over others, as a template does. `traces` tells of them.
            {name: kwargs[name] for name in kwargs.keys() & self.renderer.kwargs.keys()},
            k in conversation.continued,
            self.spec.clock,
            {} if memory is None else memory,
        )


def coded_of(spec: ChatSpec) -> Coded | None:
    """Return the renderer of a specification, opened; None if it names none.

    Raises
    ------
    InputError
        If there is no such renderer, or it cannot be opened.
    """
    if spec.renderer is None:
        return None
    renderer = installed_renderer(spec.renderer)
    return Coded(renderer, renderer.open(spec.name_or_path), spec)
