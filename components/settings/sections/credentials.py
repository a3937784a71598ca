"""The generated secrets: their rotation counters, and what a taken-over deployment has instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from components.settings.types.base import ChangeImpact, Section, names_and_keys
from components.settings.types.secrets import UnquotedSecretSource
from components.settings.types.values import RotationCount

_DATABASE_ROTATION: Final = "no downtime: MariaDB accepts both passwords while clients restart, then the old one is revoked"

_AT_FIRST_START: Final = "MariaDB reads it at its first start only, so its clients would lose access: raise the counter instead"


class RotationSettings(Section):
    """One counter per secret; raise one to make a new value (docs/operate/credentials.md). The state keeps the older values."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "redis": "did you mean 'registryCache'?",
        "signingKey": "remove it; raise portus:tls.signingKeyVersion instead (docs/deploy/tls.md)",
        "administrator": "remove it; the administrator changes it on the pages of Portus (docs/operate/credentials.md)",
    }

    secret_key_base: Annotated[RotationCount, ChangeImpact("Portus restarts; every browser session ends")] = 1
    """The key that signs Portus' session cookies. A new value logs every browser out, nothing else."""

    portus_password: Annotated[RotationCount, ChangeImpact("Portus restarts; its worker may restart once more")] = 1
    """Password of the hidden user ``portus``, by which Portus reads the registry. 2.3 and later set it at each start. 2.0 to 2.2 keep
    the one that the user was created with, so their counter stays 1."""

    http_secret: Annotated[RotationCount, ChangeImpact("the registry restarts; uploads in progress start again")] = 1
    """The registry's ``http.secret``. Uploads in progress start again."""

    registry_cache: Annotated[RotationCount, ChangeImpact("Redis and the registry restart; the cache fills again")] = 1
    """Password of the Redis that this stack runs for the registry (``registry.redis``). Only the cache's content is lost."""

    database_root: Annotated[RotationCount, ChangeImpact(_DATABASE_ROTATION)] = 1
    """Password of MariaDB's administrator, if MariaDB runs in the cluster."""
    database_application: Annotated[RotationCount, ChangeImpact(_DATABASE_ROTATION)] = 1
    """Password of Portus' account at that MariaDB."""
    database_backup: Annotated[RotationCount, ChangeImpact(_DATABASE_ROTATION)] = 1
    """Password of the backups' account at that MariaDB."""

    @property
    def has_database(self) -> bool:
        """Whether a password of the database was ever rotated."""
        return max(self.database_root, self.database_application, self.database_backup) > 1


class ExistingCredentials(Section):
    """Secrets of a deployment that is taken over, in place of generated ones, which stay in the state unused.

    A text counts as rotation 1: a higher counter under ``rotation`` replaces it by a generated one. An existing Secret is rotated by
    its owner, and its change restarts nothing by itself (docs/operate/credentials.md).
    """

    moved_keys: ClassVar[Mapping[str, str]] = {
        "signingKey": "remove it; the key that signs tokens comes with the certificate, by portus:tls.source (docs/deploy/tls.md)",
    }

    secret_key_base: Annotated[UnquotedSecretSource | None, ChangeImpact("Portus restarts; every browser session ends")] = None
    """The key that signs Portus' session cookies."""
    portus_password: Annotated[UnquotedSecretSource | None, ChangeImpact("Portus restarts; 2.0 to 2.2 keep the previous one, and fail")] = (
        None
    )
    """Password of the hidden user ``portus``."""
    http_secret: Annotated[UnquotedSecretSource | None, ChangeImpact("the registry restarts; uploads in progress start again")] = None
    """The registry's ``http.secret``."""
    administrator: Annotated[UnquotedSecretSource | None, ChangeImpact("nothing, if Portus has a user")] = None
    """The first administrator's password, letters and digits."""
    database_root: Annotated[UnquotedSecretSource | None, ChangeImpact(_AT_FIRST_START)] = None
    """Password of MariaDB's administrator, if MariaDB runs in the cluster."""
    database_application: Annotated[UnquotedSecretSource | None, ChangeImpact(_AT_FIRST_START)] = None
    """Password of Portus' account at that MariaDB."""
    database_backup: Annotated[UnquotedSecretSource | None, ChangeImpact(_AT_FIRST_START)] = None
    """Password of the backups' account at that MariaDB."""


class CredentialSettings(Section):
    """Secrets that the stack generates and keeps in its state, or takes over."""

    moved_keys: ClassVar[Mapping[str, str]] = dict.fromkeys(
        [key for section in (RotationSettings, ExistingCredentials) for _, key in names_and_keys(section)],
        "write its counter under 'rotation', or the secret of an adopted deployment under 'existing'",
    )

    rotation: RotationSettings = RotationSettings()
    existing: ExistingCredentials = ExistingCredentials()
