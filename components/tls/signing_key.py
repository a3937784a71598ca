"""A key of its own for the registry's tokens, in Pulumi's state, so that no renewal of the servers' certificate changes the signer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pulumi_tls as tls

from components.common.base import ServiceComponent
from components.tls.certificate import Signer
from components.tls.key_id import key_id_of_pem

if TYPE_CHECKING:
    import pulumi

KEY_BITS: Final = 2048
"""RS256 over tokens that live minutes; each login verifies one."""

VALIDITY_HOURS: Final = 10 * 365 * 24
"""Of the certificate around the public key. The registry asks for the form only: it also trusts one that has ended (portus-images.md)."""


def numbered(name: str, generation: int) -> str:
    """Return the logical name of something's ``generation``; the first one's was given before there was a counter."""
    return name if generation == 1 else f"{name}-{generation}"


class SigningKey(ServiceComponent):
    """The key, and a certificate around it, for the registry takes keys in no other form.

    Args:
        host: the certificate's name; no client checks it.
        generation: the stack file's counter; the first one's names have no number.
        protect: whether the key refuses deletion.
    """

    def __init__(self, name: str, *, host: str, generation: int, protect: bool, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tls:SigningKey", numbered(name, generation), opts)
        key = tls.PrivateKey(numbered(f"{name}-key", generation), algorithm="RSA", rsa_bits=KEY_BITS, opts=self.child(protect=protect))
        certificate = tls.SelfSignedCert(
            numbered(f"{name}-certificate", generation),
            private_key_pem=key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(common_name="Portus token signer", organization=host),
            validity_period_hours=VALIDITY_HOURS,
            allowed_uses=["digital_signature"],
            opts=self.child(),
        )
        self.private_key = key.private_key_pem
        self.signer = Signer(certificate=certificate.cert_pem, key_id=key.public_key_pem.apply(key_id_of_pem))
        self.register_outputs({"key_id": self.signer.key_id})
