"""Peak memory is that of a whole process tree, and killing kills the whole tree."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from bench.measuring.ending import end_children, kill_tree
from bench.measuring.memory import PeakMemory, tree_pss, tree_rss
from tests.conftest import eventually, is_alive

HOLDS = 40 << 20

# A child and a grandchild. Each allocates that much memory, then prints a line.
TREE = f"""
import subprocess, sys
held = b"x" * {HOLDS}
deeper = int(sys.argv[2]) and subprocess.Popen([sys.executable, "-I", "-S", "-c", sys.argv[1], sys.argv[1], str(int(sys.argv[2]) - 1)], stdin=subprocess.PIPE)
if not deeper:
    print("ready", flush=True)
sys.stdin.read()
"""  # noqa: E501  # a program


@pytest.fixture
def tree() -> Iterator[psutil.Process]:
    """A process with a child and a grandchild."""
    command = [sys.executable, "-I", "-S", "-c", TREE, TREE, "2"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield psutil.Process(process.pid)
        # The children wait for input from it. When it dies, the input ends, and so do they.
        process.kill()


def alive(processes: list[psutil.Process]) -> bool:
    return any(map(is_alive, processes))


def test_the_memory_of_children_and_their_children_counts_and_its_peak_stays(
    tree: psutil.Process,
) -> None:
    assert len(tree.children(recursive=True)) == 2
    assert HOLDS < tree.memory_info().rss < 2 * HOLDS
    assert tree_rss(tree.pid) > 3 * HOLDS
    with PeakMemory(tree.pid) as memory:
        assert eventually(lambda: memory.rss_bytes > 3 * HOLDS)
        tree.children()[0].kill()
        assert eventually(lambda: tree_rss(tree.pid) < 2 * HOLDS)
        # Long enough for another sample.
        assert not eventually(lambda: memory.rss_bytes < 3 * HOLDS, 0.2)
    assert memory.rss_bytes > 3 * HOLDS


# Two forks of one process. All three share the memory; the last fork has as much of its own.
FORKS = f"""
import os, sys
shared = b"x" * {HOLDS}
first = os.fork()
if first:
    second = os.fork()
    if not second:
        own = b"y" * {HOLDS}
    else:
        print(first, second, flush=True)
sys.stdin.read()
os._exit(0)
"""


def test_memory_that_processes_share_counts_once() -> None:
    command = [sys.executable, "-I", "-S", "-c", FORKS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        first, second = map(int, process.stdout.readline().split())

        def all_once() -> bool:
            whole = tree_pss(process.pid)
            return whole is not None and 2 * HOLDS < whole < 2.5 * HOLDS

        assert eventually(all_once)
        assert tree_rss(process.pid) > 4 * HOLDS
        # A page that all three share counts by a third for each. Asked for the first fork, the
        # origin's third is added.
        alone, with_origin = tree_pss(first), tree_pss(first, process.pid)
        assert alone is not None
        assert with_origin is not None
        assert alone < 0.5 * HOLDS < with_origin < 1.1 * HOLDS
        own = tree_pss(second)
        assert own is not None
        assert HOLDS < own < 1.6 * HOLDS
        process.stdin.close()
    assert tree_pss(process.pid) in {0, None}


def test_a_tree_is_killed_whole_and_then_there_is_nothing(tree: psutil.Process) -> None:
    members = [tree, *tree.children(recursive=True)]
    assert alive(members)
    kill_tree(tree.pid)
    assert not alive(members)
    assert tree_rss(tree.pid) == 0
    end_children(tree.pid)
    kill_tree(tree.pid)


def test_children_are_asked_to_end(tree: psutil.Process) -> None:
    children = tree.children()
    grandchildren = children[0].children()
    # This process does not reap its children, so there is nothing to wait for.
    end_children(tree.pid, grace_seconds=0.5)
    assert alive([tree])
    assert eventually(lambda: not alive(children))
    # Nobody holds the other end of its input open, so it ends.
    assert eventually(lambda: not alive(grandchildren))
