"""The chat template that is used: one that is given, one chosen by name, or the tokenizer's own."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from strategies.errors import InputError, one_line

PROCESSOR_FILE = "chat_template.json"
"""Where older processors keep the chat template. The tokenizers of transformers do not read it."""
_FIELD = "chat_template"


def template_file(template: str | PathLike[str] | None) -> str | None:
    """Return the path if a chat template is given as a file, else None."""
    if template is None or (isinstance(template, str) and ("{" in template or "\n" in template)):
        return None
    return str(template)


def template_text(template: str | PathLike[str] | None) -> str | None:
    """Return the text of a chat template that is given as text or as a file.

    Raises
    ------
    InputError
        If the file cannot be read, or is JSON that holds no single template.
    """
    if template is None:
        return None
    if isinstance(template, str) and template_file(template) is None:
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


def named_template(tokenizer: Any, name: str, file: str) -> str:
    """Return the tokenizer's chat template of that name.

    Parameters
    ----------
    tokenizer
        A transformers tokenizer.
    name
        The name, such as ``tool_use``.
    file
        Name or path of the tokenizer, for errors.

    Raises
    ------
    InputError
        If there is none of that name; it lists those that exist.
    """
    templates = getattr(tokenizer, "chat_template", None)
    if isinstance(templates, dict) and name in templates:
        text: str = templates[name]
        return text
    if isinstance(templates, dict):
        there = f"there are {', '.join(sorted(templates))}"
    else:
        there = "its only one has no name" if templates else "it has none at all"
    raise InputError(f"has no chat template named {name!r}; {there}", file=file)


def use_processor_template(tokenizer: Any, path: Path) -> list[str]:
    """Give a tokenizer the chat template of its processor if it has none; return warnings.

    Parameters
    ----------
    tokenizer
        A transformers tokenizer, which is changed.
    path
        The processor's template, a file beside those of the tokenizer.

    Raises
    ------
    InputError
        If the template is needed, and its file is damaged.
    """
    own = tokenizer.chat_template
    if not own:
        tokenizer.chat_template = template_text(path)
        return [f"the chat template is that of {PROCESSOR_FILE}; the tokenizer itself has none"]
    try:
        differs = template_text(path) != own
    except InputError:
        # It is not needed.
        return []
    if not differs:
        return []
    told = f"that of {PROCESSOR_FILE} differs, and --template {path} would use it"
    return [f"the chat template is the tokenizer's own; {told}"]
