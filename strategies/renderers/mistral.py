"""The renderer `mistral-common`: Mistral's own library, as vLLM calls it in its mode ``mistral``.

A prompt is the token of its start and, message by message, special tokens and encoded texts. Each
text is encoded by itself, in every version from 1 to 15. Versions differ in which texts there are,
and where. So mistral-common's own code finds the parts of a prompt, with an encoder that notes the
texts it is given instead of encoding them. docs/renderers.md has the argument.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from typing import TYPE_CHECKING, Any

from strategies.renderers.contract import Request
from strategies.renderers.mistral_requests import (
    CONVERSION,
    served_message,
    served_settings,
    served_tool,
)
from strategies.renderers.mistral_vocabulary import Vocabulary, read_vocabulary

if TYPE_CHECKING:
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

PROVEN = frozenset({"1.13.0", "1.13.1"})
"""Versions of mistral-common whose source was read for the claim that parts add up."""

_INSTALL = 'pip install "isl-bench[mistral]"'


@dataclass(frozen=True, slots=True)
class MistralCommon:
    """Mistral's library mistral-common, with vLLM's conversion of requests."""

    name: str = "mistral-common"
    summary: str = "Mistral's own library, as vLLM calls it with --tokenizer-mode mistral"
    conversion: str = CONVERSION
    kwargs: Mapping[str, str] = field(
        default_factory=lambda: {
            "reasoning_effort": "how much to think; vLLM leaves it out before version 15"
        }
    )
    parses_arguments: bool = True

    @property
    def splices(self) -> str | None:
        """None if the installed version is one whose parts add up; else the reason."""
        installed = _installed("mistral-common")
        if installed in PROVEN:
            return None
        return (
            f"it is proven for mistral-common {', '.join(sorted(PROVEN))}, and this is {installed}"
        )

    def availability(self) -> str | None:
        """Return None, or what to install."""
        missing = [name for name in ("mistral-common", "sentencepiece") if not _installed(name)]
        return f"it needs {' and '.join(missing)}: {_INSTALL}" if missing else None

    def open(self, vocabulary: str) -> OpenMistral:
        """Read a ``tekken.json``, a SentencePiece model, or a folder that holds one of them.

        Parameters
        ----------
        vocabulary
            A folder or a file here. The version is told by the name of a SentencePiece model, and
            stands inside a tekken file. Nothing is downloaded.

        Raises
        ------
        InputError
            If there is none, or mistral-common does not take it.
        """
        return OpenMistral(read_vocabulary(vocabulary), proven=self.splices is None)


class OpenMistral:
    """mistral-common with a vocabulary.

    Parameters
    ----------
    vocabulary
        The vocabulary.
    proven
        Whether the parts of the installed version are known to add up.
    """

    def __init__(self, vocabulary: Vocabulary, *, proven: bool) -> None:
        from mistral_common.protocol.instruct.normalize import get_normalizer
        from mistral_common.protocol.instruct.validator import get_validator

        self._tokenizer = vocabulary.tokenizer
        self._instruct = self._tokenizer.instruct_tokenizer
        self._encoder = self._instruct.tokenizer
        self._version = vocabulary.version
        self._proven = proven
        # The same as those inside the tokenizer, which are private.
        self._validator = get_validator(self._tokenizer.version, self._tokenizer.mode)
        self._normalizer = get_normalizer(
            self._tokenizer.version, self._encoder.model_settings_builder
        )
        engine = "tiktoken" if self._encoder.file_path.suffix == ".json" else "sentencepiece"
        self._identity = (
            f"mistral-common {_installed('mistral-common')}, {engine} {_installed(engine)}, "
            f"v{self._version}, {vocabulary.digest}"
        )
        self._warnings = vocabulary.warnings

    @property
    def identity(self) -> str:
        """Versions of the libraries and of the vocabulary, and the digest of its file."""
        return self._identity

    @property
    def warnings(self) -> Sequence[str]:
        """What to know about the choice of the file and of the version."""
        return self._warnings

    def ids(self, request: Request) -> list[int]:
        """Return the token ids by ``encode_chat_completion``, checks of the request included.

        Parameters
        ----------
        request
            The turn.

        Raises
        ------
        Exception
            Whatever mistral-common raises for a request that it refuses.
        """
        from mistral_common.protocol.instruct.request import ChatCompletionRequest

        chat: ChatCompletionRequest[Any] = ChatCompletionRequest.from_openai(
            messages=[served_message(message) for message in request.messages],
            tools=_served_tools(request),
            continue_final_message=request.continued,
            **served_settings(request.kwargs, self._version),
        )
        tokens: list[int] = self._tokenizer.encode_chat_completion(chat).tokens
        return tokens

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, special tokens by their names.

        Parameters
        ----------
        ids
            Of the vocabulary. The library raises an error for others.
        """
        encoder = self._encoder
        texts: list[str] = []
        # Each text was encoded by itself, and SentencePiece gives it back only so.
        for special, group in groupby(ids, encoder.is_special):
            numbers = list(group)
            texts += map(encoder.id_to_piece, numbers) if special else [encoder.decode(numbers)]
        return "".join(texts)

    def pieces(self, request: Request) -> Sequence[Hashable] | None:
        """Return the number of special tokens, and the texts that are encoded by themselves.

        Messages and tools are converted once in a conversation; its order is checked each time.

        Parameters
        ----------
        request
            The turn.

        Raises
        ------
        Exception
            What `ids` raises for the same request.
        """
        if not self._proven:
            return None
        chat = self._remembered(request)
        if "tools" in request.memory:
            self._validator.validate_messages(chat.messages)
        else:
            self._validator.validate_request(chat)
            # Tools and settings stay, and what is said about them depends on them alone.
            request.memory["tools"] = chat.tools
        notes = _Notes(self._encoder)
        instruct: Any = copy.copy(self._instruct)
        instruct.tokenizer = notes
        normal = self._normalizer.from_chat_completion_request(chat)
        tokens = instruct.encode_instruct(normal).tokens
        texts = [notes.texts[-token - 1] for token in tokens if token < 0]
        return [len(tokens) - len(texts), *texts]

    def length(self, piece: Hashable) -> int:
        """Return how many tokens a part has: a text by its encoding, a number as it is.

        Parameters
        ----------
        piece
            A part from `pieces`.
        """
        if isinstance(piece, str):
            return len(self._encoder.encode(piece, bos=False, eos=False))
        if isinstance(piece, int):
            return piece
        raise TypeError(f"no part of a prompt: {piece!r}")

    def _remembered(self, request: Request) -> ChatCompletionRequest[Any]:
        """Return the request as `ids` makes it, from messages that were converted before."""
        from mistral_common.protocol.instruct.converters import convert_openai_messages
        from mistral_common.protocol.instruct.request import ChatCompletionRequest

        converted = request.memory.setdefault("messages", [])
        for message in request.messages[len(converted) :]:
            converted.extend(convert_openai_messages([served_message(message)]))
        messages = converted[: len(request.messages)]
        first = "tools" not in request.memory
        chat: ChatCompletionRequest[Any] = ChatCompletionRequest.from_openai(
            messages=[],
            tools=_served_tools(request) if first else None,
            **served_settings(request.kwargs, self._version),
        )
        if request.continued:
            from mistral_common.exceptions import InvalidMessageStructureException

            if not messages or messages[-1].role != "assistant":
                raise InvalidMessageStructureException("only an answer can be continued")
            messages[-1] = messages[-1].model_copy(update={"prefix": True})
        chat.messages = messages
        if not first:
            chat.tools = request.memory["tools"]
        return chat


class _Notes:
    """Stands for the encoder of a vocabulary, and notes texts instead of encoding them."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self.texts: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, s: str, *, bos: bool, eos: bool) -> list[int]:
        """Return one id that no vocabulary has, for the text."""
        if bos or eos:
            raise NotImplementedError("a text of a message is encoded without start and end")
        self.texts.append(s)
        return [-len(self.texts)]

    def decode(self, tokens: list[int], special_token_policy: object = None) -> str:  # noqa: ARG002  # as the encoder has it
        """Return nothing: mistral-common decodes what it has encoded, and gives the text back."""
        return ""


def _served_tools(request: Request) -> list[dict[str, Any]] | None:
    return None if request.tools is None else [served_tool(tool) for tool in request.tools]


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
