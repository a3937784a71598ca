"""The sample that sets every key is deployed as it stands, but for what names a machine, and does its job."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from components.common.names import EDGE_PUBLIC
from lab import cluster
from lab.addons import crds
from lab.cluster import Publication, kubectl
from lab.cluster.config import CLUSTER_RANGE, NODE_ADDRESS
from lab.lab_stack import CONTEXT
from ops.check import check
from ops.console import step
from ops.credentials import Login, NobodyError, require_login
from ops.deployment import Deployment
from tests.cluster.conftest import until
from tests.cluster.own_stack import OwnStack, load, make_secret, pods_of, published, stack_of
from tests.settings import authority
from tests.settings.corpus import HERE, StackFile, sections_of

pytestmark = pytest.mark.cluster

SAMPLE = StackFile(HERE / "samples" / "complete.yaml")
BEFORE = Path(__file__).parent / "objects" / "complete.yaml"
ADDRESS, NODE_PORT = "127.88.0.72", 30853
DIRECTORY = "ldap.directory.svc.cluster.local"

OVERLAY: dict[str, Any] = {
    # The lab's cluster, and where its DNS answers.
    "portus:cluster.context": CONTEXT,
    "portus:network.dns": {"namespace": "kube-system", "podLabels": {"k8s-app": "kube-dns"}},
    # No registry is in reach: the images lie on the node already, under the very names that the sample gives them.
    "portus:images.pullPolicy": "Never",
    # The lab's network has no IPv6, and the API server refuses a Service that asks for it.
    "portus:exposure.ipFamilies": ["IPv4"],
    # The directory is a Pod, with a certificate for its Service's name.
    "portus:portus.config.ldap.hostname": DIRECTORY,
    "portus:network.destinations.ldap": [CLUSTER_RANGE],
    # The lab's volumes are folders of its one node.
    "portus:backup.claim.accessModes": ["ReadWriteOnce"],
}
"""All that is replaced in the sample. Its mail, OAuth and scanner servers do not exist: Portus is told of them and starts."""

IMAGES = {
    "portus": "portus-lab:2.5",
    "registry": "registry-lab:2.8",
    "mariadb": "mariadb-lab:10.11",
    "edge": "haproxy-lab:2.6",
    "client": "client-lab:1",
    "redis": "redis-lab:7.0",
}
"""Which of the lab's images lies under the sample's name."""


BALANCER = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
listen https
    bind :8443
    server node {address}:{port} send-proxy
"""


def overlaid(sections: dict[str, Any]) -> dict[str, Any]:
    """Return the sample's sections with what `OVERLAY` replaces; each key is one that the sample sets."""
    said = {f"portus:{name}": value for name, value in sections.items()}
    for path, value in OVERLAY.items():
        *folders, last = path.split(".")
        node = said
        for folder in folders:
            node = node[folder]
        assert last in node, f"the sample does not set {path}"
        node[last] = value
    return said


@contextmanager
def named_as_in_the_sample() -> Iterator[None]:
    """Give the lab's images the sample's names too."""
    names = sections_of(SAMPLE)["images"]
    images = {f"localhost/{image}": names[role] for role, image in IMAGES.items()}
    load([*images])
    try:
        for image, name in images.items():
            _ctr("tag", "--force", image, name)
        yield
    finally:
        _ctr("rm", *images.values())


def _ctr(*words: str) -> None:
    ran = cluster.run_in_box(["ctr", "--namespace", "k8s.io", "images", *words])
    assert ran.returncode == 0, ran.stderr.decode()


@contextmanager
def load_balancer(api: client.CoreV1Api, namespace: str) -> Iterator[None]:
    """Do a load balancer's controller's part: once the Service is there, give it its address, and lead clients to its node port."""
    over = threading.Event()

    def serve() -> None:
        until(lambda: over.is_set() or _services(api, namespace), "the public Service is made", 300)
        for service in _services(api, namespace):
            port = next(each.node_port for each in service.spec.ports if each.name == "https")
            config_map: Any = {"metadata": {"name": "haproxy"}, "data": {"haproxy.cfg": BALANCER.format(address=NODE_ADDRESS, port=port)}}
            api.create_namespaced_config_map("load-balancers", config_map)
            given = {"status": {"loadBalancer": {"ingress": [{"ip": service.spec.load_balancer_ip}]}}}
            api.patch_namespaced_service_status(EDGE_PUBLIC, namespace, given)

    with ThreadPoolExecutor(max_workers=1) as pool:
        served = pool.submit(serve)
        try:
            yield
        finally:
            over.set()
            served.result()


def _services(api: client.CoreV1Api, namespace: str) -> list[Any]:
    return list(api.list_namespaced_service(namespace, field_selector=f"metadata.name={EDGE_PUBLIC}").items)


def directory_certificate() -> dict[str, str]:
    """Return the directory's certificate by the sample's extra CA, and its key."""
    chain = authority.leaf(hosts=(DIRECTORY,)) + authority.certificate("authority", common_name="Intermediate", issuer="Root")
    return {"tls.crt": chain, "tls.key": authority.private("server")}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    configuration = overlaid(sections_of(SAMPLE))
    settings = SAMPLE.parse()
    kubeconfig = cluster.up()
    api = client.CoreV1Api(config.new_client_from_config(str(kubeconfig), CONTEXT))  # type: ignore[no-untyped-call]
    with ExitStack() as left:
        left.enter_context(crds.served(crds.MONITORING))
        left.enter_context(named_as_in_the_sample())
        left.callback(kubectl, "delete", "--ignore-not-found", "--filename", str(BEFORE))
        load(["localhost/directory-lab:2.5"])
        kubectl("apply", "--server-side", "--filename", str(BEFORE))
        make_secret(api, "directory", "ldap-tls", directory_certificate(), kind="kubernetes.io/tls")
        stack = left.enter_context(stack_of("complete", tmp_path_factory.mktemp("complete"), configuration))
        for path, text in SAMPLE.secrets.items():
            stack.encrypt(f"portus:{'.'.join(map(str, path))}", text)
        with load_balancer(api, settings.cluster.namespace):
            stack.up()
        kubectl("wait", "--for=condition=Ready", "pod/haproxy", "--namespace", "load-balancers", "--timeout=300s")
        kubectl("wait", "--for=condition=Ready", "pod/ldap", "--namespace", "directory", "--timeout=300s")
        names = (settings.host, settings.registry_name)
        left.enter_context(published(Publication(address=ADDRESS, port=443, node_port=NODE_PORT, names=names)))
        yield stack


def test_a_push_and_a_pull_pass_through_the_load_balancer(reached: Deployment) -> None:
    with step("checking the complete sample") as current:
        assert check(reached, current).startswith("registry.example.com/operator/")


def test_accounts_of_the_directory_log_in_with_their_password_there_as_the_sample_says(reached: Deployment) -> None:
    for user, password, answer in (
        ("jane", "wrong", "Invalid Credentials (code 49)"),
        ("guest", "directory-of-guest", "Could not find user 'guest'"),
    ):
        with pytest.raises(NobodyError) as told:
            require_login(reached, Login(user=user, password=password))
        assert answer in told.value.fix
    for user in ("jane", "chief"):
        require_login(reached, Login(user=user, password=f"directory-of-{user}"))
    found = reached.sql("SELECT username, email, admin FROM users WHERE username IN ('jane', 'guest', 'chief') ORDER BY username")
    assert found == [["chief", "chief@example.com", "1"], ["jane", "jane.doe@example.com", "0"]]


def test_every_workload_runs_as_the_sample_says(reached: Deployment) -> None:
    for component in ("web", "worker", "registry", "database", "edge"):
        for pod in pods_of(reached, component):
            assert pod.spec
            assert pod.metadata
            assert (pod.spec.priority_class_name, pod.spec.priority, pod.spec.runtime_class_name) == ("important", 1000, "gvisor")
            assert (pod.metadata.labels or {})["team"] == "registry"
            variables = reached.exec(str(pod.metadata.name), ["sh", "-c", "echo $TZ $EXAMPLE_TOKEN; cat /etc/company/company.crt"])
            assert variables.split("\n")[:2] == ["Europe/Berlin token-of-the-example", "of the company"]


def test_a_backup_is_made_as_the_sample_says(reached: Deployment) -> None:
    kubectl("create", "job", "proof", "--from=cronjob/portus-backup", "--namespace", reached.namespace)
    kubectl("wait", "--for=condition=Complete", "job/proof", "--namespace", reached.namespace, "--timeout=300s")


def test_deploying_again_changes_nothing(stack: OwnStack) -> None:
    stack.up("--expect-no-changes")
