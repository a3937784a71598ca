"""The Pod that runs Portus' image, in any role, and what is in every container beside the image's own files.

An operator calls rake by ``kubectl exec deployment/portus -- /stack/rake TASK``: without the wrapper an exec lacks the secrets, which stand
in files that only the image's init reads.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.common import pods
from components.common.stack_context import NONE
from components.common.trust import AUTHORITY, KEY
from components.portus.inputs import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi
    from pulumi_kubernetes.core import v1 as core

    from components.common.pods import ConfigKey, SecretKey
    from components.common.stack_context import Labels, StackContext
    from components.portus.image_family import ImageFamily
    from components.portus.inputs import PortusInputs


SCRIPTS: Final = Path(__file__).parent / "scripts"
"""Of the Jobs."""
CONTAINER: Final = Path(__file__).parent / "container"
"""Of every container."""
TOOLS: Final = "/stack"
RAKE: Final = "rake"
PIDS: Final = f"{TOOLS}/pids.sh"
UNBUFFERED: Final = f"{TOOLS}/unbuffered.rb"
_FILES: Final = (SCRIPTS / "environment.sh", CONTAINER / "pids.sh", CONTAINER / "unbuffered.rb")
TOOL_FILES: Final = (RAKE, *(path.name for path in _FILES))


def tools(rake: Sequence[str]) -> Mapping[str, str]:
    """Return file name -> text, where ``rake`` is how the image calls it."""
    wrapper = f'#!/bin/sh\n# Calls rake as this image does.\nset -eu\n. {TOOLS}/environment.sh\nexec {shlex.join(rake)} "$@"\n'
    return {RAKE: wrapper, **{path.name: path.read_text(encoding="utf-8") for path in _FILES}}


def signal_command(title: str, after_seconds: int) -> Sequence[str]:
    """Return the command that ends the processes whose command line begins with ``title``, and no others.

    A signal to portusctl, which waits for the server, ends the container over the requests that are under way.
    """
    pause = f"sleep {after_seconds}; " if after_seconds else ""
    return ("/bin/sh", "-c", f"{pause}for pid in $(/bin/sh {PIDS} {shlex.quote(title)}); do kill -TERM $pid; done")


def running_command(title: str) -> Sequence[str]:
    """Return the command that succeeds where a process has a command line that begins with ``title``."""
    return ("/bin/sh", "-c", f"/bin/sh {PIDS} {shlex.quote(title)} | grep -q .")


LOCAL_CONFIG_FILE: Final = "config-local.yml"
LOCAL_CONFIG_VOLUME: Final = "local-config"
LOCAL_CONFIG: Final = f"/srv/Portus/config/{LOCAL_CONFIG_FILE}"
CREDENTIALS: Final = "/run/secrets/portus"
TASK_RESOURCES: Final = pods.Resources(
    requests={"cpu": "200m", "memory": "256Mi", "ephemeral-storage": "64Mi"},
    limits={"cpu": "1", "memory": "512Mi", "ephemeral-storage": "256Mi"},
)
"""A rake task boots Rails once, without Puma's workers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PortusPods:
    """Makes Pods of Portus' image for one stack.

    Args:
        aliases: host name -> address, for the public names inside the cluster.
        local_config: the volume with config-local.yml, None where the family has none.
        scripts: name of the ConfigMap with the scripts of the Jobs, and with what is in every container.
    """

    family: ImageFamily
    inputs: PortusInputs
    image: str
    context: StackContext
    aliases: Mapping[str, pulumi.Input[str]]
    local_config: core.VolumeArgs | None
    scripts: pulumi.Output[str]

    def container(
        self,
        role: Role,
        *,
        resources: pods.Resources,
        command: Sequence[str] | None = None,
        mounts: Sequence[core.VolumeMountArgs] = (),
        environment: Mapping[str, str] | None = None,
    ) -> core.ContainerArgs:
        """Return the container for ``role``."""
        web, task = role is Role.WEB, role is Role.TASK
        return pods.container(
            role.value,
            self.image,
            self.context,
            self.family.privileges,
            resources=resources,
            environment={**self.family.environment(self.inputs, role), **(environment or {})},
            command=command,
            ports=self.family.ports if web else None,
            mounts=[*self._mounts(), *mounts],
            probes=None if task else self.family.probes(role),
            pre_stop=None if task else self.family.stop_command(role),
            extras=NONE if task else self.context.extras_of(role.value),
        )

    def template(
        self,
        labels: Labels,
        containers: Sequence[core.ContainerArgs],
        *,
        volumes: Sequence[core.VolumeArgs] = (),
        grace_seconds: int = 30,
    ) -> core.PodTemplateSpecArgs:
        """Return the Pod around ``containers``."""
        return pods.pod_template(
            labels,
            self.context,
            self.family.privileges,
            containers=containers,
            volumes=[*self.volumes(), *volumes],
            grace_seconds=grace_seconds,
            host_aliases=self.aliases,
        )

    def _mounts(self) -> list[core.VolumeMountArgs]:
        mounts = [pods.mount(_volume(folder), folder) for folder in self.family.tls_files]
        mounts.append(pods.mount("tools", TOOLS))
        if self.family.secret_files:
            mounts.append(pods.mount("credentials", CREDENTIALS))
        if self.local_config is not None:
            mounts.append(pods.mount(LOCAL_CONFIG_VOLUME, LOCAL_CONFIG, sub_path=LOCAL_CONFIG_FILE))
        return mounts

    def _tls_files(self, items: Mapping[str, str]) -> dict[str, SecretKey | ConfigKey]:
        """Return the files of one folder: with Portus' key the tokens' own, with the stack's CA the stack file's further ones."""
        tls = self.inputs.secrets.tls
        files = {file: tls[key] for key, file in items.items()}
        if AUTHORITY in items:
            files |= {key: tls[key] for key in tls.authorities if key != AUTHORITY}
        if KEY in items and tls.signing_key is not None:
            files[tls.signing_key.key] = tls.signing_key
        return files

    def volumes(self) -> list[core.VolumeArgs]:
        """Return the volumes of every role."""
        secrets = self.inputs.secrets
        volumes = [pods.secrets_volume(_volume(folder), self._tls_files(items)) for folder, items in self.family.tls_files.items()]
        volumes.append(pods.config_volume("tools", self.scripts, {name: name for name in TOOL_FILES}, mode=pods.EXECUTABLE))
        if self.family.secret_files:
            files = {key: place for key, place in secrets.keys.items() if key in self.family.secret_files}
            volumes.append(pods.secrets_volume("credentials", files))
        if self.local_config is not None:
            volumes.append(self.local_config)
        return volumes


def _volume(folder: str) -> str:
    return "tls-" + folder.strip("/").replace("/", "-")
