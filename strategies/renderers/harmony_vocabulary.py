"""The vocabulary of gpt-oss in the form that openai-harmony reads, from a file that is there.

The library wants ``o200k_base.tiktoken``, and downloads it unless an environment variable names a
folder that has it. A published model has the same vocabulary in its ``tokenizer.json``. So the
file is written anew from that, into a private temporary folder, and its digest shows that it is
the one that the library wants.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from strategies.errors import InputError

FILE = "o200k_base.tiktoken"
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
"""Digest of the file that the library accepts (src/tiktoken_ext/public_encodings.rs)."""

FOLDER_VARIABLE = "TIKTOKEN_ENCODINGS_BASE"

MAX_BYTES = 256 * 2**20
"""Of a vocabulary file. The published one has 28 MB as ``tokenizer.json``."""

_environment = threading.Lock()


def vocabulary_file(vocabulary: str) -> bytes:
    """Return the content of ``o200k_base.tiktoken``.

    Parameters
    ----------
    vocabulary
        A folder with ``tokenizer.json`` or that file in it, or one of these files.

    Raises
    ------
    InputError
        If it is not there, or holds another vocabulary.
    """
    path = Path(vocabulary)
    try:
        if path.is_dir():
            path = next(
                (path / name for name in (FILE, "tokenizer.json") if (path / name).is_file()), path
            )
        if not path.is_file():
            raise InputError(
                f"must be a folder that has gpt-oss's tokenizer.json or {FILE}, or one of these "
                "files; nothing is downloaded",
                file=vocabulary,
            )
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"has more than {MAX_BYTES:,} bytes", file=path)
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    if path.suffix == ".json":
        content = _of_tokenizer_json(content, path)
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise InputError("is not the vocabulary of gpt-oss (o200k_base)", file=path)
    return content


def _of_tokenizer_json(content: bytes, path: Path) -> bytes:
    try:
        vocabulary: Any = json.loads(content)["model"]["vocab"]
        ranked = sorted(vocabulary.items(), key=lambda item: item[1])
        byte_of = _bytes_by_character()
        return b"".join(
            b64encode(bytes(byte_of[character] for character in token)) + b" %d\n" % rank
            for token, rank in ranked
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError("holds no byte-level vocabulary, as gpt-oss has it", file=path) from None


def _bytes_by_character() -> dict[str, int]:
    """Return the byte that each character stands for in a byte-level vocabulary."""
    shown = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(shown)]
    return {chr(byte): byte for byte in shown} | {
        chr(256 + place): byte for place, byte in enumerate(others)
    }


@contextmanager
def named_in_environment(content: bytes) -> Iterator[None]:
    """Let the library find the file, as long as the context lasts.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    with _environment:
        before = os.environ.get(FOLDER_VARIABLE)
        try:
            with TemporaryDirectory(prefix="isl-bench-") as folder:
                (Path(folder) / FILE).write_bytes(content)
                os.environ[FOLDER_VARIABLE] = folder
                yield
        except OSError as error:
            raise InputError(
                f"the vocabulary cannot be written to a temporary folder: {error.strerror}"
            ) from None
        finally:
            if before is None:
                os.environ.pop(FOLDER_VARIABLE, None)
            else:
                os.environ[FOLDER_VARIABLE] = before
