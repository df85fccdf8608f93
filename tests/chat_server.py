"""A small server of chats on loopback. It counts by transformers alone, with faults on request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

Body: TypeAlias = dict[str, Any]
Answer: TypeAlias = "tuple[int, Any] | tuple[int, Any, dict[str, str]]"
"""Status, what is written as JSON (bytes as they are), and headers."""
Route: TypeAlias = Callable[[Body], Answer]


@dataclass(frozen=True)
class Dripping:
    """An answer that comes byte by byte, and more blanks than anyone waits for."""

    data: bytes
    pause: float


@dataclass(frozen=True)
class Cut:
    """An answer that ends before its end."""


@dataclass
class ChatServer:
    """A server that is running.

    Attributes
    ----------
    url
        Its address.
    routes
        What answers a path.
    asked
        The requests so far: path, headers, body.
    """

    url: str = ""
    routes: dict[str, Route] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], Body]] = field(default_factory=list)

    def bodies(self, path: str) -> list[Body]:
        return [body for asked, _, body in self.asked if asked == path]


def _missing(_: Body) -> Answer:
    return 404, {"detail": "Not Found"}


@contextmanager
def serving(routes: dict[str, Route]) -> Iterator[ChatServer]:
    """Run a server while the block runs."""
    server = ChatServer(routes=routes)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Body) -> None:
            server.asked.append((self.path, dict(self.headers), body))
            route = server.routes.get(self.path)
            status, content, *more = (
                (404, {"detail": "Not Found"}) if route is None else route(body)
            )
            if isinstance(content, Cut):
                self._write(status, b"{", 100)
                return
            if isinstance(content, Dripping):
                self._write(status, content.data, 1000)
                with suppress(OSError):
                    for _ in range(20):
                        time.sleep(content.pause)
                        self.wfile.write(b" ")
                return
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in more[0].items() if more else ():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _write(self, status: int, data: bytes, length: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Write nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that has hung up is no error."""

    listening = Quiet(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def prompt_ids(tokenizer: Any, body: Body, **more: Any) -> list[int]:
    """Return the ids of a request as a plain server makes them: arguments become objects."""
    ids: list[int] = _applied(tokenizer, body, return_dict=False, **more)
    return ids


def prompt_text(tokenizer: Any, body: Body) -> str:
    """Return the prompt of a request, likewise."""
    text: str = _applied(tokenizer, body, tokenize=False)
    return text


def _applied(tokenizer: Any, body: Body, **more: Any) -> Any:
    messages = json.loads(json.dumps(body["messages"]))
    for message in messages:
        for call in message.get("tool_calls") or ():
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    with _ONE_AT_A_TIME:
        return tokenizer.apply_chat_template(
            messages,
            tools=body.get("tools"),
            add_generation_prompt=body.get("add_generation_prompt", True),
            continue_final_message=body.get("continue_final_message", False),
            **body.get("chat_template_kwargs", {}),
            **more,
        )


_ONE_AT_A_TIME = threading.Lock()
"""Threads share the tokenizer."""

Counted: TypeAlias = Callable[[Body], list[int]]


def models(*names: str) -> Route:
    return lambda _: (200, {"object": "list", "data": [{"id": name} for name in names]})


def chat_route(counted: Counted) -> Route:
    return lambda body: (200, {"choices": [], "usage": {"prompt_tokens": len(counted(body))}})


def render_route(counted: Counted) -> Route:
    return lambda body: (200, {"token_ids": counted(body)})


def tokenize_route(counted: Counted) -> Route:
    def answer(body: Body) -> Answer:
        if "messages" not in body:
            return 400, {"error": {"message": "no messages"}}
        ids = counted(body)
        return 200, {"count": len(ids), "tokens": ids}

    return answer


def llama_routes(tokenizer: Any, rendered: Callable[[Body], str]) -> dict[str, Route]:
    def tokenized(body: Body) -> Answer:
        ids = tokenizer(body.get("content", ""), add_special_tokens=False)["input_ids"]
        return 200, {"tokens": ids}

    return {
        "/apply-template": lambda body: (200, {"prompt": rendered(body)}),
        "/tokenize": tokenized,
    }
