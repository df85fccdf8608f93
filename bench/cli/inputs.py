"""Datasets and tokenizers as the command line reads them: with progress and warnings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import Messages, warn
from bench.cli.progress import working
from strategies import ChatSpec, ChatTokenizer
from strategies.conversations.options import ReadOptions

if TYPE_CHECKING:
    from bench.reporting.dataset import Dataset
    from strategies.kept.store import Kept


def bundled_sample(size: str, options: ReadOptions) -> Dataset:
    """Return the bundled sample of a size."""
    from bench.reporting.dataset import dataset_of
    from bench.samples import sample_bytes

    name = f"bundled sample ({size})"
    return dataset_of(sample_bytes(size), name, options)


def read_dataset(path: Path, options: ReadOptions, console: Messages) -> Dataset:
    """Read a dataset from a file, and pass on what the reader warns about.

    Parameters
    ----------
    path
        The file.
    options
        How to read it.
    console
        Where progress and warnings go.

    Raises
    ------
    InputError
        If it cannot be read, or is no dataset.
    """
    from bench.reporting.dataset import read_dataset_file

    with working(console, f"reading {path.name}"):
        dataset = read_dataset_file(path, options)
    warn(console, path.name, dataset.conversations.warnings)
    return dataset


def load_tokenizer(spec: ChatSpec, console: Messages, kept: Kept | None = None) -> ChatTokenizer:
    """Load a tokenizer and pass on what transformers warned about.

    Parameters
    ----------
    spec
        The tokenizer.
    console
        Where progress and warnings go.
    kept
        What is kept of it between runs, if anything is.
    """
    with working(console, f"loading {spec.name_or_path}"):
        chat = ChatTokenizer(spec, kept)
    warn(console, chat.name, chat.warnings)
    return chat
