"""Templates that ask where their messages end in every way, and remember the answers.

A renderer that keeps what an earlier turn rendered has to know what depends on the end of the
messages: `loop.last`, a neighbour, a length, a slice, a scan that ends early, a macro that looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

PLACES = (
    "0",
    "1",
    "-1",
    "2",
    "n",
    "ns.a",
    "ns.b",
    "last",
    "messages|length",
    "messages|length - 1",
    "users|length",
    "some|length - 1",
)
LOOPED = (
    "loop.index", "loop.index0", "loop.revindex", "loop.revindex0", "loop.length",
    "(messages|length - 1) - loop.index0", "messages|length - loop.index",
)  # fmt: skip
LISTS = (
    "messages", "messages[1:]", "messages[2:]", "messages[:2]", "messages[:-1]", "messages[-2:]",
    "messages[::-1]", "messages[1:][::-1]", "messages|reverse", "rest", "users", "picked",
    "messages|selectattr('role', 'equalto', 'user')|list", "range(messages|length)", "range(3)",
    "range(messages|length - 1, -1, -1)", "range(1, rest|length)", "messages[:ns.a]",
    "some", "some[1:]", "some|reverse", "rest|rejectattr('tool_calls', 'defined')|list",
)  # fmt: skip
NESTED = (
    "messages[loop.index:]", "messages[:loop.index0]", "range(loop.index0, messages|length)",
    "range(loop.index0 - 1, -1, -1)", "range(loop.index, rest|length)",
)  # fmt: skip
TESTS = (
    "ns.flag", "not ns.flag", "messages[-1].role == 'user'", "messages[0].role == 'system'",
    "messages", "rest", "users|length > 1", "messages|last == messages[1]", "picked",
    "some", "some[-1] == rest[0]", "some[-1].content", "some[1] is defined", "rest[0] in some",
    "users|last != some[-1]", "some == users",
)  # fmt: skip
LOOP_TESTS = (
    "loop.first", "loop.last", "m.role == 'user'", "m.role != 'tool'", "m == messages[-1]",
    "loop.nextitem is defined and loop.nextitem.role == 'user'", "m == users[-1]",
    "loop.previtem is defined and loop.previtem.role == 'user'", "messages[loop.index] is defined",
    "m == some[-1]", "some|last != m", "m in users", "m == rest[-1]", "m.content == some[-1]",
    "loop.index0 > 0 and messages[loop.index0 - 1].role == 'user'",
    "messages[loop.index].role == 'tool'",
)  # fmt: skip


SCANNED = ("messages", "messages[loop.index:]", "rest", "rest[loop.index0:]")
PICKS = (
    "selectattr('content')",
    "rejectattr('role', 'equalto', 'tool')",
    "select('mapping')",
    "reject('mapping')",
    "selectattr('content', 'string')",
    "selectattr('x.y')",
    "select",
    "selectattr('role', 'in', 'user assistant')",
    "selectattr('role', 'equalto', tools)",
)
HITS = (
    "m.role == 'user'", "m.role != 'tool' and not seen.hit", "m.content == seen.text",
    "seen.hit or m.role == 'assistant'", "ns.flag", "m == rest[0]",
)  # fmt: skip
MACROS = (
    "{% macro show(x) %}{% set ns.b = ns.b + 1 %}<{{ x|length }}{{ ns.a }}>{% endmacro %}"
    "{% macro find(all, text) %}{% set seen = namespace(hit=false, text=text) %}{% for m in all %}"
    "{% if m.content == text and not seen.hit %}{{ loop.index if false else m.role }}"
    "{% set seen.hit = true %}{% endif %}{% endfor %}{% endmacro %}"
    "{% macro each(all, role) %}{% for m in all %}{% if m.role == role %}{{ m.content }}{% endif %}"
    "{% endfor %}{% endmacro %}"
)


@st.composite
def templates_about_ends(draw: DrawFn) -> str:
    """Write a template that asks where its messages end in every way, and remembers the answers."""

    def one(*choices: Sequence[str]) -> str:
        return draw(st.sampled_from([each for group in choices for each in group]))

    def number(*, inside: bool) -> str:
        return one(PLACES, LOOPED if inside else ())

    def test(*, inside: bool) -> str:
        if draw(st.booleans()):
            sign = one(("==", "!=", "<", "<=", ">", ">="))
            return f"{number(inside=inside)} {sign} {number(inside=inside)}"
        return one(TESTS, LOOP_TESTS if inside else ())

    def simple(*, inside: bool) -> str:
        value = one(("true", "false", test(inside=inside)))
        written = [
            f"{{{{ {number(inside=inside)} }}}};",
            f"{{% set ns.{one('ab')} = {number(inside=inside)} %}}",
            f"{{% set ns.flag = {value} %}}",
            f"{{% set {one(('last', 'n'))} = {number(inside=inside)} %}}",
            f"{{% if {test(inside=inside)} %}}x{{% else %}}y{{% endif %}}",
        ]
        if inside:
            written += ["{{ m.role }}|", "{{ show(m) }}", scan()]
            written += [f"{{{{ each({one(SCANNED)}, m.role) }}}}"]
            written += [f"{{{{ find({one(SCANNED)}, m.content) }}}}"]
        else:
            written += ["text ", "{{ show(messages) }}|"]
        return one(written)

    def scan() -> str:
        change = one(("seen.hit = true", "seen.text = m.content", "seen.hit = not seen.hit"))
        jump = one(("", "", "{% break %}", "{{ m.role }}"))
        return (
            "{% set seen = namespace(hit=false, text='a') %}"
            f"{{% for m in {one(SCANNED)} %}}{{% if {one(HITS)} %}}{{% set {change} %}}{jump}"
            "{% endif %}{% endfor %}{{ seen.hit }}{{ seen.text }}"
        )

    def statement(*, inside: bool, depth: int) -> str:
        kind = draw(st.integers(0, 9 if depth else 4))
        if kind <= 4:
            return simple(inside=inside)
        if kind <= 6:
            jump = one(("", "", "{% break %}", "{% continue %}")) if inside else ""
            return (
                f"{{% if {test(inside=inside)} %}}{block(inside=inside, depth=depth - 1)}{jump}"
                f"{{% else %}}{block(inside=inside, depth=depth - 1)}{{% endif %}}"
            )
        if kind == 7:
            body = block(inside=inside, depth=depth - 1)
            return f"{{% set text %}}{body}{{% endset %}}{{{{ text }}}}"
        over = one(LISTS, NESTED if inside else ())
        condition = one(("", "", "", " if m != messages[1]"))
        body = block(inside=True, depth=depth - 1)
        return f"{{% for m in {over}{condition} %}}{body}{{% endfor %}}"

    def block(*, inside: bool, depth: int) -> str:
        count = draw(st.integers(1, 3))
        return "".join(statement(inside=inside, depth=depth) for _ in range(count))

    picked = one(("users", "rest", "messages|selectattr('content')"))
    some = f"{one(('messages', 'rest', 'messages[:3]'))}|{one(PICKS)}|list"
    head = (
        f"{MACROS}{{% set ns = namespace(a=0, b=messages|length - 1, flag=false) %}}"
        "{% set rest = messages[1:] %}{% set last = messages|length - 1 %}{% set n = 2 %}"
        "{% set users = messages|selectattr('role', 'equalto', 'user')|list %}"
        f"{{% set picked = {picked} %}}{{% set some = {some} %}}"
    )
    count = draw(st.integers(1, 5))
    return head + "".join(statement(inside=False, depth=3) for _ in range(count))
