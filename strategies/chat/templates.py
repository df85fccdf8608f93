"""The chat template that is used: one that is given, or the tokenizer's own."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from strategies.errors import InputError, one_line

_FIELD = "chat_template"


def template_text(template: str | PathLike[str] | None) -> str | None:
    """Return the text of a chat template that is given as text or as a file.

    Raises
    ------
    InputError
        If the file cannot be read, or is JSON that holds no single template.
    """
    if template is None:
        return None
    if isinstance(template, str) and ("{" in template or "\n" in template):
        return _unwrapped(template, None)
    if not str(template):
        raise InputError("is empty; name a file", field="template")
    path = Path(template)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("the template is not UTF-8 text", file=path) from None
    except OSError as error:
        raise InputError(f"cannot read the template: {error.strerror}", file=path) from None
    if not text:
        # It would render nothing, and every ISL would silently be 0.
        raise InputError("the template is empty", file=path)
    return _unwrapped(text, path)


def _unwrapped(text: str, path: Path | None) -> str:
    """Return the text, or the template inside it if the text is JSON.

    A template rendered from JSON would write the JSON itself in front of every prompt.
    """
    begins = text.lstrip("\ufeff \t\r\n")
    place = path or "template"
    try:
        content = json.loads(begins)
    except (ValueError, RecursionError) as error:
        if path is not None and path.suffix == ".json":
            raise InputError(
                f"is named as JSON, but cannot be read as JSON: {one_line(error)}; "
                "rename it if it is a template",
                file=path,
            ) from None
        return text
    if not isinstance(content, dict) or _FIELD not in content:
        raise InputError(f"is JSON without the field {_FIELD!r}, and no template", file=place)
    return _single(content[_FIELD], place)


def _single(template: object, place: Path | str) -> str:
    """Return the value of the field, which must be one text."""
    if isinstance(template, (list, dict)):
        names = ", ".join(sorted(_names_in(template))) or "none"
        raise InputError(
            f"must be one template, but holds several by name ({names}); save one as a file",
            file=place,
            field=_FIELD,
        )
    if not isinstance(template, str):
        raise InputError("must be the text of a template", file=place, field=_FIELD)
    if not template:
        raise InputError("the template is empty", file=place, field=_FIELD)
    return template


def _names_in(templates: list[Any] | dict[str, Any]) -> list[str]:
    if isinstance(templates, dict):
        return list(templates)
    return [str(each["name"]) for each in templates if isinstance(each, dict) and "name" in each]
