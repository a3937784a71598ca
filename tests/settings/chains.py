"""Certificates with one mistake each, made anew in each run, and what OpenSSL says of them."""

from __future__ import annotations

import base64
import datetime as dt
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.settings.authority import HOSTS, NOW, certificate, key, private

SERVER: Final = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT: Final = ExtendedKeyUsageOID.CLIENT_AUTH
ANY: Final = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
SHA256_WITH_RSA: Final = bytes.fromhex("06092a864886f70d01010b")
SHA1_WITH_RSA: Final = bytes.fromhex("06092a864886f70d010105")


def made(
    name: str,
    *,
    by: str,
    of: str,
    signer: str,
    ca: bool | None = True,
    hosts: Sequence[str] = (),
    days: tuple[int, int] = (-1, 365),
    path_length: int | None = None,
    uses: Sequence[x509.ObjectIdentifier] = (),
    usage: Sequence[str] | None = None,
    constraints: x509.NameConstraints | None = None,
) -> str:
    """Return the certificate of ``name`` issued by ``by``: of the key ``of``, signed by the key ``signer``; ``days`` count from today."""
    extensions: list[tuple[x509.ExtensionType | None, bool]] = [
        (None if ca is None else x509.BasicConstraints(ca=ca, path_length=path_length), True),
        (x509.ExtendedKeyUsage(uses) if uses else None, False),
        (None if usage is None else _usage(usage), True),
        (constraints, True),
    ]
    return certificate(
        of,
        common_name=name,
        issuer=by,
        signed_by=signer,
        hosts=tuple(hosts),
        begins=NOW + dt.timedelta(days=days[0]),
        ends=NOW + dt.timedelta(days=days[1]),
        extensions=[(extension, critical) for extension, critical in extensions if extension is not None],
    )


def leaf(by: str = "Intermediate", signer: str = "intermediate", **changes: Any) -> str:
    """Return a server's certificate of the key ``server``."""
    return made("portus.example.com", **{"by": by, "of": "server", "signer": signer, "ca": False, "hosts": HOSTS, **changes})


def intermediate(**changes: Any) -> str:
    """Return the intermediate."""
    return made("Intermediate", **{"by": "Root", "of": "intermediate", "signer": "root", **changes})


def root(**changes: Any) -> str:
    """Return the root."""
    return made("Root", **{"by": "Root", "of": "root", "signer": "root", **changes})


def by_sha1(pem: str, signer: str) -> str:
    """Return the certificate signed with SHA-1, which ``cryptography`` no longer makes: the names of both algorithms are equally long."""
    issued = x509.load_pem_x509_certificate(pem.encode())
    content = issued.tbs_certificate_bytes.replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    own = key(signer)
    assert isinstance(own, rsa.RSAPrivateKey)
    signature = own.sign(content, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - the mistake itself
    whole = issued.public_bytes(serialization.Encoding.DER).replace(SHA256_WITH_RSA, SHA1_WITH_RSA)
    changed = whole.replace(issued.signature, signature)
    return ssl.DER_cert_to_PEM_cert(changed)


def is_trusted_by_openssl(chain: str, key_text: str, authority: str) -> bool:
    """Return whether a client of OpenSSL's that trusts ``authority`` completes a handshake with a server that presents ``chain``."""
    with tempfile.TemporaryDirectory() as folder:
        served, own_key = Path(folder, "tls.crt"), Path(folder, "tls.key")
        served.write_text(chain, encoding="utf-8")
        own_key.write_text(key_text, encoding="utf-8")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.set_ciphers("DEFAULT:@SECLEVEL=0")
        server.load_cert_chain(served, own_key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.set_ciphers("DEFAULT:@SECLEVEL=2")
    client.verify_flags = ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST
    client.load_verify_locations(cadata=authority)
    return all(_shakes_hands(client, server, host) for host in HOSTS)


def _shakes_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> bool:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=host)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [near, far]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
            waiting.remove(side)
        if not waiting:
            return True
    raise AssertionError("the handshake does not end")


def _usage(names: Sequence[str]) -> x509.KeyUsage:
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
        "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name in names for name in every})


KEY: Final = private("server")

_BODY: Final = "".join(KEY.splitlines()[1:-1])
_JSON: Final = '{"kty": "RSA", "n": "0vx7agoebGcQSuuPiLJX", "d": "X4cTteJY0gn4FYPsXB8rd"}'

OTHER_FORMS: Final = {
    "without its frame": _BODY,
    "without its frame and padding": _BODY.rstrip("="),
    "on lines of 76 letters": "\n".join(_BODY[start : start + 76] for start in range(0, len(_BODY), 76)),
    "small letters": KEY.replace("BEGIN PRIVATE KEY", "begin private key"),
    "four dashes": KEY.replace("-----", "----"),
    "dashes of a text processor": KEY.replace("-----", "\u2014"),
    "URL-encoded": KEY.replace(" ", "%20").replace("\n", "%0A"),
    "base64 after an empty line": base64.b64encode(f"\n{KEY}".encode()).decode(),
    "base64 twice": base64.b64encode(base64.b64encode(KEY.encode())).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"\r\n{KEY}".encode()).decode(),
    "PKCS #12": base64.b64encode(pkcs12.serialize_key_and_certificates(b"portus", key("server"), None, None, NoEncryption())).decode(),
    "PuTTY": f"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: portus\nPrivate-Lines: 2\n{_BODY[:128]}\n",
    "age": "AGE-SECRET-KEY-1QQPQ4WPC2TTY0R5RL3WJ3G6SFZX8Z9HJLQ0PK4E7CVN4C9Z8XYQSJW5PQ",
    "JSON Web Key": _JSON,
    "JSON Web Key in base64": base64.b64encode(_JSON.encode()).decode(),
}
"""Private keys as no server reads them: they are exposed all the same."""
