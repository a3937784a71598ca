"""The lab as the operator's commands see it: it brings Pulumi, a client of the registry and, for its own stacks, the cluster."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import cluster, lab_stack
from lab.cluster import Publication
from lab.engine import Engine, ensure_engine
from lab.images import build
from lab.images.debian import debian_sources
from lab.images.rootfs import Bind, command_line
from lab.lab_stack import is_lab_stack, lab_stack_names
from lab.repair import repair
from ops import paths
from ops.console import errors, step
from ops.deployment import Deployment
from ops.environment import KUBECONFIG_FIX, NO_KUBECONFIG, Operator
from ops.errors import OpsError
from ops.pulumi.stack import Stack

ADDRESSES: Final = "127.88.0.{}"
"""Each lab stack gets a loopback address of its own, so that all can serve port 443."""

CLIENT: Final = "client-lab:1"
"""Image with skopeo and curl."""
WORK: Final = "/work"


@dataclass(frozen=True)
class Lab(Operator):
    """The operator's machine with the lab: what is missing there is built."""

    def engine(self, stack: str) -> Engine:
        """Return the engine, and tell where stand-ins for Pulumi's own plugins would work on a cluster that is not the lab's."""
        engine = ensure_engine()
        if not is_lab_stack(stack) and (stand_ins := [plugin for plugin, genuine in engine.genuine_plugins.items() if not genuine]):
            errors.print(
                f"note: Pulumi's own plugins ({', '.join(stand_ins)}) are not installed and could not be downloaded, so the lab's "
                f"stand-ins serve stack {stack}. For production, install the official plugins first (docs/develop/lab.md)."
            )
        return engine

    def backend(self, stack: str) -> Mapping[str, str] | None:
        """Return the lab's own backend for a lab stack."""
        return lab_stack.backend() if is_lab_stack(stack) else None

    def cluster_of(self, stack: str) -> Path:
        """Return the lab's kubeconfig for a lab stack, else the one that is named."""
        if not is_lab_stack(stack):
            return super().cluster_of(stack)
        kubeconfig = paths.STATE / "kubeconfig"
        if not kubeconfig.exists():
            raise OpsError("the lab does not run.", f"start it: make up STACK={stack}")
        return kubeconfig

    def ready(self, stack: str) -> tuple[Engine, Path]:
        """Have engine, cluster and images of a lab stack in place; for another stack the engine."""
        if not is_lab_stack(stack):
            if self.kubeconfig is None:
                raise OpsError(
                    NO_KUBECONFIG, f"{KUBECONFIG_FIX}. The lab's own cluster runs the stacks {', '.join(lab_stack_names())} only."
                )
            return self.engine(stack), self.kubeconfig.expanduser()
        lab_stack.note_images()
        if not cluster.status().ready:
            lab_stack.build_missing(stack)
        engine = self.engine(stack)
        kubeconfig = cluster.up()
        images = lab_stack.images(stack)
        missing = cluster.missing_images([image.archive for image in images])
        build.load([image for image in images if image.archive in missing], cluster.import_image)
        return engine, kubeconfig

    def is_disposable(self, stack: str) -> bool:
        """Tell whether ``stack`` is one of the lab's own cluster."""
        return is_lab_stack(stack)

    def alone(self, stack: str) -> AbstractContextManager[None]:
        """Let one run at a time start or remove the lab."""
        return lab_stack.alone(stack)

    def require_client(self, stack: str) -> None:
        """Make sure that there is skopeo, or that the lab's own can be built; a lab stack has all that its cluster needs, which is more."""
        if is_lab_stack(stack) or shutil.which("skopeo") or _is_buildable():
            return
        raise OpsError(
            "skopeo must be on PATH: the check pushes and pulls an image.",
            "install skopeo; or run this as root on Debian: the lab then builds it.",
        )

    def client(self, command: Sequence[str], folder: Path, scratch: Path) -> tuple[list[str], Mapping[str, str] | None]:
        """Return the machine's own program, else that of the lab's client image, without a container engine."""
        if shutil.which(command[0]):
            return super().client(command, folder, scratch)
        image = build.build_images([CLIENT])[0]
        binds = [Bind(source=folder, target=WORK)]
        binds += [
            Bind(source=Path(path), target=path, read_only=True) for path in ("/etc/hosts", "/etc/resolv.conf") if Path(path).exists()
        ]
        container = image.container({"HOME": WORK}, binds=binds, tmpfs=("/tmp", "/var/tmp"))  # noqa: S108 - the image's own
        return command_line(container, list(command), scratch), dict(container.environment)

    def before_update(self, stack: Stack) -> None:
        """Correct what older stand-ins wrote."""
        repair(stack)

    def after_update(self, stack: Stack, deployment: Deployment) -> None:
        """Publish every lab stack that is deployed on this machine; one whose deployment was cut off is left out."""
        if not is_lab_stack(stack.name):
            return
        with step("publishing it on this machine"):
            publications = []
            addresses = {name: ADDRESSES.format(number) for number, name in enumerate(lab_stack_names(), start=1)}
            for name, address in addresses.items():
                other = dataclasses.replace(stack, name=name)
                if name == stack.name:
                    publications += _publications(deployment, address)
                elif other.has_state() and other.is_whole():
                    publications += _publications(other.deployment(), address)
            cluster.publish(publications, addresses=set(addresses.values()))

    def remove(self, stack: str) -> None:
        """Remove the whole lab, whatever state it is in, with the state of its stacks."""
        with lab_stack.alone(stack), step("removing the lab"):
            cluster.down()
            shutil.rmtree(paths.STATE, ignore_errors=True)


def _publications(deployment: Deployment, address: str) -> list[Publication]:
    ports = deployment.node_ports()
    if "https" not in ports:
        return []
    found = [Publication(address=address, port=deployment.https_port, node_port=ports["https"], names=deployment.hosts)]
    if "http" in ports:
        found.append(Publication(address=address, port=80, node_port=ports["http"]))
    return found


def _is_buildable() -> bool:
    if platform.system() != "Linux" or os.geteuid() != 0:
        return False
    try:
        debian_sources()
    except OpsError:
        return False
    return True
