"""A key of its own for the registry's tokens, and the key id by which the registry finds the certificate of a token's signature.

The key is in Pulumi's state, so that no renewal of the servers' certificate changes the signer. The key id is libtrust's: SHA-256 of the
public key's DER form (SubjectPublicKeyInfo), the first 240 bits, base32, in groups of four joined by colons.
Source: docker/libtrust ``util.go`` keyIDFromCryptoKey; Portus computes the same (portus-images.md).
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final

import pulumi_tls as tls

from components.common.base import ServiceComponent
from components.tls.certificate import Signer

if TYPE_CHECKING:
    import pulumi


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


KEY_BITS: Final = 2048
"""RS256 over tokens that live minutes; each login verifies one."""

VALIDITY_HOURS: Final = 10 * 365 * 24
"""Of the certificate around the public key. The registry asks for the form only: it also trusts one that has ended (portus-images.md)."""


def numbered(name: str, version: int) -> str:
    """Return the logical name of something's ``version``; the first one's was given before there was a counter."""
    return name if version == 1 else f"{name}-{version}"


class SigningKey(ServiceComponent):
    """The key, and a certificate around it, because the registry takes keys in no other form.

    Args:
        host: the certificate's name; no client checks it.
        version: the stack file's counter; the first one's names have no number.
        protect: whether the key refuses deletion.
    """

    def __init__(self, name: str, *, host: str, version: int, protect: bool, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tls:SigningKey", numbered(name, version), opts)
        key = tls.PrivateKey(numbered(f"{name}-key", version), algorithm="RSA", rsa_bits=KEY_BITS, opts=self.child(protect=protect))
        certificate = tls.SelfSignedCert(
            numbered(f"{name}-certificate", version),
            private_key_pem=key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(common_name="Portus token signer", organization=host),
            validity_period_hours=VALIDITY_HOURS,
            allowed_uses=["digital_signature"],
            opts=self.child(),
        )
        self.private_key = key.private_key_pem
        self.signer = Signer(certificate=certificate.cert_pem, key_id=key.public_key_pem.apply(key_id_of_pem))
        self.register_outputs({"key_id": self.signer.key_id})
