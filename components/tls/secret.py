"""The certificate and key as a Secret that Pods mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.common import names
from components.common.base import ServiceComponent
from components.common.secrets import secret

if TYPE_CHECKING:
    import pulumi

    from components.common.placement import Placement
    from components.tls.certificate import Certificate


class TlsSecret(ServiceComponent):
    """A ``kubernetes.io/tls`` Secret with ``ca.crt``; ``secret_name`` changes with the content, and whoever mounts it rolls."""

    secret_name: pulumi.Output[str]

    def __init__(self, name: str, *, certificate: Certificate, placement: Placement, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tls:TlsSecret", name, opts)
        content = {"tls.crt": certificate.chain, "tls.key": certificate.private_key, "ca.crt": certificate.trust}
        labels = placement.labels(name=names.PORTUS, component="certificate")
        held = secret(f"{name}-certificate", content, labels, placement, self.child(after=placement.after), kind="kubernetes.io/tls")
        self.secret_name = held.metadata.name
        self.register_outputs({})
