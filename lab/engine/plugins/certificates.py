"""X.509 in the tls plugin's terms: subjects, alternative names, uses and signing, on the cryptography library."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from lab.engine.plugins.codec import Properties
from lab.engine.plugins.provider import ProviderError

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

MD5: Final = hashes.MD5()  # noqa: S303 -- the old OpenSSH fingerprint is MD5 by definition; it protects nothing
SHA256: Final = hashes.SHA256()

_KEY_USES: Final = {
    "digital_signature": "digital_signature",
    "content_commitment": "content_commitment",
    "key_encipherment": "key_encipherment",
    "data_encipherment": "data_encipherment",
    "key_agreement": "key_agreement",
    "cert_signing": "key_cert_sign",
    "crl_signing": "crl_sign",
    "encipher_only": "encipher_only",
    "decipher_only": "decipher_only",
}
_EXTENDED_USES: Final = {
    "any_extended": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec_end_system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec_tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec_user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft_server_gated_crypto": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape_server_gated_crypto": ObjectIdentifier("2.16.840.1.113730.4.1"),
    "microsoft_commercial_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.2.1.22"),
    "microsoft_kernel_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.61.1.1"),
}
USES: Final = frozenset({*_KEY_USES, *_EXTENDED_USES})
"""Every name that ``allowedUses`` takes."""

_SUBJECT: Final = {
    "country": NameOID.COUNTRY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "province": NameOID.STATE_OR_PROVINCE_NAME,
    "streetAddresses": NameOID.STREET_ADDRESS,
    "postalCode": NameOID.POSTAL_CODE,
    "commonName": NameOID.COMMON_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}
_AGREEMENT_ONLY: Final = ("encipher_only", "decipher_only")


def unpadded_base64(data: bytes) -> str:
    """Return base64 without its padding, as OpenSSH prints fingerprints."""
    return base64.b64encode(data).rstrip(b"=").decode()


def load_key(pem: str) -> SigningKey:
    """Return the private key in ``pem``.

    Raises:
        ProviderError: it is not an unencrypted RSA, ECDSA or Ed25519 key.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ProviderError("the private key is not an unencrypted PEM key.") from error
    if not isinstance(key, SigningKey):
        raise ProviderError("the private key must be RSA, ECDSA or ED25519.")
    return key


def load_certificate(pem: str) -> x509.Certificate:
    """Return the certificate in ``pem``; ProviderError when there is none."""
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise ProviderError("caCertPem is not a PEM certificate.") from error


def load_request(pem: str) -> x509.CertificateSigningRequest:
    """Return the request in ``pem``; ProviderError when there is none or its signature is wrong."""
    try:
        request = x509.load_pem_x509_csr(pem.encode())
    except ValueError as error:
        raise ProviderError("certRequestPem is not a PEM certificate request.") from error
    if not request.is_signature_valid:
        raise ProviderError("certRequestPem is not signed by its own key.")
    return request


def algorithm_of(key: SigningKey) -> str:
    """Return the plugin's name for the key's algorithm."""
    return "RSA" if isinstance(key, rsa.RSAPrivateKey) else "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey) else "ED25519"


def subject(inputs: Properties) -> x509.Name:
    """Return the subject that ``inputs['subject']`` describes."""
    given = inputs.get("subject") or {}
    attributes = []
    for name, oid in _SUBJECT.items():
        value = given.get(name)
        values = value if isinstance(value, list) else [value] if value else []
        attributes += [x509.NameAttribute(oid, item) for item in values]
    return x509.Name(attributes)


def alternative_names(inputs: Properties) -> Sequence[x509.GeneralName]:
    """Return the DNS names, addresses and URIs of ``inputs``."""
    try:
        return [
            *(x509.DNSName(name) for name in inputs.get("dnsNames") or ()),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in inputs.get("ipAddresses") or ()),
            *(x509.UniformResourceIdentifier(uri) for uri in inputs.get("uris") or ()),
        ]
    except ValueError as error:
        raise ProviderError(f"a subject alternative name is not valid: {error}.") from error


def requested_names(request_: x509.CertificateSigningRequest) -> Sequence[x509.GeneralName]:
    """Return the alternative names that a request asks for."""
    try:
        return list(request_.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def request(inputs: Properties, key: SigningKey) -> x509.CertificateSigningRequest:
    """Return a request for the names in ``inputs``, signed by ``key``."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject(inputs))
    if names := alternative_names(inputs):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, _hash_for(key))


@dataclass(frozen=True, slots=True)
class Profile:
    """What a certificate says, apart from keys and issuer."""

    subject: x509.Name
    names: Sequence[x509.GeneralName]
    uses: Sequence[str]
    hours: int
    is_ca: bool
    path_length: int | None
    subject_key_id: bool

    @classmethod
    def of(cls, inputs: Properties, name: x509.Name, names: Sequence[x509.GeneralName]) -> Profile:
        """Return the profile that ``inputs`` ask for."""
        path_length = inputs.get("maxPathLength", -1)
        is_ca = inputs["isCaCertificate"]
        return cls(
            subject=name,
            names=names,
            uses=inputs["allowedUses"],
            hours=inputs["validityPeriodHours"],
            is_ca=is_ca,
            path_length=path_length if is_ca and path_length >= 0 else None,
            subject_key_id=inputs["setSubjectKeyId"] or is_ca,
        )


def sign(
    profile: Profile, public_key: CertificatePublicKeyTypes, key: SigningKey, *, issuer: x509.Certificate | None, authority_key_id: bool
) -> x509.Certificate:
    """Return the certificate, valid from now on; without ``issuer`` it is self-signed."""
    begin = datetime.now(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(profile.subject)
        .issuer_name(issuer.subject if issuer else profile.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(hours=profile.hours))
        .add_extension(x509.BasicConstraints(ca=profile.is_ca, path_length=profile.path_length), critical=True)
    )
    for extension, critical in _usage_extensions(profile.uses):
        builder = builder.add_extension(extension, critical=critical)
    if profile.names:
        builder = builder.add_extension(x509.SubjectAlternativeName(profile.names), critical=not profile.subject.rdns)
    if profile.subject_key_id:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    if authority_key_id:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    return builder.sign(key, _hash_for(key))


def _usage_extensions(uses: Sequence[str]) -> list[tuple[x509.ExtensionType, bool]]:
    found: list[tuple[x509.ExtensionType, bool]] = []
    chosen = {_KEY_USES[use] for use in uses if use in _KEY_USES}
    if chosen:
        flags = {name: name in chosen for name in _KEY_USES.values()}
        for name in _AGREEMENT_ONLY:  # RFC 5280: they mean nothing without key_agreement
            flags[name] = flags[name] and flags["key_agreement"]
        found.append((x509.KeyUsage(**flags), True))
    if extended := [_EXTENDED_USES[use] for use in uses if use in _EXTENDED_USES]:
        found.append((x509.ExtendedKeyUsage(extended), False))
    return found


def _hash_for(key: SigningKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1):
        return hashes.SHA384()
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP521R1):
        return hashes.SHA512()
    return SHA256
