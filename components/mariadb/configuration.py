"""The server's configuration and the scripts of its accounts, and what is alike in every Pod of MariaDB's image; pure."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.common import pods

if TYPE_CHECKING:
    from components.settings.sections.database import InClusterDatabase


CREDENTIALS: Final = "/run/secrets/mariadb"
"""Where the passwords are mounted, one file each."""

ROOT_PASSWORD: Final = "root-password"  # noqa: S105 - a file's name
PREVIOUS_ROOT_PASSWORD: Final = "previous-root-password"  # noqa: S105 - a file's name
APPLICATION_PASSWORD: Final = "password"  # noqa: S105 - a file's name
BACKUP_PASSWORD: Final = "backup-password"  # noqa: S105 - a file's name

SCRIPTS: Final = Path(__file__).parent / "scripts"
ACCOUNTS: Final = "accounts.sh"
ROTATION: Final = "rotation.sql"
ROTATION_FILE: Final = f"/etc/mysql/{ROTATION}"
"""Not where the image would run it by itself."""
ROTATION_USER: Final = "portus_rotation"
"""May call the two procedures of `ROTATION` and nothing else; its password is root's. The settings' rules keep the name free."""


def my_cnf(settings: InClusterDatabase) -> str:
    """Return my.cnf.

    utf8 with utf8_unicode_ci, as Rails 4.2 wants it: utf8mb4's longer keys break its indexes, and mixed collations kill the worker
    (SUSE/Portus#1688). Every commit reaches the disk (the compose files' ``flush-log-at-trx-commit=0`` loses some). No look-up of
    client names: Pod addresses have none, and each connection would wait for the answer.
    """
    return f"""[mariadbd]
character-set-server = utf8
collation-server = utf8_unicode_ci
init-connect = 'SET NAMES utf8'
skip-name-resolve
innodb_flush_log_at_trx_commit = 1
sync_binlog = 1
innodb_file_per_table = 1
innodb_buffer_pool_size = {settings.innodb_buffer_pool_size}
max_connections = {settings.max_connections}
"""


def scripts() -> dict[str, str]:
    """Return the script of the accounts and what it reads, by file name."""
    return {name: (SCRIPTS / name).read_text(encoding="utf-8") for name in (ACCOUNTS, ROTATION)}


def native_hash(password: str) -> str:
    """Return what MariaDB keeps of ``password`` for ``mysql_native_password``, the one way that Portus' client library knows."""
    once = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()


def environment(settings: InClusterDatabase) -> dict[str, str]:
    """Return the container's variables, as the official image reads them.

    root may log in on the socket only; ``MARIADB_AUTO_UPGRADE`` brings the system tables along with a newer server. The first four are for
    `ACCOUNTS`.
    """
    return {
        "ACCOUNTS_CREDENTIALS": CREDENTIALS,
        "ACCOUNTS_ROTATION_SQL": ROTATION_FILE,
        "ACCOUNTS_ROTATION_USER": ROTATION_USER,
        "ACCOUNTS_BACKUP_USER": settings.backup_user,
        "MARIADB_ROOT_PASSWORD_FILE": f"{CREDENTIALS}/{ROOT_PASSWORD}",
        "MARIADB_ROOT_HOST": "localhost",
        "MARIADB_DATABASE": settings.name,
        "MARIADB_USER": settings.user,
        "MARIADB_PASSWORD_FILE": f"{CREDENTIALS}/{APPLICATION_PASSWORD}",
        "MARIADB_AUTO_UPGRADE": "1",
    }


PRIVILEGES: Final = pods.Privileges(user=10999, group=10999)
"""Any uid works on an empty volume (mariadb-docker Dockerfile); above 10000 it belongs to no user of the node."""

CLIENT_RESOURCES: Final = pods.Resources(
    requests={"cpu": "10m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
    limits={"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "32Mi"},
)
"""Of a step that asks the server a few questions."""
