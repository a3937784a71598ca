"""The system calls that Python 3.11 has no functions for: namespaces and mounts. Linux only; the caller is root."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Final

NEW_MOUNTS: Final = 0x0002_0000
NEW_HOST_NAME: Final = 0x0400_0000
NEW_IPC: Final = 0x0800_0000
NEW_PIDS: Final = 0x2000_0000
NEW_NETWORK: Final = 0x4000_0000
"""The CLONE_NEW* flags of linux/sched.h that the box uses."""

BIND: Final = 0x1000
RECURSIVE: Final = 0x4000
PRIVATE: Final = 0x4_0000
"""The MS_* flags of linux/mount.h that the box uses."""


def unshare(flags: int) -> None:
    """Move this process into new namespaces; new process ids begin with its next child.

    Raises:
        OSError: the kernel or a sandbox forbids it.
    """
    _call("unshare", flags)


def enter_network(namespace: int) -> None:
    """Move the calling thread into the network namespace behind the descriptor ``namespace``; open sockets stay where they are.

    Raises:
        OSError: the kernel or a sandbox forbids it.
    """
    _call("setns", namespace, NEW_NETWORK)


def mount(source: str | Path, target: str | Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Attach the file system or folder ``source`` at ``target``, by the system call of that name.

    Raises:
        OSError: the kernel refuses; the error names ``target``.
    """
    words = [os.fsencode(word) or None for word in (source, target, kind)]
    _call("mount", *words, ctypes.c_ulong(flags), os.fsencode(options) or None, about=str(target))


def _call(name: str, *arguments: object, about: str = "") -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), about or name)
