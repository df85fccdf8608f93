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
        members = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in members:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(members, timeout=5)
