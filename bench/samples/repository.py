"""An invented source tree, and the commands with which an agent looks at it."""

from __future__ import annotations

import json
from typing import Any, Protocol

from bench.samples.text import SENTENCES, Dice, camel, fill, prose, snake, words

STATEMENTS = (
    "if ~a is None:\n    return ~b",
    "for ~a in self.~b:\n    ~c.append(~a)",
    "~a = self.~b(~c, ~d=~i)",
    'raise ValueError(f"~a: {~b!r}")',
    "raise KeyError(~a)",
    "~a['~b'] = {'~c': ~i, **self.~d}",
    "# ~s",
    "# ~s",
    "if not isinstance(~a, (list, tuple)) and ~b != '~c':\n    continue",
    "with self.~a.lock:\n    self.~b += ~i",
    "return [~a.~b for ~a in self.~c if ~a.~d]",
    "try:\n    ~a = ~b['~c']\nexcept KeyError:\n    logger.warning(\"no %s in %s\", '~c', ~b)",
    "self.~a = ~C(~b, ~c)",
    "assert ~a >= ~i, (~b, ~c)",
    "~a = ~b if ~c else 0.~i",
    '~a = re.compile(r"^(?P<~b>[\\w.-]+)\\s*=\\s*(\\d{1,~i})$")',
    "return super().~a(~b, ~c)",
    "~a, ~b = self._~c(~b), not ~d",
)


class Repository:
    """An invented source tree that commands can list, search and print.

    Parameters
    ----------
    dice
        The stream that decides everything about it.
    """

    def __init__(self, dice: Dice) -> None:
        self.name = dice.pick(words("nouns")) + dice.pick(words("nouns"))
        self.symbols = [snake(dice) for _ in range(90)]
        self.classes = [camel(dice) for _ in range(16)]
        self.packages = [dice.pick(words("modules")) for _ in range(4)]
        self.paths: list[str] = []
        for package in self.packages:
            for _ in range(4):
                path = f"{self.name}/{package}/{dice.pick(words('modules'))}.py"
                if path not in self.paths:
                    self.paths.append(path)
        self.paths += [
            f"tests/test_{dice.pick(words('modules'))}_{dice.pick(words('nouns'))}.py"
            for _ in range(4)
        ]
        self.files = {path: self._source(dice) for path in self.paths}
        self.focus = self.paths[0]
        self.changed: list[tuple[int, str]] = []

    def _source(self, dice: Dice) -> list[str]:
        lines = [f'"""{prose(dice, 60)}"""', "", "from __future__ import annotations", ""]
        lines += [f"import {dice.pick(['os', 're', 'sys', 'json', 'logging', 'functools'])}"]
        lines += [
            f"from {self.name}.{dice.pick(self.packages)} import "
            f"{dice.pick(self.classes)}, {dice.pick(self.symbols)}"
            for _ in range(dice.between(2, 6))
        ]
        lines += [
            "",
            f"logger = logging.getLogger({dice.pick(['__name__', repr(self.name)])})",
            "",
            "",
        ]
        for _ in range(dice.between(2, 5)):
            lines += [f"class {dice.pick(self.classes)}({dice.pick(self.classes)}):"]
            lines += [f'    """{fill(dice, dice.pick(SENTENCES))}"""', ""]
            for _ in range(dice.between(3, 8)):
                lines += self.method(dice)
            lines += [""]
        return lines

    def method(self, dice: Dice, indent: str = "    ") -> list[str]:
        """Return the lines of a generated method, an empty line last."""
        arguments = ", ".join(
            dice.pick(self.symbols)
            + dice.pick(["", "", "=None", ": int", ": str", "=()", ": bool = False"])
            for _ in range(dice.between(0, 3))
        )
        name = dice.pick(["", "_"]) + dice.pick(self.symbols)
        head = f"{indent}def {name}(self{', ' if arguments else ''}{arguments}):"
        lines = [head]
        if dice.chance(0.6):
            lines.append(f'{indent}    """{fill(dice, dice.pick(SENTENCES))}"""')
        return [*lines, *self.block(dice, indent + "    ", dice.between(2, 7)), ""]

    def block(self, dice: Dice, indent: str, count: int) -> list[str]:
        """Return the lines of generated statements. Some have a block of their own.

        Parameters
        ----------
        dice
            The stream that decides everything about them.
        indent
            White space before each line.
        count
            How many statements.
        """
        return [
            indent + line
            for _ in range(count)
            for line in self.statement(dice, dice.pick(STATEMENTS)).split("\n")
        ]

    def statement(self, dice: Dice, pattern: str) -> str:
        """Fill a pattern of `STATEMENTS`: ``~a`` to ``~d`` symbols, ``~C`` class, ``~i`` number."""
        for place in "abcd":
            pattern = pattern.replace(f"~{place}", dice.pick(self.symbols))
        pattern = pattern.replace("~C", dice.pick(self.classes))
        pattern = pattern.replace("~i", str(dice.below(100)))
        if "~s" in pattern:
            pattern = pattern.replace("~s", fill(dice, dice.pick(SENTENCES)))
        return pattern

    def window(self, dice: Dice, length: int) -> tuple[str, int, list[str]]:
        """Return a path, a first line number and lines of about `length` characters from there."""
        path = self.focus if dice.chance(0.85) else dice.pick(self.paths)
        lines = self.files[path]
        # An agent returns to the same few places, so windows start at one of a few anchors.
        start = min(len(lines) - 2, dice.below(3) * 43 + dice.below(2) * 4)
        start = max(0, start)
        size = total = 0
        for line in lines[start:]:
            if total and total + len(line) // 2 > length:
                break
            total += len(line) + 1
            size += 1
        return path, start + 1, lines[start : start + max(size, 1)]

    def grep(self, symbol: str, length: int, *, everywhere: bool) -> list[str]:
        """Return the lines that `grep -n` prints for a symbol.

        Parameters
        ----------
        symbol
            The text to look for.
        length
            About how many characters to print.
        everywhere
            Whether to search all files, or only the one that the agent works on.
        """
        out: list[str] = []
        total = 0
        for path in self.paths if everywhere else [self.focus]:
            for number, line in enumerate(self.files[path], 1):
                if symbol in line and total < length:
                    out.append(f"{path}:{number}:{line}" if everywhere else f"{number}:{line}")
                    total += len(out[-1]) + 1
        return out


#: A command line, and the text that it prints.
Step = tuple[str, str]


class Command(Protocol):
    """A command that an agent may run. The functions below are such commands."""

    def __call__(self, repo: Repository, dice: Dice, length: int, /) -> Step:
        """Return the command line, and the text that it prints.

        Parameters
        ----------
        repo
            The source tree that it runs in.
        dice
            The stream that decides everything about it.
        length
            About how many characters it prints.
        """
        ...


def listing(repo: Repository, dice: Dice, length: int) -> Step:
    """Run ``ls -la`` on a package."""
    folder = dice.pick(repo.packages)
    lines = [f"total {dice.between(40, 900)}"]
    while len("\n".join(lines)) < length - 20:
        size, day = dice.between(90, 48000), dice.between(1, 28)
        name = dice.pick([dice.pick(words("modules")) + ".py", dice.pick(words("nouns"))])
        time = f"{dice.below(24):02}:{dice.below(60):02}"
        lines.append(f"-rw-r--r-- 1 root root {size:>6} Mar {day:>2} {time} {name}")
    return f"ls -la {repo.name}/{folder}/", "\n".join(lines) + "\n"


def find(repo: Repository, dice: Dice, length: int) -> Step:
    """Run ``grep -rl``: the files that have a symbol."""
    symbol = dice.pick(repo.symbols)
    lines: list[str] = []
    while len("\n".join(lines)) < length:
        lines.append(
            f"./{dice.pick(repo.paths)}" if dice.chance(0.5) else f"./{repo.name}/{snake(dice)}.py"
        )
    return f'grep -rl "{symbol}" --include="*.py" . | head -{len(lines)}', "\n".join(lines) + "\n"


def search(repo: Repository, dice: Dice, length: int) -> Step:
    """Run ``grep -n`` for a symbol."""
    symbol = dice.pick(repo.symbols)
    everywhere = length > 500
    lines = repo.grep(symbol, length, everywhere=everywhere)
    where = "." if everywhere else repo.focus
    flag = "-rn" if everywhere else "-n"
    return f'grep {flag} "{symbol}" {where}', "".join(line + "\n" for line in lines)


def show(repo: Repository, dice: Dice, length: int) -> Step:
    """Print part of a file with ``sed``."""
    path, start, lines = repo.window(dice, length)
    return f"sed -n '{start},{start + len(lines) - 1}p' {path}", "\n".join(lines) + "\n"


def numbered(repo: Repository, dice: Dice, length: int) -> Step:
    """Print part of a file with line numbers."""
    path, start, lines = repo.window(dice, max(length - 8 * (length // 45), 20))
    body = "".join(f"{n:>6}\t{line}\n" for n, line in enumerate(lines, start))
    return f"cat -n {path} | sed -n '{start},{start + len(lines) - 1}p'", body


def run_tests(repo: Repository, dice: Dice, length: int) -> Step:
    """Run a test file with pytest."""
    path = repo.paths[-1 - dice.below(4)]
    lines = [
        "=" * 29 + " test session starts " + "=" * 30,
        "platform linux -- Python 3.12.3, pytest-8.3.2",
    ]
    lines += [f"rootdir: /workspace\ncollected {dice.between(1, 90)} items", ""]
    while len("\n".join(lines)) < length - 90:
        verdict = "PASSED" if dice.chance(0.9) else "FAILED"
        lines.append(
            f"{path}::Test{dice.pick(repo.classes)}::test_{dice.pick(repo.symbols)} {verdict}"
        )
    lines += [
        "",
        "=" * 28
        + f" {dice.between(1, 90)} passed in {dice.below(30)}.{dice.below(100):02}s "
        + "=" * 29,
    ]
    return f"python -m pytest {path} -v", "\n".join(lines) + "\n"


def traceback(repo: Repository, dice: Dice, length: int) -> Step:
    """Run a script that fails."""
    lines = ["Traceback (most recent call last):"]
    while len("\n".join(lines)) < length - 140:
        path, number, window = repo.window(dice, 40)
        lines.append(f'  File "/workspace/{path}", line {number}, in {dice.pick(repo.symbols)}')
        lines.append("    " + window[0].strip())
        if dice.chance(0.5):
            lines.append("    " + " " * dice.below(8) + "^" * dice.between(4, 30))
    error = dice.pick(["TypeError", "AttributeError", "ValueError", "KeyError", "AssertionError"])
    lines.append(
        f"{error}: {dice.pick(repo.symbols)!r} object has no attribute {dice.pick(repo.symbols)!r}"
    )
    return f"python /tmp/check_{dice.pick(repo.symbols)}.py", "\n".join(lines) + "\n"


def diff(repo: Repository, dice: Dice, length: int) -> Step:
    """Run ``git diff``."""
    path = repo.focus
    digest = f"{dice.below(1 << 28):07x}..{dice.below(1 << 28):07x}"
    lines = [
        f"diff --git a/{path} b/{path}",
        f"index {digest} 100644",
        f"--- a/{path}",
        f"+++ b/{path}",
    ]
    while len("\n".join(lines)) < length:
        _, start, window = repo.window(dice, min(length, 500))
        new = repo.block(dice, "        ", 2)
        half = len(window) // 2
        after = len(window) + len(new) - 1
        lines.append(f"@@ -{start},{len(window)} +{start},{after} @@ class {repo.classes[0]}:")
        lines += [" " + line for line in window[:half]]
        lines += ["-" + line for line in window[half : half + 1]]
        lines += ["+" + line for line in new]
        lines += [" " + line for line in window[half + 1 :]]
    return "git diff", "\n".join(lines) + "\n"


def values(repo: Repository, dice: Dice, length: int) -> Step:
    """Print a JSON file."""
    value: dict[str, Any] = {}
    while len(json.dumps(value, indent=2)) < length:
        value[dice.pick(repo.symbols)] = dice.pick(
            [
                dice.below(5000),
                dice.pick(repo.symbols),
                dice.below(1000) / 8,
                None,
                dice.chance(0.5),
                [dice.below(9)],
            ]
        )
        value[snake(dice)] = {
            dice.pick(repo.symbols): dice.below(90),
            snake(dice): dice.pick(repo.paths),
        }
    return f"cat build/{dice.pick(repo.symbols)}.json", json.dumps(value, indent=2) + "\n"


def say(repo: Repository, dice: Dice, length: int) -> Step:
    """Run a line of Python that prints."""
    symbol = dice.pick(repo.symbols)
    lines: list[str] = []
    while len("\n".join(lines)) < length:
        lines.append(f"{symbol}: {dice.pick(repo.symbols)} = {dice.below(1000)}")
    return f'python -c "import {repo.name}; print({repo.name}.{symbol}())"', "\n".join(lines) + "\n"
