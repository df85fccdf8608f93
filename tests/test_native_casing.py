"""The case of every character: the core has it as this Python does, or refuses the text."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

import pytest

from strategies import _native
from strategies.chat.syntax import template_tree

AROUND = ("{}", "1{} b", "a{}B", "AΣ{}", "AΣ{}A", "{}Σ")
"""Whether a sigma ends a word depends on the characters around it, and title case on the last."""

WAYS: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "capitalize": str.capitalize,
    "title": str.title,
}

# Every plane with characters; of the others, some.
CODES = [
    *range(0xD800),
    *range(0xE000, 0x32400),
    *range(0xE0000, 0xE0200),
    *range(0x40000, 0x110000, 4096),
]
CHARACTERS = [chr(code) for code in CODES]
OFTEN = (
    string.printable
    + "äöüÄÖÜßéèêçñÅøœŒΣσςάΩЖжїЇ日本한글עברית العربيةहिन्दीไทย’“”—…€😀👩\u200d\u0301\ufe0f"
)


def compare(
    template: _native.Template, around: str, case: Callable[[str], str], characters: Sequence[str]
) -> set[str]:
    """Return the characters that the core does not refuse, once they are compared.

    Parameters
    ----------
    template
        Changes the case of every message.
    around
        A text with a place for the character.
    case
        What Python does.
    characters
        The characters to try.
    """
    texts = [around.format(character) for character in characters]
    try:
        got = template.render([{"content": text} for text in texts], None)
    except _native.RefusedError:
        middle = len(characters) // 2
        if not middle:
            return set()
        halves = characters[:middle], characters[middle:]
        return set().union(*(compare(template, around, case, half) for half in halves))
    assert got == "".join(f"{case(text)}|" for text in texts)
    return set(characters)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("way", WAYS)
def test_the_case_of_every_character_is_that_of_this_python_or_refused(
    way: str, around: str
) -> None:
    text = f"{{% for m in messages %}}{{{{ m.content.{way}() }}}}|{{% endfor %}}"
    template = _native.Template(template_tree(text), {}, str)
    known: set[str] = set()
    for start in range(0, len(CHARACTERS), 256):
        known |= compare(template, around, WAYS[way], CHARACTERS[start : start + 256])
    # If it refused what people write, it would be exact and of no use.
    assert set(OFTEN) <= known
    assert len(known) > 80_000
