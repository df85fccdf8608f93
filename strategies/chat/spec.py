"""The specification of a chat tokenizer: all that it takes to load the same one again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from os import PathLike
from typing import Any

from strategies.chat.kwargs import check_kwargs
from strategies.chat.templates import template_file, template_text
from strategies.conversations.conversation import ToolArguments
from strategies.errors import InputError, one_line
from strategies.profiles.catalog import DEFAULT_PROFILE, profile_named
from strategies.renderers.registry import renderer_named


@dataclass(frozen=True, slots=True)
class ChatSpec:
    """Everything that loads the same `ChatTokenizer` again, in this process or another.

    Parameters
    ----------
    name_or_path
        Hub name, folder, or SentencePiece ``.model`` file.
    template
        Text that replaces the tokenizer's own chat template, or None.
    template_name
        Name of the one to use of the tokenizer's own chat templates, or None.
    template_kwargs
        Variables for the template, as canonical JSON.
    revision
        Commit, branch or tag on the hub, or None.
    trust_remote_code
        Whether Python code that the repository brings may run.
    clock
        The instant that templates read as now.
    messages
        Name of the messages profile.
    template_file
        Where the text of `template` was read, for messages alone; None if it was given as text.
    renderer
        Name of the renderer in code that counts instead of a template, or None. `name_or_path`
        then names its vocabulary, and `messages` is the default.
    """

    name_or_path: str
    template: str | None
    template_name: str | None
    template_kwargs: str
    revision: str | None
    trust_remote_code: bool
    clock: datetime
    messages: str
    template_file: str | None = field(default=None, compare=False)
    renderer: str | None = None

    @property
    def tool_arguments(self) -> ToolArguments:
        """How to read arguments of tool calls, for prompts as servers make them.

        A renderer in code gets JSON texts as clients send them, and a template gets objects.
        """
        return "objects" if self.renderer is None else "as-given"


def chat_spec(
    name_or_path: str | PathLike[str],
    *,
    template: str | PathLike[str] | None = None,
    template_name: str | None = None,
    template_kwargs: Mapping[str, Any] | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    clock: datetime | None = None,
    messages: str | None = None,
    renderer: str | None = None,
) -> ChatSpec:
    """Return the specification of a tokenizer without loading it.

    Parameters
    ----------
    name_or_path
        A Hugging Face hub name, a local folder, or a SentencePiece ``.model`` file (which
        needs `template`).
    template
        A template file, or the text of a template, instead of the tokenizer's own. A JSON file
        must hold it in its field ``chat_template``.
    template_name
        Which of the tokenizer's own chat templates to use, such as ``tool_use``, if it has
        several. By default transformers chooses for each conversation: ``tool_use`` if it has
        tools and there is one of that name, else ``default``.
    template_kwargs
        Variables for the template, such as ``{"enable_thinking": false}``.
    revision
        Commit, branch or tag on the hub.
    trust_remote_code
        Run Python code that the repository brings. Off by default.
    clock
        The instant that templates read as now. By default today at 00:00, so that all runs
        of a day agree.
    messages
        Name of the messages profile: ``"vllm"`` (the default), as that server gives messages to
        the template, or ``"as-written"``.
    renderer
        Name of the renderer in code that counts instead of a template, such as ``"harmony"``
        (docs/renderers.md). `name_or_path` is then the folder or file of its vocabulary.

    Raises
    ------
    InputError
        If the template cannot be read, or is given and chosen by name as well. Also if a
        template kwarg is reserved or no JSON data, or there is no such profile or renderer, or if
        a renderer is given with what only templates have.
    """
    spec = unchecked_spec(
        name_or_path,
        template=template,
        template_name=template_name,
        template_kwargs=template_kwargs,
        revision=revision,
        trust_remote_code=trust_remote_code,
        clock=clock,
        messages=messages,
        renderer=renderer,
    )
    if renderer is None:
        check_kwargs(template_kwargs or {}, "template kwargs")
    return spec


def unchecked_spec(
    name_or_path: str | PathLike[str],
    *,
    template: str | PathLike[str] | None = None,
    template_name: str | None = None,
    template_kwargs: Mapping[str, Any] | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    clock: datetime | None = None,
    messages: str | None = None,
    renderer: str | None = None,
) -> ChatSpec:
    """Return a specification as `chat_spec` does; `load` checks the names of its kwargs.

    Checking them takes an import of transformers, and one that was loaded before was checked.

    Parameters
    ----------
    name_or_path, template, template_name, template_kwargs, revision, trust_remote_code, clock, \
    messages, renderer
        As for `chat_spec`.
    """
    if renderer is not None:
        _check_renderer(renderer, template, template_name, revision, messages)
    if template is not None and template_name is not None:
        raise InputError(
            "chooses among the tokenizer's own templates; leave it out, or the template",
            field="template name",
        )
    kwargs = dict(template_kwargs or {})
    try:
        canonical = json.dumps(kwargs, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"not JSON data: {one_line(error)}", field="template kwargs") from None
    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: DTZ005  # templates write local dates
    return ChatSpec(
        name_or_path=str(name_or_path),
        template=template_text(template),
        template_name=template_name,
        template_kwargs=canonical,
        revision=revision,
        trust_remote_code=trust_remote_code,
        clock=clock or today,
        messages=profile_named(messages or DEFAULT_PROFILE).name,
        template_file=template_file(template),
        renderer=renderer,
    )


def _check_renderer(
    renderer: str,
    template: object,
    template_name: str | None,
    revision: str | None,
    messages: str | None,
) -> None:
    renderer_named(renderer)
    for given, what in (
        (template, "a template"),
        (template_name, "a template name"),
        (revision, "a revision"),
        (messages, "a messages profile"),
    ):
        if given is not None:
            raise InputError(
                f"counts with code and its own conversion of messages; leave out {what}",
                field=f"renderer {renderer}",
            )
