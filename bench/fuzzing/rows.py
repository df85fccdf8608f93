"""A case that fails as a row of the conformance corpus, with what the library gives for it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.conformance.corpus import LIBRARIES
from bench.conformance.make import made, written
from strategies import InputError
from strategies.testing import Case, TokenizerFile
from strategies.testing.case import ONE_MESSAGE


def row_of(case: Case, name: str, about: str) -> Mapping[str, Any]:
    """Return a case as a row of the corpus.

    Parameters
    ----------
    case
        A case. Its last turn is what the row asks for; texts of turns before it come before it.
    name
        Id of the row: small letters, digits and dashes.
    about
        What it is about, in one line.

    Raises
    ------
    InputError
        If the corpus has no such rows: those of a turn that must fail, or of a tokenizer that is no
        ``tokenizer.json``.
    """
    if not isinstance(case.tokenizer, TokenizerFile):
        raise InputError("its tokenizer is no tokenizer.json, so it is no row of the corpus")
    with tempfile.TemporaryDirectory() as folder:
        chat = case.load(Path(folder))
        served = [chat.serve(each).conversation for each in case.conversations]
        prompts = [prompt for each in served for _, prompt in chat.prompts(each, "skip")]
    if not prompts or None in prompts:
        raise InputError("a turn of it fails, so it is no row of the corpus")
    row: dict[str, Any] = {"id": name, "about": about, "tokenizer": {"file": case.tokenizer.state}}
    if case.template != ONE_MESSAGE and len(prompts) == 1:
        (conversation,) = served
        row["conversation"] = {
            "messages": list(conversation.messages[: conversation.turns[0]]),
            "template": case.template,
        }
        if conversation.tools:
            row["conversation"]["tools"] = list(conversation.tools)
    else:
        if len(prompts) > 1:
            row["after"] = [{"text": prompt} for prompt in prompts[:-1]]
        row["text"] = prompts[-1]
    return made(row)


def file_of(rows: Sequence[Mapping[str, Any]], seed: int) -> str:
    """Return rows as a file of the corpus.

    Parameters
    ----------
    rows
        The rows.
    seed
        The seed of the search that has found them.
    """
    content = {
        "about": f"found by bench fuzz with the seed {seed}",
        "versions": {library: version(library) for library in LIBRARIES},
        "cases": list(rows),
    }
    return written(content)
