"""What a query process may not do.

Outlive its parent, open a network socket, take more memory than it was given.

Linux only; elsewhere :func:`no_network` says so and the lexical check of ``policy`` stands alone.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_FILTER_FLAG_TSYNC: Final = 1

#: machine → (audit architecture, number of seccomp, of socket, of io_uring_setup); Linux's
#: include/uapi/linux/audit.h and asm/unistd.h.
_MACHINES: Final = {"x86_64": (0xC000003E, 317, 41, 425), "aarch64": (0xC00000B7, 277, 198, 425)}

# Classic BPF (linux/bpf_common.h): load a word of seccomp_data, jump where equal or greater, return.
_LOAD, _EQUAL, _ABOVE, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_X32_BIT: Final = 0x40000000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def die_with_parent() -> None:
    """The kernel kills this process when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def no_network() -> bool:
    """From now on this process can open Unix sockets only; False where the system offers no way to say so.

    A seccomp filter (seccomp(2)): socket() of another family and io_uring_setup(), which could open one, give
    EPERM.
    """
    known = _MACHINES.get(platform.machine()) if sys.platform == "linux" else None
    if known is None:
        return False
    arch, nr_seccomp, nr_socket, nr_uring = known
    steps = [(_LOAD, 0, 0, _ARCH_AT), (_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER_AT)]
    if platform.machine() == "x86_64":
        steps += [(_ABOVE, 0, 1, _X32_BIT), (_RETURN, 0, 0, _REFUSE)]
    steps += [(_EQUAL, 0, 1, nr_uring), (_RETURN, 0, 0, _REFUSE)]
    steps += [
        (_EQUAL, 0, 3, nr_socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_EQUAL, 1, 0, socket.AF_UNIX),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = b"".join(struct.pack("<HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(steps), ctypes.cast(buffer, ctypes.c_void_p).value)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return not libc.syscall(
        nr_seccomp, _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(program)
    )


def limit_memory(extra: int) -> None:
    """Let this process take at most ``extra`` bytes of address space more (setrlimit(2), RLIMIT_AS)."""
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    # A process that is to be killed anyway leaves no core file behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
