"""Two registries that share a real S3 server and a Redis; then the same images by registry 3.1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.cluster import Publication
from ops.check import check
from ops.console import step
from ops.deployment import Deployment
from ops.gc import Request, collect
from ops.gc.registry import BLOBS
from ops.sample_image import write_sample
from ops.skopeo import Client, client_of
from tests.cluster.conftest import until
from tests.cluster.own_stack import OwnStack, load, make_secret, namespace, own_stack, published, ready_pods
from tests.components.exposure import stage
from tests.ops.gc.images import blobs_of

pytestmark = pytest.mark.cluster

ADDRESS, S3_ADDRESS = "127.88.0.41", "127.88.0.42"
NAMESPACE = "portus-storage"
S3_NAME = f"s3.{NAMESPACE}.svc"
HOSTS = ("portus.storage.test", "registry.storage.test", S3_NAME)
S3_NODE_PORT = 30744
S3_IMAGE = "localhost/s3-lab:1"
IMAGE = "admin/kept:1"


def _s3_pod() -> dict[str, Any]:
    """Return the S3 server with one bucket, behind TLS, told its keys as the registry is."""
    data = {"name": "data", "mountPath": "/data"}
    common: dict[str, Any] = {"image": S3_IMAGE, "imagePullPolicy": "Never"}
    keys = {"ROOT_ACCESS_KEY_ID": "accesskey", "ROOT_SECRET_ACCESS_KEY": "secretkey"}
    tls = {"VGW_CERT": "/tls/tls.crt", "VGW_KEY": "/tls/tls.key"}
    variables = [{"name": name, "valueFrom": {"secretKeyRef": {"name": "object-store", "key": key}}} for name, key in keys.items()]
    return {
        "metadata": {"name": "s3", "labels": {"app": "s3"}},
        "spec": {
            "initContainers": [
                common | {"name": "bucket", "command": ["mkdir", "-p", "/data/objects/images", "/data/meta"], "volumeMounts": [data]}
            ],
            "containers": [
                common
                | {
                    "name": "s3",
                    "env": [*variables, *({"name": name, "value": value} for name, value in tls.items())],
                    "ports": [{"containerPort": 7070}],
                    "volumeMounts": [data, {"name": "tls", "mountPath": "/tls"}],
                    "readinessProbe": {"tcpSocket": {"port": 7070}, "periodSeconds": 1},
                }
            ],
            "volumes": [{"name": "data", "emptyDir": {}}, {"name": "tls", "secret": {"secretName": "of-somebody"}}],
        },
    }


@pytest.fixture(scope="module")
def certificate() -> Iterator[dict[str, str]]:
    """Make the namespace, the Secrets and the S3 server; give the ``tls`` section's texts."""
    root, chain = stage.certificate("Root", issuer="Root"), stage.certificate("server", issuer="Root", hosts=HOSTS)
    load([S3_IMAGE])
    with namespace(NAMESPACE) as api:
        make_secret(api, NAMESPACE, "of-somebody", {"tls.crt": chain, "tls.key": stage.private_key("server")}, kind="kubernetes.io/tls")
        make_secret(api, NAMESPACE, "object-store", {"accesskey": "0123456789012345", "secretkey": 'of: #the "store"'})
        pod: Any = _s3_pod()
        api.create_namespaced_pod(NAMESPACE, pod)
        port = {"port": 443, "targetPort": 7070, "nodePort": S3_NODE_PORT}
        service: Any = {"metadata": {"name": "s3"}, "spec": {"type": "NodePort", "selector": {"app": "s3"}, "ports": [port]}}
        api.create_namespaced_service(NAMESPACE, service)
        yield {"certificate": chain, "caCertificate": root}


@pytest.fixture(scope="module")
def stack(certificate: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    tls = {"source": "existing_secret", "secret": "of-somebody", **certificate}
    with own_stack("storage", tmp_path_factory.mktemp("storage"), {"portus:tls": tls}) as deployed:
        deployed.up()
        ports = (
            Publication(address=ADDRESS, port=443, node_port=30743, names=HOSTS[:2]),
            Publication(address=S3_ADDRESS, port=443, node_port=S3_NODE_PORT, names=(S3_NAME,)),
        )
        with published(*ports):
            yield deployed


def _store_log(reached: Deployment) -> str:
    return str(reached.api().read_namespaced_pod_log("s3", reached.namespace))


def _checked(reached: Deployment) -> None:
    with step("checking the registries on S3") as current:
        check(reached, current)


def _reads_of_clients(reached: Deployment) -> int:
    """Return how often somebody asked the store by a signed URL."""
    return _store_log(reached).count("X-Amz-Signature")


def test_two_registries_serve_images_of_one_store(reached: Deployment, administrator: Client) -> None:
    assert len(ready_pods(reached, "registry")) == 2
    _checked(reached)
    write_sample(administrator.folder / "kept", text="an image that outlives its registries")
    assert administrator.push("kept", IMAGE).code == 0
    objects = reached.exec("s3", ["find", "/data/objects/images/registry/docker/registry/v2/repositories/admin", "-name", "link"])
    assert "/kept/_manifests/tags/1/current/link" in objects


def test_clients_fetch_blobs_from_the_store_until_redirects_are_off(stack: OwnStack, reached: Deployment) -> None:
    before = _reads_of_clients(reached)
    _checked(reached)
    assert _reads_of_clients(reached) > before
    said = stack.said()
    said["portus:registry"]["redirect"] = {"disable": True}
    stack.say(said)
    stack.up()
    before = _reads_of_clients(reached)
    _checked(reached)
    assert _reads_of_clients(reached) == before


def test_the_descriptors_are_in_the_redis_that_both_use(reached: Deployment) -> None:
    (cache,) = ready_pods(reached, "cache")
    assert "repository::admin/kept::blobs" in reached.exec(cache, ["redis-cli", "keys", "*kept*"])
    assert reached.exec(cache, ["sh", "-c", "REDISCLI_AUTH= redis-cli ping || true"]).startswith("NOAUTH")


def test_the_loss_of_one_registry_is_not_noticed(reached: Deployment, administrator: Client) -> None:
    gone, _ = ready_pods(reached, "registry")
    reached.api().delete_namespaced_pod(gone, reached.namespace)
    for number in range(3):
        pulled = administrator.pull(IMAGE, f"pulled-{number}")
        assert pulled.code == 0, pulled.output
    until(lambda: len(ready_pods(reached, "registry")) == 2, "the second registry is back")


def _switch(stack: OwnStack, *, read_only: bool) -> None:
    said = stack.said()
    said["portus:registry"]["maintenance"] = {"readonly": {"enabled": read_only}}
    stack.say(said)
    stack.up()


def _blobs(reached: Deployment) -> set[str]:
    files = reached.exec("s3", ["find", f"/data/objects/images/registry/{BLOBS}", "-name", "data"])
    return {f"sha256:{file.split('/')[-2]}" for file in files.splitlines()}


def test_a_garbage_collection_reaches_the_store_from_a_pod_of_its_own(stack: OwnStack, reached: Deployment, administrator: Client) -> None:
    write_sample(administrator.folder / "gone", text="an image that goes")
    assert administrator.push("gone", "admin/gone:1").code == 0
    deleted = administrator.delete("admin/gone:1")
    assert deleted.code == 0, deleted.output
    before = _blobs(reached)
    _switch(stack, read_only=True)
    found = collect(stack, Request(confirm=True))
    assert set(blobs_of(administrator.folder / "gone")) <= set(found.blobs)
    assert found.freed is None, "the store alone knows"
    assert _blobs(reached) == before - set(found.blobs)
    assert administrator.pull(IMAGE, "pulled-after-collection").code == 0
    _switch(stack, read_only=False)
    assert administrator.push("gone", "admin/gone:1").code == 0
    assert administrator.pull("admin/gone:1", "pulled-again").code == 0


def test_deploying_again_changes_nothing(stack: OwnStack) -> None:
    stack.up("--expect-no-changes")


def test_registry_3_takes_over_with_the_images_and_portus_tokens(stack: OwnStack, reached: Deployment, administrator: Client) -> None:
    image = "localhost/registry-lab:3"
    load([image])
    said = stack.said()
    said["portus:images"]["registry"] = image
    said["portus:registry"]["version"] = "3.1"
    stack.say(said)
    stack.up()
    assert "v3.1" in reached.exec(ready_pods(reached, "registry")[0], ["registry", "--version"])
    pulled = administrator.pull(IMAGE, "pulled")
    assert pulled.code == 0, pulled.output
    _checked(reached)
    with client_of(reached) as anybody:
        assert anybody.pull(IMAGE, "pulled").code != 0


def test_registry_3_is_collected_as_well(stack: OwnStack, reached: Deployment) -> None:
    _switch(stack, read_only=True)
    before = _blobs(reached)
    found = collect(stack, Request(untagged="yes"))
    assert "admin/kept" in found.repositories
    assert found.manifests >= 1
    assert _blobs(reached) == before
