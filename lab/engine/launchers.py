"""Launchers: tiny scripts through which the engine starts this checkout's language host and plugins, whatever the environment."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Final

from ops import paths

LANGUAGE_HOST: Final = "pulumi-language-python"
"""The name under which the engine looks for the Python language host."""

_MARK: Final = "# Written by the Portus lab"
_BOOT: Final = "import runpy, sys; sys.path.insert(0, {root!r}); runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"


def write_launcher(path: Path, module: str) -> None:
    """Write a script at ``path`` that runs ``module`` of this checkout with this checkout's Python; an unchanged one is left alone."""
    python = paths.ROOT / ".venv" / "bin" / "python"
    interpreter = str(python if python.is_file() else sys.executable)
    boot = _BOOT.format(root=str(paths.ROOT), module=module)
    text = f'#!/bin/sh\n{_MARK}: it runs {module} of one checkout.\nexec {shlex.quote(interpreter)} -I -c {shlex.quote(boot)} "$@"\n'
    if path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o755)
    fresh.replace(path)


def is_launcher(path: Path) -> bool:
    """Tell whether ``path`` is one of the lab's launchers, of this checkout or another."""
    try:
        with path.open("rb") as file:
            return _MARK.encode() in file.read(200)
    except OSError:
        return False
