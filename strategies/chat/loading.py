"""Load a tokenizer with transformers, from a folder, a file or the hub."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from strategies.chat.failures import is_failure
from strategies.chat.library import without_advice
from strategies.chat.packages import missing_package
from strategies.chat.spec import ChatSpec
from strategies.chat.templates import PROCESSOR_FILE, use_processor_template
from strategies.errors import InputError, one_line
from strategies.runtime.collection import collection_paused

# transformers' logging handlers are global, and threads load tokenizers too.
_load_lock = threading.Lock()

_MISTRAL_COMMON = "MistralCommon"
"""Where the names of transformers' classes begin that count with the package mistral-common."""


@contextmanager
def _collected_warnings() -> Iterator[list[str]]:
    """Collect what transformers logs while it loads, so that it does not reach the terminal."""
    without_advice()
    # Before the handlers are replaced, because it sets them up.
    import transformers  # noqa: F401  # for its effect on logging

    # transformers says some things once in a process, but each tokenizer has its own warnings.
    once: Any = getattr(logging.Logger, "warning_once", None)
    if hasattr(once, "cache_clear"):
        once.cache_clear()
    lines: list[str] = []
    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub")]
    handlers = [logger.handlers for logger in loggers]
    for logger in loggers:
        logger.handlers = [_Collector(lines.append)]
    try:
        yield lines
    finally:
        for logger, before in zip(loggers, handlers, strict=True):
            logger.handlers = before


class _Collector(logging.Handler):
    def __init__(self, sink: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        self._sink(one_line(record.getMessage()))


def load_tokenizer(spec: ChatSpec) -> tuple[Any, tuple[str, ...]]:
    """Return the transformers tokenizer of a specification, and warnings of one line each.

    Raises
    ------
    InputError
        With a one-line reason, if it cannot be loaded.
    """
    with _load_lock, collection_paused(), _collected_warnings() as warnings:
        tokenizer = _load(spec, warnings)
        processor = None if spec.template else _processor_template(spec, tokenizer)
        if processor is not None:
            warnings.extend(use_processor_template(tokenizer, processor))
    return tokenizer, tuple(dict.fromkeys(warnings))


def _load(spec: ChatSpec, warnings: list[str]) -> Any:
    if not spec.name_or_path:
        raise InputError("is empty; name a folder or a tokenizer on the hub", field="tokenizer")
    path = Path(spec.name_or_path)
    try:
        exists = path.exists()
    except OSError as error:
        # A folder above it that may not be entered, or a name that is too long.
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    if not exists and _looks_like_path(spec.name_or_path):
        raise InputError("no such folder", file=path)
    try:
        if path.is_dir():
            # A folder that cannot be listed looks like an empty one to the loader.
            next(path.iterdir(), None)
        if path.is_file():
            return _load_sentencepiece(path)
        tokenizer = _load_pretrained(spec)
    except (InputError, MemoryError):
        raise
    except BaseException as error:
        # Damaged files and foreign code raise any exception, and the library panics.
        if not is_failure(error):
            raise
        reason = _load_reason(spec, error, warnings)
        raise InputError(reason, file=spec.name_or_path) from error
    if find_spec("mistral_common") and (path / "tekken.json").is_file():
        source = "tokenizer.json" if (path / "tokenizer.json").is_file() else "tekken.json"
        warnings.append(
            f"counted with {source} and the chat template, not with mistral-common, which "
            "transformers may pick for this folder and which takes no template"
        )
    # Prompts longer than the model's window have an ISL too, and are no reason to warn.
    tokenizer.model_max_length = int(1e30)
    return tokenizer


def _load_pretrained(spec: ChatSpec) -> Any:
    """Return the tokenizer of a folder or of the hub, as the tokenizers library has it.

    With mistral-common installed, transformers picks that package for some models. It ignores
    chat templates and cannot say what it consists of, so its counts cannot be those of a
    template, nor be checked.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    options: dict[str, Any] = {
        "revision": spec.revision,
        "trust_remote_code": spec.trust_remote_code,
        "local_files_only": Path(spec.name_or_path).is_dir() or not hub_answers(),
    }
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            spec.name_or_path, mistral_format=False, **options
        )
        taken = type(tokenizer).__name__.startswith(_MISTRAL_COMMON)
    except Exception:
        from transformers.models.auto.tokenization_auto import get_tokenizer_config

        config = get_tokenizer_config(spec.name_or_path, **options)
        taken = str(config.get("tokenizer_class")).startswith(_MISTRAL_COMMON)
        if not taken:
            raise
    if taken:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(spec.name_or_path, **options)
    return tokenizer


def _processor_template(spec: ChatSpec, tokenizer: Any) -> Path | None:
    """Return the template file of the processor beside a tokenizer, if there is one."""
    path = Path(spec.name_or_path)
    if path.exists():
        path = path / PROCESSOR_FILE
        return path if path.is_file() else None
    if tokenizer.chat_template:
        # Not worth a download to see whether it differs.
        return None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            hf_hub_download(
                spec.name_or_path,
                PROCESSOR_FILE,
                revision=spec.revision,
                local_files_only=not hub_answers(),
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError):
        return None


def hub_answers() -> bool:
    """Whether the hub can be reached; if not, only files in the cache can be loaded.

    It is asked once here, because without a connection its client silently tries again for
    most of a minute.
    """
    from huggingface_hub import constants, get_session

    try:
        # A mirror may redirect to a sign-in page, which need not be reachable from here.
        get_session().head(
            constants.ENDPOINT, timeout=constants.HF_HUB_ETAG_TIMEOUT, follow_redirects=False
        )
    except Exception:
        # Refused, unknown, too slow or switched off: each client raises its own error.
        return False
    return True


def _looks_like_path(name: str) -> bool:
    # A hub name is at most owner/name.
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or name.endswith(".model")


def _load_sentencepiece(path: Path) -> Any:
    # Some models publish it with a version, as tokenizer.model.v3.
    if ".model" not in path.suffixes:
        raise InputError("is a file; name the tokenizer's folder or a .model file", file=path)
    from strategies.chat.model_file import SentencePieceModel

    return SentencePieceModel(str(path))


def _load_reason(spec: ChatSpec, error: BaseException, warnings: Sequence[str]) -> str:
    if "trust_remote_code" in str(error) or "custom code" in str(error):
        return (
            "loading this tokenizer runs Python code that its repository brings; if you trust "
            "it, say --trust-remote-code"
        )
    if isinstance(error, PermissionError):
        return f"cannot be read: {error.strerror}"
    path = Path(spec.name_or_path)
    if path.is_dir():
        names = {item.name for item in path.iterdir()}
        known = {"tokenizer.json", "tekken.json", "vocab.json", "vocab.txt"}
        if not names & known and not any(name.endswith((".model", ".tiktoken")) for name in names):
            return "no tokenizer in this folder: neither tokenizer.json nor tokenizer.model"
    missing = missing_package(error, warnings)
    if missing:
        return missing
    hint = "neither a folder nor a tokenizer on the hub that can be reached: "
    if len(path.parts) == 1:
        hint = (
            "neither a folder nor a tokenizer on the hub that can be reached (only the command "
            "line knows a bundled one by its name; in Python, bench.bundled.tokenizer_path gives "
            "its folder): "
        )
    if path.exists():
        hint = "the tokenizer cannot be loaded, its files may be damaged: "
    return f"{hint}{type(error).__name__}: {one_line(error) or 'no reason given'}"
