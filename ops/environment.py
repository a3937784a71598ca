"""Where a command runs: it provides pulumi, the kubeconfig and skopeo."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ops.errors import OpsError

if TYPE_CHECKING:
    from ops.deployment import Deployment
    from ops.pulumi.stack import Stack

MINIMUM: Final = (3, 244, 0)
"""Oldest Pulumi CLI that is used: earlier ones lose state in ``up --refresh`` (fixes in 3.206, 3.231 and 3.244 of its change log)."""

NO_KUBECONFIG: Final = "the kubeconfig must be set."
KUBECONFIG_FIX: Final = "--kubeconfig FILE (make: KUBECONFIG=FILE)"


class Engine(Protocol):
    """A Pulumi CLI with its plugins."""

    @property
    def pulumi(self) -> Path:
        """The CLI."""

    def environment(self) -> dict[str, str]:
        """Return what a process needs to run it, on top of its own environment."""


class Environment(Protocol):
    """What a command gets from the place where it runs."""

    @property
    def kubeconfig(self) -> Path | None:
        """The kubeconfig that the user named; None for none."""

    def engine(self, stack: str) -> Engine:
        """Return the Pulumi that deploys ``stack``.

        Raises:
            OpsError: there is none.
        """

    def backend(self, stack: str) -> Mapping[str, str] | None:
        """Return Pulumi's variables for the backend and passphrase of ``stack`` where they are this environment's; None: the user's."""

    def cluster_of(self, stack: str) -> Path:
        """Return the kubeconfig of the cluster where ``stack`` is deployed; starts nothing.

        Raises:
            OpsError: it is not named, or does not run.
        """

    def ready(self, stack: str) -> tuple[Engine, Path]:
        """Return Pulumi and a kubeconfig with everything in place that a deployment of ``stack`` needs.

        Raises:
            OpsError: something is missing and cannot be made.
        """

    def is_disposable(self, stack: str) -> bool:
        """Whether everything in ``stack`` can be made again: it is changed without confirmation, and removed with its cluster."""

    def alone(self, stack: str) -> AbstractContextManager[None]:
        """Let one run at a time change ``stack``, if its backend has no lock."""

    def require_client(self, stack: str) -> None:
        """Make sure that an image can be pushed from here, before anything is begun.

        Raises:
            OpsError: it cannot.
        """

    def client(self, command: Sequence[str], folder: Path, scratch: Path) -> tuple[list[str], Mapping[str, str] | None]:
        """Return how to run ``command``, skopeo or curl, in ``folder``, and its environment (None: that of this process).

        Args:
            scratch: an empty folder that is removed when the command has ended.
        """

    def before_update(self, stack: Stack) -> None:
        """Correct in the state of ``stack`` what only this environment can know."""

    def after_update(self, stack: Stack, deployment: Deployment) -> None:
        """Make a deployed stack reachable."""

    def remove(self, stack: str) -> None:
        """Remove a disposable stack with its cluster, whatever state they are in."""


@dataclass(frozen=True)
class _OwnPulumi:
    pulumi: Path

    def environment(self) -> dict[str, str]:
        return {"PULUMI_SKIP_UPDATE_CHECK": os.environ.get("PULUMI_SKIP_UPDATE_CHECK", "true")}


@dataclass(frozen=True)
class Operator:
    """The operator's own machine: pulumi and skopeo on PATH, and the kubeconfig that is named."""

    kubeconfig: Path | None = None

    def engine(self, stack: str) -> Engine:
        """Return the pulumi on PATH, which must not be older than `MINIMUM`."""
        del stack
        oldest = ".".join(map(str, MINIMUM))
        path = shutil.which("pulumi")
        if path is None:
            raise OpsError("pulumi is not on PATH.", f"install Pulumi {oldest} or later.")
        if not is_suitable(version := version_of(path)):
            text = ".".join(map(str, version)) if version else "of no known version"
            raise OpsError(f"{path} is {text}; it must be {oldest} or later.", "install a newer Pulumi.")
        return _OwnPulumi(Path(path))

    def backend(self, stack: str) -> Mapping[str, str] | None:
        """Leave that to the user."""
        del stack
        return None

    def cluster_of(self, stack: str) -> Path:
        """Return the kubeconfig that is named."""
        del stack
        if self.kubeconfig is None:
            raise OpsError(NO_KUBECONFIG, KUBECONFIG_FIX)
        return self.kubeconfig.expanduser()

    def ready(self, stack: str) -> tuple[Engine, Path]:
        """Return the pulumi on PATH and the kubeconfig that is named."""
        return self.engine(stack), self.cluster_of(stack)

    def is_disposable(self, stack: str) -> bool:
        """Tell that no stack is."""
        del stack
        return False

    def alone(self, stack: str) -> AbstractContextManager[None]:
        """Leave that to the backend, which locks its stacks."""
        del stack
        return contextlib.nullcontext()

    def require_client(self, stack: str) -> None:
        """Make sure that skopeo is on PATH."""
        del stack
        if shutil.which("skopeo") is None:
            raise OpsError("skopeo must be on PATH: the check pushes and pulls an image.", "install skopeo.")

    def client(self, command: Sequence[str], folder: Path, scratch: Path) -> tuple[list[str], Mapping[str, str] | None]:
        """Return the machine's own program."""
        del folder, scratch
        return list(command), None

    def before_update(self, stack: Stack) -> None:
        """Do nothing: Pulumi's own plugins wrote the state."""

    def after_update(self, stack: Stack, deployment: Deployment) -> None:
        """Do nothing: the stack's exposure makes it reachable."""

    def remove(self, stack: str) -> None:
        """Refuse: no stack is disposable."""
        raise OpsError(f"stack {stack} is not disposable.", "remove it with pulumi destroy.")


def is_suitable(version: tuple[int, int, int] | None) -> bool:
    """Tell whether a CLI of this version can be used: the same major, and not older than `MINIMUM`."""
    return version is not None and version[0] == MINIMUM[0] and version >= MINIMUM


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return the version in ``pulumi version``'s output, None when it holds none."""
    found = re.search(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def version_of(pulumi: str) -> tuple[int, int, int] | None:
    """Return the version of a CLI, None where it does not say one."""
    try:
        answer = subprocess.run(
            [pulumi, "version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(answer.stdout) if answer.returncode == 0 else None
