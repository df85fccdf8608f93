"""Fields that change a prompt and that no format can read: they are refused by their name.

A field that is ignored silently makes a plausible wrong count, which is worse than an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strategies.errors import InputError

_MEDIA = "media cannot be counted, only text can; take it out, and the placeholder in the text"
_CONTINUES = (
    "a request that continues its last message cannot be counted; take out the field, or the record"
)

_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(
        ("image", "images", "audio", "audios", "video", "videos", "input_audio"), _MEDIA
    ),
    **dict.fromkeys(("prefix", "partial", "continue_final_message"), _CONTINUES),
}
"""Why a field of a record, row or message is refused if it has a value."""

_REFUSED_IN_RECORDS: Mapping[str, str] = {
    **_REFUSED,
    "chat_template_kwargs": "kwargs apply to the whole dataset; take out the field, and give "
    "them with --template-kwargs",
    "documents": "documents apply to the whole dataset; take out the field, and give them with "
    "--template-kwargs",
}

_REFUSED_IN_MESSAGES: Mapping[str, str] = {
    **_REFUSED,
    "tools": "tools belong to the record, not to a message",
    "functions": "functions belong to the record, not to a message",
}


def refuse_in_record(record: Mapping[str, Any], line: int) -> None:
    """Refuse a record or row with a field that changes its prompts and cannot be read.

    Raises
    ------
    InputError
        With line and field.
    """
    _refuse(record, _REFUSED_IN_RECORDS, "", line)
    offered = record.get("tools") or record.get("functions")
    if record.get("tool_choice") == "none" and offered:
        # By default vLLM shows the tools to the template all the same; other servers do not.
        raise InputError(
            "servers disagree whether 'none' takes the tools out of the prompt; take out the "
            "field or the tools",
            line=line,
            field="tool_choice",
        )
    if record.get("add_generation_prompt") is False:
        raise InputError(_CONTINUES, line=line, field="add_generation_prompt")


def refuse_in_message(message: Mapping[str, Any], field: str) -> None:
    """Refuse a message with a field that changes a prompt and cannot be read.

    Raises
    ------
    InputError
        With the field.
    """
    _refuse(message, _REFUSED_IN_MESSAGES, field, None)


def _refuse(
    holder: Mapping[str, Any], refused: Mapping[str, str], prefix: str, line: int | None
) -> None:
    for name, reason in refused.items():
        # Null, false and an empty list say nothing.
        if holder.get(name):
            place = f"{prefix}.{name}" if prefix else name
            raise InputError(reason, line=line, field=place)
