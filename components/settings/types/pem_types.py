"""The types of certificates and keys: whatever form a PEM text was copied in, the settings hold the one that every program reads.

A byte-order mark, a text on one line, indentation and missing line ends are read by Python's library, but not by HAProxy, Go or Ruby.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr

from components.common import pem
from components.settings.types.base import broken
from components.settings.types.sealed import is_sealed

WHOLE: Final = "give the file's whole content, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"

EXPOSED_KEY: Final = "remove it, and replace the key: it is exposed"

_CERTIFICATES: Final = "must be one certificate or more in PEM form"

_OTHER_BLOCKS: Final = {
    "CERTIFICATE REQUEST": "give the certificate that the CA made from this request",
    "NEW CERTIFICATE REQUEST": "give the certificate that the CA made from this request",
    "TRUSTED CERTIFICATE": "convert it: openssl x509 -in FILE -out FILE.crt",
    "PKCS7": "convert it: openssl pkcs7 -print_certs -in FILE -out FILE.crt",
    "CMS": "convert it: openssl pkcs7 -print_certs -in FILE -out FILE.crt",
}

_CERTIFICATE_LABELS: Final = frozenset({pem.CERTIFICATE, "X509 CERTIFICATE"})
"""The second is OpenSSL's old name for the same content."""


def _certificates(value: str) -> str:
    """Certificates in PEM form, and nothing else."""
    blocks = pem.blocks(value)
    if pem.holds_a_private_key(value):
        raise broken("must have only certificates: it has a private key, and this setting is stored as plain text", EXPOSED_KEY)
    if not blocks:
        raise broken(_CERTIFICATES, _armour(value))
    if other := next((block.label for block in blocks if block.label not in _CERTIFICATE_LABELS), None):
        raise broken(
            f"must have only CERTIFICATE blocks; it has a block {other}",
            _OTHER_BLOCKS.get(other, f"remove the lines from -----BEGIN {other}----- to -----END {other}-----"),
        )
    for number, block in enumerate(blocks, start=1):
        if reason := _unreadable(block):
            which = f"; number {number} of {len(blocks)} is {reason}" if len(blocks) > 1 else f"; this one is {reason}"
            raise broken(f"{_CERTIFICATES}{which}", WHOLE)
    return "".join(pem.Block(pem.CERTIFICATE, block.der).text for block in blocks)


def _armour(value: str) -> str:
    """Return how to make a PEM text of ``value``, which has no block."""
    if pem.encoded(value):
        return "decode it first: base64 -d"
    if value.lstrip().startswith("MII"):
        return "convert the file: openssl x509 -inform DER -in FILE -out FILE.crt, and give its whole content"
    return WHOLE


def _unreadable(block: pem.Block) -> str | None:
    """Return what is wrong with a certificate's content, None where it can be read."""
    from cryptography import x509  # noqa: PLC0415 - stacks that bring no certificate do not pay for it in time and memory
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415

    if block.der is None:
        return "cut off or damaged"
    try:
        certificate = x509.load_der_x509_certificate(block.der)
        _ = certificate.extensions, certificate.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return "damaged, or no certificate"
    return None


def _served_by_others(value: str) -> str:
    """Certificates that other programs read from a Secret as they are."""
    normal = _certificates(value)
    if pem.readable_as_is(value) != [pem.CERTIFICATE] * len(pem.blocks(normal)):
        raise broken(
            f"must be readable as it is, because this program cannot rewrite tls.crt of the Secret: {_unusual(value)}",
            "write it below 'certificate: |' with OpenSSL's line breaks, and write the same lines into tls.crt of the Secret",
        )
    return normal


def _unusual(value: str) -> str:
    """Return what keeps HAProxy, Go and Ruby from reading ``value``."""
    if value.startswith("\ufeff"):
        return "it begins with a byte-order mark"
    if "\\n" in value:
        return "it has \\n instead of line breaks"
    if "\n" not in value.strip():
        return "it is one line"
    if any(block.label != pem.CERTIFICATE for block in pem.blocks(value)):
        return "Go, of which the registry is made, reads only blocks that are called CERTIFICATE"
    return "every -----BEGIN and -----END must be a line of its own, with nothing before it"


def _private_key(value: SecretStr) -> SecretStr:
    """One private key in PEM form; whether it can be used is checked with its certificate."""
    if is_sealed(value):
        return value
    text = value.get_secret_value()
    keys = [block for block in pem.blocks(text) if block.label.endswith(pem.PRIVATE_KEY)]
    if not keys and any(block.label in _CERTIFICATE_LABELS for block in pem.blocks(text)):
        raise broken(
            "must be a private key in PEM form; this is a certificate", "give the file that begins with -----BEGIN PRIVATE KEY-----"
        )
    if not keys:
        fix = "decode it first: base64 -d" if pem.encoded(text) else "give the key file's whole content, from -----BEGIN to -----END"
        if other := next((block.label for block in pem.blocks(text)), None):
            raise broken(
                f"must be a private key in PEM form; it has a block {other}", "give the file that begins with -----BEGIN PRIVATE KEY-----"
            )
        raise broken("must be a private key in PEM form", fix)
    if len(keys) > 1:
        raise broken("must be one private key", "give only the key of the first certificate in tls.certificate")
    if keys[0].label == "OPENSSH PRIVATE KEY":
        raise broken(
            "must be a key that HAProxy, Go and Ruby read; this one is in OpenSSH's format", "convert it: ssh-keygen -p -m PEM -f FILE"
        )
    return value if keys[0].der is None else SecretStr(keys[0].text)


Pem = Annotated[str, AfterValidator(_certificates)]
"""Certificates, which this program rewrites wherever they are used."""

ServedPem = Annotated[str, AfterValidator(_served_by_others)]
"""Certificates whose text is in a Secret that this program does not make."""

PemSecret = Annotated[SecretStr, AfterValidator(_private_key)]
"""A private key, alone or in a file together with its certificates."""
