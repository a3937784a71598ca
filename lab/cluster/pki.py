"""The cluster's own certificate authority, its certificates, and the kubeconfigs that carry them."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.cluster import config
from ops.process import write_whole

LIFETIME: Final = dt.timedelta(days=3650)
"""Longer than any lab lives; the certificates are made again when less than a tenth is left."""

API_NAMES: Final = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost")
API_ADDRESSES: Final = ("127.0.0.1", config.API_ADDRESS, config.NODE_ADDRESS)


def ensure(folder: Path) -> None:
    """Fill ``folder`` with the authority, the certificates and the service-account key, unless it holds a whole and fresh set."""
    if _whole(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / "complete").unlink(missing_ok=True)
    authority = _Authority()
    _write(folder, "ca", authority.key, authority.certificate)
    for name, (group, user) in config.USERS.items():
        serves = name == "kubelet"
        addresses = (config.NODE_ADDRESS, "127.0.0.1") if serves else ()
        _write(folder, name, *authority.issue(user, group, (config.NODE,) if serves else (), addresses))
    _write(folder, "apiserver", *authority.issue("kube-apiserver", "", API_NAMES, API_ADDRESSES))
    accounts = _new_key()
    _write(folder, "service-accounts", accounts, None)
    public = accounts.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_whole(folder / "service-accounts.pub", public.decode())
    (folder / "complete").touch()


def kubeconfig(folder: Path, user: str, server: str, context: str) -> str:
    """Return a kubeconfig (JSON, which is YAML) with which ``user`` speaks to the API server at ``server``."""

    def data(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": {"server": server, "certificate-authority-data": data("ca.crt")}}],
        "users": [{"name": context, "user": {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
    return json.dumps(document, indent=1) + "\n"


def _whole(folder: Path) -> bool:
    if not (folder / "complete").exists() or not all((folder / f"{name}.crt").exists() for name in config.USERS):
        return False
    certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    return certificate.not_valid_after_utc - _now() > LIFETIME / 10


class _Authority:
    """A fresh certificate authority."""

    def __init__(self) -> None:
        self.key = _new_key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portus-lab")])
        self.certificate = (
            _builder(name, name, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def issue(
        self, user: str, group: str, names: Sequence[str], addresses: Sequence[str]
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Return a new key and its certificate: for ``user`` of ``group``, who serves under ``names`` and ``addresses``."""
        key = _new_key()
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if names else [])]
        builder = (
            _builder(subject, self.certificate.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return key, builder.sign(self.key, hashes.SHA256())


def _builder(subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - dt.timedelta(hours=1))
        .not_valid_after(_now() + LIFETIME)
    )


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _write(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate | None) -> None:
    encoded = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_whole(folder / f"{name}.key", encoded.decode())
    if certificate is not None:
        write_whole(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM).decode())


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
