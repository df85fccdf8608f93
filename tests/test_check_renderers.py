"""`bench check --renderer`: token ids of a renderer in code against a server's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench.checking import vocabulary
from bench.checking.prompts import UNREADABLE
from bench.checking.report import SCHEMA_PATH
from strategies.conversations.conversation import Message
from strategies.renderers.contract import Decoder, OpenRenderer, Request
from strategies.renderers.registry import installed_renderer
from tests.chat_server import (
    Body,
    ChatServer,
    Counted,
    Route,
    chat_route,
    models,
    render_route,
    serving,
    tokenize_route,
)
from tests.conftest import Bench, real_path
from tests.talks import TALK, TOOL, Row

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

SCHEMA = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
NOW = datetime(2026, 1, 2, tzinfo=UTC)
PATHS: dict[str, Callable[[Counted], Route]] = {
    "/v1/chat/completions/render": render_route,
    "/tokenize": tokenize_route,
    "/v1/chat/completions": chat_route,
}
RENDER, TOKENIZE, CHAT = PATHS
ONE_AT_A_TIME = threading.Lock()
"""Threads of a server share the renderer."""

Check = Callable[..., tuple[int, dict[str, Any]]]
Serve = Callable[[dict[str, Route]], ChatServer]


@dataclass(frozen=True)
class Subject:
    """A renderer with its vocabulary, opened apart from the one that counts."""

    name: str
    vocabulary: Path
    opened: OpenRenderer

    def counted(
        self,
        change: Callable[[Body], object] = lambda _: None,
        now: datetime = NOW,
    ) -> Counted:
        """Return what makes the ids of a request, after a change."""

        def ids(body: Body) -> list[int]:
            body = json.loads(json.dumps(body))
            change(body)
            kwargs = {name: body[name] for name in body.keys() & {"reasoning_effort"}}
            with ONE_AT_A_TIME:
                return self.opened.ids(
                    Request(body["messages"], body.get("tools"), kwargs, False, now)
                )

        return ids

    @property
    def decoder(self) -> Decoder:
        assert isinstance(self.opened, Decoder)
        return self.opened


@pytest.fixture(scope="module", params=["harmony", "mistral-common"])
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    if request.param == "harmony":
        pytest.importorskip("openai_harmony", reason="openai-harmony is not installed")
        from strategies.renderers.harmony_vocabulary import FILE, vocabulary_file

        # In this form it loads fastest.
        file = tmp_path_factory.mktemp("harmony") / FILE
        file.write_bytes(vocabulary_file(str(real_path("tokenizers", "gpt-oss"))))
    else:
        pytest.importorskip("mistral_common", reason="mistral-common is not installed")
        from tests import mistral_vocabularies

        file = mistral_vocabularies.path_of("v13-tekken", tmp_path_factory.mktemp("v13"))
    return Subject(request.param, file, installed_renderer(request.param).open(str(file)))


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as held:
        yield lambda routes: held.enter_context(serving({"/v1/models": models("m"), **routes}))


THOUGHT: Row = {**TALK[2], "reasoning_content": "Hm, I look."}
RECORDS: list[Row] = [
    {"id": "plain", "messages": [TALK[1], TALK[4], TALK[5]]},
    {"id": "tools", "messages": [TALK[0], TALK[1], THOUGHT, TALK[3]], "tools": [TOOL]},
]
TURNS = 4


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in RECORDS))
    return path


@pytest.fixture
def check(bench: Bench, dataset: Path, subject: Subject) -> Check:
    def run(server: ChatServer, *more: object) -> tuple[int, dict[str, Any]]:
        result = bench(
            *("check", dataset, "--tokenizer", subject.vocabulary, "--renderer", subject.name),
            *("--against", server.url, "--clock", NOW.date(), "--json", *more),
        )
        assert result.code in (0, 1), result
        printed: dict[str, Any] = json.loads(result.out)
        jsonschema.Draft202012Validator(SCHEMA).validate(printed)
        return result.code, printed

    return run


def without(name: str) -> Callable[[Body], object]:
    return lambda body: [message.pop(name, None) for message in body["messages"]]


@pytest.mark.parametrize("path", PATHS)
def test_equal_ids_are_found_equal(check: Check, serve: Serve, subject: Subject, path: str) -> None:
    code, printed = check(serve({path: PATHS[path](subject.counted())}))
    assert code == 0
    assert printed["compared"] == printed["sample"]["turns"] == TURNS
    assert printed["departures"] == []
    assert all(turn["ours"] == turn["theirs"] for turn in printed["turns"])


def test_arguments_are_counted_as_they_are_sent(
    check: Check, serve: Serve, subject: Subject
) -> None:
    """No blank stands after a colon there, and one would if the object were written anew."""
    arguments = TALK[2]["tool_calls"][0]["function"]["arguments"]
    assert ": " not in arguments
    server = serve({RENDER: render_route(subject.counted())})
    assert check(server)[0] == 0
    (sent,) = (
        message["tool_calls"][0]["function"]["arguments"]
        for body in server.bodies(RENDER)
        for message in body["messages"]
        if "tool_calls" in message
    )
    assert sent == arguments


@pytest.mark.parametrize("path", [RENDER, CHAT])
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda body: body.pop("tools", None), "as if tools are left out"),
        (without("reasoning_content"), "as if reasoning is left out"),
    ],
)
def test_a_change_of_the_request_is_found_by_counting_again(
    check: Check,
    serve: Serve,
    subject: Subject,
    path: str,
    change: Callable[[Body], object],
    kind: str,
) -> None:
    code, printed = check(serve({path: PATHS[path](subject.counted(change))}))
    assert code == 1
    (departure,) = printed["departures"]
    assert departure["kind"] == kind
    assert departure["turns"] == printed["different"]
    assert (departure["ours"] is None) == (path == CHAT)


def planted(old: str, new: str) -> Callable[[Body], object]:
    def change(body: Body) -> None:
        for message in body["messages"]:
            _replace(message, old, new)

    return change


def _replace(message: Message, old: str, new: str) -> None:
    if isinstance(message.get("content"), str):
        message["content"] = message["content"].replace(old, new)


@pytest.mark.parametrize(
    ("path", "old", "new", "kind", "shown"),
    [
        (RENDER, "weather?", "wether?", "another text", "What is the wether?"),
        (TOKENIZE, "What is", "What  is", "other white space", "What  is the"),
        (RENDER, "21.5", "21.75", "other numbers, or written in another way", "21.75"),
    ],
)
def test_a_planted_difference_is_shown_by_decoding_ids(
    check: Check,
    serve: Serve,
    subject: Subject,
    path: str,
    old: str,
    new: str,
    kind: str,
    shown: str,
) -> None:
    server = serve({path: PATHS[path](subject.counted(planted(old, new)))})
    _, printed = check(server)
    (departure,) = printed["departures"]
    assert (departure["kind"], departure["unit"]) == (kind, "character")
    assert shown in departure["theirs"]
    assert shown not in departure["ours"]


def test_one_token_more_is_named(check: Check, serve: Serve, subject: Subject) -> None:
    number = subject.opened.ids(Request([TALK[1]], None, {}, False, NOW))[0]
    plain = subject.counted()
    server = serve({RENDER: render_route(lambda body: [number, *plain(body)])})
    code, printed = check(server)
    assert code == 1
    (departure,) = printed["departures"]
    assert departure["kind"] == f"{subject.decoder.decode([number])!r} more at the beginning"
    assert departure["where"] == "every turn"
    # Tokens are shown with their ids.
    assert f"{number}=" in departure["theirs"]


@pytest.mark.parametrize("decodes", [True, False], ids=["unknown ids", "no decoder"])
def test_ids_are_shown_if_they_cannot_be_decoded(
    check: Check,
    serve: Serve,
    subject: Subject,
    monkeypatch: pytest.MonkeyPatch,
    decodes: bool,
) -> None:
    unknown = 2_000_000_000
    if not decodes:
        monkeypatch.setattr(vocabulary, "Decoder", type("Nobody", (), {}))
    plain = subject.counted()
    code, printed = check(
        serve({RENDER: render_route(lambda body: [*plain(body)[:3], unknown, *plain(body)[3:]])})
    )
    assert code == 1
    (departure,) = printed["departures"]
    assert (departure["kind"], departure["at"], departure["unit"]) == (UNREADABLE, 3, "token")
    assert str(unknown) in departure["theirs"].split()
    assert str(unknown) not in departure["ours"].split()


def test_another_date_is_told_apart(
    bench: Bench, dataset: Path, serve: Serve, subject: Subject
) -> None:
    if subject.name != "harmony":
        pytest.skip("its prompts have no date")
    counted = subject.counted(now=NOW.replace(day=3))
    result = bench(
        *("check", dataset, "--tokenizer", subject.vocabulary, "--renderer", subject.name),
        *("--against", serve({RENDER: render_route(counted)}).url, "--clock", NOW.date()),
    )
    assert result.code == 0, result
    flat = " ".join(result.out.split())
    assert f"another date: {TURNS} turns (every turn), the counts are equal" in flat
    assert "Current date: 2026-01-02" in flat
    assert "Current date: 2026-01-03" in flat
    assert f"equal: all {TURNS} turns have the same count" in flat


def test_reasoning_effort_is_sent_as_a_field_of_the_request(
    check: Check, serve: Serve, subject: Subject
) -> None:
    server = serve({RENDER: render_route(subject.counted())})
    code, _ = check(server, "--template-kwargs", '{"reasoning_effort": "high"}')
    assert code == 0
    bodies = server.bodies(RENDER)[1:]
    assert len(bodies) == TURNS
    assert {body["reasoning_effort"] for body in bodies} == {"high"}
    assert not any("chat_template_kwargs" in body for body in bodies)
