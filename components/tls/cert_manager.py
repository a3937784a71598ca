"""A Certificate that cert-manager keeps renewed in a Secret of the stack's namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pulumi

from components.common import names, objects
from components.common.base import ServiceComponent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.common.stack_context import StackContext
    from components.settings.sections.tls import CertificateSpec, CertManagerTls
    from components.tls.certificate import KeyPair, Signer

READY: Final = {"pulumi.com/waitFor": "condition=Ready"}
"""Pods that mount the Secret wait for it anyhow; this shows why they wait (a refused order, a missing issuer)."""


class CertManagerCertificate(ServiceComponent):
    """The Certificate, and the name of its Secret.

    Args:
        hosts: its DNS names.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: CertManagerTls,
        hosts: Sequence[str],
        context: StackContext,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("tls:CertManagerCertificate", name, opts)
        from pulumi_kubernetes.apiextensions import CustomResource  # noqa: PLC0415 - only stacks with this source need it

        definition = objects.served("certificates.cert-manager.io", context, self.child())
        labels = context.labels(name=names.PORTUS, component="certificate")
        made = CustomResource(
            f"{name}-certificate",
            api_version="cert-manager.io/v1",
            kind="Certificate",
            metadata=context.metadata(labels, names.TLS, annotations=READY),
            spec=certificate_spec(settings.certificate, hosts),
            opts=self.child(after=[*context.after, *definition]),
        )
        self.key_pair: KeyPair | pulumi.Output[str] = made.id.apply(lambda _: names.TLS)
        self.trust = pulumi.Output.from_input(settings.ca_certificate)
        self.signers: Sequence[Signer] = ()
        self.ends: pulumi.Output[float] | None = None
        self.is_private = not settings.publicly_trusted
        self.register_outputs({})


def certificate_spec(settings: CertificateSpec, hosts: Sequence[str]) -> dict[str, Any]:
    """Return the Certificate's ``spec``; pure."""
    issuer, key = settings.issuer_ref, settings.private_key
    return {
        "secretName": names.TLS,
        "dnsNames": list(hosts),
        "issuerRef": {"name": issuer.name, "kind": issuer.kind, "group": issuer.group},
        "duration": settings.duration,
        "renewBefore": settings.renew_before,
        "privateKey": {"algorithm": "RSA", "encoding": "PKCS1", "size": key.size, "rotationPolicy": key.rotation_policy},
        "usages": ["digital signature", "key encipherment", "server auth"],
    }
