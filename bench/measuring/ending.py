"""End processes, and the processes that they have started."""

from __future__ import annotations

import psutil


def end_children(pid: int, grace_seconds: float = 3.0) -> None:
    """Ask the children of a process to end, and wait a little for them to do so."""
    try:
        children = psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return
    for child in children:
        try:
            child.terminate()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(children, timeout=grace_seconds)


def kill_tree(pid: int) -> None:
    """Kill a process and its descendants, and wait until they are gone."""
    try:
        root = psutil.Process(pid)
        # So that it starts no more while its descendants are killed.
        root.suspend()
        killed = _kill_below(root)
        root.kill()
        psutil.wait_procs([root, *killed], timeout=5)
    except psutil.NoSuchProcess:
        return


def kill_descendants(pid: int) -> None:
    """Kill the descendants of a process, and wait until they are gone."""
    try:
        psutil.wait_procs(_kill_below(psutil.Process(pid)), timeout=5)
    except psutil.NoSuchProcess:
        return


def _kill_below(root: psutil.Process) -> list[psutil.Process]:
    """Kill the descendants of a process, and return those that were there."""
    killed: list[psutil.Process] = []
    # Twice, because one of them may have started another meanwhile.
    for _ in range(2):
        killed += filter(_kill, root.children(recursive=True))
    return killed


def _kill(process: psutil.Process) -> bool:
    """Kill a process, and return whether it was there."""
    try:
        # A resource tracker ends with the last process that uses it, and then removes the
        # semaphores that killed processes have left.
        if process.status() == psutil.STATUS_ZOMBIE or any(
            "multiprocessing.resource_tracker" in word for word in process.cmdline()
        ):
            return False
        process.kill()
    except psutil.NoSuchProcess:
        return False
    return True
