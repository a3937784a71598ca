"""The cache of built things, keyed by everything that decides their content; built once, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from ops.console import console, escape
from ops.errors import OpsError
from ops.paths import cache

Entry = tuple[str, str]
"""Name and version key of a built thing."""

WHOLE: Final = ".whole.json"
"""File of a finished entry: the size of each file at its top. An entry that lacks one of them, or has one cut short, is built again.
Older entries have no such file and are used as they are."""

FULL_BYTES: Final = 64 * 2**20
"""If less than this is left, a program that failed is assumed to have failed for lack of space."""

ELSEWHERE: Final = "set PORTUS_LAB_CACHE to another folder"


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
    """Return the folder of a finished, whole entry, or None."""
    folder = cache() / name / version_key
    return folder if folder.is_dir() and _is_whole(folder) else None


def build(name: str, version_key: str, maker: Callable[[Path], None], *, needs_gib: float = 1.0) -> Path:
    """Return the folder of entry ``name`` for ``version_key``, calling ``maker(folder)`` when it is not there or not whole.

    The maker fills a work folder that is renamed at its end, so a half-built entry is never taken for a whole one; the work
    folder stays after an interruption, so that a maker which looks at what it finds can resume. Two checkouts that want
    the same entry build it once: the second waits, and says so.

    Raises:
        OpsError: less than ``needs_gib`` GiB are free where the cache lies, the disk filled up meanwhile, or the cache cannot be written.
    """
    entry = (name, version_key)
    return build_all([entry], lambda folders: maker(folders[entry]), needs_gib=needs_gib)[entry]


def build_all(entries: Sequence[Entry], maker: Callable[[Mapping[Entry, Path]], None], *, needs_gib: float = 1.0) -> dict[Entry, Path]:
    """Return the folder of each entry, calling ``maker`` once with the work folders of all that are missing; else as `build`."""
    found = {entry: folder for entry in entries if (folder := find(*entry)) is not None}
    if len(found) < len(entries):
        with _cache_errors(), contextlib.ExitStack() as locks:
            for name in sorted({name for name, _ in entries}):  # in one order, so that no two wait for each other
                locks.enter_context(_lock(name))
            _build_missing([entry for entry in entries if find(*entry) is None], maker, needs_gib)
    return {(name, version): cache() / name / version for name, version in entries}


def _build_missing(missing: Sequence[Entry], maker: Callable[[Mapping[Entry, Path]], None], needs_gib: float) -> None:
    if not missing:
        return
    names = ", ".join(name for name, _ in missing)
    free = shutil.disk_usage(cache()).free / 2**30
    if free < needs_gib:
        raise OpsError(
            f"building {names} needs {needs_gib:.1f} GiB in {cache()}, {free:.1f} GiB are free.",
            "free some space, or set PORTUS_LAB_CACHE to a folder on another disk.",
        )
    work = {(name, version): cache() / name / f".{version}.partial" for name, version in missing}
    for folder in work.values():
        folder.mkdir(exist_ok=True)
    maker(work)
    for (name, version), folder in work.items():
        (folder / WHOLE).write_text(json.dumps(_sizes(folder)), encoding="utf-8")
        target = cache() / name / version
        if target.exists():
            shutil.rmtree(target)  # it is there and not whole
        folder.rename(target)


def _sizes(folder: Path) -> dict[str, int]:
    """Return the size of each file at the top of ``folder``, also of those that links there lead to."""
    return {file.name: file.stat().st_size for file in folder.iterdir() if file.name != WHOLE and file.is_file()}


def _is_whole(folder: Path) -> bool:
    try:
        noted = json.loads((folder / WHOLE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    sizes = _sizes(folder)
    return all(sizes.get(name) == size for name, size in noted.items())


@contextlib.contextmanager
def _cache_errors() -> Iterator[None]:
    """Turn the error of a cache that cannot be written into one with its fix."""
    where = cache()
    full = f"the disk of the lab's cache {where} is full."
    fix = f"free some space and repeat the command; or: {ELSEWHERE}."
    try:
        yield
    except OpsError as error:
        if where.is_dir() and shutil.disk_usage(where).free < FULL_BYTES:
            raise OpsError(full, fix, error.excerpt or error.problem) from error
        raise
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise OpsError(full, fix) from error
        named = None if error.filename is None else Path(os.fsdecode(error.filename))
        if named is None or not (named == where or where in named.parents or named in where.parents):
            raise  # a file elsewhere
        raise OpsError(
            f"the lab's cache {where} must be a folder that can be written: {error.strerror}.", f"{ELSEWHERE}, or make it writable."
        ) from error


@contextlib.contextmanager
def _lock(name: str) -> Iterator[None]:
    folder = cache() / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print(f"  … another run builds {escape(name)}: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
