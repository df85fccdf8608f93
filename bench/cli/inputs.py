"""Datasets and tokenizers as the command line reads them: with progress and warnings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.console import Messages, warn
from bench.cli.progress import working
from strategies import ChatSpec, ChatTokenizer
from strategies.conversations.options import ReadOptions
from strategies.conversations.sources import find_files

if TYPE_CHECKING:
    from bench.reporting.dataset import Dataset
    from strategies.kept.store import Kept


def bundled_sample(size: str, options: ReadOptions) -> Dataset:
    """Return the bundled sample of a size."""
    from bench.reporting.dataset import dataset_of
    from bench.samples import sample_bytes

    name = f"bundled sample ({size})"
    return dataset_of(sample_bytes(size), name, options)


def dataset_files(given: Sequence[Path], console: Messages) -> tuple[Path, ...]:
    """Return the files of a dataset, and say what patterns and folders have brought.

    Parameters
    ----------
    given
        Files, patterns and folders, as a command takes them.
    console
        Where to say it.

    Raises
    ------
    InputError
        As `find_files` does.
    """
    found = find_files(given)
    for line in found.told:
        console.print(line, dim=True)
    return found.files


def read_dataset(given: Sequence[Path], options: ReadOptions, console: Messages) -> Dataset:
    """Read a dataset from files, and pass on what the reader warns about.

    Parameters
    ----------
    given
        Files, patterns and folders that make one dataset.
    options
        How to read it.
    console
        Where progress and warnings go.

    Raises
    ------
    InputError
        If it cannot be read, or is no dataset.
    """
    from bench.reporting.dataset import files_name, read_dataset_files

    files = dataset_files(given, console)
    with working(console, f"reading {files_name(files)}"):
        dataset = read_dataset_files(files, options)
    told: str | None = None
    for file in dataset.files:
        if file.format not in {None, told}:
            tell_format(console, file.path, str(file.format))
            told = file.format
    name = Path(dataset.path).name
    warn(console, name, dataset.conversations.warnings)
    return dataset


def tell_format(console: Messages, name: str, described: str) -> None:
    """Say to whoever sits at a terminal as what a file is read; reports hold it anyway.

    Parameters
    ----------
    console
        Where to say it.
    name
        Of the file.
    described
        Its format, in words.
    """
    if console.is_interactive:
        console.print(f"{name}: read as {described}", dim=True)


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
