"""The two Jobs by which the database's accounts change their passwords without downtime.

The first gives each account both passwords, before any client restarts; the second revokes the old one, after all have restarted. Both call
procedures that run with root's rights (``scripts/rotation.sql``, docs/decisions/README.md#7-password-rotation). They may run any number
of times. They exist after a counter was raised, and are replaced only when one is raised again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_kubernetes.batch import v1 as batch

from components.common import jobs, names, pods
from components.common.base import ServiceComponent
from components.common.objects import config_map, secret_keys
from components.mariadb.configuration import CLIENT_RESOURCES, PRIVILEGES, ROTATION_USER, native_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from components.common.stack_context import StackContext
    from components.mariadb.passwords import MariaDbPasswords

SCRIPT: Final = Path(__file__).parent / "scripts" / "rotate.sh"
SCRIPTS: Final = "/scripts"
FILES: Final = "/run/secrets/rotation"

LINGER_SECONDS: Final = 30
"""Between a finished rollout and the end of the old password: a Pod that must stop may still log in until its grace period (15 s
for Portus) is over, and the kubelet may be slow to count it."""


class Rotation(ServiceComponent):
    """The Jobs; the clients that log in follow ``accepted``.

    Args:
        passwords: of the accounts. At least one counter was raised.
        image: MariaDB's, for its client.
        server: the database.
    """

    accepted: tuple[pulumi.Resource, ...]

    def __init__(
        self,
        name: str,
        *,
        passwords: MariaDbPasswords,
        image: str,
        server: pulumi.Resource,
        context: StackContext,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("database:Rotation", name, opts)
        self._name = name
        self._image = image
        self._context = context
        self._labels = context.labels(name=names.DATABASE, component=names.ACCOUNTS)
        in_namespace = self.child(after=context.after)
        script = {SCRIPT.name: SCRIPT.read_text(encoding="utf-8")}
        scripts = config_map(f"{name}-scripts", script, self._labels, context, in_namespace)
        self._volumes = [
            pods.secrets_volume("files", self._files(passwords, in_namespace)),
            pods.config_volume("scripts", scripts.metadata.name, mode=pods.EXECUTABLE),
        ]
        self.accepted = (self._job("accept", [server]),)
        self.register_outputs({})

    def revoke_previous(self, after: Sequence[pulumi.Resource]) -> None:
        """Revoke the previous passwords, once ``after`` are ready with the new ones."""
        self._job("keep", [*self.accepted, *after])

    def _files(self, passwords: MariaDbPasswords, opts: pulumi.ResourceOptions) -> dict[str, pods.SecretKey]:
        """Return file name -> where its content is: every password that root may have by now, and the new ones as the server keeps them."""
        files = {f"login-{number:02}": value for number, value in enumerate(passwords.root.values, start=1)}
        for role, password in passwords.rotated.items():
            if not isinstance(password.current, pods.SecretKey):
                files[f"hash-{role}"] = password.current.apply(native_hash)
        return secret_keys(f"{self._name}-files", files, self._labels, self._context, opts)

    def _job(self, step: str, after: Sequence[pulumi.Resource]) -> batch.Job:
        container = pods.container(
            step,
            self._image,
            self._context,
            PRIVILEGES,
            resources=CLIENT_RESOURCES,
            environment={
                "NAMESPACE": self._context.namespace,
                "HOST": names.in_cluster(names.DATABASE, self._context.namespace),
                "PORT": str(names.DATABASE_PORT),
                "ACCOUNT": ROTATION_USER,
                "FILES": FILES,
                "LINGER_SECONDS": str(LINGER_SECONDS),
            },
            command=["/bin/sh", f"{SCRIPTS}/{SCRIPT.name}", step],
            mounts=[pods.mount("files", FILES), pods.mount("scripts", SCRIPTS)],
        )
        spec = jobs.job_spec(self._labels, self._context, PRIVILEGES, steps=[container], volumes=self._volumes)
        return batch.Job(
            f"{self._name}-{step}", metadata=self._context.metadata(self._labels), spec=spec, opts=jobs.job_options(self, after)
        )
