"""The bearer token: its key, the key's libtrust id, its claims."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, load_pem_public_key

from .errors import ApplicationError

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_JWT_ID_LENGTH: Final = 42
_CLOCK_SKEW: Final = 5
_ID_BYTES: Final = 30
_ROOT: Final = "/srv/Portus"


def key_id(key: rsa.RSAPublicKey) -> str:
    """Return a key's libtrust id: 240 bits of the SHA-256 of its DER form, base32 in groups of four."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = base64.b32encode(hashlib.sha256(der).digest()[:_ID_BYTES]).decode()
    return ":".join(text[start : start + 4] for start in range(0, len(text), 4))


def load_key(path: str) -> rsa.RSAPrivateKey:
    """Read the signing key; relative paths start at the application's folder.

    Raises:
        ApplicationError: no file, no RSA key, a passphrase, or only the public half; with the genuine log's words.
    """
    try:
        pem = (Path(_ROOT) / path).read_bytes()
    except FileNotFoundError as error:
        raise ApplicationError("Errno::ENOENT", f"No such file or directory @ rb_sysopen - {path}") from error
    except IsADirectoryError as error:
        raise ApplicationError("Errno::EISDIR", f"Is a directory @ io_fread - {path}") from error
    except OSError as error:
        raise ApplicationError("Errno::EACCES", f"Permission denied @ rb_sysopen - {path}") from error
    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        raise ApplicationError("OpenSSL::PKey::RSAError", "Neither PUB key nor PRIV key: unable to get passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        if _is_public(pem):
            raise ApplicationError("ArgumentError", "private key is needed") from error
        raise ApplicationError("OpenSSL::PKey::RSAError", "Neither PUB key nor PRIV key: unsupported") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ApplicationError("OpenSSL::PKey::RSAError", "incorrect pkey type: id-ecPublicKey")
    return key


def claims(*, issuer: Any, account: str | None, service: str | None, minutes: int, access: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Return a token's claims; absent parameters are null in it.

    Args:
        account: taken as it came: it is not compared with the credentials.
        minutes: how long the token lives.
        access: None for a login, which leaves ``access`` out altogether.
    """
    issued = int(time.time())
    content = {
        "iss": issuer,
        "sub": account,
        "aud": service,
        "iat": issued,
        "nbf": issued - _CLOCK_SKEW,
        "exp": issued + minutes * 60,
        "jti": "".join(secrets.choice(_BASE58) for _ in range(_JWT_ID_LENGTH)),
    }
    return content if access is None else {**content, "access": access}


def sign(content: dict[str, Any], key: rsa.RSAPrivateKey) -> str:
    """Return the signed token (RS256)."""
    # PyJWT refuses null in registered claims, which the genuine tokens have; the plain JWS layer signs what it is given.
    payload = jwt.api_jws.PyJWS().encode(_json(content), key, algorithm="RS256", headers={"typ": None, "kid": key_id(key.public_key())})
    return str(payload)


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _is_public(pem: bytes) -> bool:
    try:
        return isinstance(load_pem_public_key(pem), rsa.RSAPublicKey)
    except (ValueError, UnsupportedAlgorithm):
        return False
