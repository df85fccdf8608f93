"""HTTP to one server, within limits: time, size, no other host, and no word about the key."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx2

from bench.checking.address import Address
from strategies import InputError
from strategies.words import printable

MAX_ANSWER_BYTES = 64 << 20
"""Most bytes of an answer. The ids of a prompt of a million tokens take a seventh of it."""
MAX_SHOWN = 300
"""Most characters that are shown of what a server says."""
_MOST_REDIRECTS = 3
_KEPT_METHOD = (307, 308)
MISSING = (404, 405, 501)
"""What servers answer if they have no such path."""


class UnansweredError(Exception):
    """A server has answered, and not what was asked for.

    Parameters
    ----------
    reason
        In one line, with the server's own words.
    status
        Of the HTTP answer, if that is the reason.
    timed_out
        Whether it is that the time was over.
    """

    def __init__(self, reason: str, *, status: int | None = None, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.timed_out = timed_out

    @property
    def is_missing(self) -> bool:
        """Whether the server has no such path."""
        return self.status in MISSING


class Client:
    """Asks one server. Use it as an asynchronous context manager.

    Parameters
    ----------
    address
        Where the server is.
    key
        Sent to this server only, as a bearer token; None to send none.
    timeout
        Seconds that a request may take, from its first byte to the last one of the answer.
    connections
        Most requests at the same time.
    """

    def __init__(self, address: Address, key: str | None, timeout: float, connections: int) -> None:
        self.address = address
        self.timeout = timeout
        self._key = key
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._http = httpx2.AsyncClient(
            headers=headers,
            # The whole request has a limit, and not its parts.
            timeout=None,
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=connections),
            # No proxy of the environment leads to this machine.
            trust_env=not address.is_loopback,
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def get(self, path: str) -> Any:
        """Return the JSON that the server answers to a GET. Raises what `post` raises."""
        return await self._within_time("GET", path, None)

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON that the server answers.

        Parameters
        ----------
        path
            Begins with a slash.
        body
            Sent as JSON.

        Raises
        ------
        InputError
            If the server cannot be reached, or wants another key.
        UnansweredError
            If the answer is an error, is no JSON, is too large, or does not come in time.
        """
        return await self._within_time("POST", path, body)

    async def _within_time(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            async with asyncio.timeout(self.timeout):
                with suppress(httpx2.NetworkError, httpx2.RemoteProtocolError):
                    return await self._asked(method, path, body)
                # Some servers close connections that they have kept, such as after an error.
                return await self._asked(method, path, body)
        except TimeoutError:
            raise UnansweredError(
                f"{path}: no answer within {self.timeout:g} seconds", timed_out=True
            ) from None
        except (httpx2.ConnectError, httpx2.UnsupportedProtocol, httpx2.ProxyError) as error:
            raise InputError(
                f"cannot be reached: {self.shown(_why(error))}", file=self.address.root
            ) from None
        except httpx2.HTTPError as error:
            # Its text may hold what was sent, so only its kind is told beside the safe ones.
            kind = type(error).__name__
            raise UnansweredError(f"{path}: the connection failed ({kind})") from None

    async def _asked(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        url = httpx2.URL(self.address.url(path))
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        for _ in range(_MOST_REDIRECTS + 1):
            async with self._http.stream(method, url, content=content, headers=headers) as answer:
                if not answer.has_redirect_location:
                    return self._document(path, answer.status_code, await _read(path, answer))
                target = self._redirected(path, url, answer)
            url = target
        raise UnansweredError(f"{path}: redirected more than {_MOST_REDIRECTS} times")

    def _redirected(self, path: str, url: httpx2.URL, answer: httpx2.Response) -> httpx2.URL:
        try:
            target = url.join(answer.headers["Location"])
        except httpx2.InvalidURL:
            raise UnansweredError(f"{path}: redirected to no address") from None
        if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
            shown = self.shown(f"{target.scheme}://{target.netloc.rpartition(b'@')[2].decode()}")
            raise UnansweredError(f"{path}: redirected to {shown}, which is not followed")
        if answer.status_code not in _KEPT_METHOD and answer.request.method != "GET":
            # The others ask for a GET, and the body would be lost.
            raise UnansweredError(f"{path}: redirected with {answer.status_code}, not followed")
        return target.copy_with(userinfo=b"")

    def _document(self, path: str, status: int, content: bytes) -> Any:
        try:
            document: Any = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        if status in (401, 403):
            sent = "no key was sent" if self._key is None else "the key is not accepted"
            words = self._words(document, content)
            raise InputError(
                f"HTTP {status}, {sent}; keys come from the environment, see --key-variable: "
                f"{words}",
                file=self.address.root,
            )
        if status != 200:
            words = self._words(document, content)
            raise UnansweredError(f"{path}: HTTP {status}: {words}", status=status)
        if document is None:
            raise UnansweredError(f"{path}: the answer is no JSON: {self._start(content)}")
        if isinstance(document, dict) and document.get("error"):
            # Some gateways put the errors of others into an answer that is none itself.
            raise UnansweredError(f"{path}: {self._words(document, content)}")
        return document

    def _words(self, document: Any, content: bytes) -> str:
        """Return the server's own words in an error."""
        for _ in range(3):
            if not isinstance(document, dict):
                break
            for name in ("error", "message", "detail"):
                if document.get(name):
                    document = document[name]
                    break
            else:
                break
        if isinstance(document, str):
            return self.shown(document)
        return self._start(content)

    def _start(self, content: bytes) -> str:
        return self.shown(content[: 4 * MAX_SHOWN].decode(errors="replace")) or "(empty)"

    def shown(self, text: str) -> str:
        """Return what a server says on one line, bounded, without the key."""
        if self._key is not None:
            # Before it is cut, so that no part of the key is left.
            text = text.replace(self._key, "(key)")
        line = printable(" ".join(text.split()))
        return line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN - 1]}…"


async def _read(path: str, answer: httpx2.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise UnansweredError(f"{path}: the answer is larger than {MAX_ANSWER_BYTES:,} bytes")
    return b"".join(parts)


def _why(error: BaseException) -> str:
    """Return why there is no connection, in the words of the system if it has some."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return f"the certificate or the encryption does not fit: {seen.reason or seen}"
        if isinstance(seen, OSError) and seen.errno and seen.errno > 0:
            return os.strerror(seen.errno)
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        seen = seen.__cause__ or seen.__context__
    return str(error) or type(error).__name__
