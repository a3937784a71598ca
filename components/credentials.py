"""The random secrets of a stack, made once and kept in Pulumi's state.

Each has a rotation counter. Every value up to the counter stays a protected resource of its own, so raising the counter adds
one and deletes none: a protected resource cannot be replaced in place, and a rotation with two valid values needs the previous one.
The protection refuses to lower the counter. The components that use a secret make the Kubernetes object that has it.

Every value is a ``RandomPassword``, whose id is "none". ``RandomBytes``, ``RandomString`` and ``RandomId`` must not be used: their id is
the value, and Pulumi encrypts no id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi
import pulumi_random as random

from components.common.base import ServiceComponent
from components.common.pods import SecretInput, SecretKey
from components.settings.types.secrets import ExistingSecret

if TYPE_CHECKING:
    from pydantic import SecretStr

    from components.settings.sections.credentials import CredentialSettings

HEX: Final[Mapping[str, Any]] = {
    "length": 128,
    "special": True,
    "override_special": "0123456789abcdef",
    "lower": False,
    "upper": False,
    "numeric": False,
}
"""128 hex digits, hence 512 bits: as ``openssl rand -hex 64``, which the image's README asks for."""

PASSWORD: Final[Mapping[str, Any]] = {"length": 40, "special": False, "numeric": False}
"""40 letters, hence 228 bits. Letters alone, because Portus pastes database passwords unquoted into YAML and turns all-digit values into
numbers (portus-images.md)."""


@dataclass(frozen=True, slots=True)
class SecretVersions:
    """The values that a secret has had, oldest first."""

    values: tuple[SecretInput, ...]

    @property
    def current(self) -> SecretInput:
        """The value in use."""
        return self.values[-1]

    @property
    def previous(self) -> SecretInput:
        """The value before it; the same where there was none."""
        return self.values[-2] if self.rotated else self.values[-1]

    @property
    def rotated(self) -> bool:
        """Whether the counter was ever raised."""
        return len(self.values) > 1


class Credentials(ServiceComponent):
    """The secrets; every attribute is a secret Output, or the key of an existing Secret.

    The text of a deployment that was taken over counts as the first value, so that raising the counter replaces it.

    Args:
        settings: the counters, and the secrets of a deployment that is taken over. The generated ones stay beside those, because a
            protected resource is never deleted.
        protect: whether the secrets refuse deletion.
    """

    secret_key_base: SecretInput
    portus_password: SecretInput
    http_secret: SecretInput
    database_root: SecretInput
    database_application: SecretInput
    database_backup: SecretInput
    administrator: SecretInput

    def __init__(self, name: str, *, settings: CredentialSettings, protect: bool, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("credentials:Credentials", name, opts)
        rotation, existing = settings.rotation, settings.existing
        self._name = name
        self._protect = protect
        self.secret_key_base = self._random("secret-key-base", rotation.secret_key_base, existing.secret_key_base, HEX).current
        self.portus_password = self._random("portus-password", rotation.portus_password, existing.portus_password, HEX).current
        self.http_secret = self._random("http-secret", rotation.http_secret, existing.http_secret, HEX).current
        self.root_versions = self._random("database-root", rotation.database_root, existing.database_root, PASSWORD)
        self.application_versions = self._random(
            "database-application", rotation.database_application, existing.database_application, PASSWORD
        )
        self.backup_versions = self._random("database-backup", rotation.database_backup, existing.database_backup, PASSWORD)
        self.database_root = self.root_versions.current
        self.database_application = self.application_versions.current
        self.database_backup = self.backup_versions.current
        self.administrator = self._random("administrator", 1, existing.administrator, PASSWORD).current
        self.register_outputs({})

    def _random(self, role: str, counter: int, given: SecretStr | ExistingSecret | None, shape: Mapping[str, Any]) -> SecretVersions:
        """Make every value up to ``counter``, of ``shape``; ``given`` takes the place of the first."""
        made = [
            random.RandomPassword(f"{self._name}-{role}-{number}", **shape, opts=self.child(protect=self._protect)).result
            for number in range(1, counter + 1)
        ]
        return _versions(given, made)


def _versions(given: SecretStr | ExistingSecret | None, made: list[pulumi.Output[str]]) -> SecretVersions:
    if given is None:
        return SecretVersions(tuple(made))
    if isinstance(given, ExistingSecret):
        return SecretVersions((SecretKey(given.secret, given.key),))  # its owner rotates it: the settings' rules refuse a counter
    return SecretVersions((pulumi.Output.secret(given.get_secret_value()), *made[1:]))
