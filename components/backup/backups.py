"""Backups of Portus' database, and the template of a restore.

Owns: the claim with the backups, two CronJobs, their scripts and accounts. A backup's Pod dumps, verifies and publishes in three
containers, one after the other. Each writes the claim. Only the first has a password; in the stack's own database its account cannot write.
The second CronJob is always suspended: it is the template of a restore's Pod. ``make restore`` makes a Job of it after it has stopped
Portus (docs/operate/restore.md).
Other components: allowed connections (``network``), alerts (``observability``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core

from components.common import jobs, names, pods, sizes
from components.common.base import ServiceComponent
from components.common.objects import claim, config_map, secret_keys
from components.common.versions import NEWEST_MIGRATIONS
from components.mariadb.configuration import PRIVILEGES
from components.settings.sections.database import InClusterDatabase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from components.common.stack_context import StackContext
    from components.credentials import Credentials
    from components.images import Images
    from components.mariadb import DatabaseEndpoint
    from components.settings.stack import StackSettings

SCRIPTS: Final = Path(__file__).parent / "scripts"
SCRIPT_FOLDER: Final = "/scripts"
BACKUP_FOLDER: Final = "/backups"
SCRATCH_FOLDER: Final = "/scratch"
PASSWORD_FOLDER: Final = "/run/secrets/database"  # noqa: S105 - a path
PASSWORD: Final = "password"  # noqa: S105 - a file's name

STARTING_DEADLINE_SECONDS: Final = 3600
"""A backup that could not start on time, for example during an upgrade of the cluster, still starts within an hour."""
SUCCESSFUL_JOBS: Final = 1
FAILED_JOBS: Final = 3
"""Jobs are kept for their logs, without a time to live: a failed one is read in the morning."""
SCHEDULING_SECONDS: Final = 300
"""Beyond a Job's deadline, until ``pulumi up`` gives up: its Pod waits for a node, an image and its volume."""
REFUSED: Final = 65
"""Exit code of the scripts if another try would not help."""


def backups(
    name: str,
    stack: StackSettings,
    *,
    images: Images,
    database: DatabaseEndpoint,
    credentials: Credentials,
    context: StackContext,
    opts: pulumi.ResourceOptions,
) -> tuple[pulumi.Resource, ...]:
    """Return the backups of ``database``, if the stack file turns them on. What follows them starts after the backup before an upgrade."""
    if not stack.backup.enabled:
        return ()
    return (Backups(name, stack, images=images, database=database, credentials=credentials, context=context, opts=opts),)


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """The account by which a container logs in to the database."""

    user: str
    password: pods.SecretKey


class Backups(ServiceComponent):
    """Scheduled backups of ``database``.

    Args:
        images: MariaDB's client dumps, its server takes the dump on trial.
    """

    def __init__(
        self,
        name: str,
        stack: StackSettings,
        *,
        images: Images,
        database: DatabaseEndpoint,
        credentials: Credentials,
        context: StackContext,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("operations:Backups", name, opts)
        self._name = name
        self._stack = stack
        self._settings = stack.backup
        self._images = images
        self._database = database
        self._context = context
        self._labels = context.labels(name=names.BACKUP, component=names.BACKUPS)
        self._claim = self._settings.existing_claim or self._own_claim()
        reader, owner = self._accounts(credentials)
        self._scripts = config_map(
            f"{name}-scripts",
            {script.name: script.read_text(encoding="utf-8") for script in sorted(SCRIPTS.glob("*.sh"))},
            self._labels,
            context,
            self.child(after=context.after),
        )
        self._backup(reader)
        if self._settings.before_upgrade:
            self._before_upgrade(reader)
        self._restore(owner)
        self.register_outputs({"schedule": self._settings.schedule})

    def _own_claim(self) -> pulumi.Output[str]:
        made = claim(
            f"{self._name}-claim", names.BACKUP_CLAIM, self._settings.claim, labels=self._labels, context=self._context, parent=self
        )
        return made.metadata.name

    def _accounts(self, credentials: Credentials) -> tuple[Account, Account]:
        """Return the accounts that read and that own the database; an external server has one account for this stack."""
        database, settings = self._database, self._stack.database
        passwords = {"owner": database.password}
        if isinstance(settings, InClusterDatabase):
            passwords["reader"] = credentials.database_backup
        places = secret_keys(f"{self._name}-accounts", passwords, self._labels, self._context, self.child(after=self._context.after))
        owner = Account(user=database.user, password=places["owner"])
        if isinstance(settings, InClusterDatabase):
            return Account(user=settings.backup_user, password=places["reader"]), owner
        return owner, owner

    def _backup(self, reader: Account) -> None:
        batch.CronJob(
            f"{self._name}-schedule",
            metadata=self._context.metadata(self._labels, names.BACKUP),
            spec=batch.CronJobSpecArgs(
                schedule=self._settings.schedule,
                time_zone=self._settings.time_zone,
                concurrency_policy="Forbid",
                starting_deadline_seconds=STARTING_DEADLINE_SECONDS,
                job_template=batch.JobTemplateSpecArgs(spec=self._steps(reader, {})),
                successful_jobs_history_limit=SUCCESSFUL_JOBS,
                failed_jobs_history_limit=FAILED_JOBS,
            ),
            opts=self.child(after=self._database.ready),
        )

    def _before_upgrade(self, reader: Account) -> None:
        """Make a backup before anything of another Portus version starts: each release has a Job of its own name, which runs once."""
        batch.Job(
            f"{self._name}-before-{self._images.release}",
            metadata=self._context.metadata(self._labels),
            spec=self._steps(reader, {"EMPTY": "skip"}),
            opts=jobs.job_options(
                self, self._database.ready, once=True, seconds=self._settings.active_deadline_seconds + SCHEDULING_SECONDS
            ),
        )

    def _steps(self, reader: Account, environment: Mapping[str, str]) -> batch.JobSpecArgs:
        """Return dump, verify and publish, all three with ``environment``."""
        server = sizes.backup_server(self._settings.scratch_size)
        publish = {
            "KEEP": str(self._settings.keep),
            "PORTUS_VERSION": self._stack.portus.version.value,
            "MIGRATIONS": " ".join(f"{version.value}={migration}" for version, migration in NEWEST_MIGRATIONS.items()),
            "DATABASE": self._database.name,
            **environment,
        }
        dump = self._container("dump", {**self._connection(reader), **environment}, mounts=[pods.mount("password", PASSWORD_FOLDER)])
        scratch_mount = pods.mount("scratch", SCRATCH_FOLDER, read_only=False)
        verify = self._container("verify", environment, resources=server, mounts=[scratch_mount])
        return self._job(
            reader,
            [dump, verify, self._container("publish", publish)],
            volumes=[pods.empty_dir("scratch", self._settings.scratch_size)],
            deadline=self._settings.active_deadline_seconds,
        )

    def _restore(self, owner: Account) -> None:
        restore = self._container("restore", self._connection(owner), mounts=[pods.mount("password", PASSWORD_FOLDER)])
        batch.CronJob(
            f"{self._name}-restore",
            metadata=self._context.metadata(self._labels, names.RESTORE),
            spec=batch.CronJobSpecArgs(
                schedule="@yearly",  # none is not allowed
                suspend=True,
                concurrency_policy="Forbid",
                starting_deadline_seconds=STARTING_DEADLINE_SECONDS,
                job_template=batch.JobTemplateSpecArgs(spec=self._job(owner, [restore])),
                successful_jobs_history_limit=SUCCESSFUL_JOBS,
                failed_jobs_history_limit=FAILED_JOBS,
            ),
            opts=self.child(after=self._database.ready),
        )

    def _connection(self, account: Account) -> pods.Environment:
        return {
            "HOST": self._database.host,
            "PORT": str(self._database.port),
            "DATABASE": self._database.name,
            "ACCOUNT": account.user,
            "PASSWORD_FILE": f"{PASSWORD_FOLDER}/{PASSWORD}",
        }

    def _container(
        self,
        step: str,
        environment: Mapping[str, pods.EnvironmentValue],
        *,
        resources: pods.Resources = sizes.BACKUP,
        mounts: Sequence[core.VolumeMountArgs] = (),
    ) -> core.ContainerArgs:
        return pods.container(
            step,
            self._images.mariadb,
            self._context,
            PRIVILEGES,
            resources=pods.merged(resources, self._settings.resources),
            environment=environment,
            command=["/bin/bash", f"{SCRIPT_FOLDER}/{step}.sh"],
            mounts=[
                pods.mount("backups", BACKUP_FOLDER, read_only=False),
                pods.mount("scripts", SCRIPT_FOLDER),
                pods.mount("tmp", "/tmp", read_only=False),  # noqa: S108 - bash's here-documents, on a volume of its own
                *mounts,
            ],
        )

    def _job(
        self,
        account: Account,
        steps: Sequence[core.ContainerArgs],
        *,
        volumes: Sequence[core.VolumeArgs] = (),
        deadline: int | None = None,
    ) -> batch.JobSpecArgs:
        return jobs.job_spec(
            self._labels,
            self._context,
            PRIVILEGES,
            steps=steps,
            volumes=[
                pods.claim_volume("backups", self._claim),
                pods.config_volume("scripts", self._scripts.metadata.name, mode=pods.EXECUTABLE),
                pods.empty_dir("tmp", "64Mi"),
                pods.secrets_volume("password", {PASSWORD: account.password}),
                *volumes,
            ],
            deadline=deadline,
            refused=REFUSED,
        )
