"""A MariaDB with an application's database, a folder in place of the claim, and the scripts run in the image that runs them."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from components.backup.backups import SCRIPTS
from lab.images.build import build_images
from lab.images.rootfs import Bind, Container, run
from lab.images.servers import Database

READER, READERS_PASSWORD = "portus_backup", 'reader\'s "pass word" #1'
SECONDS = 120

STATE = (
    "CREATE TABLE schema_migrations (version VARCHAR(255) PRIMARY KEY) CHARACTER SET utf8",
    "CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, username VARCHAR(255), avatar BLOB) CHARACTER SET utf8",
    "CREATE TABLE teams (id INT PRIMARY KEY, owner INT NOT NULL, FOREIGN KEY (owner) REFERENCES users (id)) CHARACTER SET utf8",
    "CREATE TABLE `groups` (id INT) CHARACTER SET utf8",
    "CREATE VIEW admins AS SELECT username FROM users WHERE id = 1",
    "INSERT INTO schema_migrations VALUES ('20180101000000'), ('20190101000000')",
    "INSERT INTO users (username, avatar) VALUES ('admin', x'00ff0a27'), ('jürgen', NULL), ('o''brien\\n', '')",
    "INSERT INTO teams VALUES (1, 1), (2, 3)",
)
"""A small application: a foreign key that the alphabet puts before what it refers to, a word of SQL's own, bytes, somebody else's view,
an empty table."""

TABLES = {"groups": 0, "schema_migrations": 2, "teams": 2, "users": 3}


@dataclass
class Stage:
    """One claim and the database that is backed up on it."""

    server: Database
    claim: Path
    runs: int = field(default=0)

    def sql(self, *statements: str, user: str = "root", password: str = "") -> list[tuple[Any, ...]]:
        """Run statements in the application's database; return the rows of the last."""
        link = pymysql.connect(
            unix_socket=str(self.server.socket),
            user=user,
            password=password or self.server.root_password,
            database=self.server.database,
            charset="utf8",
            autocommit=True,
        )
        with link, link.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def renew(self) -> None:
        """Make the application's database anew."""
        name = self.server.database
        self.sql(f"DROP DATABASE {name}", f"CREATE DATABASE {name} CHARACTER SET utf8 COLLATE utf8_unicode_ci", f"USE {name}", *STATE)

    def step(
        self, script: str, *arguments: str, pod: str = "pod", account: tuple[str, str] | None = None, **environment: str
    ) -> tuple[int, str]:
        """Run one script as the Pod ``pod`` does; return its code and what it said.

        Args:
            account: name and password; None takes the one that the program gives the script.
        """
        given = (self.server.user, self.server.password) if script == "restore" else (READER, READERS_PASSWORD)
        account = account or given
        password = self.claim.parent / "password"
        password.write_text(account[1])
        connection = {"HOST": self.server.host, "PORT": str(self.server.port), "ACCOUNT": account[0], "PASSWORD_FILE": "/run/password"}
        own = {
            "dump": {**connection, "DATABASE": self.server.database},
            "verify": {},
            "publish": {"KEEP": "14", "PORTUS_VERSION": "2.5", "DATABASE": self.server.database},
            "restore": {**connection, "DATABASE": self.server.database},
        }[script]
        container = self.container({"HOSTNAME": pod, **own, **environment}, Bind(source=password, target="/run/password", read_only=True))
        done = run(container, ["/bin/bash", f"/scripts/{script}.sh", *arguments], seconds=SECONDS)
        return done.returncode, done.stdout

    def container(self, environment: dict[str, str], file: Bind) -> Container:
        """Return the container of a step, with ``file`` beside the scripts and the claim."""
        (image,) = build_images(["mariadb-lab"])
        return image.container(
            environment,
            user="10999:10999",
            binds=[Bind(source=SCRIPTS, target="/scripts", read_only=True), Bind(source=self.claim, target="/backups"), file],
            tmpfs=["/tmp", "/scratch"],
            read_only=True,
        )

    def backup(self, *, account: tuple[str, str] | None = None, **environment: str) -> str:
        """Make a backup; return its name."""
        self.runs += 1
        pod = f"backup-{self.runs}"
        for script in ("dump", "verify", "publish"):
            code, said = self.step(script, pod=pod, account=account, **environment)
            assert code == 0, said
        return str(json.loads(said.splitlines()[-1])["name"])

    def names(self) -> list[str]:
        """Return the folders that look like backups."""
        return sorted(path.name for path in self.claim.iterdir() if not path.name.startswith("."))

    def manifest(self, name: str) -> Mapping[str, Any]:
        return dict(json.loads((self.claim / name / "manifest.json").read_text()))

    def lay(self, made: Path, *, name: str = "", portus: str = "2.5") -> str:
        """Lay a copy of the backup ``made`` on the claim, as if it had been made under ``name`` of that version; return its name."""
        folder = self.claim / (name or made.name)
        subprocess.run(["cp", "--archive", made, folder], check=True)
        manifest = folder / "manifest.json"
        manifest.write_text(manifest.read_text().replace(made.name, folder.name).replace('"portus":"2.5"', f'"portus":"{portus}"'))
        return folder.name

    def put(self, name: str, dump: str, tables: Mapping[str, int]) -> None:
        """Lay a backup with these statements on the claim, its sums right."""
        folder = self.claim / name
        folder.mkdir()
        (folder / "portus.sql.gz").write_bytes(gzip.compress(dump.encode()))
        (folder / "tables.tsv").write_text("".join(f"{table}\t{rows}\n" for table, rows in sorted(tables.items())))
        (folder / "manifest.json").write_text(json.dumps({"name": name}) + "\n")
        sums = [(hashlib.sha256((folder / file).read_bytes()).hexdigest(), file) for file in ("portus.sql.gz", "tables.tsv")]
        (folder / "SHA256SUMS").write_text("".join(f"{total}  {file}\n" for total, file in sums))
        self.claim.joinpath(name).chmod(0o755)


@contextmanager
def staged(server: Database, folder: Path) -> Iterator[Stage]:
    """Give the stage of one test: the state as ``STATE`` says, the accounts as the program makes them, an empty claim."""
    claim = folder / "claim"
    claim.mkdir()
    claim.chmod(0o777)
    stage = Stage(server, claim)
    stage.renew()
    account = f"'{READER}'@'%'"
    secret = READERS_PASSWORD.replace("'", "''")
    rights = "SELECT, LOCK TABLES, SHOW VIEW"
    stage.sql(f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{secret}'", f"GRANT {rights} ON {server.database}.* TO {account}")
    yield stage
