"""cert-manager's own controllers make and renew a stack's certificate, key and all: no token notices, and Pods read it when they start."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.addons import controllers
from lab.cluster import Publication, kubectl
from ops.check import check
from ops.console import step
from ops.deployment import Deployment
from ops.sample_image import write_sample
from ops.skopeo import Client
from tests.cluster.conftest import until
from tests.cluster.own_stack import OwnStack, make_secret, namespace, own_stack, published, ready_pods
from tests.components.exposure import stage

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.86"
NAMESPACE = "portus-renewed"
PORTUS, REGISTRY = HOSTS = ("portus.renewed.test", "registry.renewed.test")
RENEWING = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "by the test, as cmctl renew does"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Make the namespace and an Issuer in it with a CA of its own; give the CA's certificate."""
    root = stage.certificate("Root", issuer="Root")
    with namespace(NAMESPACE) as api, controllers.cert_manager():
        make_secret(api, NAMESPACE, "root", {"tls.crt": root, "tls.key": stage.private_key("Root")}, kind="kubernetes.io/tls")
        metadata = {"name": "company", "namespace": NAMESPACE}
        made = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": metadata, "spec": {"ca": {"secretName": "root"}}}
        kubectl("apply", "--server-side", "--filename", "-", stdin=json.dumps(made))
        yield root


@pytest.fixture(scope="module")
def stack(issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    spec = {"issuerRef": {"name": "company", "kind": "Issuer"}, "privateKey": {"rotationPolicy": "Always"}}
    tls = {"source": "cert_manager", "certificate": spec, "caCertificate": issuer, "publiclyTrusted": False}
    with own_stack("cert-manager", tmp_path_factory.mktemp("cert-manager"), {"portus:tls": tls}) as deployed:
        deployed.up()
        with published(Publication(address=ADDRESS, port=443, node_port=30863, names=HOSTS)):
            yield deployed


def _issued(reached: Deployment) -> x509.Certificate:
    """Return the certificate that cert-manager made last."""
    (name,) = json.loads(kubectl("get", "certificates", "--namespace", NAMESPACE, "--output", "json"))["items"]
    secret = reached.api().read_namespaced_secret(name["spec"]["secretName"], NAMESPACE)
    assert secret.data
    return x509.load_pem_x509_certificate(base64.b64decode(secret.data["tls.crt"]))


def _served(host: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((host, 443)).encode())


def _key(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _renew(reached: Deployment, before: x509.Certificate) -> x509.Certificate:
    """Ask for a new certificate, and return it when it is in its Secret and the Certificate is ready."""
    (certificate,) = json.loads(kubectl("get", "certificates", "--namespace", NAMESPACE, "--output", "json"))["items"]
    name = certificate["metadata"]["name"]
    conditions = [*certificate["status"]["conditions"], RENEWING | {"lastTransitionTime": certificate["metadata"]["creationTimestamp"]}]
    patch = json.dumps({"status": {"conditions": conditions}})
    kubectl("patch", "certificate", name, "--namespace", NAMESPACE, "--subresource=status", "--type=merge", f"--patch={patch}")
    until(lambda: _issued(reached).serial_number != before.serial_number, "the certificate is renewed")
    kubectl("wait", "--for=condition=Ready", f"certificate/{name}", "--namespace", NAMESPACE, "--timeout=60s")
    return _issued(reached)


def test_a_stack_works_with_the_certificate_of_an_issuer(reached: Deployment) -> None:
    assert _served(PORTUS).serial_number == _issued(reached).serial_number
    with step("checking the stack of cert-manager's certificate") as current:
        assert check(reached, current).startswith(f"{REGISTRY}/")


def test_a_renewal_with_a_new_key_is_read_by_pods_that_start_and_no_token_is_refused(
    reached: Deployment, administrator: Client, issuer: str
) -> None:
    """The token and the image are of before; the registry goes by another key than the certificate's."""
    write_sample(administrator.folder / "kept", text="pushed before the renewal")
    assert administrator.push("kept", "admin/kept:1").code == 0
    outputs, context = reached.outputs, ssl.create_default_context(cadata=issuer)
    login = (str(outputs["administrator"]), str(outputs["administrator_password"]))
    asked = {"service": REGISTRY, "account": login[0], "scope": "repository:admin/kept:pull"}
    token = httpx.get(f"https://{PORTUS}/v2/token", params=asked, auth=login, verify=context, timeout=60).json()["token"]

    def pulled() -> int:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        return httpx.get(f"https://{REGISTRY}/v2/admin/kept/manifests/1", headers=headers, verify=context, timeout=60).status_code

    before = _issued(reached)
    after = _renew(reached, before)
    assert _key(after) != _key(before)
    assert _served(PORTUS).serial_number == before.serial_number
    assert pulled() == httpx.codes.OK
    workloads = ("deployment/portus", "deployment/registry", "deployment/edge")  # as docs/deploy/tls.md says
    kubectl("rollout", "restart", *workloads, "--namespace", NAMESPACE)
    for workload in workloads:
        kubectl("rollout", "status", workload, "--namespace", NAMESPACE, "--timeout=180s")
    until(lambda: {_served(host).serial_number for host in HOSTS} == {after.serial_number}, "the front proxy serves the new certificate")
    assert pulled() == httpx.codes.OK
    with step("checking after the renewal") as current:
        check(reached, current)


def test_a_lost_secret_is_made_again(reached: Deployment) -> None:
    before = _issued(reached)
    reached.api().delete_namespaced_secret("portus-tls", NAMESPACE)
    kubectl("wait", "--for=create", "secret/portus-tls", "--namespace", NAMESPACE, "--timeout=60s")
    assert _issued(reached).serial_number != before.serial_number
    assert len(ready_pods(reached, "edge")) == 1


def test_deploying_again_changes_nothing(stack: OwnStack) -> None:
    stack.up("--expect-no-changes")
