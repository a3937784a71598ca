"""What every part of the application is given: settings, secrets, database, and the questions all of them ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .config import Secrets, Settings, database_address, secrets
from .database import Database, Row
from .errors import no_method
from .policy import Actor, Limits, Place, Policy, Role, Visibility
from .registry_client import RegistryClient
from .release import Release
from .ruby import FURTHER_PUMA_WORKER, WEB


class Core:
    """One process's view of the application.

    Args:
        environ: the environment it started with; read once.

    Raises:
        ApplicationError: a setting or secret keeps it from starting.
    """

    def __init__(self, release: Release, environ: Mapping[str, str]) -> None:
        self.release = release
        self.settings = Settings(release, environ)
        self.secrets: Secrets = secrets(release, environ)
        self.db = Database(database_address(release, environ))
        self.environ = environ

    def limits(self) -> Limits:
        """Return the settings that limit users."""
        value, enabled = self.settings.value, self.settings.enabled
        return Limits(
            push_policy=str(value("user_permission.push_images.policy")),
            delete_enabled=enabled("delete"),
            # Ruby's truth: everything but false and nil is true, 0 and "" included.
            contributors_delete=value("delete.contributors") is not False and value("delete.contributors") is not None,
            create_namespace=enabled("user_permission.create_namespace"),
            manage_namespace=enabled("user_permission.manage_namespace"),
            change_visibility=enabled("user_permission.change_visibility"),
        )

    def policy(self, user: Row | None, namespace: Row | None) -> Policy:
        """Return the policy of a user (None: anonymous) for a namespace's row (None: a name without a namespace)."""
        actor = None if user is None else Actor(user["username"], bool(user["admin"]), user["namespace_id"])
        return Policy(self.release, self.limits(), actor, Place() if namespace is None else self._place(user, namespace))

    def puma(self) -> tuple[int, int]:
        """Return how many processes Puma has and how many threads each (config/puma.rb)."""
        workers, threads = (int(self.environ.get(f"PORTUS_PUMA_{name}") or 4) for name in ("WORKERS", "MAX_THREADS"))
        return workers, threads

    def web_memory(self) -> int:
        """Return the bytes that the web server takes once it has examined itself."""
        return WEB + (self.puma()[0] - 1) * FURTHER_PUMA_WORKER

    def require_teams(self) -> None:
        """Fail as 2.5 does at every team that is shown while contributors may delete.

        Raises:
            ApplicationError: they may.
        """
        if self.release.judges_contributors and self.limits().contributors_delete:
            raise no_method("contributor?")

    def client(self, registry: Mapping[str, Any]) -> RegistryClient:
        """Return a client for a registry's row."""
        host = registry["hostname"] or ""
        return RegistryClient(self.settings, str(host), use_ssl=bool(registry["use_ssl"]), password=self.secrets.portus_password)

    def registry(self) -> Row | None:
        """Return the registry's row; there is one at most."""
        return self.db.row("SELECT * FROM registries ORDER BY id LIMIT 1")

    def registry_by_host(self, host: Any, *, external: bool = True) -> Row | None:
        """Return the registry known by that hostname or, if ``external``, by that external hostname."""
        found = None if host is None else self.db.row("SELECT * FROM registries WHERE hostname = %s", host)
        if found is None and external:
            condition = "external_hostname IS NULL" if host is None else "external_hostname = %s"
            values = () if host is None else (host,)
            found = self.db.row(f"SELECT * FROM registries WHERE {condition} ORDER BY id LIMIT 1", *values)  # noqa: S608
        return found

    def namespace(self, registry_id: int, name: str | None) -> Row | None:
        """Return a registry's namespace of that name; None names the global one."""
        if name is None:
            return self.db.row("SELECT * FROM namespaces WHERE registry_id = %s AND `global` = 1", registry_id)
        return self.db.row("SELECT * FROM namespaces WHERE registry_id = %s AND name = %s", registry_id, name)

    def clean_name(self, namespace: Row) -> str:
        """Return what a namespace is called: the registry's hostname for the global one."""
        if not namespace["global"]:
            return str(namespace["name"])
        return str(self.db.one("SELECT hostname FROM registries WHERE id = %s", namespace["registry_id"]))

    def role(self, user: Row | None, team_id: int | None) -> Role | None:
        """Return a user's role in a team, None for a stranger."""
        if user is None:
            return None
        found = self.db.one("SELECT role FROM team_users WHERE team_id = %s AND user_id = %s ORDER BY role DESC", team_id, user["id"])
        return None if found is None else Role(found)

    def _place(self, user: Row | None, namespace: Row) -> Place:
        visibility = namespace["visibility"]
        return Place(
            namespace_id=namespace["id"],
            visibility=None if visibility is None else Visibility(visibility),
            is_global=bool(namespace["global"]),
            role=self.role(user, namespace["team_id"]),
        )
