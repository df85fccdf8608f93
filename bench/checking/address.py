"""The server's address, and the key for it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address

import httpx2

from strategies import InputError

KEY_VARIABLE = "OPENAI_API_KEY"
_OPTION = "--against"
_HOST = re.compile(r"[0-9A-Za-z.:_-]+")
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is.

    Parameters
    ----------
    root
        The address without ``/v1`` and without a slash at its end.
    """

    root: str

    def url(self, path: str) -> str:
        """Return the whole address of a path that begins with a slash."""
        return self.root + path

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        host = httpx2.URL(self.root).host
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def is_encrypted(self) -> bool:
        """Whether what is sent is encrypted on its way."""
        return self.root.startswith("https:")


def address_of(text: str) -> Address:
    """Return the address in a text, such as ``http://127.0.0.1:8000/v1``.

    Raises
    ------
    InputError
        If it is no address of a server, or holds what it should not, such as a password. The
        error does not show the text, because it may hold a secret.
    """
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError):
        raise _no_address() from None
    if url.userinfo:
        raise InputError(
            "must hold no user and no password; a key comes from the environment, see "
            "--key-variable",
            field=_OPTION,
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise InputError(
            "must begin with http:// or https:// and name a host, such as http://127.0.0.1:8000",
            field=_OPTION,
        )
    if not _HOST.fullmatch(url.raw_host.decode()) or not 0 < (url.port or 1) <= _LAST_PORT:
        raise _no_address()
    if url.query or url.fragment:
        raise InputError("must hold no ? and no #", field=_OPTION)
    root = str(url).rstrip("/")
    return Address(root.removesuffix("/v1").rstrip("/"))


def _no_address() -> InputError:
    return InputError("is no address, such as http://127.0.0.1:8000", field=_OPTION)


def key_from(variable: str | None) -> str | None:
    """Return the key in a variable of the environment.

    Parameters
    ----------
    variable
        Its name. None stands for `KEY_VARIABLE`, which may be missing.

    Raises
    ------
    InputError
        If the variable was named and is not there, or holds what cannot be sent. The error does
        not show its value.
    """
    name = variable or KEY_VARIABLE
    value = os.environ.get(name, "").strip()
    if not value:
        if variable is None:
            return None
        raise InputError(f"the environment has no variable {name}", field="--key-variable")
    if not value.isascii() or not value.isprintable():
        raise InputError(f"{name} holds characters that no key has", field="--key-variable")
    return value
