"""A private CA and a leaf of its making, by pulumi-tls, in Pulumi's state.

A CA rather than a lone certificate, so that clients keep their trust when the leaf is renewed.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_tls as tls

from components.common.base import ServiceComponent
from components.tls.certificate import KeyPair, Signer
from components.tls.signing_key import key_id_of_pem, numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.settings.sections.tls import SelfSignedTls
    from components.settings.stack import StackSettings

HOURS: Final = 24

COMMON_NAME_LENGTH: Final = 64
"""Characters that X.509 allows a common name; clients look at the alternative names only, which hold the whole host."""


class SelfSignedCertificate(ServiceComponent):
    """A certificate for ``hosts`` under a CA of its own.

    Args:
        settings: the stack file's ``tls``.
        hosts: the subject alternative names.
    """

    def __init__(
        self,
        name: str,
        *,
        stack: StackSettings,
        settings: SelfSignedTls,
        hosts: Sequence[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("tls:SelfSignedCertificate", name, opts)
        self._name = name
        self._settings = settings
        ca_key, authority = self._authority(protect=stack.protect)
        versions = (1,) if settings.signs_separately else settings.signing_key_versions
        keys = {number: self._key(numbered("key", number), protect=stack.protect and number == versions[0]) for number in versions}
        leaves = {number: self._leaf(key, ca_key, authority, hosts, number) for number, key in keys.items()}
        key, leaf = keys[versions[0]], leaves[versions[0]]
        chain = pulumi.Output.concat(leaf.cert_pem, authority.cert_pem)
        self.key_pair: KeyPair | pulumi.Output[str] = KeyPair(chain=chain, private_key=key.private_key_pem)
        self.trust = authority.cert_pem
        self.signers: Sequence[Signer] = [
            Signer(certificate=leaves[number].cert_pem, key_id=keys[number].public_key_pem.apply(key_id_of_pem)) for number in versions
        ]
        self.is_private = True
        self.ends: pulumi.Output[float] | None = leaf.validity_end_time.apply(lambda text: dt.datetime.fromisoformat(text).timestamp())
        self.register_outputs({})

    def _key(self, role: str, *, protect: bool) -> tls.PrivateKey:
        return tls.PrivateKey(f"{self._name}-{role}", algorithm="RSA", rsa_bits=self._settings.key_bits, opts=self.child(protect=protect))

    def _authority(self, *, protect: bool) -> tuple[tls.PrivateKey, tls.SelfSignedCert]:
        key = self._key("ca-key", protect=protect)
        certificate = tls.SelfSignedCert(
            f"{self._name}-ca",
            private_key_pem=key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(common_name="Portus private CA"),
            is_ca_certificate=True,
            set_subject_key_id=True,
            validity_period_hours=self._settings.ca_validity_days * HOURS,
            allowed_uses=["cert_signing", "crl_signing"],
            opts=self.child(protect=protect),
        )
        return key, certificate

    def _leaf(
        self, key: tls.PrivateKey, ca_key: tls.PrivateKey, authority: tls.SelfSignedCert, hosts: Sequence[str], version: int
    ) -> tls.LocallySignedCert:
        request = tls.CertRequest(
            numbered(f"{self._name}-request", version),
            private_key_pem=key.private_key_pem,
            subject=tls.CertRequestSubjectArgs(common_name=hosts[0][:COMMON_NAME_LENGTH]),
            dns_names=list(hosts),
            opts=self.child(),
        )
        return tls.LocallySignedCert(
            numbered(f"{self._name}-certificate", version),
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=ca_key.private_key_pem,
            ca_cert_pem=authority.cert_pem,
            validity_period_hours=self._settings.validity_days * HOURS,
            early_renewal_hours=self._settings.renewal_days * HOURS,
            set_subject_key_id=True,
            allowed_uses=["digital_signature", "key_encipherment", "server_auth"],
            opts=self.child(),
        )
