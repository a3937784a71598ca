"""The random secrets of a stack, made once and kept in Pulumi's state.

Each has a rotation counter. Every generation up to the counter stays a protected resource of its own, so raising the counter adds
one and deletes none: a protected resource cannot be replaced in place, and a rotation with two live values needs the former one.
Lowering the counter is refused by the protection. What the Kubernetes objects look like is their users' business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_random as random

from components.common.base import ServiceComponent
from components.common.pods import SecretKey
from components.settings.secrets import ExistingSecret

if TYPE_CHECKING:
    from pydantic import SecretStr

    from components.settings.credentials import ExistingCredentials, RotationSettings

HEX_BYTES: Final = 64
"""As ``openssl rand -hex 64``, which the image's README asks for (seed.txt): 128 hex digits."""

PASSWORD_LENGTH: Final = 40
"""Letters, hence 228 bits. Letters alone, because Portus pastes database passwords unquoted into YAML and turns all-digit values into
numbers (contract.md, cconfig)."""


class Credentials(ServiceComponent):
    """The random secrets; every attribute is a secret Output, or where a Secret of somebody else holds it.

    Args:
        rotation: the counters of the stack file.
        existing: the secrets of a deployment that is taken over; the generated ones stay, for nothing protected is ever deleted.
        protect: whether the secrets refuse deletion.
    """

    secret_key_base: pulumi.Output[str] | SecretKey
    portus_password: pulumi.Output[str] | SecretKey
    http_secret: pulumi.Output[str]
    database_root: pulumi.Output[str]
    database_application: pulumi.Output[str]
    database_backup: pulumi.Output[str]
    administrator: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        rotation: RotationSettings,
        existing: ExistingCredentials,
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("credentials:Credentials", name, opts)
        self._name = name
        self._protect = protect
        self.secret_key_base = _placed(existing.secret_key_base, self._hex("secret-key-base", rotation.secret_key_base))
        self.portus_password = _placed(existing.portus_password, self._hex("portus-password", rotation.portus_password))
        self.http_secret = _chosen(existing.http_secret, self._hex("http-secret", rotation.http_secret))
        self.database_root = _chosen(existing.database_root, self._password("database-root", rotation.database_root))
        self.database_application = _chosen(
            existing.database_application, self._password("database-application", rotation.database_application)
        )
        self.database_backup = _chosen(existing.database_backup, self._password("database-backup", rotation.database_backup))
        self.administrator = _chosen(existing.administrator, self._password("administrator", 1))
        self.register_outputs({})

    def _hex(self, role: str, generation: int) -> pulumi.Output[str]:
        values = [
            random.RandomBytes(f"{self._name}-{role}-{number}", length=HEX_BYTES, opts=self.child(protect=self._protect))
            for number in range(1, generation + 1)
        ]
        return values[-1].hex

    def _password(self, role: str, generation: int) -> pulumi.Output[str]:
        values = [
            random.RandomPassword(
                f"{self._name}-{role}-{number}",
                length=PASSWORD_LENGTH,
                special=False,
                numeric=False,
                opts=self.child(protect=self._protect),
            )
            for number in range(1, generation + 1)
        ]
        return values[-1].result


def _chosen(given: SecretStr | None, generated: pulumi.Output[str]) -> pulumi.Output[str]:
    return generated if given is None else pulumi.Output.secret(given.get_secret_value())


def _placed(given: SecretStr | ExistingSecret | None, generated: pulumi.Output[str]) -> pulumi.Output[str] | SecretKey:
    return SecretKey(given.secret, given.key) if isinstance(given, ExistingSecret) else _chosen(given, generated)
