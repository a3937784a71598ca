"""What a source of a certificate gives, and what the other components see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from components.common.trust import TlsFiles


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyPair:
    """Certificate and key in PEM form.

    Args:
        chain: leaf first: what the servers present.
        private_key: RSA; secret.
    """

    chain: pulumi.Output[str]
    private_key: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Signer:
    """Who signs the registry's tokens.

    Args:
        certificate: PEM, the leaf: the registry looks a token's key id up among leaves, never under a CA.
        key_id: libtrust id of the key: a token's ``kid``.
    """

    certificate: pulumi.Output[str]
    key_id: pulumi.Output[str]


class CertificateSource(Protocol):
    """Where the certificate that the servers present comes from."""

    key_pair: KeyPair | pulumi.Output[str]
    """What must be in a Secret, or the name of the existing Secret."""
    trust: pulumi.Output[str]
    """PEM: what a client of Portus or the registry has to trust."""
    signers: Sequence[Signer]
    """Its keys as the tokens' signers, the one in use first; none where Pulumi cannot know it."""
    is_private: bool
    """Whether clients have to be given ``trust``, because no public CA has signed."""
    ends: pulumi.Output[float] | None
    """When it ends, in seconds since 1970; None where Pulumi never sees it."""


class Certificate(Protocol):
    """What the rest of the stack needs to know; all attributes are always there."""

    files: TlsFiles
    """What Pods mount."""
    trust: pulumi.Output[str]
    """PEM: what a client of Portus or the registry has to trust."""
    authorities: Sequence[pulumi.Output[str]]
    """PEM: ``trust`` and the stack file's further CAs; what the stack's own servers trust."""
    signing_bundle: pulumi.Output[str]
    """PEM: the registry's ``rootcertbundle``: the signer's certificate, the previous ones', then those that the stack file adds."""
    key_id: pulumi.Output[str]
    """libtrust id of the signing key: a token's ``kid``."""
    is_private: bool
    """Whether clients have to be given ``trust``, because no public CA has signed."""
