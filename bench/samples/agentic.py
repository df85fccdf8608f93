"""Generated tool loops: an agent that reads, searches, edits and tests an invented repository.

The number of turns, the lengths of messages and the share of repeated text follow the figures
below. They were measured on the agentic coding set of mlcommons/endpoints (20 conversations, 1,007
client turns). None of its text is here: the repository, its code and the agent's words are
generated.
"""

from __future__ import annotations

import json
from typing import Any

from bench.samples.repository import (
    Command,
    Repository,
    diff,
    find,
    listing,
    numbered,
    run_tests,
    say,
    search,
    show,
    traceback,
    values,
)
from bench.samples.text import (
    SENTENCES,
    Dice,
    camel,
    fill,
    interpolate,
    plural,
    prose,
    third,
    words,
)

# Measured figures. Quantile tables are pairs (percentile, value); lengths are characters.
#: Client turns per conversation.
TURNS = ((0, 27), (5, 43), (20, 46), (40, 50), (50, 52), (70, 55), (80, 58), (95, 60), (100, 61))
#: The one user message at the start: issue and instructions.
USER_LENGTH = ((0, 4686), (10, 5058), (40, 5275), (50, 6282), (80, 7303), (90, 11000), (100, 14667))
# fmt: off
#: Reasoning of an assistant turn; its content is always empty. The longest, 12576, is cut to 8000.
REASONING_LENGTH = (
    (0, 15), (5, 34), (10, 41), (20, 55), (30, 72), (40, 86), (50, 107), (60, 138), (70, 232),
    (80, 439), (90, 889), (95, 1629), (97, 2169), (98, 2647), (99, 4200), (100, 8000),
)
#: Arguments of a tool call, as a JSON string.
ARGUMENTS_LENGTH = (
    (0, 21), (5, 33), (10, 42), (20, 55), (30, 60), (40, 66), (50, 74), (60, 85), (70, 104),
    (80, 164), (85, 260), (90, 421), (95, 784), (97, 1154), (98, 1517), (99, 1713), (100, 3398),
)
#: A tool's answer. One in ten is the shell's frame with no output in it.
RESULT_LENGTH = (
    (0, 45), (10, 45), (20, 96), (30, 169), (40, 267), (50, 417), (60, 618), (70, 913), (80, 1277),
    (90, 2078), (95, 3125), (97, 4215), (98, 6381), (99, 7966), (100, 10613),
)
# fmt: on
#: Mean lengths, and the mean number of characters of a conversation.
MEAN_LENGTH = {"user": 6740, "reasoning": 370, "arguments": 186, "result": 896}
#: Results are longest while the agent looks around: mean length in the first quarter ÷ in the whole
#: conversation.
EARLY_RESULTS = 1.46
#: Share of the characters of a conversation in lines that repeat an earlier line of it.
REPEATED_LINES = 0.22
#: Characters sent over all turns ÷ characters of distinct texts, without the template.
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
# Adjusted until the generated figures lie near the measured ones.
#: How often a longer result takes the place of an early one.
EARLY = 0.9
#: Commands of this length or more contain a script.
SCRIPT = 190
_FRAME = "<returncode>{}</returncode>\n<output>\n{}</output>"

INSTRUCTIONS = """\
<instructions>
# How to work

The repository is checked out in /workspace, which is also the current directory of every command.
Change the
library's own source files so that the problem described above is solved in a general way, in the
style of the code
around it. Tests, configuration and packaging files stay as they are.

## Steps

1. Find the code that is responsible and read it before you change anything.
2. Write a short script that shows the problem, and run it.
3. Edit the source, and keep the change as small as the problem allows.
4. Run the script again, then the tests of the module that you have changed.
5. Think of the cases at the edge: nothing, one, very many, other types, other platforms.

## Rules for commands

- Every answer calls the tool `shell` at least once; a turn without a call ends the session.
- Each command runs in a fresh shell: `cd` and `export` do not carry over, so write `cd src && make
  check`.
- Use flags that ask no questions (`-y`, `--yes`), and no editors or pagers.
- A command that prints more than 10000 characters is cut off. Look at part of a file: `sed -n
  '1,80p' path`.
- To write a file, use a here-document:

```bash
cat > /tmp/check.py <<'EOF'
print("hello")
EOF
```

## Handing in

When everything works, write the difference to a file with `git diff -- path/to/file >
change.patch`, look at the
file once, and finish with `cat change.patch` as a command of its own. The patch contains source
files only.
</instructions>
"""


_SHORT: tuple[Command, ...] = (say, search, find, show)
_LONG = (show, show, show, numbered, search, listing, run_tests, traceback, diff, values)


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
    path = f"check_{dice.pick(repo.symbols)}.py"
    lines = [
        f"cat > {path} <<'EOF'",
        f"from {repo.name}.{repo.packages[0]} import {dice.pick(repo.classes)}",
        "",
    ]
    while len("\n".join(lines)) < length * 0.92 - 80:
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
            sentence += (
                f" `{dice.pick(repo.classes)}.{dice.pick(repo.symbols)}` is not called there."
            )
        out += ("\n\n" if dice.chance(0.15) else " ") + sentence
    return out


def _issue(repo: Repository, dice: Dice, length: int) -> str:
    symbol = dice.pick(repo.symbols)
    verb, noun = third(dice.pick(words("verbs"))), dice.pick(words("nouns"))
    out = f"<issue>\n{camel(dice)}.{symbol} {verb} the wrong {noun}\n\n"
    out += prose(dice, 500) + "\n\n```python\n"
    out += "\n".join(repo.block(dice, "", 4)) + "\n```\n\n"
    out += traceback(repo, dice, 700)[1]
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
        command = dice.pick(
            ["git diff", "ls -la", "git status", "cat change.patch", "ls", "git log -5"]
        )
    elif len(command) + 60 < length:
        command = f"cd /workspace && {command}"
    return command, printed, 0


def agentic(
    dice: Dice, name: str, *, turns: int | None = None, scale: float = 1.0
) -> dict[str, Any]:
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
        ``id``, ``messages`` and ``tools``. The last message is the assistant's, so there is one
        turn for each assistant message.
    """
    repo = Repository(dice)
    count = turns or dice.quantile(TURNS)
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": _issue(repo, dice, int(dice.quantile(USER_LENGTH) * scale))},
    ]
    number = 0
    # Each length is drawn once per equal slice of its distribution, so that a single conversation
    # already has short and long messages in the measured proportion; `spread` shuffles the slices.
    reasonings, results = spread(dice, REASONING_LENGTH, count), spread(dice, RESULT_LENGTH, count)
    for early in range(count // 4):
        late = dice.between(early, count - 1)
        if results[late] > results[early] and dice.chance(EARLY):
            results[early], results[late] = results[late], results[early]
    for turn in range(count):
        calls, answers = [], []
        last = turn == count - 1
        for _ in range(2 if dice.chance(TWO_CALLS) and not last else 1):
            command, printed, code = _call(repo, dice, int(results[turn] * scale), scale)
            identifier = f"call_{number:04}"
            number += 1
            arguments = json.dumps(
                {"command": "cat change.patch" if last else command}, ensure_ascii=False
            )
            function = {"name": "shell", "arguments": arguments}
            calls.append({"id": identifier, "type": "function", "function": function})
            content = _FRAME.format(code, printed)
            answers.append(
                {"role": "tool", "tool_call_id": identifier, "name": "shell", "content": content}
            )
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
    """Return numbers of a distribution, one from each equal slice, in a random order.

    Parameters
    ----------
    dice
        The stream that decides them.
    table
        Quantiles of the distribution: pairs (percentile, value).
    count
        How many numbers, and how many slices.
    """
    return dice.shuffled(
        [interpolate(table, 100 * (slot + dice.unit()) / count) for slot in range(count)]
    )
