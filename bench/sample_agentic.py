"""Generated tool loops: an agent that reads, searches, edits and tests an invented repository.

How many turns, how long the messages are and how much of the text comes again follow the figures below, which were
measured on the agentic coding set of mlcommons/endpoints (20 conversations, 1,007 client turns). None of its text
is here: the repository, its code and the agent's words are generated.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.sample_text import (
    SENTENCES,
    Dice,
    camel,
    fill,
    interpolate,
    plural,
    prose,
    snake,
    third,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# Measured figures. Quantile tables are pairs (percentile, value); lengths are characters.
#: Client turns per conversation.
TURNS = ((0, 27), (5, 43), (20, 46), (40, 50), (50, 52), (70, 55), (80, 58), (95, 60), (100, 61))
#: The one user message at the start: issue and instructions.
USER_LENGTH = ((0, 4686), (10, 5058), (40, 5275), (50, 6282), (80, 7303), (90, 11000), (100, 14667))
#: Reasoning of an assistant turn; its content is always empty.
REASONING_LENGTH = (
    *((0, 15), (5, 34), (10, 41), (20, 55), (30, 72), (40, 86), (50, 107), (60, 138), (70, 232), (80, 439)),
    *((90, 889), (95, 1629), (99, 3925), (100, 12576)),
)
#: Arguments of a tool call, as a JSON string.
ARGUMENTS_LENGTH = (
    *((0, 21), (5, 33), (10, 42), (20, 55), (30, 60), (40, 66), (50, 74), (60, 85), (70, 104), (80, 164)),
    *((90, 421), (95, 784), (99, 1713), (100, 3398)),
)
#: A tool's answer. One in ten is the shell's frame around nothing.
RESULT_LENGTH = (
    *((0, 45), (10, 45), (20, 96), (30, 169), (40, 267), (50, 417), (60, 618), (70, 913), (80, 1277), (90, 2078)),
    *((95, 3125), (99, 7966), (100, 10613)),
)
#: Mean lengths, and the mean number of characters of a conversation.
MEAN_LENGTH = {"user": 6740, "reasoning": 370, "arguments": 186, "result": 896}
#: Share of the characters of a conversation that stand in a line which the conversation had before.
REPEATED_LINES = 0.22
#: Characters sent over all turns ÷ characters of distinct texts, template left out.
AMPLIFICATION = 30.2
#: Share of assistant turns with two tool calls instead of one.
TWO_CALLS = 0.005

SYSTEM = "You are a careful software engineer who works through a shell, one step at a time."
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "shell",
            "description": "Run a command in a shell",
            "parameters": {
                "type": "object",
                "properties": {"command": {"type": "string", "description": "The command line"}},
                "required": ["command"],
            },
        },
    }
]
#: Commands from this length on carry a script.
SCRIPT = 190
_FRAME = "<returncode>{}</returncode>\n<output>\n{}</output>"

INSTRUCTIONS = """\
<instructions>
# How to work

The repository is checked out in /workspace, which is also the current directory of every command. Change the
library's own source files so that the problem described above is solved in a general way, in the style of the code
around it. Tests, configuration and packaging files stay as they are.

## Steps

1. Find the code that is responsible and read it before you change anything.
2. Write a short script that shows the problem, and run it.
3. Edit the source, and keep the change as small as the problem allows.
4. Run the script again, then the tests of the module that you have changed.
5. Think of the cases at the edge: nothing, one, very many, other types, other platforms.

## Rules for commands

- Every answer calls the tool `shell` at least once; a turn without a call ends the session.
- Each command runs in a fresh shell: `cd` and `export` do not carry over, so write `cd src && make check`.
- Use flags that ask no questions (`-y`, `--yes`), and no editors or pagers.
- A command that prints more than 10000 characters is cut off. Look at part of a file: `sed -n '1,80p' path`.
- To write a file, use a here-document:

```bash
cat > /tmp/check.py <<'EOF'
print("hello")
EOF
```

## Handing in

When everything works, write the difference to a file with `git diff -- path/to/file > change.patch`, look at the
file once, and finish with `cat change.patch` as a command of its own. The patch contains source files only.
</instructions>
"""


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
        self.paths += [f"tests/test_{dice.pick(words('modules'))}_{dice.pick(words('nouns'))}.py" for _ in range(4)]
        self.files = {path: self._source(dice) for path in self.paths}
        self.focus = self.paths[0]
        self.changed: list[tuple[int, str]] = []

    def _source(self, dice: Dice) -> list[str]:
        lines = [f'"""{prose(dice, 60)}"""', "", "from __future__ import annotations", ""]
        lines += [f"import {dice.pick(['os', 're', 'sys', 'json', 'logging', 'functools'])}"]
        lines += [
            f"from {self.name}.{dice.pick(self.packages)} import {dice.pick(self.classes)}, {dice.pick(self.symbols)}"
            for _ in range(dice.between(2, 6))
        ]
        lines += ["", f"logger = logging.getLogger({dice.pick(['__name__', repr(self.name)])})", "", ""]
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
            dice.pick(self.symbols) + dice.pick(["", "", "=None", ": int", ": str", "=()", ": bool = False"])
            for _ in range(dice.between(0, 3))
        )
        head = f"{indent}def {dice.pick(['', '_'])}{dice.pick(self.symbols)}(self{', ' if arguments else ''}{arguments}):"
        lines = [head]
        if dice.chance(0.6):
            lines.append(f'{indent}    """{fill(dice, dice.pick(SENTENCES))}"""')
        return [*lines, *self.block(dice, indent + "    ", dice.between(2, 7)), ""]

    def block(self, dice: Dice, indent: str, count: int) -> list[str]:
        """Return `count` generated statements, some of them with a block of their own."""
        lines: list[str] = []
        for _ in range(count):
            a, b, c = dice.pick(self.symbols), dice.pick(self.symbols), dice.pick(self.symbols)
            form = dice.below(16)
            match form:
                case 0:
                    lines += [f"{indent}if {a} is None:", f"{indent}    return {b}"]
                case 1:
                    lines += [f"{indent}for {a} in self.{b}:", f"{indent}    {c}.append({a})"]
                case 2:
                    lines += [f"{indent}{a} = self.{b}({c}, {dice.pick(self.symbols)}={dice.below(100)})"]
                case 3:
                    lines += [f'{indent}raise {dice.pick(["ValueError", "TypeError", "KeyError"])}(f"{a}: {{{b}!r}}")']
                case 4:
                    lines += [f"{indent}{a}[{b!r}] = {{{c!r}: {dice.below(1000)}, **self.{b}}}"]
                case 5:
                    lines += [f"{indent}# {fill(dice, dice.pick(SENTENCES))}"]
                case 6:
                    lines += [f"{indent}if not isinstance({a}, (list, tuple)) and {b} != {c!r}:", f"{indent}    continue"]
                case 7:
                    lines += [f"{indent}with self.{a}.lock:", f"{indent}    self.{b} += {dice.between(1, 9)}"]
                case 8:
                    lines += [f"{indent}return [{a}.{b} for {a} in self.{c} if {a}.{dice.pick(self.symbols)}]"]
                case 9:
                    lines += [f"{indent}try:", f"{indent}    {a} = {b}[{c!r}]", f"{indent}except KeyError:"]
                    lines += [f'{indent}    logger.warning("no %s in %s", {c!r}, {b})']
                case 10:
                    lines += [f"{indent}self.{a} = {dice.pick(self.classes)}({b}, {c})"]
                case 11:
                    lines += [f"{indent}assert {a} >= {dice.below(64)}, ({b}, {c})"]
                case 12:
                    lines += [f"{indent}{a} = {b} if {c} else {dice.below(10)}.{dice.below(100)}"]
                case 13:
                    lines += [f'{indent}{a} = re.compile(r"^(?P<{b}>[\\w.-]+)\\s*=\\s*(\\d{{1,{dice.between(2, 9)}}})$")']
                case 14:
                    lines += [f"{indent}return super().{a}({b}, {c})"]
                case _:
                    lines += [f"{indent}{a}, {b} = self._{c}({b}), not {a}"]
        return lines

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
        """Return the lines that `grep -n` would print for a symbol, about `length` characters of them."""
        out: list[str] = []
        total = 0
        for path in self.paths if everywhere else [self.focus]:
            for number, line in enumerate(self.files[path], 1):
                if symbol in line and total < length:
                    out.append(f"{path}:{number}:{line}" if everywhere else f"{number}:{line}")
                    total += len(out[-1]) + 1
        return out


Step = tuple[str, str]  # the command, and what it prints


def _listing(repo: Repository, dice: Dice, length: int) -> Step:
    folder = dice.pick(repo.packages)
    lines = [f"total {dice.between(40, 900)}"]
    while len("\n".join(lines)) < length - 20:
        size, day = dice.between(90, 48000), dice.between(1, 28)
        name = dice.pick([dice.pick(words("modules")) + ".py", dice.pick(words("nouns"))])
        lines.append(f"-rw-r--r-- 1 root root {size:>6} Mar {day:>2} {dice.below(24):02}:{dice.below(60):02} {name}")
    return f"ls -la {repo.name}/{folder}/", "\n".join(lines) + "\n"


def _find(repo: Repository, dice: Dice, length: int) -> Step:
    symbol = dice.pick(repo.symbols)
    lines: list[str] = []
    while len("\n".join(lines)) < length:
        lines.append(f"./{dice.pick(repo.paths)}" if dice.chance(0.5) else f"./{repo.name}/{snake(dice)}.py")
    return f'grep -rl "{symbol}" --include="*.py" . | head -{len(lines)}', "\n".join(lines) + "\n"


def _grep(repo: Repository, dice: Dice, length: int) -> Step:
    symbol = dice.pick(repo.symbols)
    everywhere = length > 500
    lines = repo.grep(symbol, length, everywhere=everywhere)
    where = "." if everywhere else repo.focus
    flag = "-rn" if everywhere else "-n"
    return f'grep {flag} "{symbol}" {where}', "".join(line + "\n" for line in lines)


def _print(repo: Repository, dice: Dice, length: int) -> Step:
    path, start, lines = repo.window(dice, length)
    return f"sed -n '{start},{start + len(lines) - 1}p' {path}", "\n".join(lines) + "\n"


def _number(repo: Repository, dice: Dice, length: int) -> Step:
    path, start, lines = repo.window(dice, max(length - 8 * (length // 45), 20))
    body = "".join(f"{n:>6}\t{line}\n" for n, line in enumerate(lines, start))
    return f"cat -n {path} | sed -n '{start},{start + len(lines) - 1}p'", body


def _tests(repo: Repository, dice: Dice, length: int) -> Step:
    path = repo.paths[-1 - dice.below(4)]
    lines = ["=" * 29 + " test session starts " + "=" * 30, "platform linux -- Python 3.12.3, pytest-8.3.2"]
    lines += [f"rootdir: /workspace\ncollected {dice.between(1, 90)} items", ""]
    while len("\n".join(lines)) < length - 90:
        verdict = "PASSED" if dice.chance(0.9) else "FAILED"
        lines.append(f"{path}::Test{dice.pick(repo.classes)}::test_{dice.pick(repo.symbols)} {verdict}")
    lines += ["", "=" * 28 + f" {dice.between(1, 90)} passed in {dice.below(30)}.{dice.below(100):02}s " + "=" * 29]
    return f"python -m pytest {path} -v", "\n".join(lines) + "\n"


def _trace(repo: Repository, dice: Dice, length: int) -> Step:
    lines = ["Traceback (most recent call last):"]
    while len("\n".join(lines)) < length - 140:
        path, number, window = repo.window(dice, 40)
        lines.append(f'  File "/workspace/{path}", line {number}, in {dice.pick(repo.symbols)}')
        lines.append("    " + window[0].strip())
        if dice.chance(0.5):
            lines.append("    " + " " * dice.below(8) + "^" * dice.between(4, 30))
    error = dice.pick(["TypeError", "AttributeError", "ValueError", "KeyError", "AssertionError"])
    lines.append(f"{error}: {dice.pick(repo.symbols)!r} object has no attribute {dice.pick(repo.symbols)!r}")
    return f"python /tmp/check_{dice.pick(repo.symbols)}.py", "\n".join(lines) + "\n"


def _diff(repo: Repository, dice: Dice, length: int) -> Step:
    path = repo.focus
    digest = f"{dice.below(1 << 28):07x}..{dice.below(1 << 28):07x}"
    lines = [f"diff --git a/{path} b/{path}", f"index {digest} 100644", f"--- a/{path}", f"+++ b/{path}"]
    while len("\n".join(lines)) < length:
        _, start, window = repo.window(dice, min(length, 500))
        new = repo.block(dice, "        ", 2)
        half = len(window) // 2
        lines.append(f"@@ -{start},{len(window)} +{start},{len(window) + len(new) - 1} @@ class {repo.classes[0]}:")
        lines += [" " + line for line in window[:half]]
        lines += ["-" + line for line in window[half : half + 1]]
        lines += ["+" + line for line in new]
        lines += [" " + line for line in window[half + 1 :]]
    return "git diff", "\n".join(lines) + "\n"


def _values(repo: Repository, dice: Dice, length: int) -> Step:
    value: dict[str, Any] = {}
    while len(json.dumps(value, indent=2)) < length:
        value[dice.pick(repo.symbols)] = dice.pick(
            [dice.below(5000), dice.pick(repo.symbols), dice.below(1000) / 8, None, dice.chance(0.5), [dice.below(9)]]
        )
        value[snake(dice)] = {dice.pick(repo.symbols): dice.below(90), snake(dice): dice.pick(repo.paths)}
    return f"cat build/{dice.pick(repo.symbols)}.json", json.dumps(value, indent=2) + "\n"


def _say(repo: Repository, dice: Dice, length: int) -> Step:
    symbol = dice.pick(repo.symbols)
    lines: list[str] = []
    while len("\n".join(lines)) < length:
        lines.append(f"{symbol}: {dice.pick(repo.symbols)} = {dice.below(1000)}")
    return f'python -c "import {repo.name}; print({repo.name}.{symbol}())"', "\n".join(lines) + "\n"


_SHORT = (_say, _grep, _find, _print)
_LONG: tuple[Callable[[Repository, Dice, int], Step], ...] = (
    *(_print, _print, _print, _number, _grep, _listing, _tests, _trace, _diff, _values),
)


def _silent(repo: Repository, dice: Dice) -> str:
    path = repo.focus
    return dice.pick(
        [
            f"sed -i 's/{dice.pick(repo.symbols)}/{dice.pick(repo.symbols)}/' {path}",
            f"git checkout -- {path}",
            f"mkdir -p /tmp/{dice.pick(repo.symbols)}",
            f"git diff -- {path} > change.patch",
            f"touch {dice.pick(repo.paths)}",
        ]
    )


def _script(repo: Repository, dice: Dice, length: int) -> str:
    """Return a command that writes and runs a script, of about `length` characters."""
    path = f"/tmp/check_{dice.pick(repo.symbols)}.py"
    lines = [f"cat > {path} <<'EOF'", f"from {repo.name}.{repo.packages[0]} import {dice.pick(repo.classes)}", ""]
    while len("\n".join(lines)) < length * 0.84 - 90:
        if length > 600 and dice.chance(0.3):
            _, _, window = repo.window(dice, 200)
            lines += window
        lines += repo.block(dice, "", 1) if length < 700 else repo.method(dice, "")
    return "\n".join([*lines, "EOF", f"python {path}"])


def _reason(repo: Repository, dice: Dice, length: int) -> str:
    symbol, path = dice.pick(repo.symbols), dice.pick(repo.paths)
    starts = [
        "Now check the output.",
        f"Look at `{symbol}` next.",
        f"Let me run the tests in `{path}`.",
        f"Next, find out where `{symbol}` is {dice.pick(words('participles'))}.",
        f"The {plural(dice.pick(words('nouns')))} come from `{path}`; let me read that part of it.",
    ]
    # The shortest opening that is not clearly too long.
    out = dice.pick([start for start in starts if len(start) <= length + 15] or starts[:1])
    while len(out) + 40 < length:
        if length > 500 and dice.chance(0.12):
            _, _, window = repo.window(dice, 250)
            out += "\n\n```python\n" + "\n".join(window) + "\n```\n\n"
        sentence = fill(dice, dice.pick(SENTENCES))
        if dice.chance(0.3):
            sentence += f" `{dice.pick(repo.classes)}.{dice.pick(repo.symbols)}` is not called there."
        out += ("\n\n" if dice.chance(0.15) else " ") + sentence
    return out


def _issue(repo: Repository, dice: Dice, length: int) -> str:
    symbol = dice.pick(repo.symbols)
    out = f"<issue>\n{camel(dice)}.{symbol} {third(dice.pick(words('verbs')))} the wrong {dice.pick(words('nouns'))}\n\n"
    out += prose(dice, 500) + "\n\n```python\n"
    out += "\n".join(repo.block(dice, "", 4)) + "\n```\n\n"
    out += _trace(repo, dice, 700)[1]
    while len(out) + len(INSTRUCTIONS) < length - 200:
        out += "\n" + prose(dice, 400) + "\n"
        if dice.chance(0.5):
            out += "\n```python\n" + "\n".join(repo.method(dice, "")) + "\n```\n"
    return out + "</issue>\n\n" + INSTRUCTIONS


def _call(repo: Repository, dice: Dice, result: int, scale: float) -> tuple[str, str, int]:
    """Return a command, what it prints, and its return code."""
    length = int(dice.quantile(ARGUMENTS_LENGTH) * scale)
    if result <= 60:
        command = _silent(repo, dice)
        return (command if length < SCRIPT else _script(repo, dice, length)), "", 0
    body = max(result - 45, 12)
    step = dice.pick(_SHORT if body < 220 else _LONG)
    command, printed = step(repo, dice, body)
    if length >= SCRIPT:
        return _script(repo, dice, length), printed, int(dice.chance(0.2))
    # Many commands do two things at once; the rest are as short as the tool allows.
    if length < 45:
        command = dice.pick(["git diff", "ls -la", "git status", "cat change.patch", "ls", "git log -5"])
    elif len(command) + 60 < length:
        command = f"cd /workspace && {command}"
    return command, printed, 0


def agentic(dice: Dice, name: str, *, turns: int | None = None, scale: float = 1.0) -> dict[str, Any]:
    """Return one tool loop as an OpenAI chat record.

    Parameters
    ----------
    dice
        The stream that decides everything about it.
    name
        The record's id.
    turns
        Client turns; drawn from the measured distribution when not given.
    scale
        A factor on the lengths of user message, arguments, reasoning and results.

    Returns
    -------
    dict
        ``id``, ``messages`` and ``tools``. The last message is the assistant's, so its turns are as many as
        its assistant messages.
    """
    repo = Repository(dice)
    count = turns or dice.quantile(TURNS)
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": _issue(repo, dice, int(dice.quantile(USER_LENGTH) * scale))},
    ]
    number = 0
    # Each length is drawn once per equal slice of its distribution, so that a single conversation already has
    # short and long messages in the measured proportion; `spread` shuffles the slices.
    reasonings, results = spread(dice, REASONING_LENGTH, count), spread(dice, RESULT_LENGTH, count)
    for turn in range(count):
        calls, answers = [], []
        last = turn == count - 1
        for _ in range(2 if dice.chance(TWO_CALLS) and not last else 1):
            command, printed, code = _call(repo, dice, int(results[turn] * scale), scale)
            identifier = f"call_{number:04}"
            number += 1
            arguments = json.dumps({"command": "cat change.patch" if last else command}, ensure_ascii=False)
            function = {"name": "shell", "arguments": arguments}
            calls.append({"id": identifier, "type": "function", "function": function})
            content = _FRAME.format(code, printed)
            answers.append({"role": "tool", "tool_call_id": identifier, "name": "shell", "content": content})
        messages.append(
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": _reason(repo, dice, int(reasonings[turn] * scale)),
                "tool_calls": calls,
            }
        )
        if not last:
            messages += answers
    return {"id": name, "messages": messages, "tools": TOOLS}


def spread(dice: Dice, table: tuple[tuple[int, int], ...], count: int) -> list[int]:
    """Return `count` numbers of a distribution, one from each of `count` equal slices, in a random order."""
    return dice.shuffled([interpolate(table, 100 * (slot + dice.unit()) / count) for slot in range(count)])
