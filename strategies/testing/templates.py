"""Random chat templates of the shapes that published ones have.

Most published templates are a preamble, one loop over the messages that does nearly all the
output, and a generation prompt. The preamble takes the system message away, writes the tools or
scans for the last user message; the loop asks for its neighbours, for its end, and for tool calls.
Each piece here is taken from a template that is in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

MARKERS = ("<|im_start|>", "<|im_end|>", "<s>", "</s>", "[INST]", "[/INST]", "<tool_call>")
"""What a template writes if no markers are given."""

_CONTENTS = (
    "{{ C }}",
    "{{ C | trim }}",
    "{{ C.strip() }}",
    "{{ C or '' }}",
    "{{- C -}}",
    (
        "{% if C is string %}{{ C }}{% else %}{% for part in C %}{% if part.type == 'text' %}"
        "{{ part.text }}{% endif %}{% endfor %}{% endif %}"
    ),
    "{% if C %}{{ C }}{% endif %}",
    "{{ C if C is string else C | tojson }}",
    "{% if C is defined and C is not none %}{{ C | string }}{% endif %}",
    "{{ shown(C) }}",
    "{% set text = C %}{{ ' ' ~ text ~ ' ' }}",
)
"""How the content of a message is written; C stands for it."""

_REASONS = (
    "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}",
    (
        "{% set content = m.content %}{% set reason = '' %}{% if m.reasoning_content is string %}"
        "{% set reason = m.reasoning_content %}"
        "{% elif content is string and '</think>' in content %}"
        "{% set reason = content.split('</think>')[0].rstrip('\n').split('<think>')[-1] %}"
        "{% set content = content.split('</think>')[-1].lstrip('\n') %}{% endif %}"
        "{% if loop.index0 > ns.last %}<think>\n{{ reason.strip('\n') }}\n</think>\n\n{% endif %}"
        "{{ content }}"
    ),
    "{% if m.thinking is defined and loop.last %}{{ m.thinking }}{% endif %}",
    (
        "{% set content = m.content or '' %}{% if '</think>' in content %}"
        "{% set content = content.split('</think>')[-1] %}{% endif %}{{ content }}"
    ),
    "",
)

_CALLS = (
    (
        "{% for call in m.tool_calls %}{% set f = call.function if call.function else call %}"
        '<tool_call>\n{{ \'{"name": "\' ~ f.name ~ \'", "arguments": \' }}'
        "{{ f.arguments if f.arguments is string else f.arguments | tojson }}"
        "{{ '}' }}\n</tool_call>{% if not loop.last %}\n{% endif %}{% endfor %}"
    ),
    "{{ m.tool_calls | tojson }}",
    (
        "{% for call in m.tool_calls %}{{ call.function.name }}("
        "{% set given = call.function.arguments %}"
        "{% if given is mapping %}{% for k, v in given.items() %}"
        "{{ k }}={{ v }}{% if not loop.last %}, {% endif %}{% endfor %}{% endif %}){% endfor %}"
    ),
    "{{ m.tool_calls[0].function.name }}{{ m.tool_calls[0].id[:9] }}",
)

_TOOLS = (
    (
        "{% if tools %}# Tools\n\n<tools>{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}\n"
        "</tools>\n{% endif %}"
    ),
    "{% if tools is defined and tools is not none %}{{ tools | tojson(indent=4) }}{% endif %}",
    (
        "{% for tool in tools or [] %}{{ tool.function.name }}: {{ tool.function.description }}\n"
        "{% for k, v in tool.function.parameters.properties | dictsort %}- {{ k }}{% endfor %}"
        "{% endfor %}"
    ),
    "",
    "",
)

_BEFORE = (
    "",
    "",
    "{{ bos_token }}",
    (
        "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}"
        "{% endif %}"
    ),
    "Today: {{ strftime_now('%d %b %Y') }}\n",
    "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}\n{% endif %}{% endfor %}",
    "{% set thinking = enable_thinking | default(true) %}{% if thinking %}/think{% endif %}\n",
)

_LAST_USER = (
    (
        "{% for m in messages[::-1] %}{% set i = messages | length - 1 - loop.index0 %}"
        "{% if ns.last < 0 and m.role == 'user' %}{% set ns.last = i %}{% endif %}{% endfor %}"
    ),
    (
        "{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}"
        "{% endfor %}"
    ),
    "{% set ns.last = messages | length - 1 %}",
    "",
)

_RULES = (
    "",
    "",
    "",
    (
        "{% if m.role not in ['user', 'assistant', 'system', 'tool'] %}"
        "{{ raise_exception('unknown role: ' ~ m.role) }}{% endif %}"
    ),
    (
        "{% if loop.first and m.role == 'assistant' %}{{ raise_exception('begin as a user') }}"
        "{% endif %}"
    ),
)

_TAILS = (
    "{% if loop.last %}{{ eos_token }}{% endif %}",
    "{% if not loop.last %}\n{% endif %}",
    "{% if loop.nextitem is defined and loop.nextitem.role == 'user' %}{{ eos_token }}{% endif %}",
    "{% if loop.previtem is defined and loop.previtem.role == m.role %}+{% endif %}",
    "{% if messages[loop.index] is defined %}|{% endif %}",
    "",
    "",
    "",
)

_MACRO = (
    "{% macro shown(value) %}{% if value is string %}{{ value }}{% elif value is iterable and "
    "value is not mapping %}{% for part in value %}{{ part.text }}{% endfor %}{% endif %}"
    "{% endmacro %}"
)


class TemplateWriter:
    """Writes random chat templates.

    Parameters
    ----------
    dice
        Makes every choice.
    markers
        Texts that it writes around messages, such as a tokenizer's added tokens.
    """

    def __init__(self, dice: Random, markers: Sequence[str] = MARKERS) -> None:
        self.dice = dice
        self.markers = markers or MARKERS

    def template(self) -> str:
        """Return a template; it is valid Jinja, and renders most conversations."""
        pick = self.dice.choice
        start, end = self._marker(), self._marker()
        rest = pick((False, False, True))
        over = pick(("messages", "messages", "messages", "messages[1:]"))
        pieces = [
            _MACRO,
            pick(_BEFORE),
            "{% set ns = namespace(last=-1, tools=false) %}",
            self._system(start, end) if rest else "",
            pick(_TOOLS),
            pick(_LAST_USER),
            f"{{% for m in {'rest' if rest else over} %}}",
            pick(_RULES),
            *self._turn(start, end),
            "{% endfor %}",
            self._prompt(start),
        ]
        # Many templates are written in lines, and Jinja takes line ends after tags away.
        return pick(("", "", "\n")).join(self._trimmed(piece) for piece in pieces if piece)

    def _turn(self, start: str, end: str) -> list[str]:
        """Return what the loop writes for a message ``m``.

        Parameters
        ----------
        start, end
            The markers around it.
        """
        pick = self.dice.choice
        head = self._head(start)
        plain = f"{head}{self._content()}{end}"
        if self.dice.random() < 0.3:
            return [plain, pick(_TAILS)]
        calls = f"{{% if m.tool_calls %}}{self._marker()}{pick(_CALLS)}{{% endif %}}"
        assistant = f"{head}{pick(_REASONS)}{self._content()}{calls}{end}"
        return [
            (
                f"{{% if m.role == 'assistant' %}}{assistant}"
                f"{{% elif m.role == 'tool' %}}{self._result(start, end)}"
                f"{{% else %}}{plain}{{% endif %}}"
            ),
            pick(_TAILS),
        ]

    def _result(self, start: str, end: str) -> str:
        """Return what is written for the result of a tool; neighbours may share a turn."""
        shown = f"<tool_response>\n{self._content()}\n</tool_response>"
        kind = self.dice.randrange(4)
        if kind == 0:
            return f"{self._marker()}{self._content()}{self._marker()}"
        if kind == 1:
            return (
                "{% if loop.first or messages[loop.index0 - 1].role != 'tool' %}"
                f"{start}user\n{{% endif %}}{shown}"
                "{% if loop.last or messages[loop.index0 + 1].role != 'tool' %}"
                f"{end}{{% endif %}}"
            )
        if kind == 2:
            return f"{{% if not ns.tools %}}{start}{{% endif %}}{{% set ns.tools = true %}}{shown}"
        return f"{self._head(start)}{shown}{end}"

    def _system(self, start: str, end: str) -> str:
        """Return a preamble that takes the system message away and writes it."""
        written = f"{start}system\n{{{{ messages[0].content }}}}{end}"
        return (
            "{% if messages[0].role == 'system' %}"
            f"{written}{{% set rest = messages[1:] %}}{{% else %}}"
            "{% set rest = messages %}{% endif %}"
        )

    def _head(self, start: str) -> str:
        role = self.dice.choice(("{{ m.role }}", "{{ m['role'] }}", "{{ m.role | upper }}", ""))
        after = self.dice.choice(("\n", "\n\n", " ", ": ", "", self._marker()))
        return f"{start}{role}{after}"

    def _content(self) -> str:
        named = self.dice.choice(("m.content", "m['content']"))
        return self.dice.choice(_CONTENTS).replace("C", named)

    def _prompt(self, start: str) -> str:
        written = self.dice.choice(
            (
                f"{start}assistant\n",
                f"{start}assistant\n<think>\n\n</think>\n\n",
                f"{start}",
                "{{ 'assistant: ' }}",
                (
                    f"{start}{{% if enable_thinking is defined and not enable_thinking %}}"
                    "<think></think>{% endif %}"
                ),
            )
        )
        return f"{{% if add_generation_prompt %}}{written}{{% endif %}}"

    def _marker(self) -> str:
        """Return the source that writes a marker."""
        marker = self.dice.choice(self.markers)
        space = self.dice.choice(("", "", "", "\n", " ", "\n\n"))
        if "{" in marker or self.dice.random() < 0.2:
            # A Jinja string reads escapes as Python does.
            return f"{{{{ {marker + space!a} }}}}"
        return marker + space

    def _trimmed(self, piece: str) -> str:
        """Return a piece; now and then its first tag takes the white space before it away."""
        if piece.startswith("{% ") and self.dice.random() < 0.2:
            return f"{{%- {piece[3:]}"
        return piece
