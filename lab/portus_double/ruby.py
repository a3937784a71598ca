"""What Ruby itself does: the files of RUBYOPT, the encoding of text from the environment, whom its OpenSSL trusts; and memory it takes."""

from __future__ import annotations

import os
import re
import signal
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from .errors import ApplicationError

MIB: Final = 1024 * 1024
BOOT: Final = 215 * MIB
"""A Rails that loads the whole application: worker, rake task, look at the database. Peaks of 2.4.3 and 2.5 with one Puma worker
(portus-images.md), as the next two."""
WEB: Final = 302 * MIB
"""The web at its first ``/api/v1/health``."""
FURTHER_PUMA_WORKER: Final = 105 * MIB
LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def take(needed: int) -> None:
    """End this process as the kernel does where the container's limit is lower than ``needed`` bytes.

    So a limit ends the double where it ends the genuine application, without the memory itself.
    """
    for name in LIMITS:
        try:
            limit = Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if limit.isdigit() and int(limit) < needed:
            os.kill(os.getpid(), signal.SIGKILL)
        return


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


IMPORTED: Final = "/var/lib/ca-certificates/ca-bundle.pem"
"""What the start script imported from ``/certificates``; part of the system's store in the image."""


def trust_defaults(context: ssl.SSLContext) -> None:
    """Let ``context`` trust what OpenSSL trusts by default: ``SSL_CERT_FILE``, ``SSL_CERT_DIR``, the system's store."""
    context.load_default_certs()
    if "SSL_CERT_DIR" not in os.environ and Path(IMPORTED).is_file():
        context.load_verify_locations(IMPORTED)


def _required(environ: Mapping[str, str]) -> Iterator[Path]:
    for option in environ.get("RUBYOPT", "").split():
        if option.startswith("-r/"):
            yield Path(option[2:])
