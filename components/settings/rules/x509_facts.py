"""What one certificate says of itself, as OpenSSL, Go and the browsers judge it; ``cryptography`` is imported where it is needed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from cryptography import x509

    Extension = TypeVar("Extension", bound=x509.ExtensionType)

MINIMUM_RSA_BITS: Final = 2048
"""What OpenSSL's security level 2, which Debian sets, and every CA ask for."""

MINIMUM_EC_BITS: Final = 256

STRONG_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
"""Of signatures; Go takes no other of SHA-2, and no client takes SHA-1 or MD5."""

RENEWAL_WARNING: Final = dt.timedelta(days=7)
"""A certificate that ends sooner is refused: the next deployment may be later."""

RENEW: Final = "ask the CA for a new one, and write it here"


def certificates(text: str) -> list[x509.Certificate]:
    """Return the certificates of a PEM text in the settings' form."""
    from cryptography import x509  # noqa: PLC0415

    return x509.load_pem_x509_certificates(text.encode())


def name(certificate: x509.Certificate) -> str:
    """Return the subject, as a report shows it."""
    return certificate.subject.rfc4514_string() or "a certificate without a subject"


def issuer(certificate: x509.Certificate) -> str:
    """Return the issuer, as a report shows it."""
    return certificate.issuer.rfc4514_string() or "a CA without a name"


def extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    """Return the extension of ``kind``, None where there is none."""
    from cryptography import x509  # noqa: PLC0415

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def dns_names(certificate: x509.Certificate) -> list[str]:
    """Return the DNS names that it is for, in lower case; the common name no longer counts."""
    from cryptography import x509  # noqa: PLC0415

    names = extension(certificate, x509.SubjectAlternativeName)
    return [] if names is None else [one.lower() for one in names.get_values_for_type(x509.DNSName)]


def covers(pattern: str, host: str) -> bool:
    """Whether the DNS name ``pattern`` of a certificate is for ``host``; a wildcard replaces one label."""
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return pattern == host


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Whether it names itself as its issuer, as a root does."""
    return certificate.subject == certificate.issuer


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether it may sign others: by basicConstraints, or as a root of version 1, which had none (OpenSSL's check_ca)."""
    from cryptography import x509  # noqa: PLC0415

    constraints = extension(certificate, x509.BasicConstraints)
    if constraints is None:
        return certificate.version is x509.Version.v1 and is_self_issued(certificate)
    return constraints.ca


def may_have_issued(candidate: x509.Certificate, child: x509.Certificate) -> bool:
    """Whether ``candidate`` is the issuer that ``child`` names, by name and, where both say them, by the key's id."""
    from cryptography import x509  # noqa: PLC0415

    asked, own = extension(child, x509.AuthorityKeyIdentifier), extension(candidate, x509.SubjectKeyIdentifier)
    same_key = asked is None or own is None or asked.key_identifier in {None, own.key_identifier}
    return candidate.subject == child.issuer and same_key


def has_signed(candidate: x509.Certificate, child: x509.Certificate) -> bool:
    """Whether ``candidate`` has signed ``child``; taken for true where the signature is too weak to be checked."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    if candidate.subject != child.issuer:
        return False
    try:
        child.verify_directly_issued_by(candidate)
    except InvalidSignature:
        return False
    except (ValueError, TypeError):
        return weak_signature(child) is not None
    return True


def weak_signature(certificate: x509.Certificate) -> str | None:
    """Return what is weak about the signature on ``certificate``, None where nothing is."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415

    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return str(certificate.signature_algorithm_oid.dotted_string)
    if algorithm is None:
        return "Ed25519, which browsers do not take"
    return None if algorithm.name in STRONG_HASHES else algorithm.name.upper().replace("SHA", "SHA-").replace("--", "-")


def weak_key(certificate: x509.Certificate) -> str | None:
    """Return what is weak about the key in ``certificate``, None where nothing is."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415

    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA of {key.key_size} bits" if key.key_size < MINIMUM_RSA_BITS else None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"{key.curve.name} of {key.key_size} bits" if key.key_size < MINIMUM_EC_BITS else None
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")


def period_rules(certificate: x509.Certificate, *, ahead: dt.timedelta) -> Iterator[tuple[str, str]]:
    """Yield rule and fix of a validity that has not begun, or that ends within ``ahead``."""
    now = dt.datetime.now(dt.UTC)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if begins > now:
        yield f"must be valid now; it begins at {begins:%Y-%m-%d %H:%M} UTC", "wait until then, or correct this machine's clock"
    if ends <= now:
        yield f"must be valid now; it ended at {ends:%Y-%m-%d %H:%M} UTC", RENEW
    elif ends < now + ahead:
        yield f"must be valid for {ahead.days} more days; it ends at {ends:%Y-%m-%d %H:%M} UTC", RENEW


def purposes(certificate: x509.Certificate) -> tuple[str, ...] | None:
    """Return the extended key usages by name, None where every use is allowed."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

    usage = extension(certificate, x509.ExtendedKeyUsage)
    names = {ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage"}
    return None if usage is None else tuple(names.get(oid) or str(getattr(oid, "_name", oid.dotted_string)) for oid in usage)


def is_for_servers(certificate: x509.Certificate) -> bool:
    """Whether extended key usage, where there is one, says serverAuth; anyExtendedKeyUsage is not enough for OpenSSL."""
    usages = purposes(certificate)
    return usages is None or "serverAuth" in usages


def may_sign_certificates(certificate: x509.Certificate) -> bool:
    """Whether key usage, where there is one, says keyCertSign."""
    from cryptography import x509  # noqa: PLC0415

    usage = extension(certificate, x509.KeyUsage)
    return usage is None or usage.key_cert_sign


def may_serve_tls(certificate: x509.Certificate) -> bool:
    """Whether key usage, where there is one, says digitalSignature or keyEncipherment."""
    from cryptography import x509  # noqa: PLC0415

    usage = extension(certificate, x509.KeyUsage)
    return usage is None or usage.digital_signature or usage.key_encipherment


def refused_names(authority: x509.Certificate, names: Sequence[str]) -> list[str]:
    """Return those of ``names`` that the name constraints of ``authority`` do not let it sign for."""
    from cryptography import x509  # noqa: PLC0415

    constraints = extension(authority, x509.NameConstraints)
    if constraints is None:
        return []
    permitted = [one.value for one in constraints.permitted_subtrees or () if isinstance(one, x509.DNSName)]
    excluded = [one.value for one in constraints.excluded_subtrees or () if isinstance(one, x509.DNSName)]
    return [
        one
        for one in names
        if (permitted and not any(_is_below(one, tree) for tree in permitted)) or any(_is_below(one, tree) for tree in excluded)
    ]


def has_dotted_constraint(authority: x509.Certificate) -> bool:
    """Whether a name constraint begins with a dot, which OpenSSL and Go take and ``cryptography``'s verifier does not."""
    from cryptography import x509  # noqa: PLC0415

    constraints = extension(authority, x509.NameConstraints)
    trees = [] if constraints is None else [*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ())]
    return any(isinstance(one, x509.DNSName) and one.value.startswith(".") for one in trees)


def _is_below(host: str, tree: str) -> bool:
    host, tree = host.removeprefix("*.").lower(), tree.lower()
    return not tree or host == tree or host.endswith(f".{tree.lstrip('.')}")
