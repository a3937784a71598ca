"""The policies are enforced, and every Pod reaches exactly what the evaluator of the unit tests says: each open port is tried."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes import client

from lab import cluster
from tests.cluster.conftest import Deployed, until
from tests.network_evaluator import Endpoint, allowed

pytestmark = pytest.mark.cluster

CONNECT = """
import json, socket, sys
for address, port in json.load(sys.stdin):
    try:
        socket.create_connection((address, port), timeout=2).close()
        print("open")
    except OSError:
        print("closed")
"""
PAUSE = """
for folder in $(grep -ls "$1" /proc/[0-9]*/cgroup); do
  folder="${folder%/cgroup}"
  if [ "$(cat "$folder/comm" 2>/dev/null)" = pause ]; then echo "${folder#/proc/}"; fi
done
"""
"""The process that lives as long as its Pod; others come and go while one looks."""
NEIGHBOUR = "portus-neighbour"
LISTENS = "0A"
"""The state in /proc/net/tcp."""


@dataclass(frozen=True)
class Pod:
    """A Pod as the policies see it, and one of its processes in the cluster's box."""

    end: Endpoint
    process: str

    def ports(self) -> set[int]:
        """Return every port that something in the Pod listens on, but for its loopback."""
        text = _in_box(["cat", f"/proc/{self.process}/net/tcp", f"/proc/{self.process}/net/tcp6"])
        listening = [line.split()[1].split(":") for line in text.splitlines() if len(line.split()) > 3 and line.split()[3] == LISTENS]
        return {int(port, 16) for address, port in listening if not address.endswith(("0100007F", "01000000"))}

    def reaches(self, targets: list[tuple[str, int]]) -> list[bool]:
        """Return which of the addresses a program in the Pod can connect to."""
        enter = ["nsenter", f"--target={self.process}", "--net", sys.executable, "-c", CONNECT]
        return [word == "open" for word in _in_box(enter, json.dumps(targets)).split()]


def _in_box(command: list[str], text: str = "") -> str:
    ran = cluster.run_in_box(command, stdin=text.encode())
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout.decode()


def _pods(api: client.CoreV1Api, *namespaces: str) -> list[Pod]:
    found = []
    for namespace in namespaces:
        for pod in api.list_namespaced_pod(namespace, field_selector="status.phase=Running").items:
            assert pod.metadata
            assert pod.status
            (process,) = _in_box(["sh", "-c", PAUSE, "sh", f"pod{pod.metadata.uid}"]).split()
            end = Endpoint(
                name=f"{namespace}/{pod.metadata.name}",
                namespace=namespace,
                labels=pod.metadata.labels or {},
                address=str(pod.status.pod_ip),
            )
            found.append(Pod(end, process))
    return found


@pytest.fixture(scope="module")
def stranger(deployed: Deployed) -> Iterator[str]:
    """A Pod of somebody else, in a namespace of its own, that calls itself the stack's web server."""
    api, web = deployed.deployment.api(), deployed.pod("web")
    name = f"{NEIGHBOUR}-{deployed.deployment.namespace}"
    labels = (api.read_namespaced_pod(web, deployed.deployment.namespace).metadata or client.V1ObjectMeta()).labels
    container = client.V1Container(name="sleep", image="localhost/client-lab:1", image_pull_policy="Never", command=["sleep", "infinity"])
    api.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    try:
        spec = client.V1PodSpec(containers=[container], termination_grace_period_seconds=0)
        api.create_namespaced_pod(name, client.V1Pod(metadata=client.V1ObjectMeta(name="stranger", labels=labels), spec=spec))
        until(lambda: _running(api, name), "the stranger runs")
        yield name
    finally:
        api.delete_namespace(name)


def _running(api: client.CoreV1Api, namespace: str) -> bool:
    pod: Any = api.read_namespaced_pod("stranger", namespace)
    return bool(pod.status.phase == "Running")


def test_every_pod_reaches_exactly_what_the_policies_let_it(deployed: Deployed, stranger: str) -> None:
    api, namespace = deployed.deployment.api(), deployed.deployment.namespace
    networking = client.NetworkingV1Api(api.api_client)
    policies = api.api_client.sanitize_for_serialization(networking.list_namespaced_network_policy(namespace).items)
    pods = _pods(api, namespace, stranger, "kube-system")
    targets = [(pod.end, port) for pod in pods for port in sorted(pod.ports())]
    tried = [(pod, end, port) for pod, (end, port) in itertools.product(pods, targets) if pod.end is not end]
    expected = {(pod.end.name, end.name, port) for pod, end, port in tried if allowed(policies, pod.end, end, port)}

    def seen() -> set[tuple[str, str, int]]:
        found = set()
        for pod in pods:
            others = [(end, port) for end, port in targets if end is not pod.end]
            answers = pod.reaches([(end.address, port) for end, port in others])
            found |= {(pod.end.name, end.name, port) for (end, port), answer in zip(others, answers, strict=True) if answer}
        return found

    until(lambda: seen() == expected, "kube-router knows every Pod")
    parts = {end.labels.get("app.kubernetes.io/component") for end, _ in targets}
    assert parts >= {"web", "registry", "database", "edge"}
    assert expected
    assert len(expected) < len(tried) / 2, "most of what could be reached is denied"
