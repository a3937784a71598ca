"""The passwords of the database's accounts, as a rotation needs them."""

from __future__ import annotations

from dataclasses import dataclass

from components.credentials import SecretVersions


@dataclass(frozen=True, kw_only=True, slots=True)
class MariaDbPasswords:
    """The three accounts' passwords."""

    root: SecretVersions
    application: SecretVersions
    backup: SecretVersions

    @property
    def rotated(self) -> dict[str, SecretVersions]:
        """Those whose counter was ever raised, by role."""
        roles = {"application": self.application, "backup": self.backup, "root": self.root}
        return {role: password for role, password in roles.items() if password.rotated}
