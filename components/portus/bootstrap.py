"""The first set-up: the first administrator and the registry's record, by a Job that may run any number of times.

2.4 on by Portus' API, over its Service and so past the edge, which refuses some of these paths; 2.1 to 2.3 by the image's rake tasks. In
the end the Job proves with a token that Portus and the registry understand each other, so that ``pulumi up`` fails where a push would.
A Job is replaced when its scripts or Secret change; nothing it does once is done twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pulumi

from components.common import names, pods
from components.common.base import ServiceComponent
from components.common.kubernetes import batch, core
from components.common.secrets import config_map, secret
from components.portus import inputs as keys
from components.portus.roles import FirstSetUp, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.credentials import Credentials
    from components.portus.pod import PortusPods

SCRIPTS: Final = Path(__file__).parent / "scripts"
SCRIPTS_MOUNT: Final = "/scripts"
FILES: Final = "/run/secrets/first-set-up"
OWN_FILES: Final = ("password", "user.json", "registry.json")
WORK: Final = "/work"
TRUST: Final = "/trust"

CLIENT: Final = pods.Privileges(user=10100, group=10100)
CLIENT_RESOURCES: Final = pods.Resources(
    requests={"cpu": "10m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
    limits={"cpu": "500m", "memory": "64Mi", "ephemeral-storage": "32Mi"},
)
TASK_RESOURCES: Final = pods.Resources(
    requests={"cpu": "200m", "memory": "256Mi", "ephemeral-storage": "64Mi"},
    limits={"cpu": "1", "memory": "512Mi", "ephemeral-storage": "256Mi"},
)
"""A rake task boots Rails once, without Puma's workers."""

BACKOFF_LIMIT: Final = 2
"""Starts again after a failure; each waits for Portus and the registry by itself, so more would only repeat a wrong setting."""


class Bootstrap(ServiceComponent):
    """The Job of the first set-up; ``ready`` comes before who needs the registry's record.

    Args:
        web: makes Pods of Portus' image and holds the settings.
        after: the resources that have to be up: Portus and the registry.
    """

    ready: tuple[pulumi.Resource, ...]

    def __init__(
        self,
        name: str,
        *,
        web: PortusPods,
        image: str,
        credentials: Credentials,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("portus:Bootstrap", name, opts)
        self._name = name
        self._web = web
        self._image = image
        self._stack = web.inputs.stack
        self._labels = web.placement.labels(name=names.PORTUS, component=names.BOOTSTRAP, version=web.generation.version)
        self.ready = (self._job(self._files(credentials), self._scripts(), after),)
        self.register_outputs({})

    def _files(self, credentials: Credentials) -> core.Secret:
        stack = self._stack
        username, email = stack.portus.bootstrap.username, _email(self._web)
        registry = {
            "name": "registry",
            "hostname": stack.registry_authority,
            "use_ssl": True,
            "external_hostname": stack.registry_authority,
        }
        content: dict[str, pulumi.Input[str]] = {
            "password": credentials.administrator,
            "user.json": pulumi.Output.json_dumps({"user": {"username": username, "email": email, "password": credentials.administrator}}),
            "registry.json": pulumi.Output.json_dumps({"registry": registry}),
        }
        return secret(f"{self._name}-files", content, self._labels, self._web.placement, self.child(after=self._web.placement.after))

    def _placed(self, files: core.Secret) -> dict[str, pods.SecretKey]:
        """Return file name -> where it stands: the password of Portus' own user may be in a Secret of somebody else."""
        own = {key: pods.SecretKey(files.metadata.name, key) for key in OWN_FILES}
        return {**own, keys.PORTUS_PASSWORD: self._web.inputs.secrets.keys[keys.PORTUS_PASSWORD]}

    def _scripts(self) -> core.ConfigMap:
        content = {path.name: path.read_text(encoding="utf-8") for path in sorted(SCRIPTS.glob("*.sh"))}
        return config_map(f"{self._name}-scripts", content, self._labels, self._web.placement, self.child(after=self._web.placement.after))

    def _job(self, files: core.Secret, scripts: core.ConfigMap, after: Sequence[pulumi.Resource]) -> batch.Job:
        steps = self._steps()
        template = pods.pod_template(
            self._labels,
            self._web.placement,
            CLIENT if self._web.generation.first_set_up is FirstSetUp.API else self._web.generation.privileges,
            containers=steps[-1:],
            init_containers=steps[:-1],
            volumes=[
                *self._web.volumes(),
                pods.secrets_volume("files", self._placed(files)),
                pods.config_volume("scripts", scripts.metadata.name, mode=pods.EXECUTABLE),
                pods.config_volume("trust", self._web.inputs.secrets.tls.trust, {"ca.crt": "ca.crt"}),
                pods.empty_dir("work", "4Mi", memory=True),
            ],
            host_aliases=self._web.aliases,
            restart_policy="Never",  # a failed Pod stays, with its log; Kubernetes would delete one that restarts too often,
        )
        return batch.Job(
            f"{self._name}-job",
            metadata=self._web.placement.metadata(self._labels),
            spec=batch.JobSpecArgs(backoff_limit=BACKOFF_LIMIT, template=template),
            opts=self.child(after=after),
        )

    def _steps(self) -> list[core.ContainerArgs]:
        """Return the containers in their order; all but the last are init containers."""
        if self._web.generation.first_set_up is FirstSetUp.API:
            return [self._client("first-set-up", ["first-set-up-api.sh"])]
        task = self._web.container(
            Role.TASK,
            resources=TASK_RESOURCES,
            command=["/bin/sh", f"{SCRIPTS_MOUNT}/first-set-up-rake.sh"],
            mounts=self._mounts(),
            environment=self._facts(),
        )
        return [self._client("ask", ["ask-record.sh", "note"]), task, self._client("prove", ["ask-record.sh", "prove"])]

    def _client(self, name: str, script: Sequence[str]) -> core.ContainerArgs:
        return pods.container(
            name,
            self._image,
            self._web.placement,
            CLIENT,
            resources=CLIENT_RESOURCES,
            environment=self._facts(),
            command=["/bin/sh", f"{SCRIPTS_MOUNT}/{script[0]}", *script[1:]],
            mounts=[*self._mounts(), pods.mount("trust", TRUST)],
        )

    def _mounts(self) -> list[core.VolumeMountArgs]:
        return [pods.mount("files", FILES), pods.mount("scripts", SCRIPTS_MOUNT), pods.mount("work", WORK, read_only=False)]

    def _facts(self) -> dict[str, str]:
        stack = self._stack
        return {
            "PORTUS_URL": stack.portus_url,
            "PORTUS_HOST": stack.host,
            "REGISTRY_URL": f"https://{stack.registry_authority}",
            "REGISTRY": stack.registry_authority,
            "ADMINISTRATOR": stack.portus.bootstrap.username,
            "EMAIL": _email(self._web),
            "FILES": FILES,
            "SCRIPTS": SCRIPTS_MOUNT,
            "CA_FILE": f"{TRUST}/ca.crt",
            "WORK": WORK,
        }


def _email(web: PortusPods) -> str:
    stack = web.inputs.stack
    return stack.portus.bootstrap.email or f"{stack.portus.bootstrap.username}@{stack.host}"
