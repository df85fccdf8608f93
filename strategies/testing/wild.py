"""Random templates of any expressions and statements, most of which render.

They look less like templates for chats than those of `strategies.testing.templates`, and find
what an engine for templates does wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from strategies.testing.texts import TEXTS

USUAL = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
"""What most templates write for a message ``m``."""

FILTERS = (
    *("trim", "upper", "lower", "length", "string", "tojson", "list", "first", "last", "reverse"),
    *("int", "join", "join(', ')", "default('d')", "default('d', true)", "capitalize", "items"),
    *("replace('a', 'bb')", "tojson(indent=2)", "unique | list", "sort", "dictsort", "safe"),
    *("map('upper') | list", "map(attribute='role') | list", "select('string') | list"),
    *("selectattr('content') | list", "rejectattr('role', 'equalto', 'user') | list", "title"),
    *("reject('none') | join", "map('trim') | join('-')", "length | string", "abs", "count"),
)
TESTS = (
    *("defined", "none", "string", "mapping", "iterable", "sequence", "number", "true", "false"),
    *("undefined", "boolean", "integer", "float", "not none", "not string", "odd", "even"),
    *("equalto('user')", "in ['user', 'a']", "divisibleby(2)"),
)
METHODS = (
    *(
        "strip()",
        "split()",
        "split('<')",
        "upper()",
        "lower()",
        "startswith('a')",
        "endswith('\\n')",
    ),
    *(
        "replace('a', '')",
        "get('x')",
        "get('name', 1)",
        "items()",
        "keys() | list",
        "values() | list",
    ),
    *("strip('\\n')", "lstrip()", "rstrip()", "split('</think>')[-1]", "find('e')", "title()"),
    *("count('a')", "join(['a', 'b'])", "splitlines()", "rsplit('\\n', 1)", "format(1)", "copy()"),
)
NAMES = (
    *(
        "m",
        "m.role",
        "m.content",
        "m['content']",
        "messages",
        "messages[0]",
        "messages[-1].content",
    ),
    *(
        "tools",
        "loop.index",
        "loop.index0",
        "loop.first",
        "loop.last",
        "loop.length",
        "ns.a",
        "ns.b",
    ),
    *("bos_token", "eos_token", "add_generation_prompt", "nothing", "m.tool_calls", "x", "y"),
    *(
        "m.reasoning_content",
        "m.content[0]",
        "m.content[0].text",
        "messages[1:]",
        "messages | length",
    ),
    *("loop.previtem", "loop.nextitem.role", "messages[loop.index0 - 1].role", "m.nothing.at.all"),
)
OPERATORS = (*("~",) * 12, "+", "-", "*", "/", "//", "%", "**")
FOR_ANY = (
    "string",
    "tojson",
    "default('d')",
    "default('d', true)",
    "string | trim",
    "string | upper",
)
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")
MARKERS = ("<|im_start|>", "<|im_end|>\n", "<s>", "</s>", "[INST] ", "\n", " ", "x")


class WildWriter:
    """Writes random templates.

    Parameters
    ----------
    dice
        Makes every choice.
    expressions
        More expressions to write.
    """

    def __init__(self, dice: Random, expressions: Sequence[str] = ()) -> None:
        self.dice = dice
        self.expressions = expressions

    def expression(self, depth: int = 2) -> str:
        """Return an expression; most have a value in most conversations."""
        pick = self.dice.choice
        if not depth or self.dice.random() < 0.2:
            leaves = (pick(NAMES), pick(NAMES), repr(pick(TEXTS)), str(self.dice.randint(-3, 9)))
            return pick((*leaves, pick(self.expressions)) if self.expressions else leaves)
        one, two = self.expression(depth - 1), self.expression(depth - 1)
        forms = (
            *(f"({one} | {pick(FOR_ANY)})",) * 4,
            f"({one} | {pick(FILTERS)})",
            f"([{one}, {two}] | {pick(FILTERS)})",
            f"({one} | string | {pick(FILTERS)})",
            *(f"({one} {pick(OPERATORS)} {two})",) * 2,
            f"({one} {pick(('==', '!=', *COMPARISONS))} {two})",
            f"({one} is {pick(TESTS)})",
            *(f"({one} | string).{pick(METHODS)}",) * 2,
            pick((f"({one}).{pick(METHODS)}", one, one)),
            f"({one} {pick(('and', 'or'))} {two})",
            f"({one} if {two} else {pick(NAMES)})",
            f"[{one}, {two}]",
            f"f({one})",
        )
        return pick(forms)

    def statement(self, depth: int = 2) -> str:
        """Return a statement, or text."""
        pick = self.dice.choice
        before, after, third, last = (pick(("", "", "-")) for _ in range(4))
        printed = f"{{{{{before} {self.expression()} {after}}}}}"
        target = pick(("x", "y", "ns.a", "ns.b"))
        simple = (
            *(pick(MARKERS), pick(MARKERS), printed, printed, printed),
            f"{{%{before} set {target} = {self.expression()} {after}%}}",
        )
        if not depth or self.dice.random() < 0.45:
            return pick(simple)
        body, other = self.body(depth - 1), self.body(depth - 1)
        over = pick(("messages", "m.content", "tools or []", "range(3)", "m.tool_calls or []"))
        test = f" if {self.expression(1)}" if self.dice.random() < 0.3 else ""
        stop = pick(("", "", "{% if loop.index > 1 %}{% break %}{% endif %}"))
        choice = (
            f"{{%{before} if {self.expression()} {after}%}}{body}"
            f"{{%{third} else %}}{other}{{% endif {last}%}}"
        )
        loop = (
            f"{{%{before} for {pick(('x', 'y', 'm'))} in {over}{test} {after}%}}"
            f"{body}{stop}{{% endfor {third}%}}"
        )
        block = f"{{% set x %}}{body}{{% endset %}}"
        refusal = "{% if x %}{{ raise_exception('no') }}{% endif %}"
        return pick((choice, choice, choice, loop, loop, block, refusal))

    def body(self, depth: int) -> str:
        """Return some statements."""
        return "".join(self.statement(depth) for _ in range(self.dice.randint(1, 3)))

    def template(self) -> str:
        """Return a template that mostly looks like one for chats."""
        turn = USUAL if self.dice.random() < 0.7 else ""
        # Before the loop there is no message, so that most of its expressions fail.
        before = self.body(1) if self.dice.random() < 0.1 else "{% set x, y = 'x', 1 %}"
        body = self.body(2) if self.dice.random() < 0.8 else ""
        macro = f"{{% macro f(a, b=1) %}}{self.body(1)}{{{{ a }}}}{{% endmacro %}}"
        return (
            f"{macro}{{% set ns = namespace(a='', b=0) %}}{before}"
            f"{{% for m in messages %}}{turn}{body}{{% endfor %}}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        )
