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

if TYPE_CHECKING:
    from components.settings.credentials import RotationSettings

HEX_BYTES: Final = 64
"""As ``openssl rand -hex 64``, which the image's README asks for (seed.txt): 128 hex digits."""

PASSWORD_LENGTH: Final = 40
"""Letters, hence 228 bits. Letters alone, because Portus pastes database passwords unquoted into YAML and turns all-digit values into
numbers (contract.md, cconfig)."""


class Credentials(ServiceComponent):
    """The random secrets; every attribute is a secret Output.

    Args:
        rotation: the counters of the stack file.
        protect: whether the secrets refuse deletion.
    """

    secret_key_base: pulumi.Output[str]
    portus_password: pulumi.Output[str]
    http_secret: pulumi.Output[str]
    database_root: pulumi.Output[str]
    database_application: pulumi.Output[str]
    database_backup: pulumi.Output[str]
    administrator: pulumi.Output[str]

    def __init__(self, name: str, *, rotation: RotationSettings, protect: bool, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("credentials:Credentials", name, opts)
        self._name = name
        self._protect = protect
        self.secret_key_base = self._hex("secret-key-base", rotation.secret_key_base)
        self.portus_password = self._hex("portus-password", rotation.portus_password)
        self.http_secret = self._hex("http-secret", rotation.http_secret)
        self.database_root = self._password("database-root", rotation.database_root)
        self.database_application = self._password("database-application", rotation.database_application)
        self.database_backup = self._password("database-backup", rotation.database_backup)
        self.administrator = self._password("administrator", 1)
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
