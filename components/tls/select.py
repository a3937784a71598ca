"""Certificates that the stack file brings, and the one place that chooses a certificate's source.

The settings have checked that a brought certificate can serve (``rules/certificates.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import pulumi

from components.common import pem
from components.common.base import ServiceComponent
from components.settings.sections.tls import CertManagerTls, ExistingSecretTls, ProvidedTls, SelfSignedTls
from components.tls.certificate import KeyPair, Signer
from components.tls.self_signed import SelfSignedCertificate
from components.tls.signing_key import key_id_of_certificate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.common.stack_context import StackContext
    from components.settings.stack import StackSettings
    from components.tls.certificate import CertificateSource


class ProvidedCertificate(ServiceComponent):
    """The stack file's certificate and key."""

    def __init__(self, name: str, *, settings: ProvidedTls, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tls:ProvidedCertificate", name, opts)
        self.key_pair: KeyPair | pulumi.Output[str] = KeyPair(
            chain=pulumi.Output.from_input(settings.certificate),
            private_key=pulumi.Output.secret(settings.private_key.get_secret_value()),
        )
        self.ends: pulumi.Output[float] | None = pulumi.Output.from_input(end_of(settings.certificate))
        self.trust = _trust(settings)
        self.signers: Sequence[Signer] = (_signer(settings.certificate),)
        self.is_private = not settings.publicly_trusted
        self.register_outputs({})


class ExistingCertificate(ServiceComponent):
    """The certificate in an existing Secret; the stack file has its public part."""

    def __init__(self, name: str, *, settings: ExistingSecretTls, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tls:ExistingCertificate", name, opts)
        self.key_pair: KeyPair | pulumi.Output[str] = pulumi.Output.from_input(settings.secret)
        self.ends: pulumi.Output[float] | None = pulumi.Output.from_input(end_of(settings.certificate))
        self.trust = _trust(settings)
        self.signers: Sequence[Signer] = (_signer(settings.certificate),)
        self.is_private = not settings.publicly_trusted
        self.register_outputs({})


def end_of(chain: str) -> float:
    """Return when the first certificate of ``chain`` ends, in seconds since 1970."""
    from cryptography import x509  # noqa: PLC0415 - takes time to import, and only these sources need it

    return x509.load_pem_x509_certificates(chain.encode())[0].not_valid_after_utc.timestamp()


def _trust(settings: ProvidedTls | ExistingSecretTls) -> pulumi.Output[str]:
    return pulumi.Output.from_input(settings.ca_certificate or pem.certificates(settings.certificate)[-1])


def _signer(certificate: str) -> Signer:
    return Signer(
        certificate=pulumi.Output.from_input(pem.certificates(certificate)[0]),
        key_id=pulumi.Output.from_input(key_id_of_certificate(certificate)),
    )


def certificate(name: str, stack: StackSettings, *, context: StackContext, opts: pulumi.ResourceOptions) -> CertificateSource:
    """Return the certificate that the stack file asks for, covering every host that the stack serves."""
    match stack.tls:
        case ProvidedTls():
            return ProvidedCertificate(name, settings=stack.tls, opts=opts)
        case SelfSignedTls():
            return SelfSignedCertificate(name, stack=stack, settings=stack.tls, hosts=stack.hosts, opts=opts)
        case ExistingSecretTls():
            return ExistingCertificate(name, settings=stack.tls, opts=opts)
        case CertManagerTls():
            from components.tls.cert_manager import CertManagerCertificate  # noqa: PLC0415 - few stacks use it

            return CertManagerCertificate(name, settings=stack.tls, hosts=stack.hosts, context=context, opts=opts)
        case _:
            assert_never(stack.tls)
