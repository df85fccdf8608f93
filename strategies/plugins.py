"""Things by name that this package and others bring: strategies, renderers in code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from strategies.errors import InputError, one_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True)
class Plugins(Generic[_Thing]):
    """The built-in things of one kind, and those of other packages.

    Another package registers its things under an entry point group; each entry is a thing, or a
    callable without arguments that makes one.

    Parameters
    ----------
    kind
        What one of them is called, for errors.
    group
        The entry point group.
    builtin
        ``"module:attribute"`` by name, in the order in which tables show them. They are named by
        module, so that listing imports nothing. The attribute, called, gives the thing.
    fits
        Whether something is such a thing.
    attributes
        What a thing has, for errors.
    """

    kind: str
    group: str
    builtin: Mapping[str, str]
    fits: Callable[[object], bool]
    attributes: str

    def names(self) -> tuple[str, ...]:
        """Return all names, the built-in ones first."""
        return (*self.builtin, *(name for name in self._others() if name not in self.builtin))

    def get(self, name: str) -> _Thing:
        """Return the thing of that name.

        Raises
        ------
        InputError
            If there is none, with a list of those that exist. Also if its line in `builtin` is
            wrong, or the package that brings it cannot be loaded.
        """
        if name in self.builtin:
            return self._load_builtin(name, self.builtin[name])
        others = self._others()
        if name not in others:
            raise InputError(f"unknown {self.kind} {name!r}; there are {', '.join(self.names())}")
        return self._load_plugin(others[name])

    def _others(self) -> dict[str, EntryPoint]:
        from importlib.metadata import entry_points

        return {point.name: point for point in entry_points(group=self.group)}

    def _load_builtin(self, name: str, where: str) -> _Thing:
        """Return the thing of a line in `builtin`, or say what is wrong with the line."""
        module, _, attribute = where.partition(":")
        wrong = f"{self.kind} {name!r} is registered as {where!r}, but "
        try:
            made = getattr(import_module(module), attribute)()
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                # The module is there; something that it imports is not.
                raise
            raise InputError(f"{wrong}there is no module {module}") from error
        except AttributeError as error:
            if error.name != attribute:
                raise
            raise InputError(f"{wrong}{module} has no {attribute!r}") from error
        if not self.fits(made):
            raise InputError(f"{wrong}it lacks {self.attributes}")
        if made.name != name:
            raise InputError(f"{wrong}it calls itself {made.name!r}")
        return cast("_Thing", made)

    def _load_plugin(self, point: EntryPoint) -> _Thing:
        brought_by = point.dist.name if point.dist else "an unknown package"
        try:
            loaded: Any = point.load()
            made = loaded() if isinstance(loaded, type) or not self.fits(loaded) else loaded
        except Exception as error:
            raise InputError(
                f"{self.kind} {point.name!r} of {brought_by} cannot be loaded: "
                f"{type(error).__name__}: {one_line(error)}"
            ) from error
        if not self.fits(made):
            raise InputError(f"{self.kind} {point.name!r} of {brought_by} lacks {self.attributes}")
        return cast("_Thing", made)
