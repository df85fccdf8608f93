"""The contract of a renderer in code: what turns a request into token ids without a template.

Some servers do not render a chat template. They convert the messages of a request, and a library
of the model's maker writes the token ids. A renderer stands for both: the conversion, which is
named and versioned, and the library. Its own whole call is the reference of its counts.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from strategies.conversations.conversation import Message, Tool


@dataclass(frozen=True, slots=True)
class Request:
    """One client turn, as a server gets it.

    Parameters
    ----------
    messages
        OpenAI chat messages, as the dataset has them. They are shared; nobody changes them.
    tools
        Tool definitions of the request, or None.
    kwargs
        What ``chat_template_kwargs`` and its like say, such as ``{"reasoning_effort": "high"}``.
        Only names that the renderer knows are here.
    continued
        Whether the request continues the last message, and asks for no new one.
    now
        The instant that the renderer takes as now.
    memory
        What a renderer has made of the messages of this conversation: it may keep here, under keys
        of its own, what `OpenRenderer.pieces` needs again for the next turn. The same object comes
        with each turn of a conversation, whose messages only grow; tools and kwargs stay.
        `OpenRenderer.ids` does not use it.
    """

    messages: Sequence[Message]
    tools: Sequence[Tool] | None
    kwargs: Mapping[str, Any]
    continued: bool
    now: datetime
    memory: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)


class RefusedRequestError(Exception):
    """What the server of the conversion refuses, in one sentence: the turn has no ISL."""


@runtime_checkable
class OpenRenderer(Protocol):
    """A renderer with its vocabulary. One thread at a time uses it.

    An error of the maker's library is let through as it is: it means that the turn has no ISL, and
    so does a `RefusedRequestError`. An `InputError` is about the vocabulary or the set-up, and
    ends the count.
    """

    @property
    def identity(self) -> str:
        """Version of the maker's library and digest of the vocabulary, for the fingerprint.

        Two open renderers with the same identity give the same ids for the same request.
        """
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """What a user should know about the vocabulary; one line each."""
        ...

    def ids(self, request: Request) -> list[int]:
        """Return the token ids of the prompt by the maker's own whole call: the reference."""
        ...

    def pieces(self, request: Request) -> Sequence[Hashable] | None:
        """Return the prompt as parts whose lengths add up to the number of its ids.

        None if that is not proven for this request: it is then counted whole. Where `ids` raises,
        it raises too or returns None. The turn is then counted whole as well, so that the error
        is the reference's.
        """
        ...

    def length(self, piece: Hashable) -> int:
        """Return the number of tokens of one part.

        Equal parts have equal lengths, in whatever request they stand. The caller remembers them.
        """
        ...


@runtime_checkable
class Decoder(Protocol):
    """What an open renderer may have besides: `bench check` then shows differences as texts."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, special tokens by their names.

        Any error means that these ids have no text, such as ids that the vocabulary lacks.
        """
        ...


@runtime_checkable
class Renderer(Protocol):
    """A library of a maker, with the conversion that a server does before it calls it."""

    @property
    def name(self) -> str:
        """Name on the command line, such as ``harmony``."""
        ...

    @property
    def summary(self) -> str:
        """One line for `bench renderers`."""
        ...

    @property
    def conversion(self) -> str:
        """Name and version of the conversion of messages, such as ``harmony 1``.

        It stands where the messages profile stands for a template. A change of the conversion that
        can change a count is a new version.
        """
        ...

    @property
    def kwargs(self) -> Mapping[str, str]:
        """The names that a request's kwargs may have, and what each says. Others are refused."""
        ...

    @property
    def splices(self) -> str | None:
        """None if `OpenRenderer.pieces` gives parts; else why it does not, in one sentence."""
        ...

    def availability(self) -> str | None:
        """Return None, or what to install, such as ``pip install "isl-bench[harmony]"``."""
        ...

    def open(self, vocabulary: str) -> OpenRenderer:
        """Read the vocabulary of a local folder or file; nothing is ever downloaded.

        Raises
        ------
        InputError
            In one line, if there is no vocabulary of this renderer.
        """
        ...
