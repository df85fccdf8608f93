from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal, TypeAlias, final

__version__: str
build_profile: Literal["debug", "release"]

# Conversation and turn (both from 0), whether the template raised, and the reason.
_Failure: TypeAlias = tuple[int, int, bool, str]
# The counts of each conversation's turns, the turns without a count, and figures of the call:
# convert_seconds, render_seconds, cut_seconds, encode_seconds, characters, markers_found,
# statements; and `restarts`, the construct that was rendered again in every turn, if there is one.
_Counted: TypeAlias = tuple[list[list[int | None]], list[_Failure], dict[str, Any]]
# The prompt of a turn or its error, the bytes that it keeps of the last prompt before it, and the
# number of statements of the template that were run for it.
_Turn: TypeAlias = tuple[str | None, NativeError | None, int, int]
_Conversation: TypeAlias = tuple[
    Iterable[dict[str, Any]], Iterable[dict[str, Any]] | None, Sequence[int]
]

class NativeError(RuntimeError): ...
class ThreadsError(NativeError): ...
class RefusedError(NativeError): ...
class TemplateRaisedError(NativeError): ...

def constructs() -> dict[str, list[str]]: ...

# The text of each added token, and the condition of docs/cutting.md that it does not meet.
def cuts(tokenizer: str, *, split_special_tokens: bool = False) -> list[tuple[str, str | None]]: ...

# Pairs of characters between which a text is cut; if there are none, the condition that fails.
def places(tokenizer: str) -> tuple[list[str], str | None]: ...

# Where the last complete element ends in a text that begins before an element of an array: the
# place after its comma, or 0; whether a bracket closes the array after it; the line breaks before
# that place; and the characters between the last of these and that place.
def elements(data: bytes) -> tuple[int, bool, int, int]: ...

# One row for each turn of some conversations, as bytes: the head of its conversation, its number
# from 1, and after the label of each column the cell. A text is written as it is, None as
# `nothing`.
def rows(
    conversations: Iterable[tuple[str, list[list[int] | list[int | None] | list[str]]]],
    labels: Sequence[str],
    *,
    nothing: str,
    end: str,
) -> bytes: ...

@final
class Template:
    def __new__(
        cls,
        tree: str,
        variables: dict[str, Any],
        strftime: Callable[[str], str],
        *,
        max_steps: int | None = None,
        max_bytes: int | None = None,
    ) -> Template: ...
    def render(
        self, messages: Iterable[dict[str, Any]], tools: Iterable[dict[str, Any]] | None
    ) -> str: ...
    def render_turns(
        self, waiting: Waiting, place: int, *, adding: bool = False
    ) -> list[_Turn]: ...

# Id, messages, tools, turns, and the line on which the conversation starts.
_Read: TypeAlias = tuple[str, list[dict[str, Any]], list[dict[str, Any]] | None, list[int], int]

@final
class Harmless:
    def __new__(
        cls,
        record: AbstractSet[str],
        row: AbstractSet[str],
        message: AbstractSet[str],
        call: AbstractSet[str],
    ) -> Harmless: ...

@final
class Records:
    def __new__(
        cls,
        data: bytes,
        *,
        names_lines: bool,
        longest_line: int,
        longest_document: int,
        parses_arguments: bool,
        harmless: Harmless,
        is_lines: bool = False,
        before: tuple[int, int] = (0, 0),
        form: str | None = None,
    ) -> Records: ...
    @property
    def format(self) -> str: ...
    @property
    def lines(self) -> int: ...
    def outlines(self) -> list[tuple[str, list[int]]]: ...
    def kinds(self) -> dict[str, int]: ...
    def places(self, with_tools: bool) -> list[int]: ...
    def conversation(self, place: int) -> _Read: ...
    def serve(
        self, profile: str, *, reads_parts: bool, reads_parts_with_tools: bool
    ) -> Waiting: ...
    def served(
        self, profile: str, *, reads_parts: bool, reads_parts_with_tools: bool
    ) -> list[_Read]: ...

# Conversations that wait to be counted, each once. `serve` says whether the core has applied the
# messages profile; if not, Python applies it, and `put` takes what it makes.
@final
class Waiting:
    def __new__(cls, places: int) -> Waiting: ...
    def put(self, place: int, conversation: _Conversation) -> None: ...
    def serve(
        self,
        place: int,
        conversation: _Conversation,
        profile: str,
        *,
        reads_parts: bool,
        parses_arguments: bool,
    ) -> bool: ...

# Tokens; or whether the template raised, and the reason. Then figures: `statements` of the
# template that were run, `prompt_bytes`, `spans`, and `restarts`, a construct that is rendered
# again in every call, if there is one.
_Answer: TypeAlias = tuple[int | None, tuple[bool, str] | None, dict[str, Any]]

# A conversation that goes on. `serve` says whether the core has applied the messages profile and
# has added the message; if not, Python applies it, and `put` adds what it makes.
@final
class Session:
    def serve(
        self, message: dict[str, Any], profile: str, *, reads_parts: bool, parses_arguments: bool
    ) -> bool: ...
    def put(self, message: dict[str, Any]) -> None: ...
    def count(self) -> _Answer: ...
    def copy(self) -> Session: ...
    def __len__(self) -> int: ...

# The same if Jinja2 renders the prompts.
@final
class GivenSession:
    def count(self, prompt: str) -> _Answer: ...

@final
class Counter:
    def __new__(
        cls, tokenizer: str, *, workers: int, split_special_tokens: bool = False
    ) -> Counter: ...
    @staticmethod
    def of_sentencepiece(
        model: bytes,
        tokens: Sequence[tuple[str, bool, bool]],
        *,
        workers: int,
        adds_space: bool = False,
        shield: str | None = None,
    ) -> Counter: ...
    # `load` returns the JSON of the tokenizer; any thread may call it, or none.
    @staticmethod
    def restore(saved: bytes, load: Callable[[], str], *, workers: int) -> Counter: ...
    def save(self) -> bytes | None: ...
    @property
    def vocabulary(self) -> int: ...
    @property
    def engine(self) -> str | None: ...
    # Sessions share what they remember: its bytes, and how many there are at most.
    def session(self, template: Template, tools: Iterable[dict[str, Any]] | None) -> Session: ...
    def given_session(self) -> GivenSession: ...
    def remembered_bytes(self) -> tuple[int, int]: ...
    # With `remembers`, spans and words of earlier calls and of sessions are not counted again.
    def count(
        self,
        template: Template,
        waiting: Waiting,
        places: Sequence[int],
        *,
        remembers: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> _Counted: ...
    # The same, and the columns `shared` and `osl`, empty if they are not wanted; and the places of
    # conversations of which a column is not known.
    def count_columns(
        self,
        template: Template,
        waiting: Waiting,
        places: Sequence[int],
        *,
        shared: bool,
        osl: bool,
        remembers: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> tuple[_Counted, tuple[list[list[int | None]], list[list[int | None]], list[int]]]: ...
    def count_prompts(
        self,
        prompts: Sequence[Sequence[str]],
        *,
        progress: Callable[[int], object] | None = None,
    ) -> _Counted: ...
