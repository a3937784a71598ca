"""The cache of built things, keyed by everything that decides their content; built once, whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.errors import LabError
from lab.paths import cache


def key(*parts: str | bytes) -> str:
    """Return 16 hex digits that change when any part does (order and borders count)."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:16]


def tree_key(*roots: Path) -> str:
    """Return the key of the files' names, modes and content under ``roots`` (compiled Python left out)."""
    parts: list[str | bytes] = []
    for root in roots:
        files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        for file in files:
            name = file.name if file == root else str(file.relative_to(root))
            parts += [name, "x" if os.access(file, os.X_OK) else "-", file.read_bytes()]
    return key(*parts)


def find(name: str, version_key: str) -> Path | None:
    """Return the folder of a finished entry, or None."""
    folder = cache() / name / version_key
    return folder if folder.is_dir() else None


def build(name: str, version_key: str, maker: Callable[[Path], None], *, needs_gib: float = 1.0) -> Path:
    """Return the folder of entry ``name`` for ``version_key``, calling ``maker(folder)`` when it is not there.

    The maker fills a work folder that is renamed at its end, so a half-built entry is never taken for a whole one; the work
    folder stays after an interruption, so that a maker which looks at what it finds can resume. Two checkouts that want
    the same entry build it once: the second waits.

    Raises:
        LabError: less than ``needs_gib`` GiB are free where the cache lies.
    """
    target = cache() / name / version_key
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target.parent / ".lock"):
        if target.is_dir():
            return target
        free = shutil.disk_usage(target.parent).free / 2**30
        if free < needs_gib:
            raise LabError(
                f"building {name} needs {needs_gib:.1f} GiB in {cache()}, {free:.1f} GiB are free.",
                "Free some space, or point PORTUS_LAB_CACHE at another disk.",
            )
        work = target.parent / f".{version_key}.partial"
        work.mkdir(exist_ok=True)
        maker(work)
        work.rename(target)
    return target


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
