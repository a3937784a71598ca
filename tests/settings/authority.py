"""Certificates and keys of the tests: ``${name}`` in a stack file stands for one of them.

Made anew in each run, for a certificate that is valid today cannot be kept; keys are made once a run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
HOSTS = ("portus.example.com", "registry.example.com")
PAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
SOON = NOW + dt.timedelta(days=3)


@cache
def key(name: str) -> Key:
    """Return the run's key of that name."""
    match name:
        case "ec":
            return ec.generate_private_key(ec.SECP256R1())
        case "short" | "short-root" | "short-intermediate":
            return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - the point of it
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(
    of: str,
    *,
    common_name: str,
    issuer: str,
    signed_by: str = "authority",
    hosts: tuple[str, ...] = (),
    begins: dt.datetime = NOW - dt.timedelta(days=1),
    ends: dt.datetime = NOW + dt.timedelta(days=365),
    is_server: bool = False,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] | None = None,
) -> str:
    """Return a certificate of the key ``of`` in PEM form.

    Args:
        is_server: makes it no CA's.
        extensions: in place of that one, each with whether it is critical.
    """
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(_name(issuer))
        .public_key(key(of).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    own = [(x509.BasicConstraints(ca=not is_server, path_length=None), True)]
    for extension, critical in own if extensions is None else extensions:
        builder = builder.add_extension(extension, critical=critical)
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
    return builder.sign(key(signed_by), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def private(name: str, password: bytes | None = None) -> str:
    """Return a key in PEM form."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key(name).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def leaf(
    of: str = "server",
    hosts: tuple[str, ...] = HOSTS,
    begins: dt.datetime = NOW - dt.timedelta(days=1),
    ends: dt.datetime = NOW + dt.timedelta(days=365),
) -> str:
    """Return a server's certificate by the intermediate."""
    return certificate(of, common_name="portus.example.com", issuer="Intermediate", hosts=hosts, begins=begins, ends=ends, is_server=True)


def made(name: str) -> str:
    """Return what ``${name}`` stands for."""
    return _made()[name]


@cache
def _made() -> Mapping[str, str]:
    ca = certificate("authority", common_name="Root", issuer="Root")
    intermediate = certificate("authority", common_name="Intermediate", issuer="Root")
    other = certificate("other", common_name="Other", issuer="Other", signed_by="other")
    return {
        "chain": leaf() + intermediate,
        "key": private("server"),
        "ca": ca,
        "ca.other": other,
        "ca.two": other + ca,
        "ca.expired": certificate("authority", common_name="Root", issuer="Root", begins=PAST[0], ends=PAST[1]),
        "chain.with-key": leaf() + intermediate + private("server"),
        "key.openssh": private("server").replace("PRIVATE KEY", "OPENSSH PRIVATE KEY"),
        "key.two": private("other") + private("server"),
        "chain.backwards": intermediate + leaf(),
        "chain.gap": leaf() + ca,
        "chain.expired": leaf(begins=PAST[0], ends=PAST[1]) + intermediate,
        "chain.early": leaf(begins=dt.datetime(2999, 1, 1, tzinfo=dt.UTC), ends=dt.datetime(2999, 12, 1, tzinfo=dt.UTC)) + intermediate,
        "chain.ending": leaf(ends=SOON) + intermediate,
        "chain.one-host": leaf(hosts=HOSTS[:1]) + intermediate,
        "chain.wildcard": leaf(hosts=("*.example.com",)) + intermediate,
        "chain.deep-wildcard": leaf(hosts=("*.com",)) + intermediate,
        "chain.no-names": leaf(hosts=()) + intermediate,
        "chain.ec": leaf("ec") + intermediate,
        "chain.short": leaf("short") + intermediate,
        "leaf.ec": leaf("ec"),
        "leaf.short": leaf("short"),
        "key.ec": private("ec"),
        "key.short": private("short"),
        "key.other": private("other"),
        "key.locked": private("server", b"passphrase"),
        "key.cut": private("server")[:200],
    }


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
