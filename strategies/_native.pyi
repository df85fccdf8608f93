from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, final

__version__: str
build_profile: Literal["debug", "release"]

Result: TypeAlias = tuple[list[list[int | None]], list[tuple[int, int, bool, str]], dict[str, float]]
