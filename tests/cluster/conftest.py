"""The two lab stacks, deployed once for all tests that use them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from lab.environment import Lab
from ops import lifecycle
from ops.deployment import Deployment
from ops.pulumi.stack import Stack
from ops.skopeo import Client, client_of
from tests.cluster.own_stack import OwnStack, deployment

PAUSE_SECONDS = 0.05
"""Of a client under load between two requests: a rollout needs the machine's two processors, too."""

USER = "alice"
USER_PASSWORD = "alice-password-of-the-tests"


RAKE = "/stack/rake"
"""What the stack offers an operator for Portus' rake tasks."""


@dataclass
class Deployed:
    """A deployed stack."""

    stack: Stack
    deployment: Deployment

    @property
    def is_puma(self) -> bool:
        return str(self.deployment.outputs["versions"]["portus"]) >= "2.3"

    def client(self, username: str = "", password: str = "") -> AbstractContextManager[Client]:
        return client_of(self.deployment, username, password)

    def pod(self, component: str) -> str:
        """Return the name of a running Pod of ``component``."""
        pods = self.deployment.api().list_namespaced_pod(
            self.deployment.namespace, label_selector=f"app.kubernetes.io/component={component}", field_selector="status.phase=Running"
        )
        return next(str(pod.metadata.name) for pod in pods.items if pod.metadata and not pod.metadata.deletion_timestamp)


class LabStacks:
    """The lab's stacks, each deployed once."""

    def __init__(self) -> None:
        self._made: dict[str, Deployed] = {}

    def __call__(self, name: str) -> Deployed:
        """Deploy stack ``name``, or return it as it was deployed before."""
        return self._made.get(name) or self.again(name)

    def again(self, name: str) -> Deployed:
        """Deploy stack ``name``; all tests see it as it is now, with its new certificate if it was removed before."""
        stack, deployment = lifecycle.deploy(name, Lab())
        found = self._made.setdefault(name, Deployed(stack, deployment))
        found.stack, found.deployment = stack, deployment
        return found


@pytest.fixture(scope="session")
def lab_stack() -> LabStacks:
    return LabStacks()


@pytest.fixture(scope="session", params=["lab", "lab-apache"])
def deployed(request: pytest.FixtureRequest, lab_stack: LabStacks) -> Deployed:
    return lab_stack(request.param)


@pytest.fixture(scope="session")
def user(deployed: Deployed) -> tuple[str, str]:
    """A user without any right but on its own namespace, made by Portus' rake task."""
    if [USER] not in deployed.deployment.sql("SELECT username FROM users"):
        deployed.deployment.exec(deployed.pod("web"), [RAKE, f"portus:create_user[{USER},{USER}@example.test,{USER_PASSWORD},false]"])
    return USER, USER_PASSWORD


@pytest.fixture(scope="module")
def reached(stack: OwnStack) -> Deployment:
    """The module's own ``stack`` as its clients see it."""
    return deployment(stack)


@pytest.fixture
def administrator(reached: Deployment) -> Iterator[Client]:
    """A client that has logged in as the administrator of the module's own stack."""
    with administrator_of(reached) as made:
        yield made


def administrator_of(deployment: Deployment) -> AbstractContextManager[Client]:
    """Give a client of the registry that has logged in as the first administrator."""
    return client_of(deployment, str(deployment.outputs["administrator"]), deployment.administrator_password)


def until(condition: Callable[[], object], what: str, seconds: float = 180) -> None:
    """Wait for ``condition`` to hold; a look that cannot connect is none. The bound tells a hang from a slow machine, no more."""
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except OSError:
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.3)
