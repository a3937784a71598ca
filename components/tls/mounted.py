"""The certificate, the tokens' signer and the trusted authorities as objects that Pods mount."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pulumi

from components.common import names
from components.common.base import ServiceComponent
from components.common.objects import config_map, secret
from components.common.pods import SecretKey
from components.common.trust import AUTHORITY, CERTIFICATE, KEY, TlsFiles
from components.tls.certificate import KeyPair
from components.tls.signing_key import SigningKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.common.stack_context import Labels, StackContext
    from components.settings.stack import StackSettings
    from components.tls.certificate import CertificateSource, Signer

SIGNING_KEY: Final = "signing.key"


class ServedTls(ServiceComponent):
    """What servers and clients of the stack mount; the names change with the content, and the Pods that mount it restart.

    Implements ``components.tls.Certificate``.
    """

    def __init__(
        self,
        name: str,
        *,
        stack: StackSettings,
        source: CertificateSource,
        context: StackContext,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("tls:Served", name, opts)
        self._name = name
        self._context = context
        self._labels: Labels = context.labels(name=names.PORTUS, component="certificate")
        signers, signing_key = self._signers(stack, source)
        extra = [pulumi.Output.from_input(text) for text in stack.tls.extra_ca_certificates]
        self.trust = source.trust
        self.authorities: Sequence[pulumi.Output[str]] = (source.trust, *extra)
        bundle = [signer.certificate for signer in signers]
        self.signing_bundle = pulumi.Output.concat(*bundle, *stack.tls.additional_signers)
        self.key_id = signers[0].key_id
        self.is_private = source.is_private
        files = {AUTHORITY: source.trust, **{f"extra-ca-{number}.crt": text for number, text in enumerate(extra, start=1)}}
        trust = config_map(f"{name}-trust", files, self._labels, context, self.child(after=context.after))
        self.files = TlsFiles(
            secret=self._certificate_secret(source.key_pair), trust=trust.metadata.name, authorities=tuple(files), signing_key=signing_key
        )
        self.register_outputs({})

    def _signers(self, stack: StackSettings, source: CertificateSource) -> tuple[Sequence[Signer], SecretKey | None]:
        """Return the signers of tokens, the one in use first, and where its key is; None if that is the certificate's own."""
        if not stack.tls.signs_separately and source.signers:
            return source.signers, None
        versions, base = stack.tls.signing_key_versions, f"{self._name}-signing"
        own = [
            SigningKey(base, host=stack.host, version=number, protect=stack.protect and number == versions[0], opts=self.child())
            for number in versions
        ]
        secret_name = self._make_secret(f"{self._name}-signing-key", {SIGNING_KEY: own[0].private_key})
        return [each.signer for each in own], SecretKey(secret_name, SIGNING_KEY)

    def _certificate_secret(self, key_pair: KeyPair | pulumi.Output[str]) -> pulumi.Output[str]:
        if not isinstance(key_pair, KeyPair):
            return key_pair
        content = {CERTIFICATE: key_pair.chain, KEY: key_pair.private_key}
        return self._make_secret(f"{self._name}-certificate", content, kind="kubernetes.io/tls")

    def _make_secret(self, name: str, content: dict[str, pulumi.Output[str]], kind: str = "Opaque") -> pulumi.Output[str]:
        made = secret(name, content, self._labels, self._context, self.child(after=self._context.after), kind=kind)
        return made.metadata.name
