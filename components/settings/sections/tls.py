"""The certificate that Portus, the registry and the front proxy serve, and the key that signs tokens."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.settings.types.base import ChangeImpact, Section
from components.settings.types.pem_types import Pem, PemSecret, ServedPem
from components.settings.types.values import Duration, ObjectName, RotationCount, Text


class SigningKey(StrEnum):
    """Which key signs the registry's tokens."""

    SHARED = "shared"
    SEPARATE = "separate"


SigningKeyChoice = Annotated[
    SigningKey,
    ChangeImpact(
        "another signer: valid tokens are refused for minutes, unless ``additionalSigners`` names the previous certificate; from"
        " separate, unprotect its key (docs/operate/protection.md)"
    ),
]


PubliclyTrusted = Annotated[bool, ChangeImpact("only the output first_steps changes")]


class _Trust(Section):
    """What every source of a certificate has in addition."""

    synonyms: ClassVar[Mapping[str, str]] = {
        "signing_key_generation": "signingKeyVersion",
        "oldest_accepted_generation": "minSigningKeyVersion",
    }

    signing_key: SigningKeyChoice = SigningKey.SHARED
    """``shared``: the certificate's key also signs the registry's tokens, as in the original image. ``separate``: a key of its own in
    Pulumi's state, so that no renewal of the certificate changes the signer; Portus 2.3 on."""
    signing_key_version: Annotated[
        RotationCount, ChangeImpact("the registry accepts both keys, then Portus signs with the new one; no token is refused")
    ] = 1
    """Counter of the key that signs tokens, if this stack makes it (``separate``, or ``source: self_signed``, whose certificate changes
    with it under the same CA). The previous key is accepted until ``minSigningKeyVersion`` is raised, too (docs/deploy/tls.md)."""
    min_signing_key_version: Annotated[
        RotationCount,
        ChangeImpact(
            "the registry restarts and refuses tokens of older keys: raise it after the last of those ended, never with the other counter"
        ),
    ] = 1
    """The registry accepts tokens of the keys from this version on. An older key leaves the state. How long a token lives:
    ``portus.config.registry.jwt_expiration_time``."""
    additional_signers: Annotated[tuple[Pem, ...], ChangeImpact("the registry restarts")] = ()
    """Further certificates whose keys' tokens the registry accepts: the next one before a change of the key, the previous one after it."""
    extra_ca_certificates: Annotated[tuple[Pem, ...], ChangeImpact("Portus and the registry restart")] = ()
    """Further private CAs that Portus, its worker and the registry trust, one certificate each: of an LDAP or mail server, of S3."""

    @property
    def signs_separately(self) -> bool:
        """Whether tokens are signed by a key of their own."""
        return self.signing_key is SigningKey.SEPARATE

    @property
    def signing_key_versions(self) -> tuple[int, ...]:
        """The versions whose tokens are accepted, the one that signs first.

        Of their keys only that one is protected. So the engine itself, which knows what is deployed, refuses to leave out a step: the key
        that signs cannot go in the deployment that brings its successor, only in a later one, as a previous key.
        """
        return tuple(range(self.signing_key_version, self.min_signing_key_version - 1, -1))


class ProvidedTls(_Trust):
    """Certificate and key from the stack file; checked at preview (RSA, pair, names, path to the root; docs/deploy/tls.md)."""

    synonyms: ClassVar[Mapping[str, str]] = {
        **_Trust.synonyms,
        **dict.fromkeys(("tls.crt", "crt", "chain", "fullchain"), "certificate"),
        **dict.fromkeys(("tls.key", "key", "privkey"), "privateKey"),
        **dict.fromkeys(("ca.crt", "ca", "root"), "caCertificate"),
    }

    source: Literal["provided"]
    """Where the certificate comes from."""
    certificate: Pem
    """Leaf first, then the intermediates."""
    private_key: PemSecret
    """RSA, 2048 bits or more, without passphrase; it also signs the registry's tokens. Encrypted in the stack file; for a key in a
    Secret of another team use ``source: existing_secret``."""
    ca_certificate: Pem | None = None
    """The root certificate alone, also of a public CA: Portus, the registry and the front proxy verify each other by it. Leave it out if
    ``certificate`` ends with it."""
    publicly_trusted: PubliclyTrusted = False
    """Whether clients trust that root already, as they do a public CA's."""


class SelfSignedTls(_Trust):
    """A private CA and a certificate that it signs, in Pulumi's state. Clients must trust the CA (output ``ca_certificate``)."""

    source: Annotated[
        Literal["self_signed"],
        ChangeImpact(
            "another key and CA: clients must trust the new one, valid tokens are refused for minutes; from self_signed, unprotect"
            " its keys (docs/operate/protection.md)"
        ),
    ] = "self_signed"
    """Where the certificate comes from."""
    key_bits: Annotated[Literal[2048, 3072, 4096], ChangeImpact("would replace the key, which ``protect`` refuses")] = 2048
    """Size of the RSA key; Portus cannot sign with other kinds."""
    ca_validity_days: Annotated[int, Field(ge=30, le=7300), ChangeImpact("would replace the CA, which ``protect`` refuses")] = 3650
    """How long the CA is valid: ten years, because every client must get the next one."""
    validity_days: Annotated[int, Field(ge=1, le=825)] = 397
    """How long the leaf is valid. Browsers accept at most 397 days."""
    renewal_days: Annotated[int, Field(ge=0, le=365)] = 60
    """The first ``pulumi up`` within this many days before the end makes a new leaf with the same key."""


class ExistingSecretTls(_Trust):
    """A ``kubernetes.io/tls`` Secret that another team or tool creates; its key never reaches Pulumi.

    A Pod reads certificate and key when it starts: after a renewal restart the Deployments (docs/deploy/tls.md).
    """

    source: Literal["existing_secret"]
    """Where the certificate comes from."""
    secret: ObjectName
    """Name of the Secret in the stack's namespace, with ``tls.crt`` (leaf first, then the intermediates) and ``tls.key`` (RSA)."""
    certificate: Annotated[
        ServedPem,
        ChangeImpact(
            "the registry restarts if its key signs tokens; what serves it does not: restart the Deployments (docs/deploy/tls.md)"
        ),
    ]
    """The content of its ``tls.crt``: public, and the only way to check it at preview. With the shared signing key it is also what the
    registry checks tokens against, so a new key in the Secret needs the new certificate here in the same deployment."""
    ca_certificate: Pem | None = None
    """The root certificate alone, also of a public CA: Portus, the registry and the front proxy verify each other by it. Leave it out if
    ``certificate`` ends with it."""
    publicly_trusted: PubliclyTrusted = False
    """Whether clients trust that root already, as they do a public CA's."""


class IssuerRef(Section):
    """cert-manager's ``issuerRef``."""

    name: ObjectName
    """Name of the issuer."""
    kind: Text = "ClusterIssuer"
    """``Issuer`` for one of the stack's own namespace."""
    group: ObjectName = "cert-manager.io"
    """Another one if the documentation of an external issuer says so."""


class CertificateKey(Section):
    """cert-manager's ``privateKey``; always RSA."""

    rotation_policy: Literal["Never", "Always"] = "Never"
    """Whether a renewal makes a new key. With ``Never``, a Pod that starts during a renewal cannot get a certificate and a key that do not
    match."""
    size: Literal[2048, 3072, 4096] = 2048
    """Size of the key in bits."""


class CertificateSpec(Section):
    """The Certificate by cert-manager's own names; its DNS names are the stack's hosts."""

    issuer_ref: IssuerRef
    """The issuer that signs. It must exist."""
    duration: Duration = "2160h"
    """How long each certificate is valid: 90 days, as ACME issuers give."""
    renew_before: Duration = "720h"
    """How long before its end it is renewed: 30 days, in which you can restart the Pods."""
    private_key: CertificateKey = CertificateKey()
    """Its private key."""


class CertManagerTls(_Trust):
    """A Certificate that cert-manager keeps renewed in a Secret; its key never reaches Pulumi.

    Hence tokens are signed by a separate key (Portus 2.3 on): the registry cannot learn a key that Pulumi cannot see.
    A Pod reads certificate and key when it starts: after a renewal restart the Deployments (docs/deploy/tls.md).
    """

    moved_keys: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("issuer", "issuerRef", "issuerName", "clusterIssuer"), "write 'certificate: {issuerRef: {name: ...}}'"
    )

    source: Literal["cert_manager"]
    """Where the certificate comes from."""
    certificate: Annotated[CertificateSpec, ChangeImpact("cert-manager asks for another certificate; then restart the Deployments")]
    """The Certificate that cert-manager must keep."""
    ca_certificate: Pem
    """The root, alone, by which Portus, the registry and the front proxy trust each other; for an ACME issuer its public root."""
    publicly_trusted: PubliclyTrusted = False
    """Whether clients trust that root already, as they do an ACME issuer's."""
    signing_key: SigningKeyChoice = SigningKey.SEPARATE
    """Always ``separate`` with this source."""


TlsSettings = Annotated[ProvidedTls | SelfSignedTls | ExistingSecretTls | CertManagerTls, Field(discriminator="source")]
