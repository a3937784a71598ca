"""Rollouts, losses and drains under load: no request of a client is lost, no push stays broken, no event is forgotten."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from kubernetes import client, config

from lab.cluster import Publication
from ops.check import wait_for_record
from ops.deployment import Deployment, Tag
from ops.sample_image import MANIFEST_TYPE, write_sample
from ops.skopeo import Client
from tests.cluster.conftest import PAUSE_SECONDS, until
from tests.cluster.own_stack import OwnStack, own_stack, pods_of, published, ready_pods, registry_api

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.51"
HOSTS = ("portus.available.test", "registry.available.test")
CHUNK = 64 * 1024
"""Bytes of a slow layer at a time."""
PACE_SECONDS = 0.1


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    with own_stack("availability", tmp_path_factory.mktemp("availability")) as deployed:
        deployed.up()
        with published(Publication(address=ADDRESS, port=443, node_port=30753, names=HOSTS)):
            yield deployed


def _every(reached: Deployment, component: str) -> list[str]:
    return [str(pod.metadata and pod.metadata.name) for pod in pods_of(reached, component)]


def _scale(reached: Deployment, name: str, replicas: int) -> None:
    api = client.AppsV1Api(config.new_client_from_config(str(reached.kubeconfig), reached.context))  # type: ignore[no-untyped-call]
    api.patch_namespaced_deployment_scale(name, reached.namespace, {"spec": {"replicas": replicas}})


@dataclass
class Asked:
    """What a client got that asks for tokens all the time, each on a connection of its own."""

    answers: int = 0
    lost: list[str] = field(default_factory=list)


@contextmanager
def asking(reached: Deployment) -> Iterator[Asked]:
    """Ask for a token all the time, by two clients, until the block ends."""
    context = ssl.create_default_context(cadata=str(reached.outputs["ca_certificate"]))
    url = f"{reached.portus_url}/v2/token?service={reached.registry}"
    seen, over = Asked(), threading.Event()

    def ask() -> None:
        while not over.wait(PAUSE_SECONDS):
            try:
                answer = httpx.get(url, verify=context, timeout=60)
            except httpx.HTTPError as error:
                seen.lost.append(f"{type(error).__name__}: {error}")
            else:
                seen.answers += 1
                if answer.status_code != httpx.codes.OK:
                    seen.lost.append(f"{answer.status_code} {answer.text[:200]}")

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(("workload", "component"), [("web", "web"), ("edge", "edge")])
def test_a_rollout_loses_no_request(stack: OwnStack, reached: Deployment, workload: str, component: str) -> None:
    before = set(ready_pods(reached, component))
    assert len(before) == 2
    said = stack.said()
    said.setdefault("portus:workloads", {})[workload] = {"annotations": {"example.com/rolled": "1"}}
    stack.say(said)
    with asking(reached) as seen:
        until(lambda: seen.answers > 10, "the first answers")
        stack.up()
        until(lambda: len(ready_pods(reached, component)) == 2, "the new copies")
        answers = seen.answers
        until(lambda: seen.answers > answers + 50, "answers after the rollout")
    assert before.isdisjoint(ready_pods(reached, component))
    assert seen.lost == []


def test_the_loss_of_a_copy_is_covered_by_the_other(reached: Deployment) -> None:
    """A Pod that is told to stop serves on until nobody is sent to it, so even this loses nothing."""
    with asking(reached) as seen:
        until(lambda: seen.answers > 10, "the first answers")
        for component in ("web", "edge"):
            gone, _ = ready_pods(reached, component)
            reached.api().delete_namespaced_pod(gone, reached.namespace)
            until(lambda component=component: len(ready_pods(reached, component)) == 2, "the copy is replaced")  # type: ignore[misc]
    assert seen.lost == []


def test_a_push_that_a_killed_registry_cuts_off_works_when_it_is_repeated(reached: Deployment, administrator: Client) -> None:
    digest = write_sample(administrator.folder / "cut", text=f"cut off, at {time.time()}")
    (victim,) = ready_pods(reached, "registry")
    uploads = ["sh", "-c", "ls -d /var/lib/registry/docker/registry/v2/repositories/admin/cut/_uploads/*/ 2>/dev/null | wc -l"]
    over = threading.Event()
    answers: list[int | str] = []

    def layer() -> Iterator[bytes]:
        """Give a slow layer, which ends by itself only long after its registry."""
        while not over.wait(PACE_SECONDS):
            yield b"0" * CHUNK

    def upload() -> None:
        with registry_api(reached, "admin/cut") as http:
            location = http.post("/blobs/uploads/").headers["Location"]
            try:
                answers.append(http.patch(location, content=layer()).status_code)
            except httpx.HTTPError as error:
                answers.append(repr(error))

    pushing = threading.Thread(target=upload)
    pushing.start()
    until(lambda: int(reached.exec(victim, uploads)) > 0, "an upload begins")
    try:
        reached.api().delete_namespaced_pod(victim, reached.namespace, grace_period_seconds=0)
        until(lambda: bool(answers), "the upload ends with its registry")
    finally:
        over.set()
        pushing.join()
    assert answers != [httpx.codes.ACCEPTED]
    until(lambda: len(ready_pods(reached, "registry")) == 1, "the registry is back")
    again = administrator.push("cut", "admin/cut:1")
    assert again.code == 0, again.output
    wait_for_record(reached, Tag(namespace="admin", repository="cut", tag="1", user="admin", digest=digest))


def test_a_registry_that_must_stop_first_delivers_its_waiting_notifications(reached: Deployment, administrator: Client) -> None:
    """While Portus is away a push still works by a token of before; its event waits in the registry's memory, which is then told to end."""
    digest = write_sample(administrator.folder / "kept", text=f"kept, at {time.time()}")
    assert administrator.push("kept", "admin/kept:1").code == 0
    with registry_api(reached, "admin/kept") as http:
        _scale(reached, "portus", 0)
        try:
            until(lambda: _every(reached, "web") == [], "Portus is away", 60)
            manifest = (administrator.folder / "kept" / "manifest.json").read_bytes()
            answer = http.put("/manifests/2", content=manifest, headers={"Content-Type": MANIFEST_TYPE})
            assert answer.status_code == httpx.codes.CREATED, answer.text
            (registry,) = ready_pods(reached, "registry")
            waiting = json.loads(reached.exec(registry, ["wget", "-q", "-O", "-", "http://127.0.0.1:5001/debug/vars"]))
            assert waiting["registry"]["notifications"]["endpoints"][0]["Metrics"]["Pending"] > 0
            reached.api().delete_namespaced_pod(registry, reached.namespace)
        finally:
            _scale(reached, "portus", 2)
    wait_for_record(reached, Tag(namespace="admin", repository="kept", tag="2", user="admin", digest=digest))
    until(lambda: registry not in _every(reached, "registry"), "the registry ends")
    until(lambda: len(ready_pods(reached, "registry")) == 1, "the registry's successor")
    until(lambda: len(ready_pods(reached, "web")) == 2, "both copies of Portus")


def _may_be_evicted(reached: Deployment) -> bool:
    policy = client.PolicyV1Api(reached.api().api_client)
    (web,) = policy.list_namespaced_pod_disruption_budget(reached.namespace, label_selector="app.kubernetes.io/component=web").items
    return bool(web.status and web.status.disruptions_allowed)


def test_a_drain_takes_one_copy_at_a_time(reached: Deployment) -> None:
    """By the eviction API, as ``kubectl drain`` does; the second has to wait for the first one's successor."""
    first, second = ready_pods(reached, "web")
    evictions = [client.V1Eviction(metadata=client.V1ObjectMeta(name=pod, namespace=reached.namespace)) for pod in (first, second)]
    api = reached.api()
    until(lambda: _may_be_evicted(reached), "the budget knows both copies")
    api.create_namespaced_pod_eviction(first, reached.namespace, evictions[0])
    with pytest.raises(client.ApiException) as refused:
        api.create_namespaced_pod_eviction(second, reached.namespace, evictions[1])
    assert refused.value.status == httpx.codes.TOO_MANY_REQUESTS
    until(lambda: len(ready_pods(reached, "web")) == 2, "the first one's successor")


def test_no_pulumi_up_takes_back_what_an_autoscaler_did(stack: OwnStack, reached: Deployment) -> None:
    said = stack.said()
    edge = {**said["portus:exposure"]["edge"], "autoscaling": {"minReplicas": 3, "maxReplicas": 4}}
    del edge["replicas"]
    stack.say(said | {"portus:exposure": {**said["portus:exposure"], "edge": edge}})
    stack.up()
    until(lambda: len(ready_pods(reached, "edge")) == 3, "the least number of copies")
    changed = {**edge, "hstsMaxAge": 60}
    stack.say(said | {"portus:exposure": {**said["portus:exposure"], "edge": changed}})
    stack.up()
    deployed = client.AppsV1Api(reached.api().api_client).read_namespaced_deployment("edge", reached.namespace)
    assert deployed.spec
    assert deployed.spec.replicas == 3


def test_deploying_again_changes_nothing(stack: OwnStack) -> None:
    stack.up("--expect-no-changes")
