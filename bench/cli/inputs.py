"""Datasets and tokenizers as the command line reads them: with progress and warnings."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench.cli.console import warn
from bench.cli.progress import working
from strategies import ChatSpec, ChatTokenizer, Conversation, read_conversations
from strategies.conversations.messages import ToolArguments

if TYPE_CHECKING:
    from bench.reporting.dataset import Dataset


def bundled_sample(size: str, tool_arguments: ToolArguments) -> Dataset:
    """Return the bundled sample of a size."""
    from bench.reporting.dataset import Dataset
    from bench.samples import sample_bytes

    data = sample_bytes(size)
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(data)
        file.flush()
        conversations = read_conversations(file.name, tool_arguments=tool_arguments)
    return Dataset(f"bundled sample ({size})", hashlib.sha256(data).hexdigest(), conversations)


def read_dataset(
    dataset: Path, tool_arguments: ToolArguments, console: Console
) -> Sequence[Conversation]:
    """Read a dataset, and warn about content that templates may leave out."""
    with working(console, f"reading {dataset.name}"):
        conversations = read_conversations(dataset, tool_arguments=tool_arguments)
    messages = (message for conversation in conversations for message in conversation.messages)
    parts = sum(isinstance(message.get("content"), list) for message in messages)
    if parts:
        # The reference hands them over as they are; a server may join their texts first.
        told = "many templates leave it out or write it as a list"
        warn(console, dataset.name, [f"messages with content in parts: {parts:,}; {told}"])
    return conversations


def load_tokenizer(spec: ChatSpec, console: Console) -> ChatTokenizer:
    """Load a tokenizer and pass on what transformers warned about."""
    with working(console, f"loading {spec.name_or_path}"):
        chat = ChatTokenizer(spec)
    warn(console, chat.name, chat.warnings)
    return chat
