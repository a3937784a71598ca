"""The database's schema, brought to the release that is deployed by one Job before any web server of it starts.

The images migrate at their own start, each copy by itself, and fail: if a migration is pending, they take the database for an empty one.
2.3 then loads the schema again, which drops the tables; 2.5 ends with an error (portus-images.md; SUSE/Portus#1639, #1712). Two copies that
start on an empty database interrupt each other. After this Job they have nothing to do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core

from components.common import jobs, names, pods
from components.common.versions import NEWEST_MIGRATIONS
from components.mariadb.configuration import CLIENT_RESOURCES, PRIVILEGES
from components.portus import inputs as keys
from components.portus.inputs import Role
from components.portus.pod import TASK_RESOURCES
from components.settings.stack import Accepted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from components.common.base import ServiceComponent
    from components.portus.pod import PortusPods

SCRIPTS: Final = "/scripts"
WORK: Final = "/work"

SECONDS: Final = 3600
"""How long it may take, and how long it may still run when it must stop: MariaDB cannot undo half a migration. Portus' own migrations take
seconds, a long one takes minutes on a large table of activities."""

REFUSED: Final = 3
"""Exit code of migrate.sh if the database is a newer Portus'. Another try would not help."""

CLIENT: Final = replace(PRIVILEGES, guest=True)


def migration(
    name: str,
    portus: PortusPods,
    *,
    database_image: str,
    release: str,
    parent: ServiceComponent,
    after: Sequence[pulumi.Resource],
) -> batch.Job:
    """Return the Job of ``release``; each release has one of its own name, which runs once.

    Args:
        database_image: MariaDB's, for its client.
        release: what is deployed, a part of the name.
        after: the database, and a backup of it.
    """
    context = portus.context
    labels = context.labels(name=names.PORTUS, component=names.BOOTSTRAP, version=portus.family.version)
    spec = jobs.job_spec(
        labels,
        context,
        portus.family.privileges,
        steps=[_look(portus, database_image), _migrate(portus)],
        volumes=[*portus.volumes(), pods.config_volume("scripts", portus.scripts), pods.empty_dir("work", "4Mi", memory=True)],
        host_aliases=portus.aliases,
        grace_seconds=SECONDS,
        refused=REFUSED,
    )
    return batch.Job(
        f"{name}-{release}",
        metadata=context.metadata(labels),
        spec=spec,
        opts=jobs.job_options(parent, after, once=True, seconds=SECONDS),
    )


def _look(portus: PortusPods, image: str) -> core.ContainerArgs:
    database = portus.inputs.database
    return pods.container(
        "look",
        image,
        portus.context,
        CLIENT,
        resources=CLIENT_RESOURCES,
        environment={
            "HOST": database.host,
            "PORT": str(database.port),
            "DATABASE": database.name,
            "ACCOUNT": database.user,
            "MYSQL_PWD": portus.inputs.secrets.keys[keys.DATABASE_PASSWORD],
            "WORK": WORK,
        },
        command=["/bin/sh", f"{SCRIPTS}/look.sh"],
        mounts=_mounts(),
    )


def _migrate(portus: PortusPods) -> core.ContainerArgs:
    return portus.container(
        Role.TASK,
        resources=TASK_RESOURCES,
        command=["/bin/sh", f"{SCRIPTS}/migrate.sh", *portus.family.rake],
        mounts=_mounts(),
        environment={
            "WORK": WORK,
            "NEWEST": NEWEST_MIGRATIONS[portus.family.version],
            "ACCEPT_NEWER": "yes" if Accepted.NEWER_DATABASE in portus.inputs.stack.accept else "no",
        },
    )


def _mounts() -> list[core.VolumeMountArgs]:
    return [pods.mount("scripts", SCRIPTS), pods.mount("work", WORK, read_only=False)]
