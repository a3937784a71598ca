"""The server's configuration and first-start script, rendered as text; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from components.settings.database import InClusterDatabase

CREDENTIALS: Final = "/run/secrets/mariadb"
"""Where the passwords are mounted, one file each."""

ROOT_PASSWORD: Final = "root-password"  # noqa: S105 - a file's name
APPLICATION_PASSWORD: Final = "password"  # noqa: S105 - a file's name
BACKUP_PASSWORD: Final = "backup-password"  # noqa: S105 - a file's name


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


def backup_user_script(settings: InClusterDatabase) -> str:
    """Return the script that makes the backup user at the server's first start.

    It is run by the image's entry point while only the socket answers; passwords go by environment and standard input, never as arguments.
    """
    return f"""#!/bin/sh
set -eu
MYSQL_PWD="$(cat {CREDENTIALS}/{ROOT_PASSWORD})"
export MYSQL_PWD
password="$(cat {CREDENTIALS}/{BACKUP_PASSWORD})"
mariadb --user=root --protocol=socket <<SQL
CREATE USER IF NOT EXISTS '{settings.backup_user}'@'%' IDENTIFIED BY '$password';
GRANT SELECT, LOCK TABLES, SHOW VIEW, EVENT, TRIGGER ON \\`{settings.name}\\`.* TO '{settings.backup_user}'@'%';
SQL
unset MYSQL_PWD password
"""


def environment(settings: InClusterDatabase) -> dict[str, str]:
    """Return the container's variables, as the official image reads them.

    root may log in on the socket only; ``MARIADB_AUTO_UPGRADE`` brings the system tables along with a newer server.
    """
    return {
        "MARIADB_ROOT_PASSWORD_FILE": f"{CREDENTIALS}/{ROOT_PASSWORD}",
        "MARIADB_ROOT_HOST": "localhost",
        "MARIADB_DATABASE": settings.name,
        "MARIADB_USER": settings.user,
        "MARIADB_PASSWORD_FILE": f"{CREDENTIALS}/{APPLICATION_PASSWORD}",
        "MARIADB_AUTO_UPGRADE": "1",
    }
