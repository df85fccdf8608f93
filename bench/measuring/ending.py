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
        _kill([root, *root.children(recursive=True)])
    except psutil.NoSuchProcess:
        return


def kill_descendants(pid: int) -> None:
    """Kill the descendants of a process, and wait until they are gone."""
    try:
        _kill(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return


def _kill(processes: list[psutil.Process]) -> None:
    killed = []
    for process in processes:
        try:
            # A resource tracker ends with the last process that uses it, and then removes the
            # semaphores that killed processes have left.
            if not any("multiprocessing.resource_tracker" in word for word in process.cmdline()):
                process.kill()
                killed.append(process)
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(killed, timeout=5)
