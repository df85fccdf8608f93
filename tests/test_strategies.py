"""Every strategy gives the counts of the reference, and fails for the same turns.

These tests run for every registered strategy. A new one is tested without a change here.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

import strategies
from bench.bundled import tokenizer_path
from bench.samples import SHAPES, records
from strategies import (
    ChatTokenizer,
    Conversation,
    Counter,
    Counts,
    InputError,
    Mismatch,
    Progress,
    TurnError,
    UnavailableError,
    client_turns,
    load_chat,
    registry,
)
from strategies.chat.clock import frozen_clock
from strategies.verification import mismatches
from tests.conftest import bundled_chat, plain_counts

RAISES_FROM_THE_FIFTH_MESSAGE = """
{%- for message in messages %}
{%- if loop.index == 5 %}{{ raise_exception('five are too many') }}{% endif %}
{{- message.role }}: {{ message.content }}
{% endfor %}"""


def conversation(*texts: str, name: str = "c", tools: bool = False) -> Conversation:
    messages = tuple(
        {"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)
    )
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    return Conversation(name, messages, (tool,) if tools else None, client_turns(messages))


@dataclass(frozen=True)
class Scenario:
    """Conversations that test one way in which a strategy could go wrong."""

    name: str
    conversations: tuple[Conversation, ...]


SCENARIOS = (
    Scenario("nothing", ()),
    Scenario("one turn", (conversation("hello"),)),
    Scenario("empty texts", (conversation("", "", "", "", ""),)),
    Scenario("only white space", (conversation(" ", "\n", "\t ", " \n ", "\u3000"),)),
    Scenario("the same twice", (conversation("a", "b", "c"), conversation("a", "b", "c"))),
    Scenario("tools and none", (conversation("a", tools=True), conversation("a", "b", "c"))),
    Scenario("one id for two", (conversation("a", name="x"), conversation("b", "c", name="x"))),
    Scenario(
        "last turn only",
        (Conversation("c", conversation("a", "b", "c").messages, None, (3,)),),
    ),
    Scenario(
        "a prompt that ends after the assistant",
        (Conversation("c", conversation("a", "b", "c", "d").messages, None, (1, 2, 4)),),
    ),
    Scenario("long and short", (conversation(*("word " * 400,) * 9), conversation("x"))),
)


class Opened:
    """Counters by strategy and bundled tokenizer; each is opened once for all tests."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._counters: dict[tuple[str, str], Counter] = {}

    def __getitem__(self, key: tuple[str, str]) -> Counter:
        if key not in self._counters:
            strategy, tokenizer = key
            counter = open_or_skip(self._stack, strategy, bundled_chat(tokenizer))
            self._counters[key] = counter
        return self._counters[key]


@pytest.fixture(scope="session")
def opened() -> Iterator[Opened]:
    with ExitStack() as stack:
        yield Opened(stack)


def open_or_skip(stack: ExitStack, name: str, chat: ChatTokenizer) -> Counter:
    strategy = strategies.get(name)
    reason = strategy.availability(chat)
    if reason is not None:
        pytest.skip(f"{name} says that it cannot: {reason}")
    return stack.enter_context(strategy.open(chat, workers=2))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_counts_equal_the_plain_calls(
    scenario: Scenario,
    strategy_name: str,
    bundled_name: str,
    opened: Opened,
) -> None:
    counter = opened[strategy_name, bundled_name]
    expected = plain_counts(bundled_chat(bundled_name), list(scenario.conversations))
    assert counter.count(scenario.conversations) == expected


def test_counts_equal_the_plain_calls_on_the_sample(
    strategy_name: str,
    bundled_name: str,
    sample: list[Conversation],
    opened: Opened,
) -> None:
    counter = opened[strategy_name, bundled_name]
    assert counter.count(sample) == sample_counts(bundled_name, sample)


_sample_counts: dict[str, list[list[int | None]]] = {}


def sample_counts(name: str, sample: list[Conversation]) -> list[list[int | None]]:
    if name not in _sample_counts:
        _sample_counts[name] = plain_counts(bundled_chat(name), sample)
    return _sample_counts[name]


def test_the_sample_has_every_shape(sample: list[Conversation]) -> None:
    assert {shape for shape in SHAPES if any(c.id.startswith(shape) for c in sample)} == set(SHAPES)
    assert any("tool_calls" in m for c in sample for m in c.messages)
    assert len(list(records("small"))) == len(sample)


def test_nothing_is_remembered_between_calls(strategy_name: str, opened: Opened) -> None:
    counter = opened[strategy_name, "bpe-chatml"]
    some, other = [conversation("a", "b", "c")], [conversation("zzz", "y", "x y z")]
    first = counter.count(some)
    counter.count(other)
    assert counter.count(some) == first


def test_progress_adds_up_to_the_turns(
    strategy_name: str, sample: list[Conversation], opened: Opened
) -> None:
    steps: list[int] = []
    opened[strategy_name, "bpe-chatml"].count(sample, progress=steps.append)
    assert sum(steps) == strategies.count_turns(sample)
    assert min(steps) >= 0


def test_progress_adds_up_where_turns_are_skipped(strategy_name: str) -> None:
    chat = bundled_chat("bpe-chatml", RAISES_FROM_THE_FIFTH_MESSAGE)
    data = [conversation(*"abcdefg", name="broken"), conversation("a", "b", "c", name="fine")]
    steps: list[int] = []
    with ExitStack() as stack:
        counter = open_or_skip(stack, strategy_name, chat)
        counter.count(data, progress=steps.append, on_error="skip")
    assert sum(steps) == strategies.count_turns(data)


@pytest.mark.parametrize(
    ("strategy", "constant"),
    [
        ("batched", "whole_prompts.BATCH_CHARACTERS"),
        ("spliced", "spliced.PENDING_CHARACTERS"),
        ("rust", "native.BATCH_CHARACTERS"),
    ],
)
def test_counts_do_not_depend_on_where_batches_end(
    strategy: str, constant: str, sample: list[Conversation], monkeypatch: pytest.MonkeyPatch
) -> None:
    # By default the sample is a single batch. Prompts from Jinja2 go to the core in batches.
    template = "{{ [] | batch(2) | list | length }}" + bundled_chat("sp-bpe").template_text(
        sample[0]
    )
    chat = bundled_chat("sp-bpe", template)
    monkeypatch.setattr(f"strategies.{constant}", 1000)
    steps: list[int] = []
    with strategies.get(strategy).open(chat, workers=1) as counter:
        counts = counter.count(sample[:20], progress=steps.append)
    assert counts == plain_counts(chat, sample[:20])
    assert len(steps) > 5
    assert sum(steps) == strategies.count_turns(sample[:20])


def test_a_turn_that_raises_fails_the_call_with_its_name(strategy_name: str) -> None:
    chat = bundled_chat("bpe-chatml", RAISES_FROM_THE_FIFTH_MESSAGE)
    # Pools begin with the longest conversation, but another one is the first that fails.
    data = [
        conversation("a", "b", "c", name="fine"),
        conversation("a", "b", "c", "d", "e", name="broken"),
        conversation(*"abcdefghijk", name="broken too"),
    ]
    with ExitStack() as stack:
        counter = open_or_skip(stack, strategy_name, chat)
        with pytest.raises(TurnError) as caught:
            counter.count(data)
    assert str(caught.value) == (
        "conversation 'broken', turn 3 (its first 5 messages): five are too many"
    )


def test_skipped_turns_are_those_that_raise(strategy_name: str) -> None:
    chat = bundled_chat("bpe-chatml", RAISES_FROM_THE_FIFTH_MESSAGE)
    data = [conversation(*"abcdefg", name="broken"), conversation("a", "b", "c", name="fine")]
    expected = plain_counts(chat, data)
    assert [None in counts for counts in expected] == [True, False]
    with ExitStack() as stack:
        counter = open_or_skip(stack, strategy_name, chat)
        assert counter.count(data, on_error="skip") == expected


def saved_chat(folder: Path, tokenizer: Tokenizer, template: str) -> ChatTokenizer:
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}), encoding="utf-8")
    return load_chat(folder)


def knows_one_word(folder: Path, template: str) -> ChatTokenizer:
    """Load a word-level model without an unknown token: it raises on any other word."""
    tokenizer = Tokenizer(models.WordLevel({"<|": 0, "known": 1, "user": 2, "assistant": 3}))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_tokens([AddedToken("<|", normalized=False)])
    return saved_chat(folder, tokenizer, template)


def test_a_text_that_the_model_cannot_encode_fails_its_turns_only(
    strategy_name: str, tmp_path: Path
) -> None:
    chat = knows_one_word(
        tmp_path, "{% for m in messages %}<|{{ m.role }} {{ m.content }}{% endfor %}<|assistant"
    )
    data = [
        conversation("known", "known", "unknown", "known", "known", name="later"),
        conversation("known", name="fine"),
    ]
    expected = plain_counts(chat, data)
    assert expected == [[5, None, None], [5]]
    with ExitStack() as stack:
        counter = open_or_skip(stack, strategy_name, chat)
        assert counter.count(data, on_error="skip") == expected
        with pytest.raises(TurnError, match="conversation 'later', turn 2"):
            counter.count(data)


def test_a_text_that_the_library_panics_on_fails_its_turns_only(
    strategy_name: str, tmp_path: Path
) -> None:
    # A token whose normalized text is empty is found inside every wide character.
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "user": 1}, unk_token="[UNK]"))  # noqa: S106  # a token of text
    tokenizer.normalizer = normalizers.Strip()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken("<|", normalized=False)])
    tokenizer.add_tokens([AddedToken(" ", normalized=True, single_word=True)])
    template = "{% for m in messages %}<|{{ m.role }} {{ m.content }}{% endfor %}"
    chat = saved_chat(tmp_path, tokenizer, template)
    data = [conversation("a", "b", "é", name="later"), conversation("a", name="fine")]
    expected = plain_counts(chat, data)
    assert [None in counts for counts in expected] == [True, False]
    with ExitStack() as stack:
        counter = open_or_skip(stack, strategy_name, chat)
        assert counter.count(data, on_error="skip") == expected
        with pytest.raises(TurnError, match="conversation 'later', turn 2"):
            counter.count(data)


@pytest.mark.parametrize("beside", ["", "{% if false %}{{ [] | batch(2) }}{% endif %}"])
def test_a_prompt_that_is_no_text_fails_its_turn_only(strategy_name: str, beside: str) -> None:
    # A template may write invalid Unicode, which the tokenizer refuses.
    text = "{% for m in messages %}{{ '\\ud800' if m.content == 'no' else m.content }}{% endfor %}"
    chat = bundled_chat("bpe-chatml", text + beside)
    data = [conversation("a", "b", "no", name="later"), conversation("a", name="fine")]
    expected = plain_counts(chat, data)
    assert [None in counts for counts in expected] == [True, False]
    with ExitStack() as stack:
        counter = open_or_skip(stack, strategy_name, chat)
        assert counter.count(data, on_error="skip") == expected
        with pytest.raises(TurnError, match="conversation 'later', turn 2"):
            counter.count(data)


@pytest.mark.parametrize(
    "indented",
    ["messages[0].content | indent", "[messages[0].content] | map('in' ~ 'dent') | list"],
    ids=["by name", "by a name that is made"],
)
def test_a_filter_that_changes_a_message_leaves_no_trace_in_later_turns(
    strategy_name: str, indented: str
) -> None:
    # Jinja2's indent extends a list of parts, and only then raises.
    template = (
        f"{{% if messages | length == 1 %}}{{{{ {indented} }}}}{{% endif %}}"
        "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}"
    )
    chat = bundled_chat("bpe-chatml", template, "as-written")
    parts: Any = [{"type": "text", "text": "a"}]
    messages = tuple({"role": "user", "content": content} for content in (parts, "b", "c"))
    data = [Conversation("c", messages, None, (1, 2, 3))]
    expected = plain_counts(chat, data)
    assert [isl is None for isl in expected[0]] == [True, False, False]
    with ExitStack() as stack:
        counter = open_or_skip(stack, strategy_name, chat)
        assert counter.count(data, on_error="skip") == expected


def test_no_template_for_a_conversation_fails_its_turns(strategy_name: str, tmp_path: Path) -> None:
    # Two templates but no default one: without tools the model has no template.
    folder = tmp_path / "tokenizer"
    shutil.copytree(tokenizer_path("unigram"), folder)
    (folder / "chat_template.jinja").unlink()
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    text = "{% for m in messages %}{{ m.content }}{% endfor %}"
    config["chat_template"] = [{"name": name, "template": text} for name in ("tool_use", "rag")]
    path.write_text(json.dumps(config), encoding="utf-8")
    chat = load_chat(folder)
    data = [conversation("with", tools=True), conversation("without")]
    expected = plain_counts(chat, data)
    assert expected[1] == [None]
    with ExitStack() as stack:
        counter = open_or_skip(stack, strategy_name, chat)
        assert counter.count(data, on_error="skip") == expected
        with pytest.raises(TurnError, match=r"conversation 'c', turn 1 .*multiple chat templates"):
            counter.count(data)


def test_the_first_of_two_kinds_of_failure_is_named(strategy_name: str, tmp_path: Path) -> None:
    chat = knows_one_word(
        tmp_path,
        "{% for m in messages %}{% if m.content == 'no' %}{{ raise_exception('no') }}{% endif %}"
        "<|{{ m.role }} {{ m.content }}{% endfor %}<|assistant",
    )
    data = [
        conversation("known", name="fine"),
        conversation("known", "known", "unknown", name="cannot be encoded"),
        conversation("no", "known", "known", name="cannot be rendered"),
    ]
    with ExitStack() as stack:
        counter = open_or_skip(stack, strategy_name, chat)
        with pytest.raises(TurnError, match="conversation 'cannot be encoded', turn 2"):
            counter.count(data)


def test_a_conversation_without_turns_has_no_counts(strategy_name: str, opened: Opened) -> None:
    data = [Conversation("none", (), None, ()), conversation("one")]
    counts = opened[strategy_name, "unigram"].count(data)
    assert counts == plain_counts(bundled_chat("unigram"), data)


def test_one_worker_counts_the_same(strategy_name: str, sample: list[Conversation]) -> None:
    some = sample[::5]
    chat = bundled_chat("sp-bpe")
    got = strategies.count(some, chat, strategy_name, workers=1)
    assert got == plain_counts(chat, some)


EVERYTHING_COUNTS = """
{{- word }}{{ strftime_now('%Y') }} {{ tools | length if tools else 'no tools at all' }}
{%- for m in messages %}<s>{{ m.role }} {{ m.content }}{% endfor %}
{%- if add_generation_prompt %}<s>and it is your turn now{% endif %}"""


def test_all_that_a_template_reads_reaches_every_strategy(strategy_name: str) -> None:
    chat = load_chat(
        tokenizer_path("sp-bpe"),
        template=EVERYTHING_COUNTS,
        template_kwargs={"word": "some words that are counted"},
        clock=datetime(1999, 12, 31),  # noqa: DTZ001  # local, as templates write it
    )
    data = [conversation("a", "b", "c", tools=True), conversation("a", "b", "c")]
    with frozen_clock(chat.spec.clock):
        expected = plain_counts(chat, data)
    # Each of them changes the number of tokens, so that a strategy that ignores it is found.
    changes: tuple[dict[str, Any], ...] = (
        {"template_kwargs": {"word": ""}},
        {"template": EVERYTHING_COUNTS.replace("add_generation_prompt", "false")},
        {"template": EVERYTHING_COUNTS.replace("if tools", "if false")},
    )
    for change in changes:
        options = {"template": EVERYTHING_COUNTS, "template_kwargs": chat.template_kwargs, **change}
        assert plain_counts(load_chat(tokenizer_path("sp-bpe"), **options), data) != expected
    with ExitStack() as stack:
        assert open_or_skip(stack, strategy_name, chat).count(data) == expected


def changed_folder(folder: Path, name: str, **config: object) -> Path:
    """Copy a bundled tokenizer with something else in its configuration."""
    shutil.copytree(tokenizer_path(name), folder)
    path = folder / "tokenizer_config.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**known, **config}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["sp-bpe", "bpe-chatml", "sentencepiece"])
def test_split_special_tokens_are_counted_as_the_reference_counts_them(
    strategy_name: str, name: str, tmp_path: Path
) -> None:
    plain = bundled_chat(name)
    chat = load_chat(changed_folder(tmp_path / "t", name, split_special_tokens=True))
    data = [conversation("hello", "<|im_end|> </s> <s>", "x")]
    # Count with another copy, because the plain call also sets its tokenizer up.
    expected = plain_counts(chat.load_again(), data)
    assert expected != plain_counts(plain, data)
    with ExitStack() as stack:
        assert open_or_skip(stack, strategy_name, chat).count(data) == expected


def of_a_class_of_its_own(name: str, method: str) -> ChatTokenizer:
    """Load a bundled tokenizer with a class that adds a token in one of its methods."""
    chat = bundled_chat(name).load_again()
    kind = type(chat.tokenizer)

    def one_more(self: Any, *arguments: Any, **options: Any) -> Any:
        result = getattr(kind, method)(self, *arguments, **options)
        if isinstance(result, (list, str)):
            return [*result, 5] if isinstance(result, list) else f"{result} x"
        ids = result["input_ids"]
        (ids[0] if ids and isinstance(ids[0], list) else ids).append(5)
        return result

    chat.tokenizer.__class__ = type("OfItsOwn", (kind,), {method: one_more})
    for known in ("backend", "renders_plainly"):
        vars(chat).pop(known, None)
    return chat


@pytest.mark.parametrize("method", ["apply_chat_template", "_encode_plus"])
@pytest.mark.parametrize("name", ["sp-bpe", "sentencepiece"])
def test_a_tokenizer_with_a_step_of_its_own_is_left_to_the_plain_call(
    name: str, method: str
) -> None:
    chat = of_a_class_of_its_own(name, method)
    data = [conversation("a", "b", "c")]
    assert plain_counts(chat, data) != plain_counts(bundled_chat(name), data)
    for strategy in ("batched", "spliced", "rust"):
        assert strategies.get(strategy).availability(chat) is not None
    assert picked(chat, data).startswith("picked sequential: ")
    if method != "apply_chat_template":
        # Special tokens of a prompt come from the template.
        prompts = [prompt or "" for _, prompt in chat.prompts(data[0])]
        assert chat.lengths(prompts) == plain_counts(chat, data)[0]


@pytest.mark.parametrize("strategy", ["sequential", "thread-pool", "batched", "spliced"])
def test_an_interruption_is_no_turn_that_fails(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    chat = bundled_chat("unigram")
    monkeypatch.setattr(ChatTokenizer, "apply_chat_template", interrupted)
    monkeypatch.setattr(ChatTokenizer, "lengths", interrupted)
    with (
        strategies.get(strategy).open(chat, workers=1) as counter,
        pytest.raises(KeyboardInterrupt),
    ):
        counter.count([conversation("a")], on_error="skip")


def test_verify_finds_nothing(strategy_name: str, sample: list[Conversation]) -> None:
    assert strategies.verify(strategy_name, sample[:8], bundled_chat("sp-bpe"), workers=2) == []


def test_verify_reports_each_wrong_turn_of_the_control(sample: list[Conversation]) -> None:
    chat = bundled_chat("sp-bpe")
    wrong = strategies.verify("spliced-alone", sample, chat)
    assert wrong
    truth = sample_counts("sp-bpe", sample)
    got = strategies.count(sample, chat, "spliced-alone")
    assert len(wrong) == sum(
        one != other
        for true, counted in zip(truth, got, strict=True)
        for one, other in zip(true, counted, strict=True)
    )
    for mismatch in wrong:
        assert sample[mismatch.index].id == mismatch.conversation
        assert truth[mismatch.index][mismatch.turn - 1] == mismatch.expected != mismatch.got


def test_a_turn_that_one_side_alone_skips_is_a_mismatch() -> None:
    data = [conversation("a", "b", "c", "d", "e"), conversation("f", name="last")]
    found = mismatches(data, [[1, None, 3], [None]], [[1, 2, None], [None]])
    assert found == [Mismatch("c", 0, 2, None, 2), Mismatch("c", 0, 3, 3, None)]
    assert str(found[1]) == "conversation 'c', turn 3: expected 3, got None"


@pytest.mark.parametrize("got", [[], [[1, 2, 3]], [[1, 2], [4]], [[1, 2, 3, 4], [4]]])
def test_counts_that_do_not_fit_the_turns_are_refused(got: list[list[int | None]]) -> None:
    data = [conversation("a", "b", "c", "d", "e"), conversation("f", name="last")]
    with pytest.raises(ValueError, match="zip"):
        mismatches(data, [[1, 2, 3], [4]], got)


def test_verify_accepts_turns_that_raise_on_both_sides() -> None:
    chat = bundled_chat("bpe-chatml", RAISES_FROM_THE_FIFTH_MESSAGE)
    data = [conversation(*"abcdefg", name="broken")]
    assert strategies.verify("spliced", data, chat) == []
    expected = plain_counts(chat, data)
    assert expected[0][0] is not None
    expected[0][0] += 1
    (wrong,) = strategies.verify("spliced", data, chat, expected=expected)
    assert (wrong.turn, wrong.expected) == (1, expected[0][0])


def test_every_thread_has_a_tokenizer_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each call of transformers sets truncation and padding on the backend.
    used: dict[int, set[int]] = {}
    plain_call = ChatTokenizer.apply_chat_template

    def noted(chat: ChatTokenizer, given: Conversation, index: int) -> list[int]:
        used.setdefault(id(chat.tokenizer), set()).add(threading.get_ident())
        together.wait()
        return plain_call(chat, given, index)

    monkeypatch.setattr(ChatTokenizer, "apply_chat_template", noted)
    # Nobody goes on before three are waiting, so each thread gets one turn.
    together = threading.Barrier(3, timeout=60)
    with strategies.get("thread-pool").open(bundled_chat("unigram"), workers=3) as counter:
        counter.count([conversation("a"), conversation("b"), conversation("c")])
    assert sorted(map(len, used.values())) == [1, 1, 1]


def test_amplification_is_rendered_text_over_distinct_text() -> None:
    chat = bundled_chat(
        "bpe-chatml", "{% for m in messages %}<|im_start|>{{ m.content }}{% endfor %}"
    )
    data = [conversation("abc", "dé", "f"), conversation("abc")]
    got = strategies.amplification(data, chat)
    # Turns after one and three messages, and once more after one.
    marker = len("<|im_start|>")
    assert got.rendered_characters == (3 + marker) + (6 + 3 * marker) + (3 + marker)
    assert got.rendered_bytes == got.rendered_characters + 1
    assert got.distinct_characters == len("abcdéf")
    assert got.factor == got.rendered_characters / 6
    empty = strategies.amplification([Conversation("none", (), None, ())], chat)
    assert (empty.rendered_characters, empty.factor) == (0, 1.0)


def test_amplification_leaves_out_turns_that_raise_and_tells_of_all() -> None:
    chat = bundled_chat("bpe-chatml", RAISES_FROM_THE_FIFTH_MESSAGE)
    data = [conversation(*"abcdefg")]
    steps: list[int] = []
    got = strategies.amplification(data, chat, progress=steps.append)
    assert sum(steps) == strategies.count_turns(data)
    fine = [Conversation("c", data[0].messages, None, (1, 3))]
    assert got == strategies.amplification(fine, chat)


@dataclass
class Foreign:
    """A counter of another package, which cannot skip."""

    chat: ChatTokenizer
    lost: int = 0

    def count(
        self, conversations: Sequence[Conversation], *, progress: Progress | None = None
    ) -> Counts:
        counts = strategies.reference_counts(conversations, self.chat, progress=progress)
        return [turns[self.lost :] for turns in counts]


class Options(Foreign):
    """A counter that accepts any option."""

    def count(self, conversations: Sequence[Conversation], **options: Any) -> Counts:
        assert options["on_error"] == "skip"
        return strategies.reference_counts(conversations, self.chat, **options)


def test_a_counter_that_cannot_skip_is_asked_for_the_turns_that_can_be_rendered() -> None:
    chat = bundled_chat("bpe-chatml", RAISES_FROM_THE_FIFTH_MESSAGE)
    data = [conversation(*"abcdefg"), conversation("a")]
    expected = plain_counts(chat, data)
    foreign, takes_all, loses = (
        cast("Counter", counter)
        for counter in (Foreign(chat), Options(chat), Foreign(chat, lost=1))
    )
    for counter in (foreign, takes_all):
        steps: list[int] = []
        got = strategies.count_with(counter, chat, data, progress=steps.append, on_error="skip")
        assert got == expected
        assert sum(steps) >= 3
    with pytest.raises(ValueError, match="1 counts for 2 turns"):
        strategies.count_with(loses, chat, data, on_error="skip")
    with pytest.raises(TurnError):
        strategies.count_with(foreign, chat, data)


def picked(chat: ChatTokenizer, data: list[Conversation], workers: int = 1) -> str:
    with strategies.get("auto").open(chat, workers=workers) as counter:
        counts = counter.count(data)
        assert counts == plain_counts(chat, data)
        return str(getattr(counter, "note", ""))


def test_auto_takes_the_native_core_where_it_can(sample: list[Conversation]) -> None:
    assert picked(bundled_chat("bpe-chatml"), sample[:5]).startswith("picked rust: ")


def test_auto_picks_another_strategy_if_the_core_reads_another_vocabulary(tmp_path: Path) -> None:
    tokenizer = Tokenizer(
        models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2, "##c": 3, "abc": 4}, unk_token="[UNK]")  # noqa: S106  # a token of text
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    saved_chat(tmp_path, tokenizer, "{% for m in messages %}{{ m.content }}{% endfor %}")
    # The library reads two tokens with the same id, but writes only one of them.
    file = tmp_path / "tokenizer.json"
    state = file.read_text(encoding="utf-8").replace('"##c": 3', '"##c": 3, "ab": 4')
    assert '"ab": 4' in state
    file.write_text(state, encoding="utf-8")
    chat = load_chat(tmp_path)
    data = [conversation("ab abc abb")]
    assert plain_counts(chat, data) == [[4]]
    with (
        pytest.raises(UnavailableError, match=r"5 of the 6 entries .*: some share an id"),
        strategies.get("rust").open(chat, workers=1),
    ):
        pass
    with strategies.get("auto").open(chat, workers=1) as counter:
        for _ in range(2):
            assert counter.count(data) == [[4]]
            assert getattr(counter, "note", "").startswith("picked batched: the native core knows")


@pytest.mark.parametrize(
    ("single", "expected"),
    [("$A $A", [[4, 12], [4, 12]]), ("<|", [[0, 0], [0, 0]])],
    ids=["repeats", "leaves out"],
)
def test_a_text_that_the_post_processor_repeats_or_leaves_out_is_not_spliced(
    single: str, expected: list[list[int]], tmp_path: Path
) -> None:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "user": 1}, unk_token="[UNK]"))  # noqa: S106  # a token of text
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["<|"])
    template = processors.TemplateProcessing(single=single, special_tokens=[("<|", 2)])
    tokenizer.post_processor = processors.Sequence([template])
    chat = saved_chat(tmp_path, tokenizer, "{% for m in messages %}<|{{ m.content }}{% endfor %}")
    data = [conversation("a", "b", "c"), conversation("a", "b", "c")]
    assert plain_counts(chat, data) == expected
    with pytest.raises(UnavailableError, match="its post-processor repeats the text"):
        strategies.count(data, chat, "spliced")
    with strategies.get("auto").open(chat, workers=1) as counter:
        assert counter.count(data) == expected


def beyond_the_core(folder: Path, template: str | None = None) -> ChatTokenizer:
    """Load a tokenizer that can be cut, and that the native core cannot load."""
    options = {"alpha": 0.1}
    changed = changed_folder(folder, "sentencepiece", sp_model_kwargs=options)
    return load_chat(changed, template=template)


def test_auto_splices_where_the_core_cannot_and_prompts_repeat(
    tmp_path: Path, sample: list[Conversation]
) -> None:
    agentic = [c for c in sample if c.id.startswith("agentic")]
    said = picked(beyond_the_core(tmp_path / "t"), agentic)
    assert said.startswith("picked spliced: amplification ")


@pytest.mark.parametrize(("workers", "plain"), [(1, "sequential"), (2, "process-pool")])
def test_auto_counts_plainly_where_nothing_repeats(
    tmp_path: Path, workers: int, plain: str
) -> None:
    single = [conversation(f"question {i}", name=str(i)) for i in range(5)]
    template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    said = picked(beyond_the_core(tmp_path / "t", template), single, workers)
    assert said.startswith(f"picked {plain}: amplification 1.0 ")


def test_auto_encodes_in_batches_where_nothing_repeats(tmp_path: Path) -> None:
    # If special tokens are split, the core cannot know which are special, and nothing is cut.
    folder = changed_folder(tmp_path / "t", "unigram", split_special_tokens=True)
    single = [conversation(f"question {i}", name=str(i)) for i in range(5)]
    assert picked(load_chat(folder), single).startswith("picked batched: amplification 1.")


def test_auto_passes_on_the_parts_of_the_strategy_it_picked(sample: list[Conversation]) -> None:
    with strategies.get("auto").open(bundled_chat("bpe-chatml"), workers=1) as counter:
        for _ in range(2):
            counter.count(sample[:5])
        assert set(getattr(counter, "parts", {})) == {"convert", "render", "cut", "encode"}


def test_splicing_says_where_nothing_can_be_cut(sample: list[Conversation]) -> None:
    chat = bundled_chat("bpe-chatml", "{% for m in messages %}{{ m.content }}{% endfor %}")
    plain = [c for c in sample if c.id.startswith("short-chat")]
    with strategies.get("spliced").open(chat, workers=1) as counter:
        assert counter.count(plain) == plain_counts(chat, plain)
        assert getattr(counter, "note", "") == "no cut points: prompts counted whole"


def test_an_unavailable_strategy_says_why() -> None:
    with pytest.raises(UnavailableError, match="batched cannot run with sentencepiece: "):
        strategies.count([conversation("a")], bundled_chat("sentencepiece"), "batched")


@dataclass
class Misnamed:
    """A strategy that is registered under a wrong name."""

    name: str = "own"
    summary: str = "the plain call"

    def availability(self, _chat: ChatTokenizer) -> str | None:
        return None

    def open(self, chat: ChatTokenizer, *, workers: int) -> AbstractContextManager[Counter]:
        return strategies.get("sequential").open(chat, workers=workers)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("strategies.mine:Mine", "there is no module strategies.mine"),
        ("mine.deep.down:Mine", "there is no module mine.deep.down"),
        ("strategies.batched:Mine", "strategies.batched has no 'Mine'"),
        ("strategies.batched", "strategies.batched has no ''"),
        ("strategies.errors:IslError", "it lacks name, summary, availability or open"),
        (f"{__name__}:Misnamed", "it calls itself 'own'"),
    ],
)
def test_a_wrong_line_in_the_registry_says_what_is_wrong(
    line: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.BUILTIN, "drilled", line)
    with pytest.raises(InputError) as caught:
        strategies.get("drilled")
    assert str(caught.value) == f"strategy 'drilled' is registered as {line!r}, but {reason}"


def test_an_unknown_strategy_lists_those_that_exist() -> None:
    with pytest.raises(InputError, match=r"unknown strategy 'fast'; there are sequential, "):
        strategies.get("fast")
