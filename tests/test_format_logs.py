"""Logs of agents: sessions, trajectories, and traces that wait for the server's answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strategies import Conversations, InputError
from strategies.conversations.datasets import parse_dataset
from strategies.conversations.detect import formats
from strategies.conversations.format import Format
from strategies.conversations.options import ReadOptions
from tests.datasets import ANSWER, TOOL, USER, Row, read, refusal

GIVEN: dict[str, Any] = {"tools": (TOOL,), "system": "Be brief."}
SYSTEM = {"role": "system", "content": "Be brief."}


def parsed(records: list[Row], **options: Any) -> Conversations:
    data = "\n".join(map(json.dumps, records)).encode()
    return parse_dataset(data, "log.jsonl", ReadOptions(**{**GIVEN, **options}))


def refused(records: list[Row], **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        parsed(records, **options)
    return str(caught.value).removeprefix("log.jsonl")


@pytest.mark.parametrize(
    "form", [form for form in formats() if form.lacks], ids=lambda form: form.name
)
def test_what_a_log_lacks_has_to_be_given(form: Format) -> None:
    records = list(form.examples[0].records)
    options = {"tools": "--tools FILE", "system": "--system FILE"}
    needed = {name: GIVEN[name] for name in form.lacks}
    assert parsed(records, **dict.fromkeys(GIVEN) | needed)
    for missing in form.lacks:
        told = refused(records, **dict.fromkeys(GIVEN) | needed | {missing: None})
        assert [name for name, option in options.items() if option in told] == [missing]


# --- Claude Code ------------------------------------------------------------------------


def event(kind: str, own: str, parent: str | None = None, **more: Any) -> Row:
    head = {"sessionId": "s", "isSidechain": False, "type": kind, "uuid": own}
    return {**head, "parentUuid": parent, **more}


def said(own: str, parent: str | None, content: Any) -> Row:
    return event("user", own, parent, message={"role": "user", "content": content})


def answered(own: str, parent: str, name: str, *blocks: Row, **more: Any) -> Row:
    message = {"id": name, "role": "assistant", "model": "m", "content": list(blocks)}
    return event("assistant", own, parent, message=message, **more)


def text(value: str) -> Row:
    return {"type": "text", "text": value}


LOG = [said("u1", None, "hi"), answered("a1", "u1", "m1", text("yes?"))]
ATTACHMENT = event("attachment", "x1", "a1", attachment={"type": "todo_reminder"})


def test_events_that_are_no_part_of_a_prompt_change_nothing() -> None:
    (expected,) = parsed(LOG)
    assert expected.messages == (SYSTEM, USER, ANSWER)
    assert expected.turns == (2,)
    beside = [
        {"type": "file-history-snapshot", "messageId": "f"},
        {"type": "queue-operation", "sessionId": "s", "content": "hi"},
        event("system", "y1", "a1", subtype="turn_duration"),
        answered("e1", "a1", "m2", text("API Error"), isApiErrorMessage=True),
        LOG[1],  # a copy, as in a session that was resumed
    ]
    assert parsed([*beside[:2], *LOG, *beside[2:]]) == [expected]


@pytest.mark.parametrize(
    "unsure",
    [
        ATTACHMENT,
        event("system", "x1", "a1", subtype="local_command", content="<command-name>"),
        event("system", "x1", "a1", subtype="microcompact_boundary"),
        event("content-replacement", "x1", "a1"),
    ],
)
def test_what_is_added_in_its_own_way_is_left_out_only_if_that_is_asked_for(unsure: Row) -> None:
    assert "may be written into the prompt" in refused([*LOG, unsure])
    left = parsed([*LOG, unsure], unknown_fields="ignore")
    assert left == parsed(LOG)
    assert left.warnings


def test_an_agent_in_the_same_log_is_a_conversation_of_its_own() -> None:
    side = {"isSidechain": True}
    log = [
        LOG[0],
        {**said("k1", None, "Add."), **side},
        {**answered("k2", "k1", "n1", text("2")), **side},
        LOG[1],
    ]
    main, agent = parsed(log)
    assert main.messages == (SYSTEM, USER, ANSWER)
    assert [agent.id, agent.messages[1]["content"]] == ["s/k1", "Add."]


@pytest.mark.parametrize(
    ("events", "place"),
    [
        ([said("u2", "u1", "Stop.")], ":3: parentUuid: goes back to an earlier event"),
        ([answered("a2", "a1", "m2", text("no"))], ":3: message: an answer to nothing"),
        (
            [
                said("u2", "a1", "hi"),
                answered("a2", "u2", "m2", text("a")),
                said("u3", "a2", "b"),
                answered("a3", "u3", "m1", text("c")),
            ],
            ":6: message.id: goes on with an earlier answer",
        ),
        ([event("user", "u2", "a1", message={"role": "tool"})], ":3: message.role: must be user"),
    ],
)
def test_a_log_whose_prompts_nobody_knows_is_refused(events: list[Row], place: str) -> None:
    assert refused([*LOG, *events]).startswith(place)


def test_a_line_that_is_lost_loses_its_session() -> None:
    data = "\n".join([json.dumps(LOG[0]), "{", json.dumps(LOG[1])]).encode()
    with pytest.raises(InputError, match="no record can be read"):
        parse_dataset(data, "log.jsonl", ReadOptions(**GIVEN, on_error="skip"))


# --- Codex ------------------------------------------------------------------------------


def item(kind: str, **fields: Any) -> Row:
    return {"type": "response_item", "payload": {"type": kind, **fields}}


def spoken(role: str, value: str) -> Row:
    kind = "output_text" if role == "assistant" else "input_text"
    return item("message", role=role, content=[{"type": kind, "text": value}])


META: Row = {"type": "session_meta", "payload": {"id": "s", "base_instructions": {"text": "B"}}}
CODEX = [META, spoken("user", "hi"), spoken("assistant", "yes?")]
SEALED = item("reasoning", summary=[], encrypted_content="g")


def test_sealed_reasoning_is_left_out_only_if_that_is_asked_for() -> None:
    log = [*CODEX[:2], SEALED, CODEX[2]]
    assert "nobody else can read it" in refused(log, system=None)
    left = parsed(log, system=None, unknown_fields="ignore")
    assert left == parsed(CODEX, system=None)
    assert left.warnings == ("fields were left out: encrypted_content (1 record)",)


def test_each_head_of_a_log_begins_a_session_but_that_of_its_beginning() -> None:
    other = {**META, "payload": {**META["payload"], "id": "t"}}
    forked = parsed([other, META, *CODEX[1:]], system=None)
    assert [each.id for each in forked] == ["t"]
    several = parsed([*CODEX, other, *CODEX[1:]], system=None)
    assert [each.id for each in several] == ["s", "t"]
    assert several[0].messages == several[1].messages


def test_a_session_of_codex_that_was_rolled_back_is_refused() -> None:
    back = {"type": "event_msg", "payload": {"type": "thread_rolled_back", "num_turns": 1}}
    assert refused([*CODEX, back], system=None).startswith(":4: payload.type: goes back")


# --- trajectories -----------------------------------------------------------------------

STEPS: list[Row] = [
    {"step_id": 1, "source": "user", "message": "hi"},
    {"step_id": 2, "source": "agent", "message": "yes?"},
]
ATIF: Row = {"schema_version": "ATIF-v1.4", "session_id": "s", "agent": {"name": "a"}}


@pytest.mark.parametrize(
    ("steps", "turns"),
    [
        (STEPS[:1], (1,)),
        (STEPS, (1,)),
        ([*STEPS, STEPS[0]], (1, 3)),
        ([STEPS[0], {**STEPS[1], "observation": {"results": [{"content": "x"}]}}], (1,)),
        ([STEPS[0], {**STEPS[1], "is_copied_context": True}, *STEPS], (3,)),
        ([*STEPS, STEPS[1]], (1,)),
    ],
)
def test_steps_of_the_agent_are_turns(
    tmp_path: Path, steps: list[Row], turns: tuple[int, ...]
) -> None:
    assert read(tmp_path, [{**ATIF, "steps": steps}])[0].turns == turns


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"steps": [{**STEPS[0], "tool_calls": [{}]}]}, "steps[0].tool_calls: belongs to steps"),
        ({"steps": [{"source": "robot"}]}, "steps[0].source: unknown source 'robot'"),
        ({"steps": STEPS, "subagent_trajectories": [5]}, "subagent_trajectories: must hold"),
        ({"steps": STEPS, "system_prompt": "x"}, "system_prompt: can change the prompt"),
        ({"steps": STEPS, "agent": {"name": "a", "prompt": "x"}}, "agent.prompt: is not known"),
        (
            {
                "steps": [
                    STEPS[0],
                    {**STEPS[1], "reasoning_effort": "low"},
                    STEPS[0],
                    {**STEPS[1], "reasoning_effort": "high"},
                ]
            },
            "steps[3].reasoning_effort: differs",
        ),
    ],
)
def test_a_trajectory_that_cannot_be_counted_is_refused(
    tmp_path: Path, record: Row, place: str
) -> None:
    assert refusal(tmp_path, [{**ATIF, **record}]).startswith(f":1: {place}")


def test_the_effort_of_all_steps_is_a_variable(tmp_path: Path) -> None:
    steps = [STEPS[0], {**STEPS[1], "reasoning_effort": "low"}]
    (got,) = read(tmp_path, [{**ATIF, "steps": steps}])
    assert got.template_kwargs == {"reasoning_effort": "low", "enable_thinking": True}


def test_histories_of_agents_are_read_by_the_name_of_their_field(tmp_path: Path) -> None:
    tau = {"task_id": 0, "reward": 1.0, "info": {}, "traj": [USER, ANSWER], "trial": 0}
    mint = {"state": {"history": [USER, ANSWER], "finished": True}, "task": {}}
    for record, path in ((tau, "traj"), (mint, "state.history")):
        (got,) = read(tmp_path, [record], messages_field=path)
        assert got.messages == (USER, ANSWER)


# --- traces -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "records",
    [
        [{"session_id": "s", "turns": [{"text": "hi"}, {"text": "hi"}]}],
        [{"text_input": "hi", "session_id": "s"}, {"text_input": "hi", "session_id": "s"}],
        [{"conversations": [[{"messages": [USER]}, {"messages": [USER]}]]}],
    ],
)
def test_that_the_answers_are_not_in_a_trace_is_told(tmp_path: Path, records: list[Row]) -> None:
    with pytest.warns(match="answers, which are not in the data: prompts that hold"):
        (got,) = read(tmp_path, records)
    assert got.messages == (USER, USER)
    assert got.turns == (1, 2)


def test_answers_that_a_trace_holds_are_counted(tmp_path: Path) -> None:
    turns = [{"messages": [USER]}, {"messages": [ANSWER, USER]}]
    (got,) = read(tmp_path, [{"conversations": [turns]}])
    assert got.messages == (USER, ANSWER, USER)
    assert got.turns == (1, 3)
