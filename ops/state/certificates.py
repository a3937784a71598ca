"""The keys and certificates of a stack as the state notes them, from the texts that its servers mount.

Pulumi cannot import these types. What the state notes of them follows from the PEM texts alone. One text is in no cluster: the key of the
self-signed CA. A new key, which has signed nothing, takes its place.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.x509.oid import NameOID

from ops.errors import OpsError
from ops.state.values import Resource, Secret, name_of

PRIVATE_KEY: Final = "tls:index/privateKey:PrivateKey"
META: Final = '{"schema_version":"1"}'
CA_KEY: Final = "tls-ca-key"
KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "tls-key": ("served-tls-certificate", "tls.key"),
    "served-tls-signing-key": ("served-tls-signing-key", "signing.key"),
}
"""Key without its number -> Secret and key that hold it, by logical names."""
OWNER: Final[Mapping[str, str]] = {
    "tls-ca": CA_KEY,
    "tls-request": "tls-key",
    "tls-certificate": "tls-key",
    "served-tls-signing-certificate": "served-tls-signing-key",
}
"""Request or certificate without its number -> the key that it is of."""
AUTHORITY: Final = ("served-tls-trust", "ca.crt")
CHAIN: Final = ("served-tls-certificate", "tls.crt")
BUNDLE: Final = ("registry-config", "token-signers.crt")
"""The signers that registry 2.8 trusts. Registry 3.x has their keys without certificates."""
SHARED: Final = {"earlyRenewalHours": 0, "isCaCertificate": False, "setSubjectKeyId": False}

_NUMBERED: Final = re.compile(r"(.+?)(?:-(\d+))?$")
_PEM: Final = serialization.Encoding.PEM
_CLEAR: Final = serialization.NoEncryption()
_SUBJECT: Final = {"commonName": NameOID.COMMON_NAME, "organization": NameOID.ORGANIZATION_NAME}
_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Key:
    """A private key, and its text as the cluster has it: what is made of it must stay the same text."""

    key: RSAPrivateKey = field(repr=False)
    text: str = field(repr=False)


class Certificates:
    """Makes the state of each key, request and certificate of the program.

    Args:
        planned: all resources of the program.
        content: gives the text of a Secret or ConfigMap at a key.

    Raises:
        OpsError: a text is missing or does not fit the others; or a rotation of the signing key is under way, whose previous private key no
            cluster has.
    """

    def __init__(self, planned: Sequence[Resource], content: Callable[[str, str], str | None]) -> None:
        self._content = content
        self._planned = [each for each in planned if str(each["type"]).startswith("tls:")]
        self._keys: dict[str, Key] = {}
        self._require_one_generation()
        for each in self._planned:
            if each["type"] == PRIVATE_KEY:
                self._keys[_role(each)] = self._key(each)

    @property
    def renewal(self) -> dt.datetime | None:
        """When the program wants a new certificate of the CA whose key is lost; None without such a CA."""
        leaf = next((each for each in self._planned if _role(each) == "tls-certificate"), None)
        if leaf is None:
            return None
        early = dt.timedelta(hours=float(leaf["inputs"].get("earlyRenewalHours") or 0))
        return self._leaf().not_valid_after_utc - early

    def recovered(self) -> dict[str, dict[str, Any]]:
        """Return id, inputs and outputs of each resource by its URN."""
        return {str(each["urn"]): self._noted(each) for each in self._planned}

    def _require_one_generation(self) -> None:
        for role in KEYS:
            several = [name_of(each) for each in self._planned if each["type"] == PRIVATE_KEY and _role(each) == role]
            if len(several) > 1:
                newest = max(int(_NUMBERED.fullmatch(name)[2] or 1) for name in several)  # type: ignore[index]  # every name matches
                raise OpsError(
                    f"the stack file must ask for one signing key, and asks for {len(several)}: the previous one is not in the cluster.",
                    f"set tls.minSigningKeyVersion: {newest} and repeat this command: tokens of the previous key then end with the next"
                    " deployment (docs/deploy/tls.md#how-long-to-wait). Nothing was changed.",
                )

    def _key(self, resource: Resource) -> Key:
        role = _role(resource)
        if role == CA_KEY:
            made = generate_private_key(public_exponent=65537, key_size=int(resource["inputs"].get("rsaBits") or 2048))
            return Key(made, _text_of_key(made, serialization.PrivateFormat.TraditionalOpenSSL))
        place = KEYS.get(role)
        if place is None:
            raise _unknown(resource)
        text = self._text(place)
        return Key(_private_key(text, place), text)

    def _text(self, place: tuple[str, str]) -> str:
        text = self._content(*place)
        if text is None:
            raise OpsError(
                f"the object {place[0]}-... with the key {place[1]} must be in the cluster, and is not.",
                "restore it (docs/operate/lost.md#secrets-that-the-cluster-does-not-have). Nothing was changed.",
            )
        return text

    def _noted(self, resource: Resource) -> dict[str, Any]:
        role, inputs = _role(resource), dict(resource["inputs"])
        if resource["type"] == PRIVATE_KEY:
            return private_key(inputs, self._keys[role])
        if role not in OWNER:
            raise _unknown(resource)
        key = self._keys[OWNER[role]]
        match role:
            case "tls-request":
                return request(inputs, key, self._leaf())
            case "tls-certificate":
                return self._served(inputs, key)
            case "tls-ca":
                return self_signed(inputs, key, self._authority())
            case _:
                return self_signed(inputs, key, self._signer(inputs, key.key))

    def _authority(self) -> x509.Certificate:
        return _certificates(self._text(AUTHORITY), AUTHORITY)[0]

    def _leaf(self) -> x509.Certificate:
        return _certificates(self._text(CHAIN), CHAIN)[0]

    def _served(self, inputs: dict[str, Any], key: Key) -> dict[str, Any]:
        leaf, authority = self._leaf(), self._authority()
        try:
            leaf.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise _unfit(CHAIN, f"must be signed by the CA in {AUTHORITY[1]} of ConfigMap {AUTHORITY[0]}-...") from error
        if leaf.public_key() != key.key.public_key():
            raise _unfit(CHAIN, f"must be of the key in {KEYS['tls-key'][1]} beside it")
        texts = {"caCertPem": _text_of(authority), "certRequestPem": _text_of(_signed_request(key.key, leaf))}
        properties = inputs | texts | {"caPrivateKeyPem": Secret(self._keys[CA_KEY].text)}
        return _issued(properties, {**SHARED, **properties}, leaf)

    def _signer(self, inputs: Mapping[str, Any], key: RSAPrivateKey) -> x509.Certificate:
        """Return the certificate around the signing key: the registry's, or where it keeps the key alone a new one."""
        bundle = self._content(*BUNDLE)
        for each in _certificates(bundle, BUNDLE) if bundle else ():
            if each.public_key() == key.public_key():
                return each
        if bundle:
            raise _unfit(BUNDLE, f"must have a certificate of the key in {KEYS['served-tls-signing-key'][1]}")
        begins = dt.datetime.now(dt.UTC).replace(microsecond=0)
        subject = x509.Name(
            [x509.NameAttribute(_SUBJECT[name], text) for name, text in (inputs.get("subject") or {}).items() if name in _SUBJECT]
        )
        usage = x509.KeyUsage(**{name: name in inputs["allowedUses"] for name in _USAGES})
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + dt.timedelta(hours=float(inputs["validityPeriodHours"])))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )


def private_key(inputs: dict[str, Any], key: Key) -> dict[str, Any]:
    """Return a private key as the state notes it; its id is a hash of the public one."""
    public = key.key.public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    resource_id = hashlib.sha1(der, usedforsecurity=False).hexdigest()
    line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    blob = base64.b64decode(line.split()[1])
    properties = inputs | ({"rsaBits": key.key.key_size} if "rsaBits" in inputs else {})
    private = {
        "privateKeyPem": key.text,
        "privateKeyPemPkcs8": _text_of_key(key.key, serialization.PrivateFormat.PKCS8),
        "privateKeyOpenssh": _text_of_key(key.key, serialization.PrivateFormat.OpenSSH),
    }
    sha256 = base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode()
    outputs = {
        "rsaBits": key.key.key_size,
        "ecdsaCurve": "P224",
        **properties,
        **{name: Secret(text) for name, text in private.items()},
        "publicKeyPem": public.public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode(),
        "publicKeyOpenssh": f"{line}\n",
        "publicKeyFingerprintMd5": hashlib.md5(blob, usedforsecurity=False).digest().hex(":"),
        "publicKeyFingerprintSha256": f"SHA256:{sha256}",
        "id": resource_id,
        "__meta": META,
    }
    return {"id": resource_id, "inputs": properties, "outputs": outputs}


def request(inputs: dict[str, Any], key: Key, leaf: x509.Certificate) -> dict[str, Any]:
    """Return a request as the state notes it, for what ``leaf`` says."""
    signed = _signed_request(key.key, leaf)
    resource_id = hashlib.sha1(signed.public_bytes(serialization.Encoding.DER), usedforsecurity=False).hexdigest()
    hosts = _names(leaf).get_values_for_type(x509.DNSName)
    properties = inputs | {"privateKeyPem": Secret(key.text)}
    properties |= {"dnsNames": hosts} if sorted(hosts) != sorted(inputs.get("dnsNames") or hosts) else {}
    outputs = {**properties, "certRequestPem": _text_of(signed), "keyAlgorithm": "RSA", "id": resource_id}
    return {"id": resource_id, "inputs": properties, "outputs": outputs}


def self_signed(inputs: dict[str, Any], key: Key, certificate: x509.Certificate) -> dict[str, Any]:
    """Return a self-signed certificate as the state notes it, with ``key`` as the one that the program would sign it with again."""
    properties = inputs | {"privateKeyPem": Secret(key.text)}
    meant = {**SHARED, "setAuthorityKeyId": False, **properties, "keyAlgorithm": "RSA"}
    return _issued(properties, meant, certificate)


def _issued(inputs: dict[str, Any], meant: Mapping[str, Any], certificate: x509.Certificate) -> dict[str, Any]:
    times = {"validityStartTime": certificate.not_valid_before_utc, "validityEndTime": certificate.not_valid_after_utc}
    resource_id = str(certificate.serial_number)
    outputs = {
        **meant,
        **({"caKeyAlgorithm": "RSA"} if "caCertPem" in inputs else {}),
        "certPem": _text_of(certificate),
        "readyForRenewal": False,
        "id": resource_id,
        **{name: moment.strftime("%Y-%m-%dT%H:%M:%SZ") for name, moment in times.items()},
    }
    return {"id": resource_id, "inputs": inputs, "outputs": outputs}


def _role(resource: Resource) -> str:
    found = _NUMBERED.fullmatch(name_of(resource))
    assert found is not None
    return found[1]


def _signed_request(key: RSAPrivateKey, leaf: x509.Certificate) -> x509.CertificateSigningRequest:
    """Return the request that ``leaf`` answers; it is the same text each time."""
    made = x509.CertificateSigningRequestBuilder().subject_name(leaf.subject).add_extension(_names(leaf), critical=False)
    return made.sign(key, hashes.SHA256())


def _names(leaf: x509.Certificate) -> x509.SubjectAlternativeName:
    try:
        return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise _unfit(CHAIN, "must have the host names of the stack") from error


def _text_of(made: x509.Certificate | x509.CertificateSigningRequest) -> str:
    return made.public_bytes(_PEM).decode()


def _text_of_key(key: RSAPrivateKey, form: serialization.PrivateFormat) -> str:
    return key.private_bytes(_PEM, form, _CLEAR).decode()


def _private_key(text: str, place: tuple[str, str]) -> RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise _unfit(place, "must be a private key in PEM form, without a passphrase") from error
    if not isinstance(key, RSAPrivateKey) or not isinstance(key.public_key(), RSAPublicKey):
        raise _unfit(place, "must be an RSA key")
    return key


def _certificates(text: str, place: tuple[str, str]) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise _unfit(place, "must be certificates in PEM form") from error


def _unfit(place: tuple[str, str], rule: str) -> OpsError:
    return OpsError(
        f"{place[1]} of the object {place[0]}-... {rule}.",
        "correct the object; tls.source: provided takes a certificate of yours (docs/deploy/tls.md). Nothing was changed.",
    )


def _unknown(resource: Resource) -> OpsError:
    return OpsError(
        f"this command must know where {name_of(resource)} ({resource['type']}) is in the cluster, and does not.",
        "use the ops folder of the same version as the program. Nothing was changed.",
    )
