# ruff: noqa: E501  # a case reads best on one line
"""The native extension from Python: its stub, its errors and signals, its counts."""

from __future__ import annotations

import ast
import gc
import inspect
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

import strategies
from strategies import _native
from strategies.chat.syntax import template_tree
from tests.conftest import bundled_chat
from tests.test_splicing import texts
from tests.test_splicing import tokenizers as any_tokenizer

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TEXTS = [
    "Hello world, hello!  ",
    " \n\n  def f(x):\n\treturn x\n",
    "Zürich 日本語 😀 e\u0301",
    "",
    "<|im_end|> inside",
    "the the the",
]


def with_markers(tokenizer: Tokenizer, **flags: bool) -> Tokenizer:
    tokenizer.add_special_tokens(
        [
            AddedToken(text, special=True, normalized=False, **flags)
            for text in ("<|im_start|>", "<|im_end|>")
        ]
    )
    return tokenizer


@cache
def tokenizers() -> dict[str, Tokenizer]:
    """Small tokenizers: one of each kind, and difficult ones."""
    corpus = [*TEXTS, "hello there world", "return the other", "日本"] * 5
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    found: dict[str, Tokenizer] = {}
    split = pre_tokenizers.Split(
        Regex(r"\s?\p{L}+|\p{N}|[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), "isolated"
    )
    for name, normalizer in {"plain": None, "nfc": normalizers.NFC()}.items():
        bpe = Tokenizer(models.BPE())
        if normalizer is not None:
            bpe.normalizer = normalizer
        bpe.pre_tokenizer = pre_tokenizers.Sequence(
            [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
        bpe.train_from_iterator(
            corpus,
            trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False),
        )
        found[f"byte-level {name}"] = with_markers(bpe)
    for flag in ("lstrip", "rstrip", "single_word"):
        copy = Tokenizer.from_str(found["byte-level plain"].to_str())
        copy.add_tokens([AddedToken("<flag>", normalized=False, **{flag: True})])
        found[f"byte-level with {flag}"] = copy
    for scheme in ("first", "always", "never"):
        unigram = Tokenizer(models.Unigram())
        unigram.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
        unigram.decoder = decoders.Metaspace(prepend_scheme=scheme)
        unigram.train_from_iterator(
            corpus,
            trainers.UnigramTrainer(
                vocab_size=120,
                unk_token="<unk>",  # noqa: S106  # a token of text
                special_tokens=["<unk>"],
                show_progress=False,
            ),
        )
        found[f"unigram {scheme}"] = with_markers(unigram, rstrip=scheme == "first")
    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106
    words.normalizer = normalizers.BertNormalizer()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.train_from_iterator(
        corpus,
        trainers.WordPieceTrainer(vocab_size=150, special_tokens=["[UNK]"], show_progress=False),
    )
    found["wordpiece"] = with_markers(words)
    return found


def conversation(texts: list[str]) -> tuple[Any, None, list[int]]:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]
    return messages, None, list(range(1, len(texts) + 1))


def waiting(sample: Sequence[Any]) -> tuple[_native.Waiting, list[int]]:
    """Return conversations that wait to be counted, and the places of all of them."""
    conversations = _native.Waiting(len(sample))
    for place, each in enumerate(sample):
        conversations.put(place, each)
    return conversations, list(range(len(sample)))


def template(text: str = CHATML) -> _native.Template:
    return _native.Template(template_tree(text), {"add_generation_prompt": True}, str)


def counter(workers: int = 2, tokenizer: str = "byte-level nfc") -> _native.Counter:
    return _native.Counter(tokenizers()[tokenizer].to_str(), workers=workers)


SAMPLE = [conversation(TEXTS), conversation(TEXTS[::-1]), conversation([]), conversation(TEXTS * 4)]


@pytest.mark.parametrize("name", tokenizers())
@pytest.mark.parametrize("workers", [1, 3])
def test_counts_equal_those_of_whole_prompts(name: str, workers: int) -> None:
    tokenizer = tokenizers()[name]
    native = counter(workers, name)
    texts = [*TEXTS, "x <flag>  y", "a<flag>b", "  <|im_start|>  <|im_end|><|im_start|>"]
    sample = [*SAMPLE, conversation(texts)]
    compiled = template()
    counts, failures, _ = native.count(compiled, *waiting(sample))
    assert not failures
    for (messages, _, turns), counted in zip(sample, counts, strict=True):
        prompts = [compiled.render(messages[:k], None) for k in turns]
        expected = [len(tokenizer.encode(text, add_special_tokens=False)) for text in prompts]
        assert counted == expected


@pytest.mark.parametrize("split", [False, True])
def test_split_special_tokens(split: bool) -> None:
    tokenizer = Tokenizer.from_str(tokenizers()["byte-level nfc"].to_str())
    native = _native.Counter(tokenizer.to_str(), workers=1, split_special_tokens=split)
    tokenizer.encode_special_tokens = split
    text = "<|im_start|>user\nx<|im_end|>"
    counts, _, figures = native.count_prompts([[text]])
    assert counts == [[len(tokenizer.encode(text))]]
    assert figures["markers_found"] == (0 if split else 2)


def test_scores_are_read_as_python_holds_them() -> None:
    # Whether it is one piece or two depends on the last digit.
    random = Random(0)  # noqa: S311  # no secret
    for _ in range(100):
        one, two = -random.uniform(0.1, 12), -random.uniform(0.1, 12)
        for both in (one + two, math.nextafter(one + two, 0), math.nextafter(one + two, -99)):
            model = models.Unigram([("?", 0.0), ("a", one), ("b", two), ("ab", both)], unk_id=0)
            tokenizer = Tokenizer(model)
            native = _native.Counter(tokenizer.to_str(), workers=1)
            assert native.count_prompts([["ab"]])[0] == [[len(tokenizer.encode("ab"))]]


@settings(max_examples=400)
@given(any_tokenizer(), texts)
def test_any_text_counts_exactly_with_any_added_tokens(tokenizer: Tokenizer, text: str) -> None:
    try:
        expected = len(tokenizer.encode(text, add_special_tokens=False))
    except BaseException as error:
        # Some stripping tokens beside wide characters make the library itself panic.
        assume(type(error).__name__ != "PanicException")
        raise
    split = tokenizer.encode_special_tokens
    native = _native.Counter(tokenizer.to_str(), workers=1, split_special_tokens=split)
    assert native.count_prompts([[text]])[0] == [[expected]]


_KEYS = ("role", "content", "thinking", "reasoning", "reasoning_content", "name")
_VALUES: tuple[Any, ...] = (None, "", "a", [], [None], {"k": None, "thinking": "t"}, 0, False, 1.5)


@given(st.dictionaries(*map(st.sampled_from, (_KEYS, _VALUES))))
def test_messages_are_prepared_as_transformers_prepares_them(message: dict[str, Any]) -> None:
    # The order of keys matters if a template prints a whole message.
    text = "{{ messages | tojson }}"
    tokenizer = bundled_chat("bpe-chatml").tokenizer
    expected = tokenizer.apply_chat_template([message], chat_template=text, tokenize=False)
    assert template(text).render([message], None) == expected


@pytest.mark.parametrize("workers", [1, 2])
def test_prompts_rendered_elsewhere(workers: int) -> None:
    # Only one worker goes on from one turn to the next. Two begin with the same byte.
    prompts = [["a<|im_end|>b", "a<|im_end|>b<|im_end|>"], [], [""], ["日本", "旤本", "日"]]
    tokenizer = tokenizers()["byte-level nfc"]
    expected = [[len(tokenizer.encode(text)) for text in turns] for turns in prompts]
    assert expected[-1][0] != expected[-1][1]
    assert counter(workers).count_prompts(prompts)[0] == expected


def test_failures_name_conversation_turn_and_reason() -> None:
    strict = "{% for m in messages %}{% if m.content == 'bad' %}{{ raise_exception('no bad') }}{% endif %}{{ m.content | upper }}{% endfor %}"
    sample = [
        conversation(["ok"]),
        conversation(["ok", "bad", "ok"]),
        conversation(["\u0264", "ok"]),
    ]
    counts, failures, _ = counter().count(template(strict), *waiting(sample))
    assert [[count is None for count in turns] for turns in counts] == [
        [False],
        [False, True, True],
        [True, True],
    ]
    assert failures[:2] == [(1, 1, True, "no bad"), (1, 2, True, "no bad")]
    # Only newer versions of Unicode have its upper case, so it is left to Python. That is not a failure of the template.
    assert [failure[:3] for failure in failures[2:]] == [(2, 0, False), (2, 1, False)]


def test_what_is_no_plain_data_is_left_to_python() -> None:
    compiled = template("{{ messages[0].x }}")
    for value in ((1,), {1: 2}, object(), "\ud800", [b"x"]):
        with pytest.raises(_native.RefusedError):
            compiled.render([{"x": value}], None)
    deep: Any = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(_native.RefusedError):
        compiled.render([{"x": deep}], None)
    assert compiled.render([{"x": 10**40}], None) == str(10**40)


def test_bad_input_raises() -> None:
    with pytest.raises(_native.NativeError):
        _native.Counter("{}", workers=1)
    with pytest.raises(_native.RefusedError):
        _native.Template("{}", {}, str)
    with pytest.raises(_native.RefusedError):
        _native.Template("not JSON", {}, str)
    with pytest.raises(TypeError):
        _native.Waiting(1).put(0, 1)  # type: ignore[arg-type]
    with pytest.raises(IndexError):
        _native.Waiting(1).put(1, SAMPLE[0])
    conversations, places = waiting(SAMPLE)
    counter().count(template(), conversations, places[:1])
    with pytest.raises(_native.NativeError, match="no conversation waits there"):
        counter().count(template(), conversations, places)


def test_progress_arrives_and_its_errors_too() -> None:
    seen: list[int] = []
    counter().count(template(), *waiting(SAMPLE), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == sum(len(turns) for *_, turns in SAMPLE)

    def fail(_: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        counter().count(template(), *waiting(SAMPLE), progress=fail)


#: Each pass asks how many messages there are, so no turn can go on from the turn before.
QUADRATIC = "{% for m in messages %}{{ m.content ~ messages | length }}{% endfor %}"


def test_interrupt_ends_a_long_call() -> None:
    # It would take minutes without the interruption.
    long = [conversation([f"{i} " * 50 for i in range(4000)])]
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        counter().count(template(QUADRATIC), *waiting(long))


def test_other_threads_run_during_a_call() -> None:
    ticks = 0
    stop = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not stop.wait(0.001):
            ticks += 1

    thread = threading.Thread(target=tick)
    thread.start()
    sample = [conversation([f"{i} " * 20 for i in range(600)])]
    counter(1).count(template(QUADRATIC), *waiting(sample))
    stop.set()
    thread.join()
    assert ticks > 5


def test_threads_share_a_counter() -> None:
    native, compiled = counter(), template()
    expected = native.count(compiled, *waiting(SAMPLE))[0]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: native.count(compiled, *waiting(SAMPLE))[0], range(32)))
    assert all(result == expected for result in results)


def _count_sample(_: int = 0) -> list[list[int | None]]:
    return counter().count(template(), *waiting(SAMPLE))[0]


def _count_in_children(method: str) -> list[list[list[int | None]]]:
    here = _count_sample()
    with multiprocessing.get_context(method).Pool(2) as pool:
        return [here, *pool.map(_count_sample, range(2))]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_child_processes_count(method: str) -> None:
    # Fork from a process that only counts. The process of the tests has threads, and a fork would
    # copy their locks.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        assert fresh.submit(_count_in_children, method).result() == [_count_sample()] * 3


def test_nothing_leaks_over_a_thousand_opens() -> None:
    tree, state = template_tree(CHATML), tokenizers()["byte-level nfc"].to_str()

    def once() -> None:
        native = _native.Counter(state, workers=2)
        compiled = _native.Template(tree, {"add_generation_prompt": True}, str)
        native.count(compiled, *waiting(SAMPLE[:1]))

    process = psutil.Process()
    for _ in range(100):
        once()
    gc.collect()
    before, threads = process.memory_info().rss, process.num_threads()
    for _ in range(1000):
        once()
    gc.collect()
    assert process.num_threads() <= threads
    assert process.memory_info().rss - before < 20 << 20


def stub() -> ast.Module:
    path = Path(strategies.__file__).with_name("_native.pyi")
    return ast.parse(path.read_text(encoding="utf-8"))


def stub_parameters(function: ast.FunctionDef) -> list[tuple[str, bool, bool]]:
    """Return name, whether keyword-only, and whether it has a default; without self and cls."""
    spec = function.args
    plain = [arg.arg for arg in (*spec.posonlyargs, *spec.args)]
    defaults = [False] * (len(plain) - len(spec.defaults)) + [True] * len(spec.defaults)
    found = [(name, False, default) for name, default in zip(plain, defaults, strict=True)]
    found += [
        (arg.arg, True, default is not None)
        for arg, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
    ]
    return [parameter for parameter in found if parameter[0] not in ("self", "cls")]


def real_parameters(thing: Any) -> list[tuple[str, bool, bool]]:
    return [
        (name, parameter.kind is parameter.KEYWORD_ONLY, parameter.default is not parameter.empty)
        for name, parameter in inspect.signature(thing).parameters.items()
        if name != "self"
    ]


def test_the_extension_is_a_release_build_of_the_installed_version() -> None:
    assert _native.__version__ == version("isl-bench")
    assert _native.build_profile == "release", "build it with make setup before measuring"


def test_the_stub_describes_the_extension() -> None:
    public = {name for name in dir(_native) if not name.startswith("_")} | {"__version__"}
    described: set[str] = set()
    for node in stub().body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if not node.target.id.startswith("_") or node.target.id == "__version__":
                described.add(node.target.id)
                assert isinstance(getattr(_native, node.target.id), str)
        elif isinstance(node, ast.FunctionDef):
            described.add(node.name)
            assert real_parameters(getattr(_native, node.name)) == stub_parameters(node)
        elif isinstance(node, ast.ClassDef):
            described.add(node.name)
            real = getattr(_native, node.name)
            members = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            if issubclass(real, BaseException):
                assert real.__bases__[0].__name__ == ast.unparse(node.bases[0])
                continue
            told = {item.name for item in members if item.name != "__new__"}
            # Every class has special methods that a stub need not name.
            assert {m for m in vars(real) if not m.startswith("_") or m in told} == told
            for item in members:
                if item.name == "__new__":
                    assert real_parameters(real) == stub_parameters(item)
                elif any(ast.unparse(d) == "property" for d in item.decorator_list):
                    assert inspect.isgetsetdescriptor(getattr(real, item.name))
                else:
                    assert real_parameters(getattr(real, item.name)) == stub_parameters(item)
    assert described == public
