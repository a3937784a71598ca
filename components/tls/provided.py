"""A certificate from the stack file; the settings have checked that it can serve (``components/settings/certificates.py``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from components.common.base import ServiceComponent
from components.tls.key_id import key_id_of_certificate

if TYPE_CHECKING:
    from components.settings.tls import ProvidedTls


class ProvidedCertificate(ServiceComponent):
    """The stack file's certificate and key as every other source gives them."""

    def __init__(self, name: str, *, settings: ProvidedTls, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tls:ProvidedCertificate", name, opts)
        self.chain = pulumi.Output.from_input(_terminated(settings.certificate))
        self.private_key = pulumi.Output.secret(_terminated(settings.private_key.get_secret_value()))
        self.trust = pulumi.Output.from_input(_terminated(settings.ca_certificate or _last(settings.certificate)))
        self.signing_bundle = pulumi.Output.from_input(_first(settings.certificate))
        self.key_id = pulumi.Output.from_input(key_id_of_certificate(settings.certificate))
        self.is_private = settings.ca_certificate is not None
        self.register_outputs({"key_id": self.key_id})


def _terminated(pem: str) -> str:
    return pem.strip() + "\n"


def _blocks(pem: str) -> list[str]:
    end = "-----END CERTIFICATE-----"
    return [block.strip() + "\n" + end + "\n" for block in pem.split(end) if block.strip()]


def _first(pem: str) -> str:
    return _blocks(pem)[0]


def _last(pem: str) -> str:
    return _blocks(pem)[-1]
