"""Logs that do not hold all of a prompt: what is not in them has to be given."""

from __future__ import annotations

from strategies.conversations.format import Format
from strategies.conversations.options import ReadOptions
from strategies.errors import InputError


def check_given(
    options: ReadOptions,
    where: str,
    *,
    tools: bool = False,
    system: bool = False,
    field: str | None = None,
) -> None:
    """Refuse data that lack tools or a system prompt, unless these are given.

    Parameters
    ----------
    options
        How the data are read.
    where
        What lacks them, as the beginning of a sentence.
    tools, system
        Which of them it lacks.
    field
        The place that shows it, for the error.

    Raises
    ------
    InputError
        With the names of the options that give them.
    """
    lacks = []
    if tools and options.tools is None:
        lacks.append(("tools", "--tools FILE"))
    if system and options.system is None:
        lacks.append(("system prompt", "--system FILE"))
    if not lacks:
        return
    what = " and no ".join(name for name, _ in lacks)
    ways = " and ".join(way for _, way in lacks)
    raise InputError(f"{where} holds no {what}: give {ways}", field=field)


def check_lacks(form: Format, options: ReadOptions) -> None:
    """Refuse data of a format that lacks tools or a system prompt, unless these are given.

    Raises
    ------
    InputError
        As `check_given` does.
    """
    if form.lacks:
        check_given(
            options,
            f"a log of {form.name}",
            tools="tools" in form.lacks,
            system="system" in form.lacks,
        )
