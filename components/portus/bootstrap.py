"""The first set-up: the first administrator and the registry's record, by a Job that may run any number of times.

From 2.4 on by Portus' API, over its Service, because the front proxy refuses some of these paths; 2.1 to 2.3 by the image's rake tasks.
In the end the Job proves with a token that the registry accepts what Portus signs, so that ``pulumi up`` fails if a push would.
A Job is replaced when its scripts or Secret change; nothing it does once is done twice.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pulumi
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core

from components.common import jobs, names, pods
from components.common.base import ServiceComponent
from components.portus import inputs as keys
from components.portus.inputs import FirstSetUp, Role
from components.portus.pod import TASK_RESOURCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.portus.pod import PortusPods

SCRIPTS_MOUNT: Final = "/scripts"
FILES: Final = "/run/secrets/first-set-up"
PASSWORD: Final = "password"  # noqa: S105 - a file's name
WORK: Final = "/work"
TRUST: Final = "/trust"

CLIENT: Final = pods.Privileges(user=10100, group=10100)
GUEST: Final = replace(CLIENT, guest=True)
"""In a Pod of Portus' image, whose group owns the volumes, if any does."""
FILE_MODE: Final = 0o440
FILE_MODE_WITHOUT_GROUP: Final = 0o444
"""Where the Pod's image stays root, as 2.3's, no group owns its volumes, and the guest must still read the files."""

CLIENT_RESOURCES: Final = pods.Resources(
    requests={"cpu": "10m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
    limits={"cpu": "500m", "memory": "64Mi", "ephemeral-storage": "32Mi"},
)


class Bootstrap(ServiceComponent):
    """The Job of the first set-up; what needs the registry's record follows ``ready``.

    Args:
        web: makes Pods of Portus' image and holds the settings.
        after: the resources that must be up: Portus and the registry.
    """

    ready: tuple[pulumi.Resource, ...]

    def __init__(
        self,
        name: str,
        *,
        web: PortusPods,
        image: str,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("portus:Bootstrap", name, opts)
        self._name = name
        self._web = web
        self._image = image
        self._stack = web.inputs.stack
        self._labels = web.context.labels(name=names.PORTUS, component=names.BOOTSTRAP, version=web.family.version)
        self.ready = (self._job(after),)
        self.register_outputs({})

    def _job(self, after: Sequence[pulumi.Resource]) -> batch.Job:
        secrets, family = self._web.inputs.secrets, self._web.family
        by_api = family.first_set_up is FirstSetUp.API
        privileges = CLIENT if by_api else family.privileges
        files = {PASSWORD: secrets.administrator, keys.PORTUS_PASSWORD: secrets.keys[keys.PORTUS_PASSWORD]}
        spec = jobs.job_spec(
            self._labels,
            self._web.context,
            privileges,
            steps=self._steps(),
            volumes=[
                *([] if by_api else self._web.volumes()),
                pods.secrets_volume("files", files, mode=FILE_MODE if privileges.group else FILE_MODE_WITHOUT_GROUP),
                pods.config_volume("scripts", self._web.scripts),
                pods.config_volume("trust", self._web.inputs.secrets.tls.trust, {"ca.crt": "ca.crt"}),
                pods.empty_dir("work", "4Mi", memory=True),
            ],
            host_aliases=self._web.aliases,
        )
        return batch.Job(
            f"{self._name}-job", metadata=self._web.context.metadata(self._labels), spec=spec, opts=jobs.job_options(self, after)
        )

    def _steps(self) -> list[core.ContainerArgs]:
        """Return the containers in their order."""
        if self._web.family.first_set_up is FirstSetUp.API:
            return [self._client("first-set-up", CLIENT, ["first-set-up-api.sh"])]
        task = self._web.container(
            Role.TASK,
            resources=TASK_RESOURCES,
            command=["/bin/sh", f"{SCRIPTS_MOUNT}/first-set-up-rake.sh"],
            mounts=self._mounts(),
            environment=self._facts(),
        )
        return [self._client("ask", GUEST, ["ask-record.sh", "note"]), task, self._client("prove", GUEST, ["ask-record.sh", "prove"])]

    def _client(self, name: str, privileges: pods.Privileges, script: Sequence[str]) -> core.ContainerArgs:
        return pods.container(
            name,
            self._image,
            self._web.context,
            privileges,
            resources=CLIENT_RESOURCES,
            environment=self._facts(),
            command=["/bin/sh", f"{SCRIPTS_MOUNT}/{script[0]}", *script[1:]],
            mounts=[*self._mounts(), pods.mount("trust", TRUST)],
        )

    def _mounts(self) -> list[core.VolumeMountArgs]:
        return [pods.mount("files", FILES), pods.mount("scripts", SCRIPTS_MOUNT), pods.mount("work", WORK, read_only=False)]

    def _facts(self) -> dict[str, str]:
        stack = self._stack
        name = stack.registry_authority
        record = {"name": "registry", "hostname": name, "use_ssl": True, "external_hostname": name}
        return {
            "NAMESPACE": self._web.context.namespace,
            "PORTUS_URL": stack.portus_url,
            "PORTUS_HOST": stack.host,
            "REGISTRY_URL": f"https://{stack.registry_authority}",
            "REGISTRY": name,
            "RECORD": json.dumps({"registry": record}),
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


def set_up(
    name: str, *, web: PortusPods, image: str, after: Sequence[pulumi.Resource], opts: pulumi.ResourceOptions
) -> Sequence[pulumi.Resource]:
    """Make the first set-up if the stack has one, and return what must be ready before its result is used: ``after`` if it has none.

    Arguments as `Bootstrap`'s.
    """
    if not web.inputs.stack.portus.bootstrap.enabled or web.family.first_set_up is FirstSetUp.BY_HAND:
        return after
    return Bootstrap(name, web=web, image=image, after=after, opts=opts).ready
