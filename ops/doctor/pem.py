"""What a certificate says; pure."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

LIBTRUST_BYTES: Final = 30
GROUP: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """A server's certificate.

    Args:
        begins, ends: in seconds since 1970.
    """

    der: bytes
    names: tuple[str, ...]
    begins: float
    ends: float
    serial: str
    public_key: CertificatePublicKeyTypes

    def covers(self, name: str) -> bool:
        """Whether a client may expect ``name`` from it."""
        return name in self.names or f"*.{name.partition('.')[2]}" in self.names


def leaf(text: str | bytes) -> Leaf:
    """Return the first certificate of a PEM text, or one in DER.

    Raises:
        ValueError: there is none.
    """
    certificate = x509.load_der_x509_certificate(text) if isinstance(text, bytes) else x509.load_pem_x509_certificate(text.encode())
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    return Leaf(
        der=certificate.public_bytes(Encoding.DER),
        names=tuple(names),
        begins=certificate.not_valid_before_utc.timestamp(),
        ends=certificate.not_valid_after_utc.timestamp(),
        serial=f"{certificate.serial_number:x}"[:16],
        public_key=certificate.public_key(),
    )


def key_id(key: CertificatePublicKeyTypes) -> str:
    """Return the key id by which Portus names the signer of a token: libtrust's."""
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    text = base64.b32encode(digest[:LIBTRUST_BYTES]).decode().rstrip("=")
    return ":".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def trusted_signers(bundle: str) -> tuple[str, ...]:
    """Return the key ids that a registry accepts: of a ``rootcertbundle`` (2.8), or of a key set (3.x).

    Raises:
        ValueError: it is neither.
    """
    if bundle.lstrip().startswith("{"):
        return tuple(str(key.get("kid")) for key in json.loads(bundle)["keys"])
    return tuple(key_id(each.public_key()) for each in x509.load_pem_x509_certificates(bundle.encode()))


def is_key_of(private_key: str, certificate: Leaf) -> bool:
    """Whether ``certificate`` is of this RSA key.

    Raises:
        ValueError: it is not a key, or one with a passphrase.
    """
    try:
        # The server that runs with it has checked that its numbers match.
        key = load_pem_private_key(private_key.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError as error:
        raise ValueError(str(error)) from error
    mine = key.public_key()
    return isinstance(mine, RSAPublicKey) and mine == certificate.public_key
