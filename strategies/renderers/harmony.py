"""gpt-oss by openai-harmony, as vLLM's server calls it.

The library renders each message of a conversation alone (openai-harmony 0.0.8, src/encoding.rs,
`render_conversation_into`): header and content are encoded text by text between formatting
tokens, which no text can make. Only the system message looks at others: it has one more sentence
if a developer message has functions. So the lengths of messages add up.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from strategies.errors import InputError, one_line
from strategies.renderers.contract import Request

if TYPE_CHECKING:
    from openai_harmony import HarmonyEncoding
    from openai_harmony import Message as HarmonyMessage

PACKAGE = "openai-harmony"
_FORK = "oss-harmony"

_PROMPTED = ""
"""The piece that begins the answer."""

_MEMORY = "harmony"


@dataclass(frozen=True, slots=True)
class Harmony:
    """The renderer of gpt-oss."""

    name: str = "harmony"
    summary: str = "gpt-oss: openai-harmony, after vLLM's conversion of messages"
    conversion: str = "harmony 1 (vllm 0.33.0)"
    splices: str | None = None

    @property
    def kwargs(self) -> Mapping[str, str]:
        """The names that a request's kwargs may have."""
        return {"reasoning_effort": "low, medium (the default) or high"}

    def availability(self) -> str | None:
        """Return None, or what to install."""
        if find_spec("openai_harmony") is None:
            return 'needs openai-harmony: pip install "isl-bench[harmony]"'
        if _installed(_FORK) is not None:
            # It has the same module, and writes other headers of tool calls.
            return (
                f"the module openai_harmony may be that of {_FORK}, which counts tool calls "
                f"otherwise; use an environment that has {PACKAGE} alone"
            )
        return None

    def open(self, vocabulary: str) -> OpenHarmony:
        """Read gpt-oss's vocabulary from its ``tokenizer.json``, or from ``o200k_base.tiktoken``.

        Parameters
        ----------
        vocabulary
            A folder with one of these files, or the file.

        Raises
        ------
        InputError
            If it is not there, or is another vocabulary.
        """
        from openai_harmony import HarmonyEncodingName, HarmonyError, load_harmony_encoding

        from strategies.renderers.harmony_vocabulary import (
            SHA256,
            named_in_environment,
            vocabulary_file,
        )

        content = vocabulary_file(vocabulary)
        try:
            with named_in_environment(content):
                encoding = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
        except HarmonyError as error:
            raise InputError(
                f"openai-harmony cannot read the vocabulary: {one_line(error)}", file=vocabulary
            ) from None
        return OpenHarmony(encoding, f"{PACKAGE} {_installed(PACKAGE)}, o200k_base sha256:{SHA256}")


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class OpenHarmony:
    """The library with its vocabulary.

    Parameters
    ----------
    encoding
        The library's object.
    identity
        Version and vocabulary.
    """

    encoding: HarmonyEncoding
    identity: str
    warnings: tuple[str, ...] = ()

    def ids(self, request: Request) -> list[int]:
        """Return the token ids of a request: one call of the library for all messages."""
        from openai_harmony import Conversation, RenderConversationConfig, Role

        from strategies.renderers.harmony_messages import (
            converted,
            names_in,
            preamble,
            without_old_analysis,
        )

        messages, peeled = preamble(request)
        chat = list(enumerate(request.messages))[peeled:]
        names = names_in(chat)
        for place, message in chat:
            messages.extend(converted(message, place, names))
        ids: list[int] = self.encoding.render_conversation_for_completion(
            Conversation.from_messages(without_old_analysis(messages)),
            Role.ASSISTANT,
            config=RenderConversationConfig(auto_drop_analysis=False),
        )
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, special tokens by their names.

        Parameters
        ----------
        ids
            Of the vocabulary. The library raises an error for others.
        """
        text: str = self.encoding.decode(ids)
        return text

    def pieces(self, request: Request) -> Sequence[Hashable]:
        """Return one piece for each message that the library renders, and one for the end."""
        walk = cast("_Walk | None", request.memory.get(_MEMORY))
        if walk is None:
            walk = request.memory[_MEMORY] = _Walk()
        return [*walk.pieces(request), _PROMPTED]

    def length(self, piece: Hashable) -> int:
        """Return the number of tokens of a piece.

        Parameters
        ----------
        piece
            From `pieces`.
        """
        from openai_harmony import Conversation, Message, RenderOptions, Role

        text = cast("str", piece)
        if text == _PROMPTED:
            return len(
                self.encoding.render_conversation_for_completion(
                    Conversation.from_messages([]), Role.ASSISTANT
                )
            )
        options = RenderOptions(conversation_has_function_tools=text[0] == _WITH_TOOLS)
        return len(self.encoding.render(Message.from_dict(json.loads(text[1:])), options))


_WITH_TOOLS, _WITHOUT_TOOLS = "+", "-"
"""How a piece begins: whether the conversation has functions."""


@dataclass(slots=True)
class _Walk:
    """The pieces of a conversation, turn by turn.

    Parameters
    ----------
    settled
        Pieces of the messages before the last final answer; they stay for all later turns.
    recent
        Those from the last final answer on, each with whether it is analysis.
    names
        The function of each call id so far.
    asked
        Call ids that tool messages so far have asked for.
    place
        The message that comes next.
    """

    settled: list[str] = field(default_factory=list)
    recent: list[tuple[str, bool]] = field(default_factory=list)
    names: dict[Any, Any] = field(default_factory=dict)
    asked: set[Any] = field(default_factory=set)
    place: int = 0

    def pieces(self, request: Request) -> list[str]:
        from strategies.renderers.harmony_messages import preamble

        flag = _WITH_TOOLS if request.tools else _WITHOUT_TOOLS
        if not self.settled:
            first, peeled = preamble(request)
            self.settled = [_piece(message, flag) for message in first]
            self.place = peeled
        if self._renamed(request):
            # A tool message is now answered under another name.
            anew = request.memory[_MEMORY] = _Walk()
            return anew.pieces(request)
        for place in range(self.place, len(request.messages)):
            self._add(request.messages[place], place, flag)
        return self.settled + [piece for piece, _ in self.recent]

    def _renamed(self, request: Request) -> bool:
        from strategies.renderers.harmony_messages import names_in

        new = list(enumerate(request.messages))[self.place :]
        names = names_in(new)
        renamed = any(self.names.get(one, "") != names[one] for one in self.asked & names.keys())
        self.names.update(names)
        return renamed

    def _add(self, message: Any, place: int, flag: str) -> None:
        from strategies.renderers.harmony_messages import (
            asked_id,
            converted,
            is_analysis,
            is_final,
        )

        made = list(converted(message, place, self.names))
        if message["role"] == "tool":
            self.asked.add(asked_id(message, place))
        for each in made:
            if is_final(each):
                self.settled += [piece for piece, analysis in self.recent if not analysis]
                self.recent = []
            self.recent.append((_piece(each, flag), is_analysis(each)))
        self.place = place + 1


def _piece(message: HarmonyMessage, flag: str) -> str:
    return flag + str(message.to_json())
