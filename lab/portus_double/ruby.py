"""What Ruby itself does before the application: the files of RUBYOPT, and the encoding of text from the environment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from .errors import ApplicationError

_SYNC: Final = re.compile(r"^\s*(\$stdout|STDOUT)\.sync\s*=\s*true", re.MULTILINE)


def start(environ: Mapping[str, str]) -> None:
    """Load what RUBYOPT names.

    Raises:
        ApplicationError: a file of it is missing, with which no Ruby starts.
    """
    for path in _required(environ):
        if not path.is_file():
            raise ApplicationError("LoadError", f"cannot load such file -- {path}")


def writes_at_once(environ: Mapping[str, str]) -> bool:
    """Return whether a file of RUBYOPT has standard output written line by line."""
    return any(_SYNC.search(path.read_text(encoding="utf-8")) for path in _required(environ))


def reads_utf8(environ: Mapping[str, str]) -> bool:
    """Return whether the locale takes text of the environment for UTF-8; without one it is ASCII (Leap's C locale).

    LC_CTYPE is left out: Python itself sets it where nothing else is (PEP 538).
    """
    locale = environ.get("LC_ALL") or environ.get("LANG") or "C"
    return locale.lower().replace("-", "").endswith(".utf8")


def _required(environ: Mapping[str, str]) -> Iterator[Path]:
    for option in environ.get("RUBYOPT", "").split():
        if option.startswith("-r/"):
            yield Path(option[2:])
