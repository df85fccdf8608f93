"""Fill in what the library says about the corpus: ``python -m bench.conformance.make [FILE…]``.

For each case it writes the ids of the whole text, whether counting spans alone is right, and, for
a conversation, the prompt. Everything else in a case is written by hand. Running it again with
the same libraries changes nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.conformance.build import described_tokenizer
from bench.conformance.corpus import LIBRARIES, corpus_files, expected_of, whole_text
from bench.conformance.prompts import prompt_of
from strategies.splicing import Cutter, SpanPath, backend_markers

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MADE = ("ids", "refused", "alone")
"""Fields of a case that are written here; for conversations also the text."""


def encoded(
    tokenizer: Tokenizer, text: str, *, add_special_tokens: bool = False
) -> list[int] | None:
    """Return the ids of a whole text, or None if the library refuses it.

    Truncation and padding that a file asks for are not applied: `apply_chat_template` applies
    neither unless it is asked to.

    Parameters
    ----------
    tokenizer
        The tokenizer.
    text
        The text.
    add_special_tokens
        Whether the post-processor's tokens are added.
    """
    tokenizer.no_truncation()
    tokenizer.no_padding()
    try:
        return list(tokenizer.encode(text, add_special_tokens=add_special_tokens).ids)
    except Exception:  # the library raises nothing narrower
        return None


def spans_alone(tokenizer: Tokenizer, text: str, *, add_special_tokens: bool) -> list[int] | None:
    """Return the ids of the spans between added tokens, each encoded by itself.

    Parameters
    ----------
    tokenizer
        The tokenizer.
    text
        The text.
    add_special_tokens
        Whether each span is encoded with the post-processor's tokens.
    """
    ids: list[int] = []
    for _, span, after in SpanPath(Cutter(backend_markers(tokenizer))).advance(text)[1]:
        for piece in (span, after):
            found = encoded(tokenizer, piece or "", add_special_tokens=add_special_tokens)
            if found is None:
                return None
            # An empty span is no text, so nobody encodes it.
            ids += found if piece else []
    return ids


def made(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a case of a file with what the library says about it."""
    case = {field: value for field, value in row.items() if field not in MADE}
    tokenizer = described_tokenizer(row["tokenizer"])
    if "conversation" in row:
        case["text"] = prompt_of(row["tokenizer"], row["conversation"])
    text = whole_text(case["text"])
    adds = bool(row.get("add_special_tokens"))
    ids = encoded(tokenizer, text, add_special_tokens=adds)
    if ids is None:
        case["refused"] = True
        return case
    expected = expected_of(ids)
    case["ids"] = (
        {"count": expected.count, "sha256": expected.sha256}
        if expected.ids is None
        else list(expected.ids)
    )
    alone = spans_alone(tokenizer, text, add_special_tokens=adds)
    case["alone"] = "exact" if alone == ids else "wrong"
    return case


def written(content: Mapping[str, Any]) -> str:
    """Return a file of the corpus as text, a case a line.

    Other characters than ASCII are escaped, so that each is seen for what it is.
    """
    head = {field: value for field, value in content.items() if field != "cases"}
    lines = ",\n    ".join(json.dumps(case) for case in content["cases"])
    fields = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    return f'{{\n{fields}  "cases": [\n    {lines}\n  ]\n}}\n'


def remade(path: Path) -> str:
    """Return a file of the corpus with what the library says now."""
    content = json.loads(path.read_text(encoding="utf-8"))
    content["versions"] = {library: version(library) for library in LIBRARIES}
    content["cases"] = [made(row) for row in content["cases"]]
    return written(content)


def main(arguments: Sequence[str]) -> None:
    """Make the given files again, or all."""
    for path in map(Path, arguments) if arguments else corpus_files():
        path.write_text(remade(path), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
