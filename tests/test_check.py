"""`bench check`: counts against a server's, over a server that can be wrong in many ways."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bench.bundled import TOKENIZERS, tokenizer_names
from bench.checking import client
from bench.checking.address import KEY_VARIABLE, address_of
from bench.checking.asking import Asked, Server, ask_server
from bench.checking.endpoints.registry import ENDPOINTS
from bench.checking.report import SCHEMA_PATH
from bench.checking.strata import Turn
from bench.cli.check import check_command
from bench.samples import sample_bytes
from strategies import Conversation, InputError
from tests.chat_server import (
    Answer,
    Body,
    ChatServer,
    Counted,
    Cut,
    Dripping,
    Route,
    chat_route,
    llama_routes,
    models,
    prompt_ids,
    prompt_text,
    render_route,
    serving,
    tokenize_route,
)
from tests.conftest import Bench, bundled_chat

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

SCHEMA = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
CHAT, RENDER = "/v1/chat/completions", "/v1/chat/completions/render"
KEY = "sk-very-secret-key"
SMALL = "sp-bpe"
"""The bundled tokenizer that loads fastest."""
Serve = Callable[[dict[str, Route]], ChatServer]
TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}},
}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":  "é"}'}}


def record(name: str, *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "messages": list(messages), **more}


USER = {"role": "user", "content": "Hello there"}
RECORDS = [
    record("plain", USER, {"role": "assistant", "content": "Hi."}, USER),
    record("system", {"role": "system", "content": "Be brief."}, USER),
    record(
        "tools",
        USER,
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [CALL],
            "reasoning_content": "Hm",
        },
        {"role": "tool", "tool_call_id": "c1", "name": "look", "content": "a tree"},
        tools=[TOOL],
    ),
]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in RECORDS))
    return path


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as held:
        yield lambda routes: held.enter_context(serving({"/v1/models": models("m"), **routes}))


@pytest.fixture
def check(bench: Bench, dataset: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    def run(server: ChatServer, *more: object) -> tuple[int, dict[str, Any]]:
        result = bench(
            *("check", dataset, "--tokenizer", SMALL, "--against", server.url, "--json"),
            *more,
        )
        if result.code == 3:
            return 3, {"error": result.error}
        printed: dict[str, Any] = json.loads(result.out)
        jsonschema.Draft202012Validator(SCHEMA).validate(printed)
        return result.code, printed

    return run


def counted(name: str = SMALL, **more: Any) -> Counted:
    tokenizer = bundled_chat(name).tokenizer
    return lambda body: prompt_ids(tokenizer, body, **more)


def changed(change: Callable[[Body], object]) -> Counted:
    """Count a request after a change."""
    plain = counted()

    def count(body: Body) -> list[int]:
        body = json.loads(json.dumps(body))
        change(body)
        return plain(body)

    return count


def rendered(body: Body) -> str:
    """Return the prompt of a request as text."""
    return prompt_text(bundled_chat(SMALL).tokenizer, body)


Check = Callable[..., tuple[int, dict[str, Any]]]

# --- equal ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", tokenizer_names())
@pytest.mark.parametrize("path", [CHAT, RENDER])
def test_equal_counts_are_found_equal(
    bench: Bench, serve: Serve, tmp_path: Path, name: str, path: str
) -> None:
    chats = tmp_path / "chats.jsonl"
    chats.write_bytes(sample_bytes("small"))
    route = chat_route if path == CHAT else render_route
    server = serve({path: route(counted(name))})
    result = bench(
        *("check", chats, "--tokenizer", name, "--against", server.url, "--messages", "as-written"),
        *("--json", "--turns", "30"),
    )
    assert result.code == 0, result
    printed = json.loads(result.out)
    jsonschema.Draft202012Validator(SCHEMA).validate(printed)
    assert printed["verdict"] == "equal"
    assert printed["compared"] == 30
    assert printed["departures"] == []
    assert printed["sample"]["left_out"] == []
    assert all(turn["ours"] == turn["theirs"] for turn in printed["turns"])


def test_all_families_are_tried() -> None:
    assert set(tokenizer_names()) == set(TOKENIZERS.values())


def test_the_endpoints_of_the_option_are_the_registered_ones() -> None:
    (option,) = (each for each in check_command.params if each.name == "endpoint")
    assert sorted(option.type.choices) == sorted(["auto", *ENDPOINTS])  # type: ignore[attr-defined]


@pytest.mark.parametrize("endpoint", list(ENDPOINTS))
def test_auto_takes_what_shows_most_and_says_so(
    check: Check, serve: Serve, bench: Bench, dataset: Path, endpoint: str
) -> None:
    one: dict[str, dict[str, Route]] = {
        "chat": {CHAT: chat_route(counted())},
        "tokenize": {"/tokenize": tokenize_route(counted())},
        "llama-cpp": llama_routes(bundled_chat(SMALL).tokenizer, rendered),
        "render": {RENDER: render_route(counted())},
    }
    server = serve(one[endpoint] | {CHAT: chat_route(counted())})
    if endpoint == "chat":
        code, printed = check(server)
        assert (code, printed["server"]["endpoint"]) == (0, endpoint)
        return
    shown = bench("check", dataset, "--tokenizer", SMALL, "--against", server.url)
    assert shown.code == 0
    assert f": {endpoint} (" in shown.out
    assert "equal: all" in shown.out


def test_the_server_gets_the_messages_as_they_are_written(check: Check, serve: Serve) -> None:
    server = serve({CHAT: chat_route(counted())})
    code, _ = check(server, "--template-kwargs", '{"enable_thinking": false}')
    assert code == 0
    bodies = server.bodies(CHAT)[1:]
    assert {json.dumps(body["messages"]) for body in bodies} == {
        json.dumps(each["messages"][:k])
        for each in RECORDS
        for k in range(1, 4)
        if each["messages"][k - 1 : k] and each["messages"][k - 1]["role"] in ("user", "tool")
    }
    assert all(body["chat_template_kwargs"] == {"enable_thinking": False} for body in bodies)
    assert all(body["max_tokens"] == 1 and body["model"] == "m" for body in bodies)
    assert [body["tools"] for body in bodies if "tools" in body] == [[TOOL], [TOOL]]


def longest(bodies: list[Body]) -> Body:
    """Return the request with most messages: they come in any order."""
    return max(bodies, key=lambda body: len(body["messages"]))


def test_a_turn_that_continues_says_so(bench: Bench, serve: Serve, tmp_path: Path) -> None:
    chats = tmp_path / "chats.jsonl"
    started = {"role": "assistant", "content": "Sure, I", "prefix": True}
    chats.write_text(json.dumps(record("c", USER, started)))
    server = serve({RENDER: render_route(counted())})
    result = bench("check", chats, "--tokenizer", SMALL, "--against", server.url, "--json")
    assert result.code == 0, result
    last = longest(server.bodies(RENDER))
    assert last["continue_final_message"] is True
    assert last["add_generation_prompt"] is False


def test_arguments_that_are_objects_are_sent_as_text(
    bench: Bench, serve: Serve, tmp_path: Path
) -> None:
    chats = tmp_path / "chats.jsonl"
    call = {"type": "function", "function": {"name": "look", "arguments": {"at": "é"}}}
    turn = {"role": "assistant", "content": "", "tool_calls": [call]}
    chats.write_text(json.dumps(record("c", USER, turn, {"role": "tool", "content": "x"})))
    server = serve({CHAT: chat_route(counted())})
    result = bench("check", chats, "--tokenizer", SMALL, "--against", server.url)
    assert result.code == 0, result
    sent = longest(server.bodies(CHAT))["messages"][1]["tool_calls"][0]["function"]
    assert sent == {"name": "look", "arguments": '{"at": "é"}'}


# --- planted differences ----------------------------------------------------------------

BOS = 5


def without(name: str) -> Callable[[Body], object]:
    return lambda body: [message.pop(name, None) for message in body["messages"]]


@pytest.mark.parametrize("route", [chat_route, render_route], ids=["count only", "tokens shown"])
@pytest.mark.parametrize(
    ("count", "kind", "where"),
    [
        pytest.param(
            changed(lambda body: body.pop("tools", None)),
            "as if tools are left out",
            "all turns with tools, no others",
            id="tools",
        ),
        pytest.param(
            changed(without("reasoning_content")),
            "as if reasoning is left out",
            "no others",
            id="reasoning",
        ),
        pytest.param(
            changed(without("tool_calls")),
            "as if tool calls are left out",
            "no others",
            id="calls",
        ),
        pytest.param(
            lambda body: [BOS, *counted()(body)],
            "more or less in most turns|more at the beginning",
            "every turn",
            id="one token in front",
        ),
        pytest.param(
            lambda body: [*counted()(body), BOS],
            "more or less in most turns|more at the end",
            "every turn",
            id="one token behind",
        ),
        pytest.param(
            lambda body: prompt_ids(
                bundled_chat(SMALL).tokenizer,
                body,
                chat_template="{% for m in messages %}[INST]{{ m.content }}{% endfor %}",
            ),
            "the prompt is not shown|another text",
            "every turn",
            id="another template",
        ),
    ],
)
def test_a_planted_difference_is_found(
    check: Check,
    serve: Serve,
    route: Callable[[Counted], Route],
    count: Counted,
    kind: str,
    where: str,
) -> None:
    server = serve({CHAT if route is chat_route else RENDER: route(count)})
    code, printed = check(server)
    assert code == 1, printed
    assert printed["verdict"] == "different"
    assert printed["different"] >= 1
    (departure,) = printed["departures"]
    assert any(each in departure["kind"] for each in kind.split("|")), departure
    assert where in departure["where"]
    assert (departure["ours"] is None) == (route is chat_route)
    different = [turn for turn in printed["turns"] if turn["ours"] != turn["theirs"]]
    assert len(different) == departure["turns"] == printed["different"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda text: text.replace("2026-01-02", "2027-11-12"), "another date"),
        (lambda text: text.replace(" ", "  "), "other white space"),
        (lambda text: text + "<think>", "more at the end"),
        (lambda text: text[:-1], "less at the end"),
        (lambda text: text.replace("é", "\\u00e9"), "characters are escaped"),
        (lambda text: text.replace("Day", "yaD"), "another order"),
        (lambda text: text.replace("Day", "Night"), "another text"),
    ],
)
def test_a_prompt_that_is_shown_tells_the_kind(
    bench: Bench, serve: Serve, tmp_path: Path, change: Callable[[str], str], kind: str
) -> None:
    chats = tmp_path / "chats.jsonl"
    chats.write_text(json.dumps(record("c", {"role": "user", "content": "Day é 2026-01-02"})))
    routes = llama_routes(bundled_chat(SMALL).tokenizer, lambda body: change(rendered(body)))
    result = bench(
        *("check", chats, "--tokenizer", SMALL, "--against", serve(routes).url, "--json")
    )
    printed = json.loads(result.out)
    (departure,) = printed["departures"]
    assert departure["kind"] == kind
    assert departure["ours"] != departure["theirs"]
    same = printed["turns"][0]["ours"] == printed["turns"][0]["theirs"]
    # Prompts that differ and have as many tokens are shown, and are no failure.
    assert result.code == (0 if same else 1)


def test_the_table_shows_the_first_difference(bench: Bench, serve: Serve, dataset: Path) -> None:
    server = serve({RENDER: render_route(changed(without("reasoning_content")))})
    result = bench("check", dataset, "--tokenizer", SMALL, "--against", server.url)
    assert result.code == 1
    assert max(map(len, result.out.splitlines())) <= 80
    flat = " ".join(result.out.split())
    assert "as if reasoning is left out: 1 turn" in flat
    assert "for example 'tools', turn 2, the first difference is after" in flat
    assert "ours: …" in flat
    assert "server: …" in flat
    assert "[THINK] Hm" in flat
    assert "1 of 5 turns have another count on the server" in flat


# --- caches -----------------------------------------------------------------------------


def test_a_count_without_cached_tokens_is_told(check: Check, serve: Serve) -> None:
    times: Counter[str] = Counter()

    def answer(body: Body) -> Answer:
        # Each turn asks something else, so that no two of them count at the same time.
        name = json.dumps(body)
        times[name] += 1
        return 200, {"usage": {"prompt_tokens": len(counted()(body)) - 2 * times[name]}}

    code, printed = check(serve({CHAT: answer}))
    assert code == 1
    (departure,) = printed["departures"]
    assert departure["kind"] == "another count when asked again"
    assert all(turn["again"] < turn["theirs"] for turn in printed["turns"])


def test_cached_tokens_that_are_left_out_are_named(check: Check, serve: Serve) -> None:
    def answer(body: Body) -> Answer:
        usage = {
            "prompt_tokens": len(counted()(body)) - 3,
            "prompt_tokens_details": {"cached_tokens": 3},
        }
        return 200, {"usage": usage}

    code, printed = check(serve({CHAT: answer}))
    assert code == 1
    assert [each["kind"] for each in printed["departures"]] == [
        "tokens from the cache are left out"
    ]


# --- servers that do not count ----------------------------------------------------------


def fixed(status: int, content: Any, headers: dict[str, str] | None = None) -> Route:
    return lambda _: (status, content, headers or {})


ONE = Conversation("c", (USER,), None, (1,))
TURN = Turn(ONE, ONE, 0, 7, ())


def asked(server: ChatServer, *, key: str | None = None, number: int = 1, **more: Any) -> Asked:
    """Ask a server about some turns, without a tokenizer."""
    settings = {"endpoint": "chat", "model": "m", "timeout": 20.0, "concurrency": 1, **more}
    whom = Server(address_of(server.url), key=key, **settings)
    return ask_server(whom, [TURN] * number, {}, lambda _: None)


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        (fixed(200, b"<html>no JSON"), "the answer is no JSON: <html>no JSON"),
        (fixed(200, b"[" * 100_000), "the answer is no JSON: ["),
        (fixed(200, {}), "the answer holds no usage.prompt_tokens"),
        (fixed(200, []), "the answer holds no usage.prompt_tokens"),
        (fixed(200, {"usage": None}), "the answer holds no usage.prompt_tokens"),
        (fixed(200, {"usage": {"prompt_tokens": "7"}}), "holds a wrong usage.prompt_tokens"),
        (fixed(200, {"usage": {"prompt_tokens": True}}), "holds a wrong usage.prompt_tokens"),
        (fixed(200, {"usage": {"prompt_tokens": 0}}), "holds a wrong usage.prompt_tokens"),
        (fixed(200, {"usage": {"prompt_tokens": 7.0}}), "holds a wrong usage.prompt_tokens"),
        (fixed(500, {"error": {"message": "boom\x1b[31m\nred"}}), "HTTP 500: boom\\x1b[31m red"),
        (fixed(500, {"error": "plain"}), "HTTP 500: plain"),
        (fixed(200, {"error": {"message": "no provider"}}), f"{CHAT}: no provider"),
        (fixed(400, {"detail": [{"msg": "bad"}]}), 'HTTP 400: {"detail": [{"msg": "bad"}]}'),
        (fixed(503, b""), "HTTP 503: (empty)"),
        (fixed(500, {"message": "x" * 5000}), "HTTP 500: " + "x" * 299 + "…"),
        (fixed(302, b"", {"Location": "/elsewhere"}), "redirected with 302, not followed"),
        (fixed(307, b"", {"Location": CHAT}), "redirected more than 3 times"),
        (
            fixed(307, b"", {"Location": "http://user:pw@127.0.0.2:1/x"}),
            "redirected to http://127.0.0.2:1, which is not followed",
        ),
    ],
)
def test_what_is_no_count_is_told_as_it_is(serve: Serve, route: Route, reason: str) -> None:
    (outcome,) = asked(serve({CHAT: route})).outcomes
    assert outcome.seen is None
    assert outcome.reason is not None
    assert reason in outcome.reason
    assert len(outcome.reason) < 400
    assert outcome.reason.isprintable()


def test_the_table_says_that_nothing_was_compared(
    bench: Bench, serve: Serve, dataset: Path
) -> None:
    server = serve({CHAT: fixed(200, {})})
    result = bench("check", dataset, "--tokenizer", SMALL, "--against", server.url)
    assert result.code == 2
    assert "inconclusive: nothing could be compared" in result.out


def test_an_answer_that_is_too_large_is_not_read(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_ANSWER_BYTES", 1000)
    (outcome,) = asked(serve({CHAT: fixed(200, {"usage": "x" * 2000})})).outcomes
    assert outcome.reason == f"{CHAT}: the answer is larger than 1,000 bytes"


def test_a_redirect_within_the_server_is_followed(serve: Serve) -> None:
    there = fixed(200, {"usage": {"prompt_tokens": 7}})
    server = serve({CHAT: fixed(308, b"", {"Location": "/there"}), "/there": there})
    (outcome,) = asked(server).outcomes
    assert outcome.seen is not None
    assert outcome.seen.count == 7
    assert server.bodies("/there") == server.bodies(CHAT)


def refusing_tools(body: Body) -> Answer:
    if "tools" in body:
        return 400, {"error": {"message": "no tools here"}}
    return chat_route(counted())(body)


def test_refused_turns_are_inconclusive_unless_they_may_be_left_out(
    check: Check, serve: Serve
) -> None:
    server = serve({CHAT: refusing_tools})
    code, printed = check(server)
    assert (code, printed["verdict"], printed["compared"]) == (2, "inconclusive", 3)
    code, printed = check(server, "--on-error", "skip")
    assert (code, printed["verdict"], printed["compared"]) == (0, "equal", 3)
    assert printed["unanswered"] == [{"reason": f"{CHAT}: HTTP 400: no tools here", "turns": 2}]


def test_a_difference_counts_more_than_a_refusal(check: Check, serve: Serve) -> None:
    def answer(body: Body) -> Answer:
        if "tools" in body:
            return 400, {}
        return 200, {"usage": {"prompt_tokens": len(counted()(body)) + 7}}

    assert check(serve({CHAT: answer}))[0] == 1


# --- servers that cannot be asked -------------------------------------------------------


def test_a_refused_connection_is_one_line(check: Check) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code, printed = check(ChatServer(url=f"http://127.0.0.1:{port}"))
    assert code == 3
    url = f"http://127.0.0.1:{port}"
    assert printed["error"] == f"bench: {url}: cannot be reached: Connection refused\n"


def test_a_server_that_does_not_answer_is_given_up(serve: Serve) -> None:
    def late(_: Body) -> Answer:
        time.sleep(0.3)
        return 200, {}

    with pytest.raises(InputError, match=r"no answer within 0\.1 seconds; --timeout gives"):
        asked(serve({CHAT: late}), timeout=0.1)


def test_a_server_that_stops_to_answer_is_given_up(serve: Serve) -> None:
    over = threading.Event()

    def late(body: Body) -> Answer:
        if body["messages"] == [USER]:
            over.wait(20)
        return 200, {"usage": {"prompt_tokens": 7}}

    server = serve({CHAT: late})
    # The small request before them is answered in time, also by a busy machine.
    outcomes = asked(server, timeout=1, number=2, concurrency=2).outcomes
    assert {each.reason for each in outcomes} == {f"{CHAT}: no answer within 1 seconds"}
    with pytest.raises(InputError, match="3 times one after the other"):
        asked(server, timeout=1, number=3, concurrency=3)
    over.set()


def test_an_answer_that_drips_has_no_more_time(serve: Serve) -> None:
    def dripping(_: Body) -> Answer:
        return 200, Dripping(b"{}", pause=0.05)

    with pytest.raises(InputError, match=r"no answer within 0\.2 seconds"):
        asked(serve({CHAT: dripping}), timeout=0.2)


def test_a_connection_that_is_cut_is_told(serve: Serve) -> None:
    (outcome,) = asked(serve({CHAT: fixed(200, Cut())})).outcomes
    assert outcome.reason is not None
    assert "the connection failed" in outcome.reason


def test_a_connection_that_is_cut_once_is_asked_again(serve: Serve) -> None:
    answers = [(200, {"usage": {"prompt_tokens": 7}}), (200, Cut())]

    def flaky(_: Body) -> Answer:
        # The small request before the turns takes the first one.
        answers.append(answers.pop(0))
        return answers[-1]

    server = serve({CHAT: flaky})
    outcomes = asked(server, number=3).outcomes
    assert [each.reason for each in outcomes] == [None] * 3
    assert len(server.bodies(CHAT)) == 1 + 2 * 3


def test_a_server_without_such_a_path_is_an_error(check: Check, serve: Serve) -> None:
    code, printed = check(serve({}))
    assert code == 3
    assert "has no such endpoint: /v1/chat/completions: HTTP 404: Not Found" in printed["error"]
    code, printed = check(serve({CHAT: chat_route(counted())}), "--endpoint", "render")
    assert code == 3
    assert "has no such endpoint: /v1/chat/completions/render: HTTP 404" in printed["error"]


def test_an_endpoint_that_answers_something_else_is_told(check: Check, serve: Serve) -> None:
    server = serve({"/v1/chat/completions/render": fixed(200, {"token_ids": ["7"]})})
    code, printed = check(server, "--endpoint", "auto")
    assert code == 3
    assert (
        "has no endpoint that answers as it should: /v1/chat/completions/render: "
        in (printed["error"])
    )


@pytest.mark.parametrize(
    ("route", "code", "sent"),
    [
        (models("one"), 0, "one"),
        (fixed(200, {"data": []}), 0, None),
        (fixed(404, {}), 0, None),
        (models("one", "two"), 3, "has 2 models; choose one with --model: one, two"),
        (fixed(500, b"Internal Server Error"), 3, "does not say which models it has"),
    ],
)
def test_the_only_model_is_taken(
    check: Check, serve: Serve, route: Route, code: int, sent: str | None
) -> None:
    server = serve({"/v1/models": route, CHAT: chat_route(counted())})
    got, printed = check(server)
    assert got == code, printed
    if code:
        assert sent is not None
        assert sent in printed["error"]
        assert check(server, "--model", "mine")[1]["server"]["model"] == "mine"
    else:
        assert printed["server"]["model"] == sent
        assert all(body.get("model") == sent for body in server.bodies(CHAT))


# --- keys and addresses -----------------------------------------------------------------


def echoing(status: int) -> Route:
    return fixed(status, {"error": {"message": f"Incorrect key provided: {KEY}."}})


@pytest.mark.parametrize("status", [401, 500])
@pytest.mark.parametrize("as_json", [True, False])
def test_a_key_is_sent_and_never_shown(
    bench: Bench,
    serve: Serve,
    dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    as_json: bool,
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    server = serve({CHAT: echoing(status)})
    result = bench(
        *("check", dataset, "--tokenizer", SMALL, "--against", server.url),
        *("--key-variable", "MY_KEY", *(["--json"] if as_json else [])),
    )
    assert result.code == (3 if status == 401 else 2)
    assert {headers["Authorization"] for _, headers, _ in server.asked} == {f"Bearer {KEY}"}
    assert KEY not in result.out + result.error
    assert "Incorrect key provided: (key)." in " ".join((result.out + result.error).split())


def test_the_usual_variable_is_taken_if_it_is_set(
    check: Check, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve({CHAT: chat_route(counted())})
    assert check(server)[0] == 0
    assert all("Authorization" not in headers for _, headers, _ in server.asked)
    monkeypatch.setenv(KEY_VARIABLE, f"{KEY}\n")
    server.asked.clear()
    code, printed = check(server)
    assert code == 0
    assert KEY not in json.dumps(printed)
    assert {headers["Authorization"] for _, headers, _ in server.asked} == {f"Bearer {KEY}"}


def test_no_key_says_where_it_would_come_from(check: Check, serve: Serve) -> None:
    code, printed = check(serve({CHAT: fixed(401, {"error": "who are you?"})}))
    assert code == 3
    assert "HTTP 401, no key was sent" in printed["error"]
    assert "--key-variable: who are you?" in printed["error"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "the environment has no variable MY_KEY"),
        ("", "the environment has no variable MY_KEY"),
        ("secret\nkey", "MY_KEY holds characters that no key has"),
        ("secret-ключ", "MY_KEY holds characters that no key has"),
    ],
)
def test_a_key_that_cannot_be_sent_is_not_shown(
    check: Check, monkeypatch: pytest.MonkeyPatch, value: str | None, reason: str
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    code, printed = check(ChatServer(url="http://127.0.0.1:9"), "--key-variable", "MY_KEY")
    assert code == 3
    assert printed["error"] == f"bench: --key-variable: {reason}\n"


def test_the_key_stays_with_its_server(serve: Serve) -> None:
    other = serve({CHAT: fixed(200, {"usage": {"prompt_tokens": 7}})})
    server = serve({CHAT: fixed(307, b"", {"Location": other.url + CHAT})})
    (outcome,) = asked(server, key=KEY).outcomes
    assert outcome.reason == f"{CHAT}: redirected to {other.url}, which is not followed"
    assert other.asked == []


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://user:geheim@127.0.0.1:8000", "must hold no user and no password"),
        ("http://geheim@127.0.0.1:8000", "must hold no user and no password"),
        ("ftp://geheim/", "must begin with http:// or https://"),
        ("geheim:8000", "must begin with http:// or https://"),
        ("http://", "must begin with http:// or https://"),
        ("http://127.0.0.1/?key=geheim", "must hold no ? and no #"),
        ("http://127.0.0.1:99999999", "is no address"),
        ("http://[geheim", "is no address"),
    ],
)
def test_an_address_that_is_none_or_tells_too_much_is_refused(address: str, reason: str) -> None:
    with pytest.raises(InputError) as refused:
        address_of(address)
    assert str(refused.value).startswith(f"--against: {reason}")
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
@pytest.mark.parametrize("root", ["http://127.0.0.1:8000", "https://host.example/models"])
def test_an_address_may_end_as_clients_write_it(root: str, end: str) -> None:
    assert address_of(root + end).url("/v1/models") == f"{root}/v1/models"


def test_a_proxy_does_not_come_between(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (outcome,) = asked(serve({CHAT: fixed(200, {"usage": {"prompt_tokens": 7}})})).outcomes
    assert outcome.seen is not None


def test_a_key_that_nothing_encrypts_is_warned_of(
    bench: Bench, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    # Sockets reach no other host here, so it ends soon after the warning.
    result = bench(
        *("check", dataset, "--tokenizer", SMALL, "--against", "http://192.0.2.1"),
        *("--timeout", "0.5"),
    )
    assert "warning: the key is sent to another machine" in result.error
    assert KEY not in result.error
