"""Write what the coverage-guided targets of the core begin with: ``python -m bench.fuzzing.seeds``.

It writes small tokenizers and the syntax trees of chat templates into ``strategies/rust/fuzz``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from bench.bundled import tokenizer_names, tokenizer_path
from strategies.chat.syntax import template_tree
from strategies.testing import wild_templates  # noqa: F401  # says what to install
from strategies.testing.templates import TemplateWriter
from strategies.testing.tokenizers import TokenizerWriter
from strategies.testing.wild import WildWriter

FOLDER = Path(__file__).parents[2] / "strategies" / "rust" / "fuzz"
TOKENIZERS = 60
TEMPLATES = 100
"""Random templates of each kind."""


def tokenizers(count: int = TOKENIZERS) -> Iterator[str]:
    """Yield tokenizers as JSON, without those that make the library itself panic."""
    number = 0
    while count:
        tokenizer = TokenizerWriter(Random(f"tokenizer {number}")).tokenizer()  # noqa: S311  # no secret
        number += 1
        # The library panics if two added tokens claim the same white space.
        if any(t["lstrip"] and t["content"][:1].isspace() for t in tokenizer.state["added_tokens"]):
            continue
        yield json.dumps(tokenizer.state)
        count -= 1


def trees() -> Iterator[str]:
    """Yield syntax trees of templates: the bundled ones, and random ones."""
    for name in tokenizer_names():
        for path in sorted(Path(tokenizer_path(name)).glob("*.jinja")):
            yield template_tree(path.read_text(encoding="utf-8"))
    for number in range(TEMPLATES):
        dice = Random(f"template {number}")  # noqa: S311  # no secret
        yield template_tree(TemplateWriter(dice).template())
        yield template_tree(WildWriter(dice).template())


def write_seeds(folder: Path) -> int:
    """Write tokenizers and trees into a folder, and return how many files there are."""
    written = 0
    for kind, contents in (("tokenizers", tokenizers()), ("trees", trees())):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(contents):
            (folder / kind / f"{number:03}.json").write_text(content, encoding="utf-8")
            written += 1
    return written


if __name__ == "__main__":
    print(write_seeds(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER), "files")  # a script
