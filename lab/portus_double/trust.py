"""Whom the application trusts: OpenSSL's default places (``SSL_CERT_FILE``, ``SSL_CERT_DIR``, the system's store)."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

IMPORTED: Final = "/var/lib/ca-certificates/ca-bundle.pem"
"""What the start script imported from ``/certificates``; part of the system's store in the image."""


def load_default(context: ssl.SSLContext) -> None:
    """Let ``context`` trust what OpenSSL trusts by default."""
    context.load_default_certs()
    if "SSL_CERT_DIR" not in os.environ and Path(IMPORTED).is_file():
        context.load_verify_locations(IMPORTED)
