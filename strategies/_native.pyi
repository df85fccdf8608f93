from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias, final

__version__: str
build_profile: Literal["debug", "release"]

# Conversation and turn (both from 0), whether the template raised, and the reason.
_Failure: TypeAlias = tuple[int, int, bool, str]
# The counts of each conversation's turns, the turns without a count, and figures of the call:
# convert_seconds, render_seconds, cut_seconds, encode_seconds, characters, markers_found,
# statements.
_Counted: TypeAlias = tuple[list[list[int | None]], list[_Failure], dict[str, float]]
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
        self,
        messages: Iterable[dict[str, Any]],
        tools: Iterable[dict[str, Any]] | None,
        turns: Sequence[int],
    ) -> list[_Turn]: ...

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
    @property
    def vocabulary(self) -> int: ...
    @property
    def engine(self) -> str | None: ...
    def count(
        self,
        template: Template,
        conversations: Iterable[_Conversation],
        *,
        progress: Callable[[int], object] | None = None,
    ) -> _Counted: ...
    def count_prompts(
        self,
        prompts: Sequence[Sequence[str]],
        *,
        progress: Callable[[int], object] | None = None,
    ) -> _Counted: ...
