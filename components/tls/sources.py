"""The one place that chooses a certificate's source."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from components.settings.tls import ProvidedTls, SelfSignedTls
from components.tls.provided import ProvidedCertificate
from components.tls.self_signed import SelfSignedCertificate

if TYPE_CHECKING:
    from components.settings.stack import StackSettings
    from components.tls.certificate import Certificate


def certificate(name: str, stack: StackSettings) -> Certificate:
    """Return the certificate that the stack file asks for, covering every host that the stack serves."""
    match stack.tls:
        case ProvidedTls():
            return ProvidedCertificate(name, settings=stack.tls)
        case SelfSignedTls():
            return SelfSignedCertificate(name, settings=stack.tls, hosts=(stack.host, stack.registry_name), protect=stack.protect)
        case _:
            assert_never(stack.tls)
