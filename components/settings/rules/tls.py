"""The certificate, and the signers of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.settings.report.problems import Problem
from components.settings.rules.certificates import (
    are_swapped,
    authority_problems,
    bundle_problems,
    certificate_problems,
    root_problems,
    signer_problems,
)
from components.settings.rules.rule import rule
from components.settings.rules.x509_facts import certificates
from components.settings.sections.registry import ExternalRedis
from components.settings.sections.tls import CertManagerTls, ExistingSecretTls, ProvidedTls, SelfSignedTls
from components.settings.stack import StackSettings
from components.settings.types.values import seconds


@rule(requires=("tls.validityDays", "tls.certificate.duration"))
def renewal_is_within_validity(stack: StackSettings) -> Iterator[Problem]:
    """A window as long as the validity would make a new certificate at each run."""
    tls = stack.tls
    if isinstance(tls, SelfSignedTls) and tls.renewal_days >= tls.validity_days:
        yield Problem(
            key="tls.renewalDays",
            value=str(tls.renewal_days),
            rule=f"must be less than tls.validityDays ({tls.validity_days})",
            fix="lower it",
        )
    if not isinstance(tls, CertManagerTls) or seconds(tls.certificate.duration) < SHORTEST["duration"]:
        return
    if seconds(tls.certificate.renew_before) >= seconds(tls.certificate.duration):
        yield Problem(
            key="tls.certificate.renewBefore",
            value=tls.certificate.renew_before,
            rule=f"must be less than tls.certificate.duration ({tls.certificate.duration})",
            fix=f"write less, e.g. a third: {seconds(tls.certificate.duration) // 180}m",
        )


@rule(requires=("host", "registry.host"))
def provided_certificate_serves_the_stack(stack: StackSettings) -> Iterator[Problem]:
    """RSA, pair, names and the path to the root: a preview reports a fault, not a client."""
    if isinstance(stack.tls, ProvidedTls | ExistingSecretTls):
        yield from certificate_problems(stack.tls, hosts=stack.hosts)


@rule()
def authorities_are_certificates(stack: StackSettings) -> Iterator[Problem]:
    """One that has ended, or that is not a root, ends in an outage that looks like the server's fault."""
    tls = stack.tls
    authority = None if isinstance(tls, SelfSignedTls) else tls.ca_certificate
    yield from authority_problems("tls.extraCaCertificates", tls.extra_ca_certificates, () if authority is None else (authority,))
    served = tls.certificate if isinstance(tls, ProvidedTls | ExistingSecretTls) else None
    if authority is not None and not (served is not None and are_swapped(served, authority)):
        yield from root_problems("tls.caCertificate", authority, served)


@rule()
def authorities_of_redis_are_in_use(stack: StackSettings) -> Iterator[Problem]:
    """The registry, a Go program, accepts several and intermediates, but none that has expired."""
    redis = stack.registry.redis
    if isinstance(redis, ExternalRedis) and redis.tls is not None:
        yield from bundle_problems("registry.redis.tls.rootcas", certificates(redis.tls.rootcas))


SHORTEST: Final = {"duration": 3600, "renewBefore": 300}
"""Seconds of a Certificate's times, below which cert-manager's webhook refuses it."""


@rule(requires=("tls.certificate.issuerRef.group", "tls.certificate.issuerRef.kind"))
def cert_managers_own_issuers_have_two_kinds(stack: StackSettings) -> Iterator[Problem]:
    """Its webhook refuses others; an external issuer has a group of its own."""
    if not isinstance(stack.tls, CertManagerTls):
        return
    issuer = stack.tls.certificate.issuer_ref
    if issuer.group == "cert-manager.io" and issuer.kind not in {"Issuer", "ClusterIssuer"}:
        near = next((kind for kind in ("ClusterIssuer", "Issuer") if kind.lower() == issuer.kind.lower()), "")
        yield Problem(
            key="tls.certificate.issuerRef.kind",
            value=issuer.kind,
            rule="must be Issuer or ClusterIssuer in the group cert-manager.io",
            fix=f"write {near}" if near else "write one of them, or set the group of the external issuer",
        )


@rule(requires=("tls.certificate.duration", "tls.certificate.renewBefore"))
def cert_manager_accepts_the_times(stack: StackSettings) -> Iterator[Problem]:
    """Its webhook refuses shorter ones."""
    if not isinstance(stack.tls, CertManagerTls):
        return
    certificate = stack.tls.certificate
    for key, value in (("duration", certificate.duration), ("renewBefore", certificate.renew_before)):
        if seconds(value) < SHORTEST[key]:
            least = f"{SHORTEST[key] // 60}m"
            yield Problem(
                key=f"tls.certificate.{key}",
                value=value,
                rule=f"must be {least} or more: cert-manager refuses less",
                fix=f"write {least} or more",
            )


@rule()
def signers_are_rsa_leaves(stack: StackSettings) -> Iterator[Problem]:
    """The registry ends if it cannot read its bundle."""
    yield from signer_problems("tls.additionalSigners", stack.tls.additional_signers)


@rule(requires=("tls.signingKeyVersion",))
def signing_key_versions_ascend(stack: StackSettings) -> Iterator[Problem]:
    """The registry would refuse every token."""
    tls = stack.tls
    if tls.min_signing_key_version > tls.signing_key_version:
        yield Problem(
            key="tls.minSigningKeyVersion",
            value=str(tls.min_signing_key_version),
            rule=f"must be at most tls.signingKeyVersion ({tls.signing_key_version})",
            fix="raise tls.signingKeyVersion and deploy; raise this when the previous key's tokens have expired (docs/deploy/tls.md)",
        )


@rule(requires=("tls.source", "tls.signingKey"))
def signing_counter_moves_a_key_of_this_stack(stack: StackSettings) -> Iterator[Problem]:
    """A given certificate brings its key: a higher counter would change nothing."""
    tls = stack.tls
    if tls.signing_key_version > 1 and isinstance(tls, ProvidedTls | ExistingSecretTls) and not tls.signs_separately:
        yield Problem(
            key="tls.signingKeyVersion",
            value=str(tls.signing_key_version),
            rule=f"must be 1 if the key of a certificate with source: {tls.source} signs tokens",
            fix="change certificate and key with additionalSigners (docs/deploy/tls.md), or set signingKey to separate",
        )


@rule(requires=("portus.version",))
def separate_signing_key_needs_puma(stack: StackSettings) -> Iterator[Problem]:
    """The Apache images have one key file for both (portus-images.md)."""
    if stack.portus.version.is_puma or not stack.tls.signs_separately:
        return
    if isinstance(stack.tls, CertManagerTls):
        yield Problem(
            key="tls.source",
            value="cert_manager",
            rule=f"must not be cert_manager for Portus {stack.portus.version}: it signs tokens with a key that the registry must know",
            fix="use source: provided or existing_secret, or Portus 2.3 or later",
        )
    else:
        yield Problem(
            key="tls.signingKey",
            value="separate",
            rule=f"must not be separate for Portus {stack.portus.version}: it signs with the certificate's key; "
            "versions that can: 2.3 to 2.5",
            fix="remove it",
        )


@rule()
def cert_manager_signs_separately(stack: StackSettings) -> Iterator[Problem]:
    """Pulumi never sees cert-manager's key, so this program could not give the registry the key whose tokens it must accept."""
    if isinstance(stack.tls, CertManagerTls) and not stack.tls.signs_separately:
        yield Problem(
            key="tls.signingKey",
            value="shared",
            rule="must be separate with source: cert_manager: this program cannot read that key, and the registry needs its certificate",
            fix="remove it",
        )
