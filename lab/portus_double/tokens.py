"""A token request: its scopes, how they are read, judged and merged; and the bearer token, its key, the key's libtrust id, its claims."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_plus

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, load_pem_public_key

from .errors import ApplicationError

_PARTS: Final = 3
_SEPARATOR: Final = re.compile(r"[&;] *")


class ScopeNotHandledError(Exception):
    """The scope cannot be read, or names an unknown type: the whole request is denied without a challenge."""


@dataclass(frozen=True)
class Scope:
    """One scope as requested: ``repository:alice/app:pull,push``."""

    kind: str
    name: str
    actions: tuple[str, ...]

    @property
    def namespace(self) -> str | None:
        """The namespace's name: the part before the first slash; None is the global namespace."""
        if "/" not in self.name:
            return None
        return self.name.split("/", 1)[0].strip() or None


def requested(query: str) -> list[str | None]:
    """Return the values of every ``scope`` in a raw query string, as Rack reads it (``&`` and ``;`` separate).

    ``scope`` without ``=`` is a request without a scope when it stands alone.
    """
    values: list[str | None] = []
    for part in _SEPARATOR.split(query):
        name, equals, value = part.partition("=")
        if unquote_plus(name) == "scope":
            values.append(unquote_plus(value) if equals else None)
    return [] if values == [None] else values


def parse(text: str) -> Scope:
    """Read one scope. The name ends at the second colon, so a port in it makes the rest an (unknown) action.

    Raises:
        ScopeNotHandledError: fewer than three parts, or a type that is neither ``repository`` nor ``registry``.
    """
    parts = text.split(":", _PARTS - 1)
    if len(parts) != _PARTS:
        raise ScopeNotHandledError("Wrong format for scope string")
    kind, name, actions = parts
    if kind not in {"repository", "registry"}:
        raise ScopeNotHandledError(f"Scope not handled: {kind}")
    return Scope(kind, name, tuple(_split_actions(actions)))


def granted(scope: Scope, allows: Callable[[str], bool]) -> list[str]:
    """Return the actions of a scope that stay, in the order asked for.

    Only what is judged can be taken away, and the genuine application does not judge everything: an action behind a leading ``*``
    stays even when the ``*`` goes, and of a ``registry`` scope only ``catalog:*`` is judged at all.

    Args:
        allows: the policy's answer for one action; ``all`` asks for ``*``.
    """
    leading = scope.actions[:1]
    if scope.kind == "registry":
        judged: Iterable[str] = ("all",) if scope.name == "catalog" and leading == ("*",) else ()
    else:
        judged = ("all",) if leading == ("*",) else scope.actions
    denied = {"*" if action == "all" else action for action in judged if not allows(action)}
    return [action for action in scope.actions if action not in denied]


def merge(scopes: Iterable[tuple[Scope, list[str]]]) -> list[dict[str, Any]]:
    """Return the token's ``access``: scopes of one resource together, those without an action left out."""
    merged: dict[tuple[str, str], list[str]] = {}
    for scope, actions in scopes:
        if not actions:
            continue
        key = (scope.kind, scope.name)
        merged[key] = list(dict.fromkeys(merged[key] + actions)) if key in merged else actions
    return [{"type": kind, "name": name, "actions": actions} for (kind, name), actions in merged.items()]


def _split_actions(text: str) -> list[str]:
    actions = text.split(",")
    while actions and not actions[-1]:
        actions.pop()
    return actions


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
