"""Two registries that share a real S3 server and a Redis; then the same images by registry 3.1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config

from lab import cluster
from lab.check import check
from lab.client import Client
from lab.client import client as client_of
from lab.cluster import Publication
from lab.console import step
from lab.deployment import Deployment
from lab.images import build
from lab.images.samples import write_sample
from lab.stack import CONTEXT
from tests.cluster.conftest import until
from tests.cluster.own_stack import OwnStack, deployment, own_stack, published
from tests.components.exposure import stage

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
    api = client.CoreV1Api(config.new_client_from_config(str(cluster.up()), CONTEXT))  # type: ignore[no-untyped-call]
    build.load(build.build_images([S3_IMAGE]), cluster.import_image)
    api.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    try:
        files = {"tls.crt": chain, "tls.key": stage.private_key("server")}
        keys = {"accesskey": "0123456789012345", "secretkey": 'of: #the "store"'}
        for name, kind, content in (("of-somebody", "kubernetes.io/tls", files), ("object-store", "Opaque", keys)):
            held: Any = {"metadata": {"name": name}, "type": kind, "stringData": content}
            api.create_namespaced_secret(NAMESPACE, held)
        pod: Any = _s3_pod()
        api.create_namespaced_pod(NAMESPACE, pod)
        port = {"port": 443, "targetPort": 7070, "nodePort": S3_NODE_PORT}
        service: Any = {"metadata": {"name": "s3"}, "spec": {"type": "NodePort", "selector": {"app": "s3"}, "ports": [port]}}
        api.create_namespaced_service(NAMESPACE, service)
        yield {"certificate": chain, "ca_certificate": root}
    finally:
        api.delete_namespace(NAMESPACE)


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


@pytest.fixture
def reached(stack: OwnStack) -> Deployment:
    return deployment(stack)


@pytest.fixture
def administrator(reached: Deployment) -> Iterator[Client]:
    outputs = reached.outputs
    with client_of(
        registry=reached.registry,
        ca_certificate=str(outputs["ca_certificate"]),
        username=str(outputs["administrator"]),
        password=str(outputs["administrator_password"]),
    ) as made:
        yield made


def _pods(reached: Deployment, component: str) -> list[str]:
    """Return the ready Pods of ``component``."""
    found = reached.api().list_namespaced_pod(reached.namespace, label_selector=f"app.kubernetes.io/component={component}").items
    return [
        str(pod.metadata.name)
        for pod in found
        if pod.metadata
        and not pod.metadata.deletion_timestamp
        and any(each.ready for each in (pod.status and pod.status.container_statuses) or [])
    ]


def _store_log(reached: Deployment) -> str:
    return str(reached.api().read_namespaced_pod_log("s3", reached.namespace))


def _checked(reached: Deployment) -> None:
    with step("checking the registries on S3") as current:
        check(reached, current)


def _reads_of_clients(reached: Deployment) -> int:
    """Return how often somebody asked the store by a signed URL."""
    return _store_log(reached).count("X-Amz-Signature")


def test_two_registries_take_and_give_images_that_lie_in_the_store(reached: Deployment, administrator: Client) -> None:
    assert len(_pods(reached, "registry")) == 2
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
    (cache,) = _pods(reached, "cache")
    assert "repository::admin/kept::blobs" in reached.exec(cache, ["redis-cli", "keys", "*kept*"])
    assert reached.exec(cache, ["sh", "-c", "REDISCLI_AUTH= redis-cli ping || true"]).startswith("NOAUTH")


def test_the_loss_of_one_registry_is_not_noticed(reached: Deployment, administrator: Client) -> None:
    gone, _ = _pods(reached, "registry")
    reached.api().delete_namespaced_pod(gone, reached.namespace)
    for number in range(3):
        pulled = administrator.pull(IMAGE, f"pulled-{number}")
        assert pulled.code == 0, pulled.output
    until(lambda: len(_pods(reached, "registry")) == 2, "the second registry is back")


def test_a_garbage_collection_reads_the_store_with_the_pods_own_settings(reached: Deployment) -> None:
    said = reached.exec(_pods(reached, "registry")[0], ["registry", "garbage-collect", "--dry-run", "/etc/docker/registry/config.yml"])
    assert "admin/kept" in said
    assert "blobs marked" in said


def test_deploying_again_changes_nothing(stack: OwnStack) -> None:
    stack.up("--expect-no-changes")


def test_registry_3_takes_over_with_the_images_and_portus_tokens(stack: OwnStack, reached: Deployment, administrator: Client) -> None:
    image = "localhost/registry-lab:3"
    build.load(build.build_images([image]), cluster.import_image)
    said = stack.said()
    said["portus:images"]["registry"] = image
    said["portus:registry"]["version"] = "3.1"
    stack.say(said)
    stack.up()
    assert "v3.1" in reached.exec(_pods(reached, "registry")[0], ["registry", "--version"])
    pulled = administrator.pull(IMAGE, "pulled")
    assert pulled.code == 0, pulled.output
    _checked(reached)
    with client_of(registry=reached.registry, ca_certificate=str(reached.outputs["ca_certificate"])) as anybody:
        assert anybody.pull(IMAGE, "pulled").code != 0
