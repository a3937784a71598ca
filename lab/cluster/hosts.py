"""The lab's block in /etc/hosts: names for published addresses, between two marks; every other byte of the file stays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ops.errors import OpsError

FILE: Final = Path("/etc/hosts")


def ensure(slot: str, names: Mapping[str, Sequence[str]], file: Path = FILE) -> bool:
    """Make the block of ``slot`` say ``names`` (by address), remove it when there are none; return whether the file changed.

    Raises:
        OpsError: the file cannot be written.
    """
    try:
        before = file.read_bytes()
    except FileNotFoundError:
        before = b""
    after = replaced(before, slot, names)
    if after == before:
        return False
    try:
        _write(file, after)
    except OSError as error:
        raise OpsError(
            f"{file} cannot be written: {error.strerror}.", "make it writable for root: the lab writes its host names there."
        ) from error
    return True


def replaced(text: bytes, slot: str, names: Mapping[str, Sequence[str]]) -> bytes:
    """Return ``text`` with the block of ``slot`` replaced. Adding a block and removing it gives back the same bytes."""
    end = f"# {slot} end\n".encode()
    own_line, joined = f"# {slot} begin\n".encode(), f"\n# {slot} begin, the line above had no end\n".encode()
    for begin in (joined, own_line):
        start = text.find(begin)
        if start >= 0:
            stop = text.find(end, start)
            # A block without an end was cut short by other hands: its first mark alone goes.
            text = text[:start] + (text[stop + len(end) :] if stop >= 0 else text[start + len(begin) :])
    lines = [f"{address} {' '.join(words)}\n".encode() for address, words in sorted(names.items()) if words]
    if not lines:
        return text
    begin = joined if text and not text.endswith(b"\n") else own_line
    return text + begin + b"".join(lines) + end


def _write(file: Path, text: bytes) -> None:
    partial = file.with_name(f".{file.name}.portus-lab")
    status = file.stat() if file.exists() else None
    try:
        partial.write_bytes(text)
        partial.chmod(status.st_mode & 0o7777 if status else 0o644)
        if status:
            os.chown(partial, status.st_uid, status.st_gid)
        partial.rename(file)
    except OSError:
        partial.unlink(missing_ok=True)
        file.write_bytes(text)  # a container's /etc/hosts is a mount: it can be written but not replaced
