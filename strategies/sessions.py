"""Sessions: a conversation that goes on, and the ISL of its prompt so far at any time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any

from strategies import _native
from strategies.chat.serving import serve
from strategies.conversations.conversation import Conversation, check_plain
from strategies.conversations.options import ReadOptions
from strategies.errors import InputError, TurnError, UnavailableError, one_line
from strategies.native import Rust
from strategies.piece_counter import Lengths
from strategies.plain import reference_turn
from strategies.profiles.catalog import profiles

if TYPE_CHECKING:
    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.conversations.conversation import Message, Tool, ToolArguments
    from strategies.native_templates import Templates
    from strategies.profiles.profile import Profile, Traits

_PROBE: tuple[Message, ...] = ({"role": "user", "content": ""},)
"""Messages of a conversation that is only asked for its template and its tools."""

_NAME = "sessions"
"""Under which name a `ChatTokenizer` keeps what its sessions share."""

_opening = Lock()


def session(
    chat: ChatTokenizer,
    messages: Iterable[Message] = (),
    *,
    tools: Sequence[Tool] | None = None,
    template_kwargs: Mapping[str, Any] | None = None,
    tool_arguments: ToolArguments = "objects",
    name: str = "session",
) -> Session:
    """Begin a conversation that goes on.

    The first session of a tokenizer compiles its chat template and loads it into the core; the
    others share that. So change nothing of the tokenizer afterwards.

    Parameters
    ----------
    chat
        From `load_chat`.
    messages
        The first messages; more are added by `Session.add`.
    tools
        Tool definitions that every prompt offers, or None.
    template_kwargs
        Variables for the template, over those of the tokenizer.
    tool_arguments
        Whether arguments of tool calls that are JSON strings are parsed (``"objects"``), as
        servers do it, or are left (``"as-given"``).
    name
        Of the conversation, in errors.

    Returns
    -------
    Session

    Raises
    ------
    InputError
        If a message, a tool or a template kwarg is no plain JSON data, a message has no role, or a
        kwarg is an argument of `apply_chat_template`. Also if `tool_arguments` has no such value.
    """
    # It says which values there are.
    ReadOptions(tool_arguments)
    if template_kwargs is not None and not isinstance(template_kwargs, Mapping):
        raise InputError("must be a mapping of names to values", field="template_kwargs")
    begun = Session(
        chat,
        _Request(
            name,
            None if tools is None else tuple(_copied(tool) for tool in tools),
            None if template_kwargs is None else _copied(template_kwargs),
            tool_arguments,
        ),
    )
    begun.extend(messages)
    return begun


@dataclass(frozen=True, slots=True)
class Held:
    """What a session keeps in memory.

    Parameters
    ----------
    messages
        Number of messages. Their texts are kept as Python has them, and once more in the core.
    prompt_bytes
        Size of the last prompt.
    spans
        Number of its spans. Where each ends and how many tokens there are up to it is kept.
    remembered_bytes
        Size of the spans whose counts all sessions of the tokenizer remember together.
    remembered_most
        The bound of that. What is dropped is counted again.
    """

    messages: int
    prompt_bytes: int
    spans: int
    remembered_bytes: int
    remembered_most: int


@dataclass(frozen=True, slots=True)
class _Request:
    """What all prompts of a session have in common."""

    name: str
    tools: tuple[Tool, ...] | None
    template_kwargs: Mapping[str, Any] | None
    tool_arguments: ToolArguments

    def conversation(self, messages: Sequence[Message]) -> Conversation:
        """Return the conversation whose one turn asks with all messages.

        Raises
        ------
        InputError
            If there is anything in it that is no plain JSON data.
        """
        return Conversation(
            self.name,
            tuple(messages),
            self.tools,
            (len(messages),),
            self.template_kwargs,
            tool_arguments=self.tool_arguments,
        )


@dataclass(slots=True)
class _Engine:
    """What the sessions of a tokenizer share.

    Parameters
    ----------
    counter, templates
        Of the core; None if it cannot count with this tokenizer.
    reason
        Why it cannot.
    lengths
        Of the pieces of a renderer in code; None if there is none, or it has no proven pieces.
    python
        Held while Python renders or counts: transformers' objects are for one thread at a time.
    """

    counter: _native.Counter | None = None
    templates: Templates | None = None
    reason: str | None = None
    lengths: Lengths | None = None
    python: RLock = field(default_factory=RLock)

    @classmethod
    def of(cls, chat: ChatTokenizer) -> _Engine:
        with _opening:
            engine = chat.companions.get(_NAME)
            if engine is None:
                engine = chat.companions[_NAME] = cls()
                engine.reason = engine.open(chat)
        return engine

    def open(self, chat: ChatTokenizer) -> str | None:
        if chat.coded is not None:
            reason = chat.coded.renderer.splices
            if reason is None:
                self.lengths = Lengths(chat.coded)
                return f"the renderer {chat.coded.renderer.name} gives them anew for each prompt"
            return reason
        core = Rust()
        reason = core.availability(chat)
        if reason is not None:
            return reason
        try:
            self.counter, self.templates = core.core(chat, workers=1)
        except UnavailableError as error:
            return one_line(error)
        self.templates.keep()
        return None


@dataclass(frozen=True, slots=True)
class _Serving:
    """How the messages profile gives each message to the template."""

    profile: Profile
    traits: Traits
    in_core: bool
    request: _Request

    def add(self, core: _native.Session, message: Message) -> str | None:
        """Add a message to a session of the core; return why that cannot be, or None."""
        parses = self.request.tool_arguments == "objects"
        if self.in_core and core.serve(
            message,
            self.profile.name,
            reads_parts=self.traits.reads_parts,
            parses_arguments=parses,
        ):
            return None
        role = message["role"]
        if self.profile.whole is not None and (
            not self.in_core or (role in self.profile.whole_roles)
        ):
            return f"a message of role {role} may change others of the conversation"
        served = serve(self.request.conversation([message]), self.profile, self.traits)
        if served.refusal is not None:
            return served.refusal.reason
        try:
            core.put(served.conversation.messages[0])
        except _native.RefusedError as error:
            return one_line(error)
        return None


class Session:
    """A conversation that goes on; made by `session`.

    Several threads may use one session. Each call sees the messages as they are when it begins.

    Attributes
    ----------
    incremental : bool
        Whether the last call took a time that goes with the new text. If not, `note` says why.
    note : str or None
        What a user should know about the last call: the slower way that it took.
    """

    def __init__(self, chat: ChatTokenizer, request: _Request) -> None:
        self.incremental = True
        self.note: str | None = None
        self._chat = chat
        self._request = request
        self._lock = Lock()
        self._messages: list[Message] = []
        self._figures: dict[str, Any] = {}
        self._core: _native.Session | None = None
        self._given: _native.GivenSession | None = None
        self._memory: dict[Hashable, Any] = {}
        self._serving: _Serving | None = None
        chat.kwargs_of(request.conversation(_PROBE))
        self._engine = _Engine.of(chat)
        with self._engine.python:
            self._tell(self._begin())

    def _begin(self) -> str | None:
        """Begin in the core; return why it renders or counts nothing, or None."""
        counter, templates = self._engine.counter, self._engine.templates
        if counter is None or templates is None:
            return self._engine.reason
        try:
            served = self._chat.serve(self._request.conversation(_PROBE))
            if served.refusal is not None:
                return served.refusal.reason
            template = templates.of(served.conversation)
            traits = self._chat.traits(self._chat.template_text(served.conversation))
        except Exception as error:
            # Choosing the template failed, and so does the plain call.
            return f"no template: {one_line(error)}"
        self._given = counter.given_session()
        if isinstance(template, str):
            return template
        profile = self._chat.profile
        known = profiles().get(profile.name) is profile
        self._serving = _Serving(profile, traits, known, self._request)
        try:
            self._core = counter.session(template, served.conversation.tools)
        except _native.RefusedError as error:
            return one_line(error)
        return None

    def _tell(self, reason: str | None) -> None:
        self.incremental = reason is None
        if reason is None:
            self.note = None
        elif self._engine.lengths is not None:
            self.note = f"each call adds up the parts of the whole prompt, because {reason}"
        elif self._given is None:
            self.note = f"each call counts the whole prompt by the plain call, because {reason}"
        else:
            self.note = f"each call renders the whole prompt by Jinja2, because {reason}"

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self._messages)

    def __repr__(self) -> str:
        return f"<Session {self._request.name!r} of {self._chat.name}: {len(self)} messages>"

    def add(self, message: Message) -> None:
        """Add a message. It is copied, so that it may be changed afterwards.

        Parameters
        ----------
        message
            An OpenAI chat message.

        Raises
        ------
        InputError
            If it is no plain JSON data or has no role. Then it is not added.
        """
        self.extend((message,))

    def extend(self, messages: Iterable[Message]) -> None:
        """Add messages, all or none of them.

        Parameters
        ----------
        messages
            OpenAI chat messages.

        Raises
        ------
        InputError
            If one of them is no plain JSON data or has no role. Then none is added.
        """
        given: Any = messages
        if isinstance(given, Mapping):
            raise InputError("is one message; give it to add", field="messages")
        copies = list(given)
        with self._lock:
            for place, message in enumerate(copies, start=len(self._messages)):
                _check(message, f"messages[{place}]")
            for message in map(_copied, copies):
                self._messages.append(message)
                self._push(message)

    def _push(self, message: Message) -> None:
        if self._core is None or self._serving is None:
            return
        reason = self._serving.add(self._core, message)
        if reason is not None:
            # The messages are no list any more to which each adds what it is by itself.
            self._core = None
            self._tell(reason)

    def isl(self) -> int:
        """Return the number of tokens of the prompt of all messages so far.

        It is what the plain call gives for them: `apply_chat_template` with
        ``add_generation_prompt=True``, over the messages as the messages profile of the tokenizer
        gives them to the template.

        Returns
        -------
        int
            The ISL, in tokens.

        Raises
        ------
        InputError
            If there is no message.
        TurnError
            If the plain call fails, with its reason. More messages may be added nevertheless.
        """
        with self._lock:
            if not self._messages:
                raise InputError("there is no message yet", field="messages")
            if self._core is not None:
                return self._answer(self._core.count())
            with self._engine.python:
                if self._given is not None:
                    prompt = self._rendered()
                    if prompt is not None:
                        return self._answer(self._given.count(prompt))
                if self._engine.lengths is not None:
                    isl = self._added_up(self._engine.lengths)
                    if isl is not None:
                        return isl
                return self._plain()

    def _answer(self, answer: tuple[int | None, tuple[bool, str] | None, dict[str, Any]]) -> int:
        tokens, failure, self._figures = answer
        if tokens is None:
            reason = "" if failure is None else failure[1]
            with self._engine.python:
                # If the template has raised, this raises.
                tokens = self._plain()
            self.incremental = False
            self.note = f"the plain call counted the last prompt, because {reason}"
        elif self._core is not None:
            restarts = self._figures.get("restarts")
            self.incremental = restarts is None
            self.note = None if restarts is None else f"each call renders again: {restarts}"
        return tokens

    def _rendered(self) -> str | None:
        """Return the prompt by Jinja2; None if there is none or it is no valid text."""
        try:
            served = self._chat.serve(self._request.conversation(self._messages))
            if served.refusal is not None:
                return None
            prompt = self._chat.renderer(served.conversation).render(0)
            prompt.encode()
        except (TurnError, UnicodeEncodeError):
            # The plain call says what is wrong.
            return None
        return prompt

    def _added_up(self, lengths: Lengths) -> int | None:
        """Return the lengths of the prompt's parts together; None if it is to be counted whole."""
        conversation = self._request.conversation(self._messages)
        kwargs = self._chat.kwargs_of(conversation)
        return lengths.total(conversation, 0, kwargs, self._memory)

    def _plain(self) -> int:
        count = reference_turn(self._chat, self._request.conversation(self._messages), 0)
        if count is None:
            raise AssertionError("a turn that raises on error has a count")
        return count

    def __copy__(self) -> Session:
        """Return `copy`: what is shared may only be what does not change."""
        return self.copy()

    def __deepcopy__(self, _known: object) -> Session:
        """Return `copy`: what it shares does not change."""
        return self.copy()

    def copy(self) -> Session:
        """Return a session with the same messages, which goes on by itself.

        It costs little. The first call of the copy renders its whole prompt once.
        """
        with self._lock:
            other = object.__new__(Session)
            other.__dict__.update(self.__dict__)
            other._lock = Lock()
            other._messages = list(self._messages)
            # What a renderer remembers is of the messages of one session.
            other._memory = {}
            counter = self._engine.counter
            if self._core is not None:
                other._core = self._core.copy()
            if counter is not None and self._given is not None:
                other._given = counter.given_session()
        return other

    def held(self) -> Held:
        """Return what the session keeps in memory."""
        with self._lock:
            counter = self._engine.counter
            return Held(
                len(self._messages),
                self._figures.get("prompt_bytes", 0),
                self._figures.get("spans", 0),
                *((0, 0) if counter is None else counter.remembered_bytes()),
            )


def _check(message: object, field: str) -> None:
    if not isinstance(message, dict):
        raise InputError("a message must be an object", field=field)
    check_plain(message, field)
    if not isinstance(message.get("role"), str):
        raise InputError("must be a string", field=f"{field}.role")


def _copied(value: Any) -> Any:
    """Return plain JSON data again, in objects and lists of its own."""
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_copied(item) for item in value)
    return value
