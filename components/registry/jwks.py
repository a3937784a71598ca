"""The token signers as a JSON Web Key Set, by which registry 3.x finds the key of a token.

3.x names the certificates of a ``rootcertbundle`` by their RFC 7638 thumbprints, while Portus signs with libtrust's key id: only a key set
can say that id (distribution v3.1.2, registry/auth/token/accesscontroller.go). The certificates are read here, by a few lines of ASN.1,
because the import of ``cryptography`` alone would be a tenth of the program's memory.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Final

from components.tls.key_id import key_id

RSA: Final = bytes.fromhex("2a864886f70d010101")
"""rsaEncryption (RFC 8017, appendix C): 1.2.840.113549.1.1.1."""
VERSION: Final = 0xA0
"""The explicit tag of a certificate's version, which version 1 leaves out (RFC 5280, 4.1)."""
PUBLIC_KEY_POSITION: Final = 5
"""After serial number, signature, issuer, validity and subject."""

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Element:
    """One ASN.1 value in DER: its tag, its content, and the whole of it."""

    tag: int
    content: bytes
    whole: bytes

    def children(self) -> list[_Element]:
        """Return the elements that the content is made of."""
        found, rest = [], self.content
        while rest:
            child = _first(rest)
            found.append(child)
            rest = rest[len(child.whole) :]
        return found


def jwks(bundle_pem: str) -> str:
    """Return the key set of the RSA keys in ``bundle_pem``'s certificates, each under libtrust's key id.

    Raises:
        ValueError: a certificate is not DER inside its armour, or its key is not RSA.
    """
    keys = [_jwk(_public_key(base64.b64decode(body))) for body in _CERTIFICATE.findall(bundle_pem)]
    return json.dumps({"keys": keys}, indent=1) + "\n"


def _jwk(public_key: _Element) -> dict[str, str]:
    algorithm, bits = public_key.children()
    if algorithm.children()[0].content != RSA:
        raise ValueError("the certificate's key is not RSA")
    numbers = _first(bits.content[1:])  # the first byte counts the unused bits: none
    modulus, exponent = (_number(element.content) for element in numbers.children())
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key_id(public_key.whole), "n": modulus, "e": exponent}


def _public_key(certificate: bytes) -> _Element:
    """Return the SubjectPublicKeyInfo of a certificate."""
    fields = [element for element in _first(certificate).children()[0].children() if element.tag != VERSION]
    return fields[PUBLIC_KEY_POSITION]


def _first(data: bytes) -> _Element:
    """Return the element that ``data`` begins with."""
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise ValueError("the certificate is cut off")
    return _Element(data[0], data[start : start + length], data[: start + length])


def _number(integer: bytes) -> str:
    return base64.urlsafe_b64encode(integer.lstrip(b"\0")).decode().rstrip("=")
