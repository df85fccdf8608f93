"""ChatTokenizer: a tokenizer with everything that decides a prompt."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strategies.chat.backend import NO_SEPARATE_RENDERING, backend_of, renders_plainly
from strategies.chat.coded import Coded, coded_of
from strategies.chat.facts import PART, Facts, facts_from
from strategies.chat.failures import turn_error
from strategies.chat.kwargs import check_kwargs
from strategies.chat.serving import Served, serve
from strategies.chat.spec import ChatSpec, chat_spec
from strategies.conversations.conversation import Conversation
from strategies.conversations.counts import OnError
from strategies.errors import InputError, IslWarning, TurnError, UnavailableError, placed
from strategies.profiles.catalog import profile_named
from strategies.runtime.interruptible import interruptible

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from strategies.chat.rendering import PromptRenderer
    from strategies.kept.store import Kept
    from strategies.profiles.profile import Traits

FINGERPRINTED_LIBRARIES = ("transformers", "tokenizers", "sentencepiece", "jinja2")


class ChatTokenizer:
    """A loaded tokenizer, its chat template and template kwargs, and a frozen clock.

    Made by `load_chat`. Pickling keeps the specification only; unpickling loads again.

    If what a count needs is kept from an earlier run, the tokenizer is loaded at its first use.
    It must then be the one that was loaded before.

    Parameters
    ----------
    spec
        What to load.
    kept
        What is kept of it between runs. Only for a caller that changes nothing of the tokenizer.

    Attributes
    ----------
    spec : ChatSpec
    template : str or None
        The chat template that is given or chosen by name; None for the tokenizer's own.
    profile : Profile
        The rules by which a server gives messages to the template.
    warnings : tuple of str
        What transformers warned about while it loaded, and what a user should know about the
        template and the backend; one line each.
    kept : Kept or None
    coded : Coded or None
        The renderer in code that counts; None for a tokenizer with a template. With a renderer
        there are neither a tokenizer of transformers nor texts of prompts.
    facts : Facts or None
        What is known from an earlier run; None if the tokenizer was loaded for this object.
    stays : bool
        Whether a tokenizer that is loaded stays, also when a counter does without it.
    companions : dict
        What others make once for this object and keep with it, by their names. It is not pickled.
    """

    def __init__(self, spec: ChatSpec, kept: Kept | None = None) -> None:
        self.spec = spec
        self.template_kwargs: dict[str, Any] = json.loads(spec.template_kwargs)
        self.kept = kept
        self.facts = None if kept is None else _kept_facts(spec, kept)
        self._backend_state: str | None = None
        self.coded: Coded | None = coded_of(spec)
        if self.coded is not None:
            self.coded.check(self.template_kwargs, "template kwargs")
            self.warnings, self.template = tuple(self.coded.opened.warnings), None
        elif self.facts is None:
            from strategies.chat.loaded import load

            loaded = load(spec)
            self.tokenizer, self.warnings = loaded.tokenizer, loaded.warnings
            self.template = loaded.template
        else:
            self.warnings, self.template = self.facts.warnings, self.facts.template
        self.profile = profile_named(spec.messages) if self.coded is None else self.coded.profile
        self.stays = False
        self.companions: dict[str, Any] = {}
        self._served: tuple[Conversation, Served] | None = None

    @cached_property
    def tokenizer(self) -> Any:
        """The transformers tokenizer. It may be shared by threads only as transformers allows."""
        if self.coded is not None:
            raise UnavailableError(self.no_text)
        loaded = ChatTokenizer(self.spec)
        if self.facts is not None and loaded.digest() != self.facts.digest:
            raise _changed(self.spec)
        return loaded.tokenizer

    def __reduce__(self) -> tuple[Callable[[ChatSpec, str], ChatTokenizer], tuple[ChatSpec, str]]:
        return _load_same, (self.spec, self.digest())

    def let_go(self, facts: Facts) -> None:
        """Go on with facts about the loaded tokenizer, which is loaded again at its next use.

        Parameters
        ----------
        facts
            What is known of it.
        """
        self.facts = facts
        self._backend_state = None
        for loaded in ("tokenizer", "backend"):
            vars(self).pop(loaded, None)

    def load_again(self) -> ChatTokenizer:
        """Load the same tokenizer again, for use in another thread.

        Raises
        ------
        InputError
            If the tokenizer or its files have changed since.
        """
        return _load_same(self.spec, self.digest())

    @property
    def name(self) -> str:
        """Last part of the name or path, for tables and file names."""
        return Path(self.spec.name_or_path).name

    @property
    def no_text(self) -> str:
        """Why there are no texts of prompts, if a renderer counts; else an empty text."""
        if self.coded is None:
            return ""
        return f"the renderer {self.coded.renderer.name} makes token ids and no text"

    @cached_property
    def no_separate_rendering(self) -> str | None:
        """Why rendering is no step apart from encoding; None if it is one."""
        if self.coded is not None:
            return self.no_text
        return None if self.renders_plainly else NO_SEPARATE_RENDERING

    def template_text(self, conversation: Conversation) -> str:
        """Return the chat template for a conversation; some models have one for tools."""
        facts = self.facts
        if facts is not None and self.template == facts.template:
            known = facts.without_tools if conversation.tools is None else facts.with_tools
            if known is not None:
                return known
        tools = None if conversation.tools is None else list(conversation.tools)
        text: str = self.tokenizer.get_chat_template(self.template, tools)
        return text

    def serve(self, conversation: Conversation) -> Served:
        """Return a conversation as the messages profile gives it to the template.

        Raises
        ------
        TurnError
            For the first turn, if the tokenizer has no template for the conversation.
        InputError
            If its messages are written by another profile already.
        """
        if conversation.profile is not None:
            if conversation.profile != self.profile.label:
                raise InputError(
                    f"conversation {conversation.id!r} is served as {conversation.profile} "
                    f"already, and not as {self.profile.label}",
                    field="messages",
                )
            return Served(conversation, None)
        if self.coded is not None:
            return Served(conversation, None)
        last = self._served
        if last is not None and last[0] is conversation:
            # Strategies ask for one turn after the other.
            return last[1]
        try:
            traits = self.traits(self.template_text(conversation))
        except Exception as error:
            raise turn_error(conversation, 0, error) from error
        served = serve(conversation, self.profile, traits)
        self._served = conversation, served
        return served

    def traits(self, template: str) -> Traits:
        """Return what a messages profile asks about a template."""
        if self.facts is not None and template in self.facts.traits:
            return self.facts.traits[template]
        from strategies.chat.traits import traits_of

        return traits_of(template)

    def variables_named(self, template: str) -> frozenset[str]:
        """Return the names of all variables in a template."""
        if self.facts is not None and template in self.facts.variables:
            return self.facts.variables[template]
        from strategies.chat.traits import variables_of

        return variables_of(template)

    def kwargs_of(self, conversation: Conversation) -> dict[str, Any]:
        """Return the template kwargs of a conversation: its own, over those given for all.

        Raises
        ------
        InputError
            If one of its own is an argument of `apply_chat_template`.
        """
        own = conversation.template_kwargs
        if not own:
            return self.template_kwargs
        if self.coded is not None:
            return {**self.template_kwargs, **own}
        with placed(line=conversation.line):
            check_kwargs(own, "chat_template_kwargs")
        return {**self.template_kwargs, **own}

    def renderer(self, conversation: Conversation) -> PromptRenderer:
        """Return the renderer of a conversation: it turns each client turn into text.

        Raises
        ------
        TurnError
            For the first turn, if nothing of the conversation can be rendered.
        """
        if self.coded is not None:
            raise UnavailableError(self.no_text)
        from strategies.chat.rendering import PromptRenderer

        conversation = self.serve(conversation).conversation
        try:
            template = self.template_text(conversation)
        except Exception as error:
            # A model with several templates has none for this conversation.
            raise turn_error(conversation, 0, error) from error
        kwargs = self.kwargs_of(conversation)
        return PromptRenderer(self.tokenizer, conversation, template, kwargs, self.spec.clock)

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
        turns = len(conversation.turns)
        try:
            served = self.serve(conversation)
            if served.refusal is not None and not served.conversation.turns:
                # No turn is left that the error of a renderer could name.
                raise served.refusal
            renderer = self.renderer(served.conversation)
        except TurnError:
            if on_error == "raise":
                raise
            yield from ((index, None) for index in range(turns))
            return
        for index in range(turns):
            prompt = None
            if served.refusal is not None and index >= len(served.conversation.turns):
                if on_error == "raise":
                    raise served.refusal
                yield index, None
                continue
            try:
                prompt = renderer.render(index)
            except TurnError:
                if on_error == "raise":
                    raise
            yield index, prompt

    def apply_chat_template(self, conversation: Conversation, index: int) -> list[int]:
        """Return the token ids of the turn at `index` by transformers' plain call.

        With a renderer in code it is that library's own call. This is the reference. It raises
        what the libraries and the template raise.
        """
        if self.coded is not None:
            self.serve(conversation)
            request = self.coded.request(conversation, index, self.kwargs_of(conversation))
            return self.coded.opened.ids(request)
        from strategies.chat.clock import frozen_clock
        from strategies.chat.limiting import limited
        from strategies.chat.rendering import compile_template

        served = self.serve(conversation)
        conversation = served.conversation
        if served.refusal is not None and index >= len(conversation.turns):
            raise served.refusal
        tools = None if conversation.tools is None else list(conversation.tools)
        kwargs = self.kwargs_of(conversation)
        k = conversation.turns[index]
        continued = k in conversation.continued
        messages = list(conversation.messages[:k])
        # Prepared each time, because transformers forgets templates when there are many.
        compile_template(self.template_text(conversation))

        def plain_call() -> list[int]:
            with frozen_clock(self.spec.clock), limited():
                ids: list[int] = self.tokenizer.apply_chat_template(
                    messages,
                    tools=tools,
                    chat_template=self.template,
                    tokenize=True,
                    add_generation_prompt=not continued,
                    continue_final_message=continued,
                    return_dict=False,
                    **kwargs,
                )
            return ids

        texts = (message.get("content") for message in messages)
        return interruptible(plain_call, sum(len(text) for text in texts if isinstance(text, str)))

    @cached_property
    def backend(self) -> Tokenizer | None:
        """The `tokenizers` object inside the tokenizer, or None: see `backend_of`."""
        if self.coded is not None:
            return None
        return backend_of(self.tokenizer)

    @cached_property
    def renders_plainly(self) -> bool:
        """Whether rendering is a step apart from encoding: see `backend.renders_plainly`."""
        if self.coded is not None:
            return False
        if self.facts is not None:
            return self.facts.renders_plainly
        return renders_plainly(self.tokenizer)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, no special tokens added.

        It uses the batch encoding of the library if the tokenizer has one.
        """
        if self.backend is not None:
            encode_batch = partial(
                self.backend.encode_batch_fast, list(texts), add_special_tokens=False
            )
            encodings = interruptible(encode_batch, sum(map(len, texts)))
            return [len(encoding) for encoding in encodings]
        encode = self.tokenizer
        return [len(encode(text, add_special_tokens=False)["input_ids"]) for text in texts]

    @cached_property
    def kind(self) -> str:
        """Name of the tokenizer's class, or of the renderer."""
        if self.coded is not None:
            return self.coded.renderer.name
        return type(self.tokenizer).__name__ if self.facts is None else self.facts.kind

    @cached_property
    def family(self) -> str:
        """Kind of tokenizer, by what decides its speed: how it cuts text, and its model."""
        if self.coded is not None:
            return "renderer in code"
        if self.facts is not None:
            return self.facts.family
        if self.backend is None:
            has_model = hasattr(self.tokenizer, "sp_model")
            return "sentencepiece library" if has_model else "Python"
        kind = type(self.backend.model).__name__
        if kind != "BPE":
            return kind
        # The whole state would say it too, but holds megabytes of vocabulary.
        steps = (self.backend.pre_tokenizer, self.backend.normalizer, self.backend.decoder)
        by_bytes = any(b'"ByteLevel"' in step.__getstate__() for step in steps if step is not None)
        return "byte-level BPE" if by_bytes else "SentencePiece BPE"

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """All that a count depends on except the conversation: digests, kwargs, versions."""
        from importlib.metadata import version

        coded = self.coded
        identity = {} if coded is None else {"renderer": coded.opened.identity}
        return {
            "name_or_path": self.spec.name_or_path,
            "revision": self.spec.revision,
            "class": self.kind,
            "family": self.family,
            "tokenizer_sha256": self.tokenizer_sha256,
            "template_name": self.spec.template_name,
            "template_sha256": self.template_sha256,
            "template_kwargs": self.template_kwargs,
            # A template that does not ask for the time gives the same counts at any time.
            "messages": self.profile.label,
            "clock": self.spec.clock.isoformat() if self.reads_clock else None,
            "versions": {name: version(name) for name in FINGERPRINTED_LIBRARIES},
            **identity,
        }

    @cached_property
    def tokenizer_sha256(self) -> str:
        """Digest of the tokenizer's state."""
        if self.facts is not None:
            return self.facts.tokenizer_sha256
        return _sha256(*self._tokenizer_state())

    @cached_property
    def template_sha256(self) -> str:
        """Digest of the template, or of all that the tokenizer has; or of the conversion."""
        if self.facts is not None:
            return self.facts.template_sha256
        return _sha256(self._template_state())

    @cached_property
    def reads_clock(self) -> bool:
        """Whether the chat template asks for the date or the time; a renderer may."""
        if self.coded is not None:
            return True
        if self.facts is not None:
            return self.facts.clock is not None
        return b"strftime_now" in self._template_state()

    def digest(self) -> str:
        """Return the digest of the tokenizer and its template as they are now."""
        # Not cached, because it shows whether the tokenizer has been changed since.
        if self.facts is not None and "tokenizer" not in vars(self):
            return self.facts.digest
        return _sha256(*self._tokenizer_state(), self._template_state())

    def backend_state(self) -> str:
        """Return the backend as JSON. There must be one."""
        assert self.backend is not None  # noqa: S101  # for the type checker
        if self.kept is None:
            return self.backend.to_str()
        # Writing it takes a while, and whoever keeps something changes nothing.
        if self._backend_state is None:
            self._backend_state = self.backend.to_str()
        return self._backend_state

    def _tokenizer_state(self) -> list[bytes]:
        """Return the state in pieces: it is long, and need not be copied to be read."""
        if self.coded is not None:
            return [self.coded.state]
        added = {index: repr(token) for index, token in self.tokenizer.added_tokens_decoder.items()}
        parts = [json.dumps(added, sort_keys=True).encode()]
        if self.backend is not None:
            parts += [b"\0", self.backend_state().encode()]
        elif hasattr(self.tokenizer, "sp_model"):
            parts += [b"\0", self.tokenizer.sp_model.serialized_model_proto()]
        return parts

    def _template_state(self) -> bytes:
        if self.coded is not None:
            return self.coded.renderer.conversion.encode()
        template = self.template or self.tokenizer.chat_template
        return json.dumps(template, sort_keys=True).encode()


def _kept_facts(spec: ChatSpec, kept: Kept) -> Facts | None:
    content = kept.get(PART)
    facts = None if content is None else facts_from(content)
    if facts is None or facts.clock not in (None, spec.clock.isoformat()):
        # Each part belongs to the others.
        kept.drop()
        return None
    return facts


def load_chat(
    name_or_path: str | PathLike[str],
    *,
    template: str | PathLike[str] | None = None,
    template_name: str | None = None,
    template_kwargs: Mapping[str, Any] | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    clock: datetime | None = None,
    messages: str | None = None,
    renderer: str | None = None,
) -> ChatTokenizer:
    """Load a tokenizer and its chat template.

    What a user should know about it is in its ``warnings``, and each is issued as an
    `IslWarning`.

    Parameters
    ----------
    name_or_path
        A Hugging Face hub name, a local folder, or a SentencePiece ``.model`` file (which
        needs `template`).
    template
        A template file, or the text of a template, instead of the tokenizer's own. A JSON file
        must hold it in its field ``chat_template``.
    template_name
        Which of the tokenizer's own chat templates to use, such as ``tool_use``, if it has
        several. By default transformers chooses for each conversation: ``tool_use`` if it has
        tools and there is one of that name, else ``default``.
    template_kwargs
        Variables for the template, such as ``{"enable_thinking": false}``.
    revision
        Commit, branch or tag on the hub.
    trust_remote_code
        Run Python code that the repository brings. Off by default.
    clock
        The instant that templates read as now. By default today at 00:00, so that all runs
        of a day agree.
    messages
        Name of the messages profile: ``"vllm"`` (the default), as that server gives messages to
        the template, or ``"as-written"``.
    renderer
        Name of the renderer in code that counts instead of a template, such as ``"harmony"``
        (docs/renderers.md). `name_or_path` is then the folder or file of its vocabulary.

    Returns
    -------
    ChatTokenizer
        Ready to count.

    Raises
    ------
    InputError
        With a one-line reason, if it cannot be loaded or its counts would not be exact.
    """
    chat = ChatTokenizer(
        chat_spec(
            name_or_path,
            template=template,
            template_name=template_name,
            template_kwargs=template_kwargs,
            revision=revision,
            trust_remote_code=trust_remote_code,
            clock=clock,
            messages=messages,
            renderer=renderer,
        )
    )
    for warning in chat.warnings:
        warnings.warn(f"{chat.name}: {warning}", IslWarning, stacklevel=2)
    return chat


def _load_same(spec: ChatSpec, digest: str) -> ChatTokenizer:
    """Load a tokenizer again; raises `InputError` if it is not the one of that digest."""
    chat = ChatTokenizer(spec)
    if chat.digest() != digest:
        raise _changed(spec)
    return chat


def _changed(spec: ChatSpec) -> InputError:
    return InputError(
        "is no longer the tokenizer that was loaded: it, its files or its hub revision changed",
        file=spec.name_or_path,
    )


def _sha256(*pieces: bytes) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
