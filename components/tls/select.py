"""The one place that chooses a certificate's source."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from components.settings.sections.tls import CertManagerTls, ExistingSecretTls, ProvidedTls, SelfSignedTls
from components.tls.provided import ExistingCertificate, ProvidedCertificate
from components.tls.self_signed import SelfSignedCertificate

if TYPE_CHECKING:
    import pulumi

    from components.common.placement import Placement
    from components.settings.stack import StackSettings
    from components.tls.certificate import CertificateSource


def certificate(name: str, stack: StackSettings, *, placement: Placement, opts: pulumi.ResourceOptions) -> CertificateSource:
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

            return CertManagerCertificate(name, settings=stack.tls, hosts=stack.hosts, placement=placement, opts=opts)
        case _:
            assert_never(stack.tls)
