"""The bundled samples and tokenizers are as they are described."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import unicodedata
from functools import cache
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from bench.bundled import TOKENIZERS, tokenizer_names, tokenizer_path
from bench.data import make_tokenizers
from bench.samples import SHAPES, SIZES, agentic, records, sample_bytes
from bench.samples.adversarial import EDGES, MARKERS
from bench.samples.text import dialogues
from tests.conftest import real_path

DIGESTS = {
    "small": "2bd25b15c1b718f867606247879c801803eb00d5a26aa61304d7e07e69cff869",
    "regular": "e06913d15f4ef73acdd931e9fa0c46c159008e1ba01bee196c5430e1703be511",
    "large": "2ba2ebe3af1ebf0547ecea30b01943b04f2232e14a7b63607c9e9ebbb258f4df",
}

Record = dict[str, Any]


@cache
def load(name: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tokenizer_path(name))


def parsed(record: Record) -> Record:
    """Return a copy whose tool arguments are objects, as servers pass them to templates."""
    copy: Record = json.loads(json.dumps(record))
    for message in copy["messages"]:
        for call in message.get("tool_calls") or ():
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return copy


def render(name: str, record: Record, length: int | None = None, **options: Any) -> str:
    text = load(name).apply_chat_template(
        record["messages"][:length],
        tools=record.get("tools"),
        tokenize=False,
        add_generation_prompt=True,
        **options,
    )
    assert isinstance(text, str)
    return text


def ids(name: str, text: str) -> list[int]:
    result = load(name)(text, add_special_tokens=False)["input_ids"]
    assert isinstance(result, list)
    return result


@cache
def small() -> tuple[Record, ...]:
    return tuple(parsed(record) for record in records("small"))


# The generator.


@pytest.mark.parametrize("size", DIGESTS)
def test_a_sample_is_the_same_bytes_everywhere(size: str) -> None:
    assert hashlib.sha256(sample_bytes(size)).hexdigest() == DIGESTS[size]


def test_a_sample_depends_on_no_hash_order() -> None:
    code = (
        "import hashlib; from bench.samples import sample_bytes;"
        "print(hashlib.sha256(sample_bytes('small')).hexdigest())"
    )
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": "C", "PYTHONUTF8": "0"},
            capture_output=True,
            check=True,
            text=True,
        )
        assert run.stdout.strip() == DIGESTS["small"]


def test_seeds_differ_where_text_is_generated_and_agree_where_it_is_written() -> None:
    for shape in ("short-chat", "agentic", "long"):
        one, other = (sample_bytes("small", shapes=[shape], seed=seed) for seed in (0, 1))
        assert one != other
    written = ["multilingual", "adversarial"]
    assert sample_bytes("small", shapes=written) == sample_bytes("small", shapes=written, seed=1)


@pytest.mark.parametrize("size", SIZES)
def test_shapes_are_parts_of_the_whole(size: str) -> None:
    if size == "large":
        shapes: tuple[str, ...] = ("short-chat", "multilingual", "adversarial")
    else:
        shapes = SHAPES
    parts = b"".join(sample_bytes(size, shapes=[shape]) for shape in shapes)
    assert parts == sample_bytes(size, shapes=tuple(reversed(shapes)))
    names = [json.loads(line)["id"] for line in parts.decode().split("\n")[:-1]]
    assert len(set(names)) == len(names)
    assert {name.rsplit("-", 1)[0] for name in names} == set(shapes)


def test_sizes_grow() -> None:
    lengths = [len(sample_bytes(size)) for size in SIZES]
    assert all(4 * less < more for less, more in pairwise(lengths))


def test_unknown_names_are_refused_before_anything_is_generated() -> None:
    with pytest.raises(ValueError, match="unknown size 'huge': one of small, regular, large"):
        records("huge")
    with pytest.raises(ValueError, match="unknown shape 'chat'"):
        records("small", shapes=["chat"])
    with pytest.raises(ValueError, match="no bundled tokenizer 'gpt'"):
        tokenizer_path("gpt")


def test_records_are_openai_chats() -> None:
    for record in records("regular"):
        assert set(record) <= {"id", "messages", "tools"}
        for position, message in enumerate(record["messages"]):
            assert message["role"] in {"system", "user", "assistant", "tool"}
            assert (message["role"] != "system") or position == 0
            assert message["content"] is None or isinstance(message["content"], str)
            assert (
                message["content"] is not None
                or message.get("tool_calls")
                or "reasoning_content" in message
            )
            if message["role"] == "tool":
                assert message["tool_call_id"]
                assert message["name"]
            for call in message.get("tool_calls", ()):
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
                assert call["id"]
                assert record["tools"]


# The shape of the agentic part.


def figures(conversations: list[list[Record]]) -> dict[str, float]:
    """Measure conversations: the same figures for the published set and for generated ones."""
    lengths: dict[str, list[int]] = {"user": [], "reasoning": [], "arguments": [], "result": []}
    sent = characters = repeated = 0
    distinct: set[str] = set()
    for messages in conversations:
        history, seen = 0, set[str]()
        for message in messages:
            texts: list[tuple[str, str]] = []
            if message["role"] == "assistant":
                sent += history
                texts.append(("reasoning", message["reasoning_content"]))
                texts += [
                    ("arguments", call["function"]["arguments"]) for call in message["tool_calls"]
                ]
            elif message["role"] != "system":
                texts.append(
                    ("user" if message["role"] == "user" else "result", message["content"])
                )
            for kind, text in texts:
                lengths[kind].append(len(text))
                history += len(text)
                distinct.add(text)
                for line in text.replace("\\n", "\n").split("\n"):
                    characters += len(line) + 1
                    repeated += (len(line) + 1) * (line in seen)
                    seen.add(line)
    turns = [
        sum(message["role"] == "assistant" for message in messages) for messages in conversations
    ]
    return {
        **{f"{kind} mean": mean(values) for kind, values in lengths.items()},
        **{f"{kind} median": sorted(values)[len(values) // 2] for kind, values in lengths.items()},
        "turns": mean(turns),
        "turns least": min(turns),
        "turns most": max(turns),
        "repeated": repeated / characters,
        "amplification": sent / sum(map(len, distinct)),
        "characters": characters / len(conversations),
    }


#: Figures, and by which ratio they may be off. The published set must be very near them.
EXPECTED = {
    "user mean": (agentic.MEAN_LENGTH["user"], 1.15),
    "reasoning mean": (agentic.MEAN_LENGTH["reasoning"], 1.15),
    "reasoning median": (107, 1.25),
    "arguments mean": (agentic.MEAN_LENGTH["arguments"], 1.15),
    "arguments median": (74, 1.25),
    "result mean": (agentic.MEAN_LENGTH["result"], 1.15),
    "result median": (417, 1.15),
    "turns": (50.4, 1.1),
    "turns least": (27, 1.4),
    "turns most": (61, 1.1),
    "repeated": (agentic.REPEATED_LINES, 1.15),
    "amplification": (agentic.AMPLIFICATION, 1.1),
    "characters": (80_200, 1.15),
}


def off(measured: dict[str, float], *, exactly: bool = False) -> dict[str, tuple[float, float]]:
    """Return the figures that are too far from the expected ones."""
    return {
        key: (measured[key], expected)
        for key, (expected, ratio) in EXPECTED.items()
        if not 1 / (bound := 1.02 if exactly else ratio) <= measured[key] / expected <= bound
    }


def test_the_large_sample_has_the_measured_shape() -> None:
    loops = [record["messages"] for record in records("large", shapes=["agentic"])]
    assert len(loops) == 20
    assert off(figures(loops)) == {}
    # The check finds a loop that is too short, and a loop without repeated text.
    assert "amplification" in off(figures([messages[:40] for messages in loops]))


def test_the_small_sample_has_a_real_loop() -> None:
    (loop,) = records("small", shapes=["agentic"])
    assert sum(message["role"] == "assistant" for message in loop["messages"]) >= 8


def test_the_figures_are_those_of_the_published_set() -> None:
    conversations: dict[str, list[Record]] = {}
    with real_path("datasets", "agentic_coding_2.5h.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            messages = conversations.setdefault(row["conversation_id"], [])
            if row["role"] == "tool":
                messages += [
                    {"role": "tool", "content": result["content"]} for result in row["tool_results"]
                ]
            else:
                messages.append({"reasoning_content": "", "content": "", "tool_calls": [], **row})
    assert off(figures(list(conversations.values())), exactly=True) == {}


# The pools of words and texts.


def test_the_dialogues_have_the_scripts_and_forms_they_claim() -> None:
    spoken = {language: "".join(text for _, text in lines) for language, lines in dialogues()}
    scripts = {
        "zh": "CJK UNIFIED",
        "ja": "HIRAGANA",
        "ko": "HANGUL SYLLABLE",
        "ar": "ARABIC LETTER",
        "hi": "DEVANAGARI",
        "he": "HEBREW LETTER",
        "th": "THAI CHARACTER",
        "ru": "CYRILLIC",
        "el": "GREEK",
    }
    for language, script in scripts.items():
        named = sum(
            unicodedata.name(character, "").startswith(script) for character in spoken[language]
        )
        assert named > 40, language
    for character in ("\u200d", "\ufe0f", "\U0001f3fd", "\u20e3"):  # joiner, variant, skin, keycap
        assert character in spoken["emoji"]
    assert sum(map(unicodedata.combining, spoken["combining"])) > 0
    texts = [
        m["content"] for r in records("regular", shapes=["multilingual"]) for m in r["messages"]
    ]
    assert any(text != unicodedata.normalize("NFC", text) for text in texts)
    assert any(text != unicodedata.normalize("NFD", text) for text in texts)
    decomposed = [text for text in texts if unicodedata.is_normalized("NFD", text)]
    assert any(text in texts for text in map(lambda t: unicodedata.normalize("NFC", t), decomposed))  # noqa: C417


def test_the_adversarial_part_has_what_it_claims() -> None:
    (cases,) = [list(records("small", shapes=["adversarial"]))]
    messages = [message for record in cases for message in record["messages"]]
    contents = [message["content"] for message in messages]
    assert {"", None} <= set(contents)
    assert all(
        any(text and text.startswith(edge) and text.endswith(edge) for text in contents)
        for edge in EDGES
    )
    assert all(any(text and marker in text for text in contents) for marker in MARKERS)
    assert any(len(message.get("tool_calls", ())) > 3 for message in messages)
    assert any(one["role"] == two["role"] == "tool" for one, two in pairwise(messages))
    arguments = "".join(
        c["function"]["arguments"] for m in messages for c in m.get("tool_calls", ())
    )
    for part in ("{}", "1e-07", "12345678901234567890123", "1.0", "<b>", "\\\\", "ключ", "[[[[]"):
        assert part in arguments


# The tokenizers.


@pytest.mark.parametrize("name", tokenizer_names())
def test_every_marker_of_a_bundled_tokenizer_occurs_in_messages(name: str) -> None:
    assert set(load(name).get_added_vocab()) <= set(MARKERS)


def test_tokenizers_load_offline_and_silently() -> None:
    code = f"""
import socket, sys
def refuse(*args, **kwargs): raise OSError("no network in this test")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import transformers
print("imported", file=sys.stderr, flush=True)
for path in {[str(tokenizer_path(name)) for name in tokenizer_names()]}:
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    tokenizer.apply_chat_template([{{"role": "user", "content": "hi"}}], tokenize=True)
    kinds = [kind.__name__ for kind in type(tokenizer).__mro__]
    print(kinds[0])
"""
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", code], capture_output=True, check=False, text=True
    )
    _, _, said = run.stderr.partition("imported\n")
    assert said == ""
    assert run.returncode == 0
    assert run.stdout.split() == ["TokenizersBackend"] * 3 + ["SentencePieceBackend"]


def test_a_family_is_what_its_name_says() -> None:
    kinds = {
        "byte-level BPE": ("BPE", "ByteLevel"),
        "SentencePiece BPE": ("BPE", "Metaspace"),
        "Unigram": ("Unigram", "Metaspace"),
    }
    for family, (model, pre_tokenizer) in kinds.items():
        data = json.loads(load(TOKENIZERS[family]).backend_tokenizer.to_str())
        assert data["model"]["type"] == model
        splitter = data["pre_tokenizer"]
        assert splitter.get("pretokenizers", [splitter])[-1]["type"] == pre_tokenizer
        if family == "SentencePiece BPE":
            assert splitter["prepend_scheme"] == "first"
            assert data["model"]["byte_fallback"]
            assert any(token["rstrip"] for token in data["added_tokens"])
            assert load(TOKENIZERS[family])("x")["input_ids"][0] == 1  # BOS
    assert len(load("bpe-chatml")) == 32_000
    special = {token["content"]: token["special"] for token in _added("bpe-chatml")}
    assert special["<|im_start|>"]
    assert not special["<think>"]


def _added(name: str) -> list[dict[str, Any]]:
    added: list[dict[str, Any]] = json.loads(load(name).backend_tokenizer.to_str())["added_tokens"]
    return added


def test_markers_of_the_library_tokenizer_do_not_begin_inside_one_another() -> None:
    decoder = load("sentencepiece").added_tokens_decoder
    assert len(decoder) >= 9
    for token in decoder.values():
        assert not token.single_word
        assert all(token.content[0] not in other.content[1:] for other in decoder.values())


def test_byte_level_tokens_give_the_text_back() -> None:
    tokenizer = load("bpe-chatml")
    for record in small():
        for message in record["messages"]:
            text = unicodedata.normalize("NFC", message["content"] or "")
            # NFC is applied between markers, so texts may differ beside them.
            if not any(marker in text for marker in MARKERS):
                assert tokenizer.decode(ids("bpe-chatml", text), skip_special_tokens=False) == text


def test_counting_spans_alone_is_wrong_where_markers_strip_and_right_where_not() -> None:
    wrong = dict.fromkeys(("bpe-chatml", "sp-bpe", "unigram", "sentencepiece"), 0)
    for name in wrong:
        markers = sorted(load(name).get_added_vocab(), key=len, reverse=True)
        cut = re.compile("(" + "|".join(map(re.escape, markers)) + ")")
        for record in small():
            text = render(name, record)
            alone = sum(len(ids(name, part)) for part in cut.split(text) if part)
            wrong[name] += alone != len(ids(name, text))
    assert wrong["sp-bpe"] > len(small()) // 2
    assert wrong["unigram"] > 0
    assert wrong["bpe-chatml"] == wrong["sentencepiece"] == 0


def test_the_tokenizers_were_trained_on_what_the_generator_makes() -> None:
    kept = tokenizer_path("bpe-chatml").parent / "corpus.sha256"
    assert kept.read_text(encoding="ascii").strip() == make_tokenizers.fingerprint()


def test_training_again_gives_the_same_files(tmp_path: Path) -> None:
    make_tokenizers.main(tmp_path)
    for made in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        kept = tokenizer_path("bpe-chatml").parent / made.relative_to(tmp_path)
        assert made.read_bytes() == kept.read_bytes(), made.name


def test_the_bundled_tokenizers_are_small() -> None:
    folder = tokenizer_path("bpe-chatml").parent
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 6_000_000


# The templates.


@pytest.mark.parametrize("name", tokenizer_names())
def test_every_turn_of_the_small_sample_counts(name: str) -> None:
    for record in small():
        messages = record["messages"]
        # Every prefix, not only the turns, because a client may send any of them.
        step = 1 if len(messages) < 30 else 5
        for length in range(1, len(messages) + 1, step):
            count = load(name).apply_chat_template(
                messages[:length],
                tools=record.get("tools"),
                tokenize=True,
                add_generation_prompt=True,
                return_dict=False,
            )
            assert len(count) > 0, (record["id"], length)


def _call(number: int, arguments: Record) -> Record:
    function = {"name": f"NAME-{number}", "arguments": arguments}
    return {"id": f"CALL-{number}", "type": "function", "function": function}


def _result(number: int) -> Record:
    content, identifier = f"RESULT-{number}", f"CALL-{number}"
    return {
        "role": "tool",
        "tool_call_id": identifier,
        "name": f"NAME-{number}",
        "content": content,
    }


EVERYTHING: Record = {
    "messages": [
        {"role": "system", "content": "SYSTEM-TEXT"},
        {"role": "user", "content": "USER-ONE"},
        {"role": "assistant", "content": "ASSISTANT-ONE", "reasoning_content": "OLD-REASONING"},
        {"role": "user", "content": "USER-TWO"},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "NEW-REASONING",
            "tool_calls": [_call(1, {"ключ": [1, "<&>"]}), _call(2, {})],
        },
        _result(1),
        _result(2),
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "NAME-1", "description": "TOOL-TEXT", "parameters": {}},
        }
    ],
}


@pytest.mark.parametrize("name", tokenizer_names())
def test_templates_show_every_kind_of_text(name: str) -> None:
    record = EVERYTHING
    text = render(name, record)
    order = [
        "SYSTEM-TEXT",
        "USER-ONE",
        "ASSISTANT-ONE",
        "USER-TWO",
        "NEW-REASONING",
        '{"ключ": [1, "<&>"]}',
    ]
    order += ["NAME-2", "RESULT-1", "RESULT-2"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "TOOL-TEXT" in text
    # Each of these texts stands there once: nothing is rendered twice.
    assert all(text.count(part) == 1 for part in order if part != "NAME-2")
    # After a later user message, templates drop earlier reasoning; only one keeps it.
    assert ("OLD-REASONING" in text) == (name == "unigram")
    assert "OLD-REASONING" in render(name, record, 3)
    # Without tools and without a system message there is no trace of either.
    plain = render(name, {"messages": [{"role": "user", "content": "USER-ONE"}]})
    assert "USER-ONE" in plain
    assert "ystem" not in plain.replace("SYSTEM", "")
    assert "ools" not in plain
    assert len(plain) < 90


def test_chatml_can_be_told_not_to_think() -> None:
    record = {"messages": [{"role": "user", "content": "hi"}]}
    assert render("bpe-chatml", record).endswith("<|im_start|>assistant\n")
    assert render("bpe-chatml", record, enable_thinking=False).endswith("<think>\n\n</think>\n\n")
