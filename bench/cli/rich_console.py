"""A console of Rich on which no text of a dataset, a template or a name can act."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from bench.cli.escapes import without_controls


class SafeConsole(Console):
    """A console that shows characters as escapes on which a terminal would act.

    Codes that Rich itself sends are apart from text.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Yield the segments of a renderable, with nothing in their text that acts."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(without_controls(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Leave it to `main`. Rich would exit with 1, which stands for wrong counts."""
        raise BrokenPipeError
