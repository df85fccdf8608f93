"""Let the system refuse threads to a process, as it does where their number is limited."""

from __future__ import annotations

import ctypes
import errno
import os
import platform

_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_CLONE_THREAD = 0x10000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x50000
_FLAGS = 16
"""Where the first argument of a system call stands."""


class _Step(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.POINTER(_Step)))


def threads_can_be_refused() -> bool:
    """Whether the kernel takes filters of system calls."""
    if platform.machine() not in _CLONE:
        return False
    child = os.fork()
    if child == 0:
        try:
            refuse_threads()
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def refuse_threads() -> None:
    """Let this process, and those that it starts, start no thread any more.

    The kernel answers as it does if there are too many threads. A limit on their number would not
    hold for root.
    """
    steps = [
        _Step(_LOAD, 0, 0, 0),
        # Its flags are in memory, which a filter cannot read. Without it, clone is used.
        _Step(_EQUAL, 0, 1, _CLONE3),
        _Step(_RETURN, 0, 0, _REFUSE | errno.ENOSYS),
        _Step(_EQUAL, 0, 3, _CLONE[platform.machine()]),
        _Step(_LOAD, 0, 0, _FLAGS),
        _Step(_ANY_BIT, 0, 1, _CLONE_THREAD),
        _Step(_RETURN, 0, 0, _REFUSE | errno.EAGAIN),
        _Step(_RETURN, 0, 0, _ALLOW),
    ]
    program = _Program(len(steps), (_Step * len(steps))(*steps))
    kernel = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, filter_calls, by_program = 38, 22, 2
    # For all threads that run already, too, it would be a call of its own; they start none.
    if kernel.prctl(no_new_privileges, 1, 0, 0, 0) or kernel.prctl(
        filter_calls, by_program, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "system calls cannot be filtered")
