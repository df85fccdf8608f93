"""The digest of every file that loading a tokenizer reads."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from stat import S_ISDIR, S_ISREG

_WEIGHTS = (
    *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx"),
    *(".npz", ".ot", ".tflite"),
)
"""Endings of files that hold the weights of a model. Loading its tokenizer never reads them."""

_TEMPLATES = "additional_chat_templates"
"""The one folder inside that of a tokenizer that transformers looks into."""

_PIECE = 1 << 20


def files_digest(path: str) -> str | None:
    """Return the digest of the files of a tokenizer, by name and content.

    Which of them are read depends on the tokenizer's class and on which names there are. So all
    are digested, except the weights of the model, of which only name, size and time count.

    Parameters
    ----------
    path
        A folder, or a single file.

    Returns
    -------
    str or None
        None if there is none, or one of them cannot be read.
    """
    digest = hashlib.sha256(os.fsencode(os.path.realpath(path)))
    try:
        if not S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116  # of a text
            return digest.hexdigest() if _add(digest, path, "") else None
        names = sorted(os.listdir(path))  # noqa: PTH208  # of a text
        with suppress(FileNotFoundError, NotADirectoryError):
            inside = sorted(os.listdir(os.path.join(path, _TEMPLATES)))  # noqa: PTH118, PTH208  # likewise
            names += [os.path.join(_TEMPLATES, name) for name in inside]  # noqa: PTH118  # likewise
        for name in names:
            if not _add(digest, os.path.join(path, name), name):  # noqa: PTH118  # likewise
                return None
    except OSError:
        return None
    return digest.hexdigest()


def _add(digest: hashlib._Hash, path: str, name: str) -> bool:
    """Add a file to a digest; return False if its content could be another at each reading."""
    about = os.stat(path)  # noqa: PTH116  # of a text
    label = f"{name}\0{about.st_size}\0".encode(errors="surrogateescape")
    if S_ISDIR(about.st_mode):
        digest.update(b"folder\0" + label.split(b"\0")[0])
        return True
    if not S_ISREG(about.st_mode):
        return False
    if name.endswith(_WEIGHTS):
        digest.update(b"weights\0" + label + str(about.st_mtime_ns).encode())
        return True
    content = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # of a text
        while piece := file.read(_PIECE):
            content.update(piece)
    digest.update(b"file\0" + label + content.digest())
    return True
