"""Whether a provided certificate can serve this stack, told before anything is created.

``cryptography`` is imported inside, so that stacks which bring no certificate do not pay for it in time and memory.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from components.settings.report import HIDDEN, Problem
from components.settings.sealed import is_sealed
from components.settings.tls import ExistingSecretTls, ProvidedTls

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

MINIMUM_KEY_BITS: Final = 2048
"""Portus would take 1024; nobody else does any more."""

RSA_ONLY: Final = "is an RSA key: Portus signs the registry's tokens with it and knows no other kind"
RSA_REMEDY: Final = "ask for an RSA certificate (certbot: --key-type rsa; cert-manager: privateKey.algorithm RSA)"

RENEWAL_WARNING: Final = dt.timedelta(days=7)
"""A certificate that ends sooner is refused: the next deployment may be later."""


def certificate_problems(tls: ProvidedTls | ExistingSecretTls, *, hosts: tuple[str, ...]) -> Iterator[Problem]:
    """Yield what is wrong with the certificate, the key and the chain for serving ``hosts``."""
    from cryptography import x509  # noqa: PLC0415 - see the module's docstring

    try:
        chain = x509.load_pem_x509_certificates(tls.certificate.encode())
    except ValueError:
        yield Problem(
            key="tls.certificate",
            value="",
            rule="is one readable certificate or more in PEM form",
            remedy="give the whole file, from BEGIN to END",
        )
        return
    if isinstance(tls, ProvidedTls):
        yield from () if is_sealed(tls.private_key) else _key_problems(tls, chain[0])
    elif not tls.signs_separately:
        yield from _signer_problems("tls.certificate", chain[0])
    yield from _name_problems(chain[0], hosts)
    yield from _validity_problems(chain)
    disorder = list(_chain_problems(chain))
    yield from disorder or _root_problems(tls.ca_certificate, chain[-1])


def _key_problems(tls: ProvidedTls, leaf: x509.Certificate) -> Iterator[Problem]:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = _load_key(tls.private_key.get_secret_value())
    if isinstance(key, str):
        yield Problem(key="tls.private_key", value=HIDDEN, rule="is a readable private key without a passphrase", remedy=key)
        return
    if not isinstance(key, rsa.RSAPrivateKey):
        yield Problem(key="tls.private_key", value=HIDDEN, rule=RSA_ONLY, remedy=RSA_REMEDY)
        return
    if key.key_size < MINIMUM_KEY_BITS:
        yield Problem(
            key="tls.private_key", value=HIDDEN, rule=f"has {MINIMUM_KEY_BITS} bits or more, not {key.key_size}", remedy="make a longer one"
        )
    if leaf.public_key() != key.public_key():
        yield Problem(
            key="tls.private_key",
            value=HIDDEN,
            rule="belongs to the first certificate of tls.certificate",
            remedy="give the key the certificate was made for, and put the leaf first",
        )


def _load_key(pem: str) -> PrivateKeyTypes | str:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        return load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        return "remove the passphrase: openssl rsa -in encrypted.key -out plain.key"
    except ValueError:
        return "give the whole PEM file, from BEGIN to END"


def _name_problems(leaf: x509.Certificate, hosts: tuple[str, ...]) -> Iterator[Problem]:
    from cryptography import x509  # noqa: PLC0415

    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    for host in dict.fromkeys(hosts):
        if not any(_covers(name.lower(), host) for name in names):
            yield Problem(
                key="tls.certificate",
                value="",
                rule=f"names {host} among its subject alternative names; it names {', '.join(names) or 'none'}",
                remedy="ask for a certificate with that name too (the subject's common name no longer counts)",
            )


def _covers(name: str, host: str) -> bool:
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:]
    return name == host


def _validity_problems(chain: list[x509.Certificate]) -> Iterator[Problem]:
    now = dt.datetime.now(dt.UTC)
    for certificate in chain:
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        subject = certificate.subject.rfc4514_string()
        if begins > now:
            yield Problem(
                key="tls.certificate",
                value=subject,
                rule=f"is valid already; it begins at {begins:%Y-%m-%d %H:%M} UTC",
                remedy="wait, or mend the clock",
            )
        if ends < now:
            yield Problem(
                key="tls.certificate", value=subject, rule=f"has not ended; it did at {ends:%Y-%m-%d %H:%M} UTC", remedy="renew it"
            )
        elif ends < now + RENEWAL_WARNING:
            yield Problem(
                key="tls.certificate",
                value=subject,
                rule=f"is valid for {RENEWAL_WARNING.days} days more; it ends at {ends:%Y-%m-%d %H:%M} UTC",
                remedy="renew it",
            )


def _chain_problems(chain: list[x509.Certificate]) -> Iterator[Problem]:
    for child, issuer in itertools.pairwise(chain):
        if child.issuer != issuer.subject:
            yield Problem(
                key="tls.certificate",
                value=issuer.subject.rfc4514_string(),
                rule="each certificate is followed by its issuer, leaf first",
                remedy=f"put {child.issuer.rfc4514_string()} after {child.subject.rfc4514_string()}",
            )


def _root_problems(authority: str | None, last: x509.Certificate) -> Iterator[Problem]:
    """Yield what keeps a strict client (OpenSSL, hence the front proxy) from trusting the chain's end."""
    if authority is None:
        if last.subject != last.issuer:
            yield Problem(
                key="tls.ca_certificate",
                value="",
                rule="is required unless tls.certificate ends with its root: the front proxy verifies Portus and the registry by it",
                remedy=f"give the certificate of {last.issuer.rfc4514_string()}; of a public CA, with publicly_trusted: true",
            )
        return
    roots = _loaded(authority)
    if roots and last not in roots and not any(_has_signed(root, last) for root in roots):
        yield Problem(
            key="tls.ca_certificate",
            value=roots[0].subject.rfc4514_string(),
            rule="has signed the last certificate of tls.certificate",
            remedy=f"give the certificate of {last.issuer.rfc4514_string()}",
        )


def _has_signed(root: x509.Certificate, last: x509.Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    try:
        last.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def authority_problems(key: str, authorities: str | Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with CA certificates that Pods trust.

    Args:
        authorities: one PEM text, or a list of them; each holds one certificate.
    """
    for name, text in _named(key, authorities):
        found = _loaded(text)
        if not found:
            yield Problem(key=name, value="", rule="is a readable certificate in PEM form", remedy="give the whole file, from BEGIN to END")
        elif len(found) > 1:
            alone = "leave the root that has signed; further ones are entries of tls.extra_ca_certificates"
            yield Problem(
                key=name,
                value="",
                rule="holds one certificate, for Portus' system trusts the first of a file",
                remedy=alone if isinstance(authorities, str) else "make two entries of it",
            )


def signer_problems(key: str, signers: Sequence[str]) -> Iterator[Problem]:
    """Yield what is wrong with certificates whose keys may sign tokens."""
    for name, text in _named(key, signers):
        found = _loaded(text)
        if len(found) != 1:
            yield Problem(
                key=name, value="", rule="is one readable certificate in PEM form", remedy="give the leaf alone, from BEGIN to END"
            )
        else:
            yield from _signer_problems(name, found[0])


def _signer_problems(key: str, leaf: x509.Certificate) -> Iterator[Problem]:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    public = leaf.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        yield Problem(key=key, value="", rule=f"its key {RSA_ONLY}", remedy=RSA_REMEDY)
    elif public.key_size < MINIMUM_KEY_BITS:
        yield Problem(
            key=key, value="", rule=f"its key has {MINIMUM_KEY_BITS} bits or more, not {public.key_size}", remedy="make a longer one"
        )


def _named(key: str, texts: str | Sequence[str]) -> list[tuple[str, str]]:
    return [(key, texts)] if isinstance(texts, str) else [(f"{key}[{index}]", text) for index, text in enumerate(texts)]


def _loaded(text: str) -> list[x509.Certificate]:
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return []
