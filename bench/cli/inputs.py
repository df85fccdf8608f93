"""Datasets and tokenizers as the command line reads them: with progress and warnings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.cli.console import warn
from bench.cli.progress import working
from strategies import ChatSpec, ChatTokenizer
from strategies.conversations.conversation import ToolArguments

if TYPE_CHECKING:
    from bench.reporting.dataset import Dataset


def bundled_sample(size: str, tool_arguments: ToolArguments) -> Dataset:
    """Return the bundled sample of a size."""
    from bench.reporting.dataset import dataset_of
    from bench.samples import sample_bytes

    name = f"bundled sample ({size})"
    return dataset_of(sample_bytes(size), name, tool_arguments)


def read_dataset(path: Path, tool_arguments: ToolArguments, console: Console) -> Dataset:
    """Read a dataset from a file.

    Parameters
    ----------
    path
        The file.
    tool_arguments
        Whether arguments of tool calls that are JSON strings become objects.
    console
        Where progress goes.

    Raises
    ------
    InputError
        If it cannot be read, or is no dataset.
    """
    from bench.reporting.dataset import read_dataset_file

    with working(console, f"reading {path.name}"):
        return read_dataset_file(path, tool_arguments)


def load_tokenizer(spec: ChatSpec, console: Console) -> ChatTokenizer:
    """Load a tokenizer and pass on what transformers warned about."""
    with working(console, f"loading {spec.name_or_path}"):
        chat = ChatTokenizer(spec)
    warn(console, chat.name, chat.warnings)
    return chat
