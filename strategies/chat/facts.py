"""What a count needs to know of a loaded tokenizer, so that it need not be loaded again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from strategies.profiles.profile import Traits

PART = "chat"
"""Name under which they are kept."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a tokenizer that was loaded before, and has passed all checks.

    Parameters
    ----------
    warnings, template
        Those of the `ChatTokenizer`.
    without_tools, with_tools
        The text of the template for conversations without and with tools; None if there is
        none.
    traits, variables
        Of each of these texts, what a messages profile asks, and which names it has.
    kind, family
        The tokenizer's class, and its kind by what decides its speed.
    renders_plainly
        Whether rendering is a step apart.
    tokenizer_sha256, template_sha256, digest
        Of the state of the tokenizer, of the template, and of both.
    clock
        The instant at which it was loaded, if a template reads it.
    """

    warnings: tuple[str, ...]
    template: str | None
    without_tools: str | None
    with_tools: str | None
    traits: Mapping[str, Traits]
    variables: Mapping[str, frozenset[str]]
    kind: str
    family: str
    renders_plainly: bool
    tokenizer_sha256: str
    template_sha256: str
    digest: str
    clock: str | None

    def to_bytes(self) -> bytes:
        """Return the facts as JSON."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields["traits"] = {text: asdict(traits) for text, traits in self.traits.items()}
        fields["variables"] = {text: sorted(names) for text, names in self.variables.items()}
        return json.dumps(fields).encode()


def facts_from(content: bytes) -> Facts:
    """Return the facts that `Facts.to_bytes` has written."""
    fields = json.loads(content)
    fields["warnings"] = tuple(fields["warnings"])
    fields["traits"] = {text: Traits(**traits) for text, traits in fields["traits"].items()}
    fields["variables"] = {text: frozenset(each) for text, each in fields["variables"].items()}
    return Facts(**fields)
