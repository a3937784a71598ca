"""The stand-in for the tls plugin: private keys, self-signed and locally signed certificates, certificate requests.

Tokens, names, secretness and ids are those of pulumi-tls 5.6. A certificate inside its early-renewal time is replaced by the next update.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from typing_extensions import override

from lab.engine.plugins import certificates
from lab.engine.plugins.codec import Properties, plain
from lab.engine.plugins.generated import GeneratedProvider, Kind
from lab.engine.plugins.provider import ProviderError
from lab.engine.plugins.serve import run

ALGORITHMS: Final = ("RSA", "ECDSA", "ED25519")
_CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {"P224": ec.SECP224R1, "P256": ec.SECP256R1, "P384": ec.SECP384R1, "P521": ec.SECP521R1}
_PEM: Final = serialization.Encoding.PEM
_CLEAR: Final = serialization.NoEncryption()


class PrivateKey(Kind):
    """A private key in every usual form; its id is the SHA-1 of the public key."""

    inputs: ClassVar = {"algorithm": str, "rsaBits": int, "ecdsaCurve": str}
    required: ClassVar = frozenset({"algorithm"})
    defaults: ClassVar = {"rsaBits": 2048, "ecdsaCurve": "P224"}
    outputs: ClassVar = (
        "privateKeyPem",
        "privateKeyPemPkcs8",
        "privateKeyOpenssh",
        "publicKeyPem",
        "publicKeyOpenssh",
        "publicKeyFingerprintMd5",
        "publicKeyFingerprintSha256",
    )
    secret_outputs: ClassVar = frozenset({"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"})
    schema_version: ClassVar = 1

    @override
    def problems(self, inputs: Properties) -> list[tuple[str, str]]:
        found = []
        if inputs["algorithm"] not in ALGORITHMS:
            found.append(("algorithm", f"must be one of {', '.join(ALGORITHMS)}"))
        if inputs["ecdsaCurve"] not in _CURVES:
            found.append(("ecdsaCurve", f"must be one of {', '.join(_CURVES)}"))
        return found

    @override
    def make(self, inputs: Properties) -> tuple[str, Properties]:
        key: certificates.SigningKey
        match inputs["algorithm"]:
            case "RSA":
                key = rsa.generate_private_key(public_exponent=65537, key_size=inputs["rsaBits"])
            case "ECDSA":
                key = ec.generate_private_key(_CURVES[inputs["ecdsaCurve"]]())
            case _:
                key = ed25519.Ed25519PrivateKey.generate()
        public = key.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha1(der, usedforsecurity=False).hexdigest(), {**_private_forms(key), **_public_forms(public)}


def _private_forms(key: certificates.SigningKey) -> Properties:
    traditional = (
        serialization.PrivateFormat.PKCS8 if isinstance(key, ed25519.Ed25519PrivateKey) else serialization.PrivateFormat.TraditionalOpenSSL
    )
    return {
        "privateKeyPem": key.private_bytes(_PEM, traditional, _CLEAR).decode(),
        "privateKeyPemPkcs8": key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, _CLEAR).decode(),
        "privateKeyOpenssh": key.private_bytes(_PEM, serialization.PrivateFormat.OpenSSH, _CLEAR).decode()
        if _has_openssh(key.public_key())
        else "",
    }


def _public_forms(public: certificates.PublicKey) -> Properties:
    pem = public.public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    if not _has_openssh(public):
        return {"publicKeyPem": pem, "publicKeyOpenssh": "", "publicKeyFingerprintMd5": "", "publicKeyFingerprintSha256": ""}
    line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    md5 = serialization.ssh_key_fingerprint(public, certificates.MD5).hex(":")
    sha256 = certificates.unpadded_base64(serialization.ssh_key_fingerprint(public, certificates.SHA256))
    return {
        "publicKeyPem": pem,
        "publicKeyOpenssh": f"{line.decode()}\n",
        "publicKeyFingerprintMd5": md5,
        "publicKeyFingerprintSha256": f"SHA256:{sha256}",
    }


def _has_openssh(public: certificates.PublicKey) -> bool:
    """Tell whether OpenSSH knows this kind of key: it has no P-224."""
    return not (isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP224R1))


_NAMES: Final[dict[str, Any]] = {"dnsNames": list, "ipAddresses": list, "uris": list, "subject": dict}
_VALIDITY: Final[dict[str, Any]] = {
    "allowedUses": list,
    "validityPeriodHours": int,
    "earlyRenewalHours": int,
    "isCaCertificate": bool,
    "maxPathLength": int,
    "setSubjectKeyId": bool,
}
_RENEWAL: Final = ("certPem", "readyForRenewal", "validityStartTime", "validityEndTime")


class _Certificate(Kind):
    """What both kinds of certificate share: their times, and renewal ahead of their end."""

    updatable: ClassVar = frozenset({"earlyRenewalHours"})

    @override
    def problems(self, inputs: Properties) -> list[tuple[str, str]]:
        unknown = [use for use in inputs["allowedUses"] if use not in certificates.USES]
        found = [("allowedUses", f"does not know {', '.join(unknown)}; it knows {', '.join(sorted(certificates.USES))}")] if unknown else []
        if inputs["validityPeriodHours"] < 0:
            found.append(("validityPeriodHours", "must not be negative"))
        return found

    @override
    def refresh(self, state: Properties) -> Properties:
        return {**state, "readyForRenewal": self.expired(plain(state))}

    @override
    def expired(self, state: Properties) -> bool:
        end = state.get("validityEndTime")
        return isinstance(end, str) and datetime.now(UTC) >= datetime.fromisoformat(end) - timedelta(
            hours=state.get("earlyRenewalHours") or 0
        )


def _issued(certificate: x509.Certificate) -> tuple[str, Properties]:
    times = {"validityStartTime": certificate.not_valid_before_utc, "validityEndTime": certificate.not_valid_after_utc}
    outputs = {name: moment.strftime("%Y-%m-%dT%H:%M:%SZ") for name, moment in times.items()}
    return str(certificate.serial_number), {"certPem": certificate.public_bytes(_PEM).decode(), "readyForRenewal": False, **outputs}


class SelfSignedCert(_Certificate):
    """A certificate signed by its own key."""

    inputs: ClassVar = {**_NAMES, **_VALIDITY, "privateKeyPem": str, "setAuthorityKeyId": bool}
    required: ClassVar = frozenset({"allowedUses", "validityPeriodHours", "privateKeyPem"})
    defaults: ClassVar = {"earlyRenewalHours": 0, "isCaCertificate": False, "setSubjectKeyId": False, "setAuthorityKeyId": False}
    outputs: ClassVar = (*_RENEWAL, "keyAlgorithm")

    @override
    def make(self, inputs: Properties) -> tuple[str, Properties]:
        key = certificates.load_key(inputs["privateKeyPem"])
        profile = certificates.Profile.of(inputs, certificates.subject(inputs), certificates.alternative_names(inputs))
        certificate = certificates.sign(profile, key.public_key(), key, issuer=None, authority_key_id=inputs["setAuthorityKeyId"])
        resource_id, outputs = _issued(certificate)
        return resource_id, {**outputs, "keyAlgorithm": certificates.algorithm_of(key)}


class CertRequest(Kind):
    """A PKCS#10 certificate request; its id is the SHA-1 of the request."""

    inputs: ClassVar = {**_NAMES, "privateKeyPem": str}
    required: ClassVar = frozenset({"privateKeyPem"})
    outputs: ClassVar = ("certRequestPem", "keyAlgorithm")

    @override
    def make(self, inputs: Properties) -> tuple[str, Properties]:
        key = certificates.load_key(inputs["privateKeyPem"])
        request = certificates.request(inputs, key)
        identity = hashlib.sha1(request.public_bytes(serialization.Encoding.DER), usedforsecurity=False).hexdigest()
        return identity, {"certRequestPem": request.public_bytes(_PEM).decode(), "keyAlgorithm": certificates.algorithm_of(key)}


class LocallySignedCert(_Certificate):
    """A certificate for a request, signed by a CA whose key is at hand."""

    inputs: ClassVar = {**_VALIDITY, "caCertPem": str, "caPrivateKeyPem": str, "certRequestPem": str}
    required: ClassVar = frozenset({"allowedUses", "validityPeriodHours", "caCertPem", "caPrivateKeyPem", "certRequestPem"})
    defaults: ClassVar = {"earlyRenewalHours": 0, "isCaCertificate": False, "setSubjectKeyId": False}
    outputs: ClassVar = (*_RENEWAL, "caKeyAlgorithm")

    @override
    def make(self, inputs: Properties) -> tuple[str, Properties]:
        key = certificates.load_key(inputs["caPrivateKeyPem"])
        issuer = certificates.load_certificate(inputs["caCertPem"])
        if issuer.public_key() != key.public_key():
            raise ProviderError("caPrivateKeyPem is not the key of caCertPem.")
        request = certificates.load_request(inputs["certRequestPem"])
        profile = certificates.Profile.of(inputs, request.subject, certificates.requested_names(request))
        certificate = certificates.sign(profile, request.public_key(), key, issuer=issuer, authority_key_id=True)
        resource_id, outputs = _issued(certificate)
        return resource_id, {**outputs, "caKeyAlgorithm": certificates.algorithm_of(key)}


KINDS: Final = {
    "tls:index/privateKey:PrivateKey": PrivateKey(),
    "tls:index/selfSignedCert:SelfSignedCert": SelfSignedCert(),
    "tls:index/certRequest:CertRequest": CertRequest(),
    "tls:index/locallySignedCert:LocallySignedCert": LocallySignedCert(),
}

if __name__ == "__main__":
    run(lambda _engine: GeneratedProvider("tls", KINDS), "pulumi-tls")
