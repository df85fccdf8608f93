"""Compare all cells, some at the same time, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from queue import SimpleQueue

from bench.matrix.cell import compare_cell
from bench.matrix.result import Cell, Checked, Matrix
from bench.measuring.fresh import FreshProcesses, fresh_processes
from bench.measuring.machine import available
from strategies import ChatSpec, Conversation


def compare_cells(
    matrix: Matrix,
    specs: Mapping[tuple[str, str], ChatSpec],
    conversations: Sequence[Conversation],
    *,
    jobs: int,
    progress: Callable[[float], None],
    interim: Callable[[Matrix], None],
) -> Matrix:
    """Fill a matrix with the cells that it lacks.

    Parameters
    ----------
    matrix
        What is known. Cells that it has are not compared again.
    specs
        How to load the tokenizer with the template, by the names of both.
    conversations
        What to count in each cell.
    jobs
        Cells that are compared at the same time.
    progress
        Called with 1 after each cell.
    interim
        Called with the matrix after each cell, for example to keep it.

    Returns
    -------
    Matrix
        With all cells, in the order of tokenizers and templates.

    Raises
    ------
    JobDiedError
        If the process that starts all others has ended.
    """
    known = {(cell.tokenizer, cell.template): cell for cell in matrix.cells}
    wanted = [names for names in specs if names not in known]
    names = (*matrix.strategies, *matrix.others)

    def ordered() -> Matrix:
        cells = tuple(known[each] for each in specs if each in known)
        return replace(matrix, cells=cells)

    for each in _cells(wanted, specs, names, conversations, min(jobs, len(wanted))):
        known[each.tokenizer, each.template] = each
        progress(1)
        interim(ordered())
    return ordered()


def _cells(
    wanted: Sequence[tuple[str, str]],
    specs: Mapping[tuple[str, str], ChatSpec],
    strategies: Sequence[str],
    conversations: Sequence[Conversation],
    jobs: int,
) -> Iterator[Cell]:
    """Yield cells as they are done."""
    if not wanted:
        return
    idle: SimpleQueue[FreshProcesses] = SimpleQueue()

    def compared(names: tuple[str, str]) -> Cell:
        processes = idle.get()
        try:
            return _compared(processes, specs[names], names, strategies, conversations)
        finally:
            idle.put(processes)

    with ExitStack() as stack:
        for _ in range(jobs):
            idle.put(stack.enter_context(fresh_processes()))
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        # After an interruption, cells that have not begun are not.
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        for future in as_completed([pool.submit(compared, names) for names in wanted]):
            yield future.result()


def _compared(
    processes: FreshProcesses,
    spec: ChatSpec,
    names: tuple[str, str],
    strategies: Sequence[str],
    conversations: Sequence[Conversation],
) -> Cell:
    def run(some: Sequence[str]) -> Cell | str:
        arguments = (spec, names, some, conversations)
        outcome = processes.run(compare_cell, *arguments, cores=available(), sample_memory=False)
        return outcome.result if isinstance(outcome.result, Cell) else str(outcome.failure)

    whole = run(strategies)
    if isinstance(whole, Cell):
        return whole
    # Something ended the process. Each strategy alone shows which one it was.
    cell = run(())
    if isinstance(cell, str):
        return Cell(*names, reason=cell)
    checked: list[Checked] = []
    for name in strategies:
        alone = run([name])
        checked += (
            alone.checked if isinstance(alone, Cell) else [Checked(name, "failed", reason=alone)]
        )
    return replace(cell, checked=tuple(checked))
