"""ChatTokenizer: a tokenizer with everything that decides a prompt."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from strategies.chat.clock import frozen_clock
from strategies.chat.rendering import (
    CAPTURE_NAME,
    PromptRenderer,
    compile_template,
    is_failure,
    turn_error,
)
from strategies.conversations.counts import OnError
from strategies.errors import InputError, TurnError, one_line
from strategies.runtime.collection import collection_paused

if TYPE_CHECKING:
    from jinja2 import Template
    from tokenizers import Tokenizer

    from strategies.conversations.conversation import Conversation

FINGERPRINTED_LIBRARIES = ("transformers", "tokenizers", "sentencepiece", "jinja2")


@dataclass(frozen=True, slots=True)
class ChatSpec:
    """Everything that loads the same `ChatTokenizer` again, in this process or another.

    Parameters
    ----------
    name_or_path
        Hub name, folder, or SentencePiece ``.model`` file.
    template
        Text that replaces the tokenizer's own chat template, or None.
    template_kwargs
        Variables for the template, as canonical JSON.
    revision
        Commit, branch or tag on the hub, or None.
    trust_remote_code
        Whether Python code that the repository brings may run.
    clock
        The instant that templates read as now.
    """

    name_or_path: str
    template: str | None
    template_kwargs: str
    revision: str | None
    trust_remote_code: bool
    clock: datetime


class ChatTokenizer:
    """A loaded tokenizer, its chat template and template kwargs, and a frozen clock.

    Made by `load_chat`. Pickling keeps the specification only; unpickling loads again.

    Attributes
    ----------
    spec : ChatSpec
    tokenizer
        The transformers tokenizer. It may be shared by threads only as transformers allows.
    warnings : tuple of str
        What transformers warned about while it loaded, one line each.
    """

    def __init__(self, spec: ChatSpec) -> None:
        self.spec = spec
        self.template_kwargs: dict[str, Any] = json.loads(spec.template_kwargs)
        with _load_lock, collection_paused(), _collected_warnings() as warnings:
            self.tokenizer = _load(spec)
        self.warnings = tuple(dict.fromkeys(warnings))
        _check_template(self)
        _check_deterministic(self)

    def __reduce__(self) -> tuple[Callable[[ChatSpec, str], ChatTokenizer], tuple[ChatSpec, str]]:
        return _load_same, (self.spec, self._digest())

    def load_again(self) -> ChatTokenizer:
        """Return the same tokenizer, loaded anew, for use in another thread.

        Raises
        ------
        InputError
            If what loads is not the same any more.
        """
        return _load_same(self.spec, self._digest())

    @property
    def name(self) -> str:
        """Last part of the name or path, for tables and file names."""
        return Path(self.spec.name_or_path).name

    def template_text(self, conversation: Conversation) -> str:
        """Return the chat template for a conversation; some models have one for tools."""
        tools = None if conversation.tools is None else list(conversation.tools)
        text: str = self.tokenizer.get_chat_template(self.spec.template, tools)
        return text

    def renderer(self, conversation: Conversation) -> PromptRenderer:
        """Return what renders the turns of a conversation to text.

        Raises
        ------
        TurnError
            For the first turn, if nothing of the conversation can be rendered.
        """
        try:
            template = self.template_text(conversation)
        except Exception as error:
            # A model with several templates has none for this conversation.
            raise turn_error(conversation, 0, error) from error
        return PromptRenderer(
            self.tokenizer, conversation, template, self.template_kwargs, self.spec.clock
        )

    def prompts(
        self, conversation: Conversation, on_error: OnError = "raise"
    ) -> Iterator[tuple[int, str | None]]:
        """Yield index (from 0) and prompt of each turn; None for one that fails and is skipped.

        Raises
        ------
        TurnError
            For the first turn that fails, unless `on_error` is ``"skip"``.
        """
        if not conversation.turns:
            return
        try:
            renderer = self.renderer(conversation)
        except TurnError:
            if on_error == "raise":
                raise
            yield from ((index, None) for index in range(len(conversation.turns)))
            return
        for index in range(len(conversation.turns)):
            prompt = None
            try:
                prompt = renderer.render(index)
            except TurnError:
                if on_error == "raise":
                    raise
            yield index, prompt

    def apply_chat_template(self, conversation: Conversation, index: int) -> list[int]:
        """Return the token ids of the turn at `index` by transformers' plain call.

        This is the reference. It raises whatever transformers and the template raise.
        """
        tools = None if conversation.tools is None else list(conversation.tools)
        with frozen_clock(self.spec.clock):
            ids: list[int] = self.tokenizer.apply_chat_template(
                list(conversation.messages[: conversation.turns[index]]),
                tools=tools,
                chat_template=self.spec.template,
                tokenize=True,
                add_generation_prompt=True,
                return_dict=False,
                **self.template_kwargs,
            )
        return ids

    @cached_property
    def backend(self) -> Tokenizer | None:
        """The `tokenizers` object behind the tokenizer, set up as the reference uses it.

        None where there is none (`SentencePieceBackend`), or where the tokenizer's class
        does something of its own between the text and that object.
        """
        from transformers import PreTrainedTokenizerFast

        tokenizer = self.tokenizer
        if not isinstance(tokenizer, PreTrainedTokenizerFast) or _own_steps(
            tokenizer,
            PreTrainedTokenizerFast,
            ("apply_chat_template", "__call__", "_encode_plus", "_convert_encoding"),
        ):
            return None
        backend: Tokenizer = tokenizer.backend_tokenizer
        # What transformers sets before each call with padding and truncation off.
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = tokenizer.split_special_tokens
        return backend

    @cached_property
    def renders_plainly(self) -> bool:
        """Whether `apply_chat_template` is transformers' own, so that rendering can be apart."""
        from transformers import PreTrainedTokenizerBase

        return not _own_steps(self.tokenizer, PreTrainedTokenizerBase, ("apply_chat_template",))

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, no special tokens added.

        Uses the library's batch encoding where there is one.
        """
        if self.backend is not None:
            encodings = self.backend.encode_batch_fast(list(texts), add_special_tokens=False)
            return [len(encoding) for encoding in encodings]
        encode = self.tokenizer
        return [len(encode(text, add_special_tokens=False)["input_ids"]) for text in texts]

    @cached_property
    def family(self) -> str:
        """Kind of tokenizer, as far as speed goes: how text is cut, and the model."""
        if self.backend is None:
            has_model = hasattr(self.tokenizer, "sp_model")
            return "sentencepiece library" if has_model else "Python"
        kind = type(self.backend.model).__name__
        if kind != "BPE":
            return kind
        # As the whole state has them, which is megabytes of vocabulary.
        steps = (self.backend.pre_tokenizer, self.backend.normalizer, self.backend.decoder)
        by_bytes = any(b'"ByteLevel"' in step.__getstate__() for step in steps if step is not None)
        return "byte-level BPE" if by_bytes else "SentencePiece BPE"

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """What a count depends on beside the conversation: digests, kwargs, versions."""
        return {
            "name_or_path": self.spec.name_or_path,
            "revision": self.spec.revision,
            "class": type(self.tokenizer).__name__,
            "family": self.family,
            "tokenizer_sha256": _sha256(self._tokenizer_state()),
            "template_sha256": _sha256(self._template_state()),
            "template_kwargs": self.template_kwargs,
            # A template that does not ask for the time gives the same counts at any time.
            "clock": self.spec.clock.isoformat() if self.reads_clock else None,
            "versions": {name: version(name) for name in FINGERPRINTED_LIBRARIES},
        }

    @cached_property
    def reads_clock(self) -> bool:
        """Whether the chat template asks for the date or the time."""
        return b"strftime_now" in self._template_state()

    def _digest(self) -> str:
        # Not cached: it is to tell whether somebody has changed the tokenizer since.
        return _sha256(self._tokenizer_state() + self._template_state())

    def _tokenizer_state(self) -> bytes:
        added = {index: repr(token) for index, token in self.tokenizer.added_tokens_decoder.items()}
        parts = [json.dumps(added, sort_keys=True).encode()]
        if self.backend is not None:
            parts.append(self.backend.to_str().encode())
        elif hasattr(self.tokenizer, "sp_model"):
            parts.append(self.tokenizer.sp_model.serialized_model_proto())
        return b"\0".join(parts)

    def _template_state(self) -> bytes:
        template = self.spec.template or self.tokenizer.chat_template
        return json.dumps(template, sort_keys=True).encode()


def chat_spec(
    name_or_path: str | PathLike[str],
    *,
    template: str | PathLike[str] | None = None,
    template_kwargs: Mapping[str, Any] | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    clock: datetime | None = None,
) -> ChatSpec:
    """Return the specification of a tokenizer without loading it.

    Parameters
    ----------
    name_or_path
        A Hugging Face hub name, a local folder, or a SentencePiece ``.model`` file (which
        needs `template`).
    template
        A template file, or the text of a template, instead of the tokenizer's own.
    template_kwargs
        Variables for the template, such as ``{"enable_thinking": false}``.
    revision
        Commit, branch or tag on the hub.
    trust_remote_code
        Run Python code that the repository brings. Off by default.
    clock
        The instant that templates read as now. By default today at 00:00, so that all runs
        of a day agree.

    Raises
    ------
    InputError
        If the template cannot be read, or a template kwarg cannot be one.
    """
    kwargs = dict(template_kwargs or {})
    reserved = _reserved_kwargs().intersection(kwargs) if kwargs else None
    if reserved:
        raise InputError(
            f"{min(reserved)!r} is an argument of apply_chat_template, not a template variable",
            field="template kwargs",
        )
    try:
        canonical = json.dumps(kwargs, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"not JSON data: {one_line(error)}", field="template kwargs") from None
    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: DTZ005  # templates write local dates
    return ChatSpec(
        name_or_path=str(name_or_path),
        template=_template_text(template),
        template_kwargs=canonical,
        revision=revision,
        trust_remote_code=trust_remote_code,
        clock=clock or today,
    )


def load_chat(
    name_or_path: str | PathLike[str],
    *,
    template: str | PathLike[str] | None = None,
    template_kwargs: Mapping[str, Any] | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    clock: datetime | None = None,
) -> ChatTokenizer:
    """Load a tokenizer and its chat template; the parameters are those of `chat_spec`.

    Raises
    ------
    InputError
        With a one-line reason, for whatever keeps the tokenizer from counting.
    """
    return ChatTokenizer(
        chat_spec(
            name_or_path,
            template=template,
            template_kwargs=template_kwargs,
            revision=revision,
            trust_remote_code=trust_remote_code,
            clock=clock,
        )
    )


def _load_same(spec: ChatSpec, digest: str) -> ChatTokenizer:
    """Load a tokenizer again; raises `InputError` if it is not the one of that digest."""
    chat = ChatTokenizer(spec)
    if chat._digest() != digest:
        raise InputError(
            "loads otherwise than before: it was changed after it was loaded, or its files or "
            "its revision on the hub were",
            file=spec.name_or_path,
        )
    return chat


def _template_text(template: str | PathLike[str] | None) -> str | None:
    if template is None:
        return None
    if isinstance(template, str) and ("{" in template or "\n" in template):
        return template
    if not str(template):
        raise InputError("is empty; name a file", field="template")
    path = Path(template)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("the template is not UTF-8 text", file=path) from None
    except OSError as error:
        raise InputError(f"cannot read the template: {error.strerror}", file=path) from None
    if not text:
        # It would render nothing, and every ISL would be 0 without a word.
        raise InputError("the template is empty", file=path)
    return text


def _reserved_kwargs() -> frozenset[str]:
    # As in `_collected_warnings`: importing says on standard error that there is no PyTorch.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    with collection_paused():
        from transformers import PreTrainedTokenizerBase
        from transformers.utils.chat_template_utils import render_jinja_template

    taken = {"messages", CAPTURE_NAME}
    for function in (PreTrainedTokenizerBase.apply_chat_template, render_jinja_template):
        taken.update(inspect.signature(function).parameters)
    # `documents` is an argument that goes to the template as it is.
    return frozenset(taken) - {"kwargs", "documents"}


def _own_steps(tokenizer: Any, base: type, methods: tuple[str, ...]) -> bool:
    """Whether the tokenizer's class replaces one of the methods of `base`."""
    return any(getattr(type(tokenizer), name) is not getattr(base, name) for name in methods)


# transformers' logging handlers are global, and threads load tokenizers too.
_load_lock = threading.Lock()


@contextmanager
def _collected_warnings() -> Iterator[list[str]]:
    """Keep what transformers logs while it loads, instead of letting it into the terminal."""
    # That there is no PyTorch is no news to a tokenizer. Imported before the handlers are
    # replaced, because importing sets them up.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    import transformers  # noqa: F401  # for its effect on logging

    lines: list[str] = []
    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub")]
    handlers = [logger.handlers for logger in loggers]
    for logger in loggers:
        logger.handlers = [_Collector(lines.append)]
    try:
        yield lines
    finally:
        for logger, before in zip(loggers, handlers, strict=True):
            logger.handlers = before


class _Collector(logging.Handler):
    def __init__(self, sink: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        self._sink(one_line(record.getMessage()))


def _load(spec: ChatSpec) -> Any:
    if not spec.name_or_path:
        raise InputError("is empty; name a folder or a tokenizer on the hub", field="tokenizer")
    path = Path(spec.name_or_path)
    try:
        exists = path.exists()
    except OSError as error:
        # A folder above it that may not be entered, or a name that is too long.
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    if not exists and _looks_like_path(spec.name_or_path):
        raise InputError("no such folder", file=path)
    try:
        if path.is_dir():
            # A folder that cannot be listed looks like an empty one to the loader.
            next(path.iterdir(), None)
        if path.is_file():
            return _load_sentencepiece(path)
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(
            spec.name_or_path,
            revision=spec.revision,
            trust_remote_code=spec.trust_remote_code,
            local_files_only=path.is_dir() or not _hub_answers(),
        )
    except (InputError, MemoryError):
        raise
    except BaseException as error:
        # Damaged files and foreign code raise whatever they like, and the library panics.
        if not is_failure(error):
            raise
        reason = _load_reason(spec, error)
        raise InputError(reason, file=spec.name_or_path) from error
    # Prompts longer than the model's window have an ISL too, and are no reason to warn.
    tokenizer.model_max_length = int(1e30)
    return tokenizer


def _hub_answers() -> bool:
    """Whether the hub can be reached; without it only files that were kept are left.

    Its client tries again for most of a minute where it has no connection, and says nothing.
    """
    from huggingface_hub import constants, get_session

    try:
        # A mirror may redirect to where people sign in, which need not be reachable from here.
        get_session().head(
            constants.ENDPOINT, timeout=constants.HF_HUB_ETAG_TIMEOUT, follow_redirects=False
        )
    except Exception:
        # Refused, unknown, too slow, or switched off: whatever the client in use calls it.
        return False
    return True


def _looks_like_path(name: str) -> bool:
    # A hub name is at most owner/name.
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or name.endswith(".model")


def _load_sentencepiece(path: Path) -> Any:
    if path.suffix != ".model":
        raise InputError("is a file; name the tokenizer's folder or a .model file", file=path)
    from transformers import SentencePieceBackend

    make: Callable[..., Any] = SentencePieceBackend
    return make(vocab_file=str(path), unk_token="<unk>")  # noqa: S106  # a token of text


def _load_reason(spec: ChatSpec, error: BaseException) -> str:
    if "trust_remote_code" in str(error) or "custom code" in str(error):
        return (
            "loading this tokenizer runs Python code that its repository brings; if you trust "
            "it, say --trust-remote-code"
        )
    if isinstance(error, PermissionError):
        return f"cannot be read: {error.strerror}"
    hint = ""
    if Path(spec.name_or_path).is_dir():
        names = {item.name for item in Path(spec.name_or_path).iterdir()}
        known = {"tokenizer.json", "tekken.json", "vocab.json", "vocab.txt"}
        if not names & known and not any(name.endswith((".model", ".tiktoken")) for name in names):
            return "no tokenizer in this folder: neither tokenizer.json nor tokenizer.model"
        hint = "the tokenizer cannot be loaded, its files may be damaged: "
    else:
        hint = "neither a folder nor a tokenizer on the hub that can be reached: "
    return f"{hint}{type(error).__name__}: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"


def _check_template(chat: ChatTokenizer) -> None:
    name = chat.spec.name_or_path
    template = chat.spec.template or getattr(chat.tokenizer, "chat_template", None)
    if not template:
        # An empty one would render nothing, and every ISL would be 0 without a word.
        raise InputError("has no chat template; give one with --template FILE", file=name)
    for text in template.values() if isinstance(template, dict) else [template]:
        try:
            random = _random_part(compile_template(text), text)
        except Exception as error:
            line = getattr(error, "lineno", None)
            place = f" in line {line}" if line else ""
            raise InputError(
                f"the chat template has an error{place}: {one_line(error)}", file=name
            ) from None
        if random:
            raise InputError(
                f"the chat template writes at random ({random}), so that no count is exact",
                file=name,
            )


def _random_part(template: Template, text: str) -> str | None:
    """Return what in a template gives another text at every rendering, if anything does."""
    if "random" not in text and "lipsum" not in text:
        # Hardly any template has them, and parsing it again takes time.
        return None
    for node in template.environment.parse(text).find_all((nodes.Filter, nodes.Name)):
        if isinstance(node, nodes.Filter) and "random" in (node.name, _mapped(node)):
            return "the filter random"
        if isinstance(node, nodes.Name) and node.name == "lipsum":
            return "the function lipsum"
    return None


def _mapped(node: nodes.Filter) -> object:
    """Return the name of the filter that `map` applies to each item, if it is one."""
    name = node.args[0] if node.name == "map" and node.args else None
    return name.value if isinstance(name, nodes.Const) else None


def _check_deterministic(chat: ChatTokenizer) -> None:
    options = getattr(chat.tokenizer, "sp_model_kwargs", None) or {}
    if options.get("enable_sampling"):
        raise InputError(
            "its SentencePiece model samples (enable_sampling), so that no count is exact",
            file=chat.spec.name_or_path,
        )
    model = None if chat.backend is None else chat.backend.model
    if getattr(model, "dropout", None):
        raise InputError(
            "its BPE model drops merges at random (dropout), so that no count is exact",
            file=chat.spec.name_or_path,
        )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
