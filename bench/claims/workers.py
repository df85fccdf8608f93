"""Threads, processes, and how many of them."""

from __future__ import annotations

from bench.claims.claim import Case, Claim, Evidence, Range
from bench.claims.lab import Lab
from bench.claims.timing import Contender, Times, contest, pools, what_was_timed

FASTER = 1.05
"""A ratio from which on a difference is worth a change of code."""
LITTLE = Range(0.8, 1.25)
MANY = 16
"""The cap of the thread pool that the claims are about."""


def _times(lab: Lab) -> dict[str, Times]:
    return {name: pools(lab, name) for name in lab.effort.timed_tokenizers}


def _threads_to_processes(lab: Lab) -> tuple[Case, ...]:
    threads, processes = ("thread-pool", len(lab.cores)), ("process-pool", len(lab.cores))
    cases = []
    for name, times in _times(lab).items():
        cases.append(Case(f"{name}, warm", times.ratio(threads, processes)))
        if times.opening:
            whole = times.whole_ratio(threads, processes)
            cases.append(Case(f"{name}, with its start", whole))
    return tuple(cases)


def measure_threads(lab: Lab) -> Evidence:
    """Compare the plain call in threads with the plain call alone."""
    threads = ("thread-pool", len(lab.cores))
    cases = [
        Case(name, times.ratio(("sequential", 1), threads)) for name, times in _times(lab).items()
    ]
    return Evidence(tuple(cases), f"{what_was_timed(lab)}, a thread a core")


def measure_processes(lab: Lab) -> Evidence:
    """Compare threads with processes, warm and with their start."""
    return Evidence(_threads_to_processes(lab), f"{what_was_timed(lab)}, a worker a core")


def measure_many(lab: Lab) -> Evidence:
    """Compare many workers with as many as cores."""
    few = len(lab.cores)
    if few >= MANY:
        return Evidence((), f"it needs fewer than {MANY} cores")
    strategies = ("thread-pool", "process-pool")
    contenders: list[Contender] = [(name, n) for name in strategies for n in (few, MANY)]
    times = contest(lab, "bpe-chatml", contenders)
    cases = [
        Case(f"{name}, counting", times.ratio((name, MANY), (name, few))) for name in strategies
    ]
    if times.opening:
        cases += [
            Case(f"{name}, start", times.opening_ratio((name, MANY), (name, few)))
            for name in strategies
        ]
    return Evidence(tuple(cases), f"with bpe-chatml, {what_was_timed(lab)}")


THREADS = Claim(
    name="threads-are-faster",
    question="Is the plain call faster in a pool of threads?",
    experiment=(
        "`thread-pool`, with a tokenizer for each thread, and `sequential` count the same "
        "conversations by turns."
    ),
    quantity="speedup of threads over the plain call",
    supports=Range(low=FASTER),
    measure=measure_threads,
    logarithmic=True,
    timed=True,
)

SAME = Claim(
    name="threads-like-processes",
    question="Is there little difference between threads and processes on the same cores?",
    experiment=(
        "`thread-pool` and `process-pool` count the same conversations by turns, pinned to the "
        "same cores. Warm: the workers have been started. With its start: that is included once."
    ),
    quantity="seconds of threads ÷ seconds of processes",
    supports=LITTLE,
    measure=measure_processes,
    logarithmic=True,
    timed=True,
)

PROCESSES = Claim(
    name="processes-are-better",
    question="Is a process pool better than threads, because the work is bound by the CPU?",
    experiment="The numbers of the question before, held against another range.",
    quantity="seconds of threads ÷ seconds of processes",
    supports=Range(low=FASTER),
    measure=measure_processes,
    logarithmic=True,
    timed=True,
)

OVERSUBSCRIBED = Claim(
    name="sixteen-workers",
    question=f"Do {MANY} workers cost more than one for each core?",
    experiment=f"Both pools count the same conversations, with {MANY} workers and with one a core.",
    quantity=f"seconds of {MANY} workers ÷ seconds of one a core",
    supports=Range(low=FASTER),
    measure=measure_many,
    logarithmic=True,
    timed=True,
)
