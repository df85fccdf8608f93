"""How much of the rendered text repeats."""

from __future__ import annotations

from . import workloads


class Repetition:
    """The most that reuse can save. It depends on templates and data, not on speed."""

    params = (workloads.FAMILIES, workloads.SHAPES)
    param_names = ("family", "shape")
    version = workloads.version(1)
    unit = "rendered / distinct"
    timeout = 120

    def setup(self, family: str, shape: str) -> None:
        """Read the conversations and load the tokenizer."""
        self.conversations = workloads.conversations(shape)
        self.chat = workloads.chat(family)

    def track_amplification(self, family: str, shape: str) -> float:  # noqa: ARG002
        """Return characters rendered over characters of distinct spans."""
        measure = workloads.project("strategies").amplification
        factor: float = measure(self.conversations, self.chat).factor
        return factor
