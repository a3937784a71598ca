"""The lab's cluster itself, tried on a second one beside the checkout's own: other folder, other slot, nothing shared but the cache."""

from __future__ import annotations

import json
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import cluster
from lab.cluster import cgroups, hosts, images
from lab.cluster.binaries import Binaries
from lab.cluster.home import Home
from lab.images.archive import ImageConfig, pack
from ops.errors import OpsError
from ops.process import Process

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.99.1"
TRACE_ADDRESS, TRACE_HEX = "127.88.99.2", "0263587F"
WAIT = "--timeout=180s"

POD = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: {runAsNonRoot: true, runAsUser: 1234, fsGroup: 1234, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: web
          image: localhost/busybox-lab:1
          imagePullPolicy: Never
          command: [sh, -c, "echo started; [ -e /data/first ] || hostname > /data/first; exec httpd -f -p 8080 -h /data"]
          readinessProbe: {httpGet: {path: /first, port: 8080}, periodSeconds: 1}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          volumeMounts: [{name: data, mountPath: /data}]
        - name: echo
          image: localhost/busybox-lab:1
          imagePullPolicy: Never
          command: [sh, -c, "while :; do nc -l -p 9090 -e cat; done"]
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports:
    - {name: http, port: 80, targetPort: 8080, nodePort: 30080}
    - {name: echo, port: 9090, nodePort: 30090}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 0
  hostAliases: [{ip: 10.96.0.1, hostnames: [portus.lab.test]}]
  containers:
    - {name: client, image: "localhost/busybox-lab:1", imagePullPolicy: Never, command: [sleep, "86400"]}
"""


class Cluster:
    """A cluster under test and its kubectl."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        command = [str(cluster.kubectl_program(self.home)), "--kubeconfig", str(self.home.kubeconfig), *words]
        result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=120)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def in_client(self, *words: str) -> str:
        return self.kubectl("exec", "client", "--", *words)

    @property
    def box(self) -> Process:
        process = Process.read(self.home.box)
        assert process is not None
        return process


def traces(slot: str) -> dict[str, object]:
    """Everything that a cluster could leave on a machine."""
    binaries = cluster.ensure_binaries()
    return {
        "mounts": Path("/proc/self/mountinfo").read_text().splitlines(),
        "interfaces": sorted(Path("/sys/class/net").iterdir()),
        "rules": _rules(binaries),
        "cgroups": [str(root) for root in cgroups.hierarchies() if (root / slot).exists()],
        "listening": [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines() if line.split()[1].startswith(TRACE_HEX)],
        "hosts": hosts.FILE.read_bytes(),
        "folders": [sorted(Path(folder).iterdir()) for folder in ("/run", "/var/lib", "/var/log", "/opt", "/etc", "/usr/libexec")],
    }


def _rules(binaries: Binaries) -> str:
    saved = subprocess.run(["iptables-save"], env=binaries.environment(), capture_output=True, text=True, check=False)
    return "\n".join(line for line in saved.stdout.splitlines() if not line.startswith("#"))


def eventually(condition: Callable[[], bool], seconds: float = 180) -> None:
    """Wait for ``condition`` to hold. A look that fails is none: what has just begun may not be reached yet."""
    until = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (AssertionError, OSError):
            if time.monotonic() > until:
                raise
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.1)


def get(address: str, port: int) -> bytes:
    with socket.create_connection((address, port), timeout=20) as connection:
        connection.sendall(b"GET /first HTTP/1.0\r\n\r\n")
        return connection.makefile("rb").read()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("checkout")
    home = Home(folder / ".lab", folder / ".lab" / "logs", "portus-lab-test")
    try:
        cluster.up(home)
        tried = Cluster(home)
        tried.kubectl("apply", "-f", "-", stdin=POD)
        tried.kubectl("wait", "--for=condition=Ready", "pod/client", WAIT)
        tried.kubectl("rollout", "status", "deployment/web", WAIT)
        yield tried
    finally:
        cluster.down(home)


def test_a_second_up_keeps_the_cluster(lab: Cluster) -> None:
    before = lab.box
    cluster.up(lab.home)
    assert lab.box == before
    assert cluster.status(lab.home).ready


def test_the_cluster_calls_itself_by_the_version_it_was_built_from(lab: Cluster) -> None:
    versions = json.loads(lab.kubectl("version", "-o", "json"))
    assert versions["serverVersion"]["gitVersion"] == versions["clientVersion"]["gitVersion"] == "v1.34.4"


def test_a_service_is_found_by_name_and_answers(lab: Cluster) -> None:
    name = lab.kubectl("get", "pod", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}")
    eventually(lambda: lab.in_client("wget", "-qO-", "http://web.default.svc.cluster.local/first").strip() == name)
    assert lab.in_client("wget", "-qO-", "http://web/first").strip() == name


def test_a_pod_reaches_itself_through_its_service(lab: Cluster) -> None:
    assert lab.kubectl("exec", "deploy/web", "-c", "web", "--", "wget", "-qO-", "http://web/first").strip()


def test_a_name_outside_the_cluster_does_not_exist(lab: Cluster) -> None:
    with pytest.raises(AssertionError, match="NXDOMAIN"):
        lab.kubectl("exec", "client", "--", "sh", "-c", "nslookup -type=a outside.example.org 1>&2")


def test_a_host_alias_leads_a_pod_to_its_address(lab: Cluster) -> None:
    with pytest.raises(AssertionError, match="400 Bad Request"):  # the API server, asked for HTTP on its HTTPS port
        lab.in_client("wget", "-qO-", "http://portus.lab.test:443/")


def test_a_service_without_pods_refuses_instead_of_hanging(lab: Cluster) -> None:
    lab.kubectl("create", "service", "clusterip", "nobody", "--tcp=80")
    with pytest.raises(AssertionError, match="Connection refused"):
        lab.in_client("timeout", "10", "wget", "-qO-", "http://nobody/")


def test_logs_and_exec_work(lab: Cluster) -> None:
    assert "started" in lab.kubectl("logs", "deploy/web", "-c", "web")
    assert lab.kubectl("exec", "deploy/web", "-c", "web", "--", "id", "-u").strip() == "1234"


def test_a_restarted_pod_keeps_its_data(lab: Cluster) -> None:
    first = lab.in_client("wget", "-qO-", "http://web/first")
    lab.kubectl("rollout", "restart", "deployment/web")
    lab.kubectl("rollout", "status", "deployment/web", WAIT)
    eventually(lambda: lab.in_client("wget", "-qO-", "http://web/first") == first)


def test_a_volume_belongs_to_root_until_a_pod_asks_for_its_group(lab: Cluster) -> None:
    assert lab.kubectl("exec", "deploy/web", "-c", "web", "--", "stat", "-c", "%u:%g %a", "/data").strip() == "0:1234 2775"


def test_a_deleted_claim_takes_its_folder_along(lab: Cluster) -> None:
    claim = POD.split("---", maxsplit=1)[0].replace("name: data", "name: short")
    user = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "short"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "c",
                    "image": "localhost/busybox-lab:1",
                    "command": ["touch", "/data/x"],
                    "volumeMounts": [{"name": "v", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "short"}}],
        },
    }
    lab.kubectl("apply", "-f", "-", stdin=f"{claim}---\n{json.dumps(user)}")
    lab.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/short", WAIT)
    (folder,) = (lab.home.folder / "volumes").glob("*_default_short")
    assert (folder / "x").exists()
    lab.kubectl("delete", "pod/short", "pvc/short")
    eventually(lambda: not folder.exists())


def test_pod_security_admission_refuses_what_the_namespace_forbids(lab: Cluster) -> None:
    lab.kubectl("create", "namespace", "strict")
    lab.kubectl("label", "namespace", "strict", "pod-security.kubernetes.io/enforce=restricted")
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        lab.kubectl("run", "-n", "strict", "root", "--image=localhost/busybox-lab:1", "--privileged")


def test_a_published_port_answers_on_the_host_until_it_is_withdrawn(lab: Cluster) -> None:
    wanted = [cluster.Publication(address=ADDRESS, port=80, node_port=30080, names=("published.lab.test",))]
    assert cluster.publish(wanted, lab.home)
    assert b"200 OK" in get(ADDRESS, 80)
    assert b"200 OK" in get("published.lab.test", 80)
    assert not cluster.publish(wanted, lab.home)
    assert cluster.publish([], lab.home)
    with pytest.raises(ConnectionRefusedError):
        get(ADDRESS, 80)
    assert b"published.lab.test" not in hosts.FILE.read_bytes()


def test_a_publication_can_be_led_to_another_port(lab: Cluster) -> None:
    cluster.publish([cluster.Publication(address=ADDRESS, port=80, node_port=30090)], lab.home)
    cluster.publish([cluster.Publication(address=ADDRESS, port=80, node_port=30080)], lab.home)
    assert b"200 OK" in get(ADDRESS, 80)


def test_a_taken_address_is_named_and_nothing_changes(lab: Cluster) -> None:
    kept = cluster.Publication(address=ADDRESS, port=80, node_port=30080)
    cluster.publish([kept], lab.home)
    with socket.create_server((ADDRESS, 81)), pytest.raises(OpsError, match=rf"{ADDRESS}:81"):
        cluster.publish([cluster.Publication(address=ADDRESS, port=81, node_port=30080)], lab.home)
    assert b"200 OK" in get(ADDRESS, 80)
    assert not cluster.publish([kept], lab.home)


def test_a_large_upload_comes_back_whole_after_a_half_close(lab: Cluster) -> None:
    cluster.publish([cluster.Publication(address=ADDRESS, port=90, node_port=30090)], lab.home)
    sent = secrets.token_bytes(1 << 20) * 64
    with socket.create_connection((ADDRESS, 90), timeout=60) as connection:

        def send() -> None:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = connection.makefile("rb").read()
        sender.join()
    assert received == sent


def test_an_image_that_is_there_is_not_loaded_again(lab: Cluster) -> None:
    for archive in images.ensure_images(Binaries.read(lab.home.folder)):
        assert not cluster.import_image(archive, lab.home)


def test_an_image_of_the_same_name_and_other_content_is_loaded(lab: Cluster, tmp_path: Path) -> None:
    archive, root = tmp_path / "image.tar", tmp_path / "root"
    root.mkdir()
    for content in ("one", "two"):
        (root / "file").write_text(content)
        pack(archive, name="localhost/changing-lab:1", layers=[root], config=ImageConfig())
        assert cluster.import_image(archive, lab.home)
        assert not cluster.import_image(archive, lab.home)


def test_another_checkout_sees_which_checkouts_lab_runs(lab: Cluster, tmp_path: Path) -> None:
    other = Home(tmp_path / ".lab", tmp_path / ".lab" / "logs", lab.home.slot)
    with pytest.raises(OpsError, match=str(lab.home.state.parent)):
        cluster.up(other)
    with pytest.raises(OpsError, match=str(lab.home.state.parent)):
        cluster.down(other)


def test_a_component_that_ended_is_named_and_the_next_up_restarts_it(lab: Cluster) -> None:
    first = lab.in_client("wget", "-qO-", "http://web/first")
    pid = int(cluster.run_in_box(["busybox", "pidof", "kube-scheduler"], lab.home).stdout)
    cluster.run_in_box(["busybox", "kill", "-9", str(pid)], lab.home)
    eventually(lambda: cluster.status(lab.home).ended == {"kube-scheduler": "signal 9"})
    assert not cluster.status(lab.home).ready
    cluster.up(lab.home)
    assert cluster.status(lab.home).ready
    eventually(lambda: lab.in_client("wget", "-qO-", "http://web/first") == first)


def test_a_stopped_cluster_starts_with_its_data_and_its_published_ports(lab: Cluster) -> None:
    cluster.publish([cluster.Publication(address=ADDRESS, port=80, node_port=30080)], lab.home)
    first = lab.in_client("wget", "-qO-", "http://web/first")
    cluster.stop(lab.home)
    assert not cluster.status(lab.home).ready
    cluster.up(lab.home)
    lab.kubectl("rollout", "status", "deployment/web", WAIT)
    eventually(lambda: first.encode() in get(ADDRESS, 80))


def test_an_interrupted_start_is_finished_by_the_next(lab: Cluster) -> None:
    cluster.stop(lab.home)
    places = f"Path({str(lab.home.state)!r}), Path({str(lab.home.logs)!r}), {lab.home.slot!r}"
    arguments = f"from pathlib import Path; from lab import cluster; cluster.up(cluster.Home({places}))"
    started = subprocess.Popen([sys.executable, "-c", arguments])
    eventually(lambda: Process.read(lab.home.box) is not None)
    started.send_signal(signal.SIGKILL)
    started.wait()
    cluster.up(lab.home)
    assert cluster.status(lab.home).ready


def test_down_leaves_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path / ".lab", tmp_path / ".lab" / "logs", "portus-lab-trace")
    before = traces(home.slot)
    cluster.up(home)
    cluster.publish([cluster.Publication(address=TRACE_ADDRESS, port=80, node_port=30080, names=("trace.lab.test",))], home)
    assert traces(home.slot) != before
    cluster.down(home)
    assert traces(home.slot) == before
    assert not home.folder.exists()


def test_down_ends_a_cluster_whose_folder_was_removed(tmp_path: Path) -> None:
    home = Home(tmp_path / ".lab", tmp_path / ".lab" / "logs", "portus-lab-trace")
    cluster.up(home)
    first = Process.read(home.box)
    assert first is not None
    home.box.unlink()
    home.forwarder.unlink()
    cluster.down(home)
    assert not first.runs
    cluster.down(home)
