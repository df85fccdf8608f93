"""How much of what is rendered repeats."""

from __future__ import annotations

from . import workloads


class Repetition:
    """What reuse can save at most; it changes with templates and data, not with speed."""

    params = (workloads.FAMILIES, workloads.SHAPES)
    param_names = ("family", "shape")
    version = workloads.version(1)
    unit = "rendered / distinct"
    timeout = 120

    def track_amplification(self, family: str, shape: str) -> float:
        """Return characters rendered over characters of distinct spans."""
        measure = workloads.project("strategies").amplification
        factor: float = measure(workloads.conversations(shape), workloads.chat(family)).factor
        return factor
