"""The key id by which the registry finds the certificate of a token's signature.

libtrust's: SHA-256 of the public key's DER form (SubjectPublicKeyInfo), the first 240 bits, base32, in groups of four joined by colons.
Source: docker/libtrust ``util.go`` keyIDFromCryptoKey; Portus computes the same (portus-images.md).
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

BITS: Final = 240
GROUP: Final = 4


def key_id(public_key_der: bytes) -> str:
    """Return the libtrust id of a public key in SubjectPublicKeyInfo form."""
    digest = hashlib.sha256(public_key_der).digest()[: BITS // 8]
    text = base64.b32encode(digest).decode().rstrip("=")
    return ":".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def key_id_of_pem(public_key_pem: str) -> str:
    """Return the libtrust id of a public key in PEM form (``BEGIN PUBLIC KEY``).

    The armour is taken off here rather than by ``cryptography``, whose import alone is a tenth of the program's memory.
    """
    lines = [line for line in public_key_pem.strip().splitlines() if line and not line.startswith("-----")]
    return key_id(base64.b64decode("".join(lines)))


def key_id_of_certificate(certificate_pem: str) -> str:
    """Return the libtrust id of the first certificate's key."""
    from cryptography import x509  # noqa: PLC0415 - see key_id_of_pem
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    return key_id(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
