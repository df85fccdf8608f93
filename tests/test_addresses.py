"""A template that writes the address of an object is refused, and only such a template."""

from __future__ import annotations

import pytest

from bench.bundled import tokenizer_path
from strategies import Conversation, InputError, OnError, count, load_chat
from tests.conftest import bundled_chat, plain_counts

TOKENIZER = tokenizer_path("bpe-chatml")

ADDRESSES = {
    "generator of map": "{{ messages | map(attribute='role') }}",
    "generator of map with a filter": "{{ messages | map('upper') }}",
    "generator of select": "{{ messages | selectattr('content') }}",
    "generator in a list": "{{ [messages | select] }}",
    "generator joined to a text": "{{ 'x' ~ messages | select }}",
    "reversed": "{{ messages | reverse }}",
    "items": "{{ messages[0] | items }}",
    "method": "{{ messages.index }}",
    "method of a text": "{{ messages[0].content.strip }}",
    "function": "{{ raise_exception }}",
    "range": "{{ range }}",
    "cycler": "{{ cycler('a') }}",
    "joiner": "{{ joiner() }}",
    "dict": "{{ dict }}",
    "in an object": "{{ {'a': range} }}",
    "in values": "{{ {'a': range}.values() }}",
    "in a namespace": "{{ namespace(a=range) }}",
    "in a format": "{{ '{}'.format(range) }}",
    "in percent": "{{ '%s' % range }}",
    "in a join": "{{ [range] | join }}",
    "the end of one": "{{ (range | string)[-4:] }}",
    "its length": "{{ range | upper | length }}",
    "in a macro": "{% macro f(x) %}{{ x }}{% endmacro %}{{ f(range) }}",
    "in a block": "{% set x %}{{ range }}{% endset %}{{ x }}",
    "constant generator": "{{ '1' | items }}",
    "constant generator joined to a text": "{{ 'x' ~ ('1' | items) }}",
    "constant generator in a list": "{% set x = [['a'] | map('upper')] %}{{ x }}",
    "constant method": "{{ 'a'.upper }}",
    "constant in a choice": "{{ ('a'.upper if true else 1) }}",
    "constant made a text": "{% set x = 'a'.upper | string %}{{ x }}",
    "constant in percent": "{% set x = '%s' % 'a'.upper %}{{ x }}",
    "constant in a variable": "{% set x = '1' | items ~ '' %}{{ x }}",
    "with tools only": "{% if tools %}{{ range }}{% endif %}",
}
NO_ADDRESSES = {
    "class": "{{ namespace }}",
    "macro": "{% macro f() %}{% endmacro %}{{ f }}",
    "namespace": "{{ namespace(a=1, b=messages[0].content) }}",
    "messages": "{{ messages }}{{ messages[0].items() }}{{ range(3) }}",
    "text of a message": "{% for m in messages %}{{ m.content }}{{ [m.content] }}{% endfor %}",
    "text of the template": "<function f at 0x7f0123456789>{{ '<x object at 0x7f>' }}",
    "constants": "{{ [1, 'a', none] }}{{ {'a': (1,)} }}{{ 1 ~ [2] ~ none }}{{ 'a' ~ 'b' }}",
    "a constant that is never written": "{% if false %}{{ 'a'.upper }}{% endif %}x",
    "forbidden": "{{ messages.append }}{{ messages.__class__ }}",
    "a list of what a generator gives": "{{ messages | map(attribute='role') | list }}",
    "joined": "{{ messages | map(attribute='role') | join(',') }}",
}
#: As in a chat about a program.
CODE = "prints <function f at 0x7f0123456789>\n<generator object g at 0x7f00>"
ASKED = Conversation(
    "asked",
    (
        {"role": "user", "content": CODE},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "late"},
    ),
    None,
    (1, 3),
)
STRATEGIES = ("sequential", "thread-pool", "batched", "spliced", "rust", "auto")


@pytest.mark.parametrize("kind", ADDRESSES)
def test_an_address_is_refused_when_the_template_is_loaded(kind: str) -> None:
    with pytest.raises(InputError, match=r": the chat template writes the address of an object \("):
        load_chat(TOKENIZER, template=ADDRESSES[kind])


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_an_address_in_some_turns_only_is_refused_by_every_strategy(
    strategy: str, on_error: OnError
) -> None:
    template = "{% if messages[-1].content == 'late' %}{{ messages | select }}{% endif %}x"
    chat = bundled_chat("bpe-chatml", template)
    with pytest.raises(InputError) as caught:
        count([ASKED], chat, strategy, workers=1, on_error=on_error)
    # The address itself is left out, so that the message is the same each time.
    assert str(caught.value) == (
        "the chat template writes the address of an object (<generator object select_or_reject>), "
        "which differs from run to run, so no count is exact"
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", NO_ADDRESSES)
def test_what_only_looks_like_an_address_is_counted(kind: str, strategy: str) -> None:
    chat = bundled_chat("bpe-chatml", NO_ADDRESSES[kind])
    assert count([ASKED], chat, strategy, workers=1) == plain_counts(chat, [ASKED])
