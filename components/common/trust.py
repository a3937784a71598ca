"""What Pods mount of the stack's certificate, keys and authorities; ``components.tls`` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.common.pods import ConfigKey, SecretKey

if TYPE_CHECKING:
    import pulumi

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
AUTHORITY: Final = "ca.crt"


@dataclass(frozen=True, kw_only=True, slots=True)
class TlsFiles:
    """Where the files are.

    Args:
        secret: name of the Secret with ``tls.crt`` and ``tls.key``.
        trust: name of the ConfigMap with ``authorities``.
        authorities: its keys: ``ca.crt`` for Portus and the registry, then the stack file's further ones.
        signing_key: the key that signs tokens; None if it is the certificate's own.
    """

    secret: pulumi.Input[str]
    trust: pulumi.Input[str]
    authorities: tuple[str, ...] = (AUTHORITY,)
    signing_key: SecretKey | None = None

    def __getitem__(self, key: str) -> SecretKey | ConfigKey:
        """Return where ``tls.crt``, ``tls.key`` or one of ``authorities`` is."""
        return ConfigKey(self.trust, key) if key in self.authorities else SecretKey(self.secret, key)
