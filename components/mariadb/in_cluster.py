"""MariaDB as a StatefulSet of one, on a claim of its own.

Owns: Service, claim, configuration, passwords' Secret, StatefulSet, the Jobs of a rotation. Other components: backups (``backup``), allowed
connections (``network``). The claim is no ``volumeClaimTemplate``: those can be neither resized nor protected (pulumi-kubernetes#4328). The
management policy is Parallel, because OrderedReady never recovers from a broken revision (kubernetes#67250) and cannot be changed later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.common import names, pods, sizes
from components.common.base import ServiceComponent
from components.common.objects import claim, config_map, secret_keys
from components.common.versions import MARIADB_VERSION
from components.mariadb import configuration
from components.mariadb.configuration import PRIVILEGES
from components.mariadb.endpoint import DatabaseEndpoint
from components.mariadb.rotation import Rotation

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from components.common.stack_context import StackContext
    from components.mariadb.passwords import MariaDbPasswords
    from components.settings.sections.database import InClusterDatabase

DATA: Final = "/var/lib/mysql"

GRACE_SECONDS: Final = 120
"""A clean shutdown writes the dirty pages; a kill in between means crash recovery at the next start."""

STARTUP_PERIOD: Final = 2
STARTUP_FAILURES: Final = 300
"""Ten minutes: crash recovery of a full buffer pool on a slow disk."""

READY_SECONDS: Final = GRACE_SECONDS + STARTUP_PERIOD * STARTUP_FAILURES + 180
"""What ``pulumi up`` waits: for the old Pod's end, the start, and a volume that comes from another node."""


class InClusterMariaDb(ServiceComponent):
    """One MariaDB server; ``endpoint`` is up when this component is.

    A rotation never restarts it: the passwords' Secret changes in place under the Pod, which reads it at a first start only.
    """

    endpoint: DatabaseEndpoint

    def __init__(
        self,
        name: str,
        *,
        settings: InClusterDatabase,
        image: str,
        passwords: MariaDbPasswords,
        context: StackContext,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("database:MariaDb", name, opts)
        self._name = name
        self._settings = settings
        self._context = context
        self._labels = context.labels(name=names.DATABASE, component=names.DATABASE_SERVER, version=MARIADB_VERSION)
        self._services()
        data = claim(f"{name}-data", names.DATABASE_CLAIM, settings.claim, labels=self._labels, context=context, parent=self)
        server = self._server(image, data, self._credentials(passwords), self._configuration())
        self._rotation: Rotation | None = None
        if passwords.rotated:
            self._rotation = Rotation(
                f"{name}-rotation", passwords=passwords, image=image, server=server, context=context, opts=self.child()
            )
        self.endpoint = DatabaseEndpoint(
            host=names.in_cluster(names.DATABASE, context.namespace),
            port=names.DATABASE_PORT,
            name=settings.name,
            user=settings.user,
            password=passwords.application.current,
            ready=(server, *(self._rotation.accepted if self._rotation else ())),
        )
        self.register_outputs({"host": self.endpoint.host})

    def revoke_previous_passwords(self, *, after: Sequence[pulumi.Resource]) -> None:
        """If a counter was ever raised, revoke the previous password, once ``after``, all clients, are ready with the new one."""
        if self._rotation is not None:
            self._rotation.revoke_previous(after)

    def _services(self) -> None:
        port = core.ServicePortArgs(name="mariadb", port=names.DATABASE_PORT, target_port="mariadb")
        for role, physical, address in (("service", names.DATABASE, None), ("peers", names.DATABASE_PEERS, "None")):
            core.Service(
                f"{self._name}-{role}",
                metadata=self._context.metadata(self._labels, physical, annotations=names.SKIP_AWAIT),
                spec=core.ServiceSpecArgs(selector=self._labels.selector, ports=[port], cluster_ip=address),
                opts=self.child(after=self._context.after),
            )

    def _credentials(self, passwords: MariaDbPasswords) -> core.VolumeArgs:
        files = {
            configuration.ROOT_PASSWORD: passwords.root.current,
            configuration.PREVIOUS_ROOT_PASSWORD: passwords.root.previous,
            configuration.APPLICATION_PASSWORD: passwords.application.current,
            configuration.BACKUP_PASSWORD: passwords.backup.current,
        }
        # An earlier program's Secret was immutable, and the API server never takes that back.
        options = self.child(after=self._context.after, replace_on_changes=["immutable"])
        name = f"{self._name}-credentials"
        return pods.secrets_volume("credentials", secret_keys(name, files, self._labels, self._context, options, immutable=False))

    def _configuration(self) -> core.ConfigMap:
        content = {"my.cnf": configuration.my_cnf(self._settings), **configuration.scripts()}
        return config_map(f"{self._name}-configuration", content, self._labels, self._context, self.child(after=self._context.after))

    def _server(
        self, image: str, data: core.PersistentVolumeClaim, credentials: core.VolumeArgs, settings: core.ConfigMap
    ) -> apps.StatefulSet:
        container = pods.container(
            "mariadb",
            image,
            self._context,
            PRIVILEGES,
            resources=pods.merged(sizes.DATABASE, self._settings.resources),
            environment=configuration.environment(self._settings),
            ports={"mariadb": names.DATABASE_PORT},
            mounts=[
                pods.mount("data", DATA, read_only=False),
                pods.mount("run", "/run/mysqld", read_only=False),
                pods.mount("tmp", "/tmp", read_only=False),  # noqa: S108 - the server's temporary tables, on a volume of its own
                pods.mount("credentials", configuration.CREDENTIALS),
                pods.mount("configuration", "/etc/mysql/conf.d/portus.cnf", sub_path="my.cnf"),
                pods.mount("configuration", f"/docker-entrypoint-initdb.d/{configuration.ACCOUNTS}", sub_path=configuration.ACCOUNTS),
                pods.mount("configuration", configuration.ROTATION_FILE, sub_path=configuration.ROTATION),
            ],
            probes=_probes(),
            extras=self._context.extras_of("database"),
        )
        template = pods.pod_template(
            self._labels,
            self._context,
            PRIVILEGES,
            containers=[container],
            volumes=[
                pods.claim_volume("data", data.metadata.name),
                pods.empty_dir("run", "16Mi"),
                pods.empty_dir("tmp", "256Mi"),
                credentials,
                pods.config_volume("configuration", settings.metadata.name, mode=pods.EXECUTABLE),
            ],
            grace_seconds=GRACE_SECONDS,
        )
        return apps.StatefulSet(
            f"{self._name}-server",
            metadata=self._context.metadata(self._labels, names.DATABASE),
            spec=apps.StatefulSetSpecArgs(
                service_name=names.DATABASE_PEERS,
                replicas=1,
                pod_management_policy="Parallel",
                selector=meta.LabelSelectorArgs(match_labels=self._labels.selector),
                template=template,
            ),
            opts=self.child(seconds=READY_SECONDS),
        )


def _probes() -> pods.Probes:
    """Return probes by the image's own script: an answer on the socket alone is a false start while the first start still sets up."""
    ready = ["healthcheck.sh", "--connect", "--innodb_initialized"]
    return pods.Probes(
        startup=pods.exec_probe(ready, period=STARTUP_PERIOD, failures=STARTUP_FAILURES),
        readiness=pods.exec_probe(ready, period=10, failures=3),
        liveness=pods.exec_probe(["healthcheck.sh", "--connect"], period=20, failures=6),
    )
