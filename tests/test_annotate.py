"""ISLs written into mooncake and SGLang agentic traces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.bundled import tokenizer_path
from tests.conftest import Bench, bundled_chat

TOKENIZER = tokenizer_path("bpe-chatml")
SYSTEM = {"role": "system", "content": "Be brief."}
ASKED = {"role": "user", "content": "Wie heißt die Straße? 日本"}
ANSWER = {"role": "assistant", "content": "Long Street."}
# With a description: vLLM writes null for one that is missing.
TOOL = {
    "type": "function",
    "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}},
}


def isl(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> int:
    tokenizer = bundled_chat("bpe-chatml").tokenizer
    rendered = tokenizer.apply_chat_template(
        messages, tools=tools, add_generation_prompt=True, return_dict=False
    )
    return len(rendered)


def annotated(bench: Bench, trace: Path, *more: object) -> str:
    out = trace.with_name(f"out{trace.suffix}")
    done = bench("annotate", trace, "--tokenizer", TOKENIZER, "--out", out, *more)
    assert done.code == 0, done.error
    return out.read_bytes().decode()


def refused(bench: Bench, trace: Path, *more: object) -> str:
    out = trace.with_name(f"out{trace.suffix}")
    done = bench("annotate", trace, "--tokenizer", TOKENIZER, "--out", out, *more)
    assert done.code == 3
    assert not out.exists()
    return done.error


def test_only_the_field_of_a_mooncake_record_changes(tmp_path: Path, bench: Bench) -> None:
    trace = tmp_path / "trace.jsonl"
    user = json.dumps(ASKED)
    # Escapes, numbers, blanks, line ends and a byte order mark stay as they are.
    lines = [
        f'\ufeff{{"timestamp": 1.50e1, "messages": [{user}], "output_length": 4 }}\r\n',
        "\n",
        f'{{"input_length":99,"messages":[{user}],"output_length":4,"tools":[{json.dumps(TOOL)}]}}',
    ]
    trace.write_bytes("".join(lines).encode())
    first, second = isl([ASKED]), isl([ASKED], [TOOL])
    expected = [
        lines[0].replace('": 4 }', f'": 4, "input_length": {first} }}'),
        lines[1],
        lines[2].replace('"input_length":99', f'"input_length":{second}'),
    ]
    assert annotated(bench, trace) == "".join(expected)


def test_a_trace_with_isls_gets_the_same_ones_again(tmp_path: Path, bench: Bench) -> None:
    trace = tmp_path / "trace.json"
    records = [{"messages": [ASKED], "output_length": 4, "session_id": "s"}] * 2
    trace.write_text(json.dumps(records, indent=1))
    once = annotated(bench, trace)
    trace.write_text(once)
    assert annotated(bench, trace) == once
    assert [each["input_length"] for each in json.loads(once)] == [isl([ASKED])] * 2


def test_each_turn_of_an_agentic_trace_gets_its_isl(tmp_path: Path, bench: Bench) -> None:
    trace = tmp_path / "trace.json"
    conversations: list[list[dict[str, Any]]] = [
        [
            {"messages": [SYSTEM, ASKED], "prompt_tokens": 3},
            {"messages": []},
            {"messages": [ANSWER, ASKED]},
        ],
        [{"messages": [ASKED]}],
    ]
    trace.write_text(json.dumps({"metadata": {}, "conversations": conversations}))
    conversations[0][0]["prompt_tokens"] = isl([SYSTEM, ASKED])
    conversations[0][2]["prompt_tokens"] = isl([SYSTEM, ASKED, ANSWER, ASKED])
    conversations[1][0]["prompt_tokens"] = isl([ASKED])
    assert annotated(bench, trace) == json.dumps({"metadata": {}, "conversations": conversations})


def test_a_prompt_with_an_unknown_answer_gets_no_number(tmp_path: Path, bench: Bench) -> None:
    trace = tmp_path / "trace.json"
    turns = [{"messages": [ASKED]}, {"messages": [ASKED]}, {"messages": [ANSWER, ASKED]}]
    trace.write_text(json.dumps({"conversations": [turns]}))
    assert "turn 2 of conversation 'conversation-1'" in refused(bench, trace)
    written = json.loads(annotated(bench, trace, "--no-answers", "leave"))["conversations"][0]
    assert written == [{**turns[0], "prompt_tokens": isl([ASKED])}, *turns[1:]]
    written = json.loads(annotated(bench, trace, "--no-answers", "count"))["conversations"][0]
    assert written[1]["prompt_tokens"] == isl([ASKED, ASKED])
    assert written[2]["prompt_tokens"] == isl([ASKED, ASKED, ANSWER, ASKED])


def test_records_of_a_session_are_found_wherever_they_are(tmp_path: Path, bench: Bench) -> None:
    trace = tmp_path / "trace.jsonl"
    records: list[dict[str, Any]] = [
        {"text_input": "One?", "session_id": "s", "output_length": 1},
        {"text_input": "Two?", "output_length": 1},
        {"text_input": "Three?", "session_id": "t", "output_length": 1},
        {"text_input": "Four?", "session_id": "s", "output_length": 1},
    ]
    trace.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    error = refused(bench, trace)
    assert "trace.jsonl:4: turn 2 of conversation 's'" in error
    texts = [{"role": "user", "content": record["text_input"]} for record in records]
    expected = [isl([texts[0]]), isl([texts[1]]), isl([texts[2]]), isl([texts[0], texts[3]])]
    lines = annotated(bench, trace, "--no-answers", "count").splitlines()
    assert [json.loads(line)["input_length"] for line in lines] == expected
    lines = annotated(bench, trace, "--no-answers", "leave").splitlines()
    found = [json.loads(line).get("input_length") for line in lines]
    assert found == [*expected[:3], None]


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        ('{"messages": [{"role": "user", "content": "Hi"}]}', (), "no field for ISLs"),
        (
            '{"messages":[{"role":"user","content":"a"}],"hash_ids":[],"input_length":1,"input_length":2}',
            (),
            "input_length: this key appears twice",
        ),
        (
            '[{"text_input": "a", "output_length": 1}, {"text_input": "b", "output_length": 1}]',
            (),
            "write one record a line",
        ),
        ("{}", ("--on-error", "skip"), "every turn gets its ISL"),
        ("{}", ("--records", "request"), "leave out --records"),
    ],
)
def test_what_cannot_be_written_makes_no_file(
    tmp_path: Path, bench: Bench, text: str, more: tuple[str, ...], reason: str
) -> None:
    trace = tmp_path / "trace.json"
    trace.write_text(text)
    assert reason in refused(bench, trace, *more)


def test_the_trace_itself_is_never_replaced(tmp_path: Path, bench: Bench) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_text('{"text_input": "a", "output_length": 1}\n')
    before = trace.read_bytes()
    done = bench("annotate", trace, "--tokenizer", TOKENIZER, "--out", trace)
    assert done.code == 3
    assert "is the trace itself" in done.error
    assert trace.read_bytes() == before


def test_a_packed_trace_is_named_as_what_it_is(tmp_path: Path, bench: Bench) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_bytes(b"\x1f\x8b" + bytes(20))
    assert "this is gzip" in refused(bench, trace)
