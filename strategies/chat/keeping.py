"""Chat tokenizers between runs: where what is known of one is kept, and what that depends on."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from strategies.chat.facts import PART, Facts
from strategies.chat.spec import ChatSpec
from strategies.kept.files import files_digest
from strategies.kept.libraries import libraries
from strategies.kept.store import Kept
from strategies.runtime.memory import give_back

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strategies.chat.tokenizer import ChatTokenizer
    from strategies.kept.folder import Folder


def kept_of(spec: ChatSpec, folder: Folder) -> Kept | None:
    """Return what is kept of a specification; None if nothing may be.

    A name on the hub has to be asked for again, because what it names may change. What Python
    code of a repository does cannot be known.

    Parameters
    ----------
    spec
        The specification.
    folder
        Where entries lie.
    """
    if spec.renderer is not None:
        # Nothing of it is costly enough.
        return None
    if spec.trust_remote_code or not os.path.exists(spec.name_or_path):  # noqa: PTH110  # raises nothing
        return None
    depends = libraries()
    files = files_digest(spec.name_or_path)
    if files is None:
        return None
    key = _key(spec, files, depends)
    return Kept(key, {"spec": written(spec), "files": files}, folder)


def keep(chat: ChatTokenizer) -> None:
    """Write down what was learned of a tokenizer, for the next run.

    If its files have changed since it was asked for, nothing is written: what was loaded may be
    of the files before or after.
    """
    if chat.kept is None:
        return
    if chat.facts is None:
        facts = _facts_of(chat)
        if facts is None:
            return
        chat.kept.put(PART, facts.to_bytes())
    if chat.kept.changed and files_digest(chat.spec.name_or_path) == chat.kept.about["files"]:
        chat.kept.save()


def let_go(chat: ChatTokenizer) -> None:
    """Free the memory of a loaded tokenizer, if all that a count needs is known of it.

    Something that needs it after all loads it again. Call this when a counter is open that does
    without it.

    Parameters
    ----------
    chat
        The tokenizer.
    """
    if chat.stays or chat.kept is None or chat.facts is not None:
        return
    facts = _facts_of(chat)
    if facts is None:
        return
    chat.kept.put(PART, facts.to_bytes())
    chat.let_go(facts)
    give_back()


def _key(spec: ChatSpec, files: str, depends: Mapping[str, Any]) -> str:
    # Whether the time counts is known only when the template is: see `Facts.clock`.
    timeless = {name: value for name, value in written(spec).items() if name != "clock"}
    text = json.dumps([timeless, files, depends], sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def written(spec: ChatSpec) -> dict[str, Any]:
    """Return a specification as JSON data."""
    fields = {**asdict(spec), "clock": spec.clock.isoformat()}
    # The text says it all: another file with the same text is the same template.
    del fields["template_file"]
    return fields


def spec_from(fields: Mapping[str, Any]) -> ChatSpec:
    """Return the specification that `written` has written."""
    spec = ChatSpec(**fields)
    return replace(spec, clock=datetime.fromisoformat(fields["clock"]))


_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def _facts_of(chat: ChatTokenizer) -> Facts | None:
    """Return the facts of a loaded tokenizer; None if it depends on more than its files say."""
    from transformers import PreTrainedTokenizerBase

    from strategies.chat.traits import traits_of, variables_of

    chooses = type(chat.tokenizer).get_chat_template
    if chooses is not PreTrainedTokenizerBase.get_chat_template:
        # Its own way to choose may look at more than whether there are tools.
        return None
    if _reads_elsewhere(chat):
        return None
    without_tools, with_tools = _text(chat, None), _text(chat, [_TOOL])
    texts = {text for text in (without_tools, with_tools) if text is not None}
    return Facts(
        warnings=chat.warnings,
        template=chat.template,
        without_tools=without_tools,
        with_tools=with_tools,
        traits={text: traits_of(text) for text in sorted(texts)},
        variables={text: variables_of(text) for text in sorted(texts)},
        kind=chat.kind,
        family=chat.family,
        renders_plainly=chat.renders_plainly,
        tokenizer_sha256=chat.tokenizer_sha256,
        template_sha256=chat.template_sha256,
        digest=chat.digest(),
        clock=chat.spec.clock.isoformat() if chat.reads_clock else None,
    )


def _text(chat: ChatTokenizer, tools: list[dict[str, Any]] | None) -> str | None:
    try:
        text: str = chat.tokenizer.get_chat_template(chat.template, tools)
    except ValueError:
        # There are several, and none for this.
        return None
    return text


def _reads_elsewhere(chat: ChatTokenizer) -> bool:
    """Whether the configuration of a tokenizer names a file outside of its folder."""
    path = os.path.abspath(chat.spec.name_or_path)  # noqa: PTH100  # links stay
    folder = path if os.path.isdir(path) else os.path.dirname(path)  # noqa: PTH112, PTH120  # of a text
    named = [
        value
        for name, value in chat.tokenizer.init_kwargs.items()
        if name.endswith("_file") and isinstance(value, str)
    ]
    return any(os.path.dirname(os.path.abspath(each)) != folder for each in named)  # noqa: PTH100, PTH120
