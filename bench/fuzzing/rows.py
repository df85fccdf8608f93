"""A case that fails as a row of the conformance corpus, with what the library gives for it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strategies import InputError
from strategies.testing import Case, TokenizerFile
from strategies.testing.case import ONE_MESSAGE


def row_of(case: Case, name: str, about: str) -> Mapping[str, Any]:
    """Return a case as a row of the corpus.

    Parameters
    ----------
    case
        A case; its last turn is what the row asks for, and turns before it come after one another.
    name
        Id of the row: small letters, digits and dashes.
    about
        What it is about, in one line.
    """
    tokenizer: dict[str, Any] = (
        {"file": case.tokenizer.state}
        if isinstance(case.tokenizer, TokenizerFile)
        else {"folder": str(case.tokenizer.path)}
    )
    row: dict[str, Any] = {"id": name, "about": about, "tokenizer": tokenizer}
    with tempfile.TemporaryDirectory() as folder:
        chat = case.load(Path(folder))
        prompts = [p for c in case.conversations for _, p in chat.prompts(c, "skip")]
        texts = [prompt for prompt in prompts if prompt is not None]
        if len(prompts) == 1 and case.template != ONE_MESSAGE:
            (conversation,) = case.conversations
            row["conversation"] = {
                "messages": list(conversation.messages),
                "template": case.template,
                **({"tools": list(conversation.tools)} if conversation.tools else {}),
            }
        if len(texts) > 1:
            row["after"] = [{"text": text} for text in texts[:-1]]
        row["text"] = texts[-1] if texts else ""
        try:
            (expected,) = chat.lengths(texts[-1:])
        except Exception as error:
            raise InputError(f"the library refuses the text: {error}") from None
    row["tokens"] = expected
    return row
