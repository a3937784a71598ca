"""Starts and stops the cluster. Every step looks at what is there first, so a second start is quick and a broken cluster is repaired."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import IO, Any, Final

from lab import cache, programs
from lab.cluster import access, box, cgroups, checks, config, hosts, images, pki, publishing
from lab.cluster.binaries import Binaries, ensure_binaries
from lab.cluster.home import Home
from ops import paths
from ops.console import console, step
from ops.errors import OpsError
from ops.process import Process, write_whole

MANIFESTS: Final = Path(__file__).parent / "manifests.yaml"

PREFERRED_API_PORT: Final = 16443
"""Where the host finds the API server, unless it is taken when a cluster is first made."""

START_SECONDS: Final = 120.0
"""How long any one wait of a start may last; the whole takes about 15 s on two idle cores."""

MOUNT_POINTS: Final = (Path("/var/lib/cni"), Path("/var/lib/kubelet"))
"""Folders that the box hides under its own; they must exist to be hidden, so a start makes them and `down` removes them."""

TAIL_LINES: Final = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterStatus:
    """What a look at the cluster finds.

    Attributes:
        running: the components that run.
        ended: how each component ended that does not.
        api: the URL of the API server on the host, empty when nothing runs.
        ready: everything runs and the start came to its end.
    """

    running: list[str] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    api: str = ""
    ready: bool = False


def up(*, home: Home) -> Path:
    """Make the cluster run and return the kubeconfig for the host (context: the slot's name).

    Under 2 s when it runs already. A cluster in which a component ended, or that another version of the lab started, is started again
    with its data. Interrupted anywhere, the next call goes on.

    Raises:
        OpsError: the machine cannot hold it, another checkout's lab runs, a build failed, or a component ended (with its last lines).
    """
    checks.permission()
    with _exclusive(home) as lock:
        checks.owner(home)
        fingerprint = _fingerprint(home)
        if _is_ready(home, fingerprint):
            return home.kubeconfig
        checks.machine(home)
        binaries = ensure_binaries()
        archives = images.ensure_images(binaries)
        with step("cluster") as current:
            _replace_broken(home, fingerprint)
            if Process.read(home.box) is None:
                current.say("starting the box")
                _prepare(home, binaries)
                _start_box(home, binaries, lock)
            _start_forwarder(home, lock)
            publishing.establish(publishing.recorded(home), home=home)
            current.say("waiting for the API server")
            _wait(home, "the API server is not ready", lambda: _answers(home, "/readyz"))
            current.say("loading images")
            for archive in archives:
                access.import_image(archive, home=home)
            _apply(home, binaries)
            current.say("waiting for the node and its DNS")
            _wait(home, "the node is not Ready", lambda: _node_ready(home))
            _declare_storage(home, binaries)
            _wait(home, "the cluster's DNS does not answer", lambda: _resolves(home))
        write_whole(home.folder / "ready", json.dumps([fingerprint, access.running_box(home).pid]))
    return home.kubeconfig


def stop(*, home: Home) -> None:
    """End every process of the cluster and keep its data; nothing when none runs."""
    checks.permission()
    with _exclusive(home):
        checks.owner(home)
        _end(home)


def _end(home: Home) -> None:
    records = [home.forwarder, home.box]
    if checks.is_ours(home):
        records.append(home.run / checks.OWNER)  # known even if the cluster's folder was removed under it
    for record in records:
        if (process := Process.read(record)) is not None:
            process.kill()
        record.unlink(missing_ok=True)
    cgroups.remove(home.slot)


def down(*, home: Home) -> None:
    """End the cluster and remove its data and every trace on the machine; nothing when there is none."""
    checks.permission()
    with _exclusive(home):
        checks.owner(home)
        _end(home)
        hosts.ensure(home.slot, {})
        for made in _made(home):
            with contextlib.suppress(OSError):  # not empty: it has another use
                Path(made).rmdir()
        for left in (home.kubeconfig, home.state / "bin" / "kubectl"):
            left.unlink(missing_ok=True)
        if home.folder.exists():
            shutil.rmtree(home.folder)
        shutil.rmtree(home.run)


def status(*, home: Home) -> ClusterStatus:
    """Look at the cluster without changing anything."""
    if Process.read(home.box) is None:
        return ClusterStatus()
    seen = box.Status.read(home.status)
    port = access.api_port(home)
    ready = seen.complete and not seen.ended and (home.folder / "ready").exists() and _answers(home, "/readyz")
    return ClusterStatus(running=seen.running, ended=seen.ended, api=f"https://127.0.0.1:{port}", ready=ready)


@contextlib.contextmanager
def _exclusive(home: Home) -> Iterator[IO[str]]:
    """Let one start or stop at a time happen in the slot.

    The box's launcher and the forwarder hold the lock too until they are on record, whatever becomes of this process.
    """
    while True:
        home.run.mkdir(mode=0o700, exist_ok=True)
        try:
            lock = (home.run / "lock").open("w", encoding="utf-8")
        except FileNotFoundError:  # a `down` has removed the folder
            continue
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                console.print("  … another 'make' works on the cluster: waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            if not (home.run / "lock").exists() or not os.path.samestat((home.run / "lock").stat(), os.fstat(lock.fileno())):
                continue
            yield lock
            return


def _fingerprint(home: Home) -> str:
    """Return a key of everything that a running cluster was started with."""
    documents: list[Any] = [config.kubelet_document(home.slot), config.proxy_document(), config.network_document()]
    words = [" ".join(component.command) for component in config.components()]
    return cache.key(json.dumps(documents), *words, config.containerd_text("", Path()), _manifests(), cache.tree_key(programs.SOURCE))


def _is_ready(home: Home, fingerprint: str) -> bool:
    """Whether everything runs as a finished start left it."""
    first, seen = Process.read(home.box), box.Status.read(home.status)
    if first is None or seen.ended or Process.read(home.forwarder) is None or not home.kubeconfig.exists():
        return False
    try:
        finished = json.loads((home.folder / "ready").read_text(encoding="utf-8")) == [fingerprint, first.pid]
    except (OSError, ValueError):
        return False
    return finished and _answers(home, "/readyz")


def _replace_broken(home: Home, fingerprint: str) -> None:
    """Stop a cluster in which something ended, or whose settings are no longer ours; say which."""
    seen = box.Status.read(home.status)
    if Process.read(home.box) is not None:
        began = home.folder / "fingerprint"
        same = began.exists() and began.read_text(encoding="ascii") == fingerprint
        if same and not seen.ended and not seen.failure:
            return
        for name, how in seen.ended.items():
            console.print(f"  {name} had ended with {how}: starting the cluster again")
    _end(home)
    home.status.unlink(missing_ok=True)
    (home.folder / "ready").unlink(missing_ok=True)
    write_whole(home.folder / "fingerprint", fingerprint)


def _prepare(home: Home, binaries: Binaries) -> None:
    """Write everything that the box reads."""
    folder = home.folder
    if home.logs.exists():
        shutil.rmtree(home.logs / "pods", ignore_errors=True)
    for needed in (home.logs / "pods", folder / "volumes", folder / "volume-plugins", folder / "cni"):
        needed.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    made = [*_made(home), *(str(point) for point in MOUNT_POINTS if not point.exists())]
    write_whole(folder / "made.json", json.dumps(sorted(set(made))))
    for point in MOUNT_POINTS:
        point.mkdir(parents=True, exist_ok=True)
    binaries.write(folder)
    pki.ensure(folder / "pki")
    (folder / "api-port").write_text(str(_choose_port(home)), encoding="ascii")
    inside = f"https://127.0.0.1:{config.API_PORT}"
    for user in config.USERS:
        write_whole(folder / f"{user}.kubeconfig", pki.kubeconfig(folder / "pki", user, inside, home.slot))
    outside = f"https://127.0.0.1:{access.api_port(home)}"
    write_whole(home.kubeconfig, pki.kubeconfig(folder / "pki", "admin", outside, home.slot))
    write_whole(folder / "kubelet.json", json.dumps(config.kubelet_document(f"/{home.slot}"), indent=1))
    write_whole(folder / "proxy.json", json.dumps(config.proxy_document(), indent=1))
    write_whole(folder / "cni" / "10-lab.conflist", json.dumps(config.network_document(), indent=1))
    link = home.state / "bin" / "kubectl"
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(binaries.kubectl)


def _made(home: Home) -> list[str]:
    try:
        return list(json.loads((home.folder / "made.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return []


def _choose_port(home: Home) -> int:
    """Return the port of the last start if it is free, else the preferred one, else any: a stable address is worth a try."""
    with contextlib.suppress(OSError, ValueError):
        if _is_free(access.api_port(home)):
            return access.api_port(home)
    if _is_free(PREFERRED_API_PORT):
        return PREFERRED_API_PORT
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _start_box(home: Home, binaries: Binaries, lock: IO[str]) -> None:
    launcher = _launch(home, "box", {**os.environ, **binaries.environment()}, lock)
    launcher.wait()  # it ends as soon as the first process is on record
    first = Process.read(home.box)
    if first is not None:
        checks.claim(home, first)
    _wait(home, "the box does not come up", lambda: bool(box.Status.read(home.status).running))


def _start_forwarder(home: Home, lock: IO[str]) -> None:
    if Process.read(home.forwarder) is None:
        forwarder = _launch(home, "forwarder", dict(os.environ), lock)
        _wait(home, "the forwarder does not start", lambda: Process.read(home.forwarder) is not None or forwarder.poll() is not None)


def _launch(home: Home, module: str, environment: dict[str, str], lock: IO[str]) -> subprocess.Popen[bytes]:
    """Start one of our own processes, away from this terminal's signals."""
    command = [sys.executable, "-m", f"lab.cluster.{module}", str(home.state), str(home.logs), home.slot]
    with (home.logs / f"{module}.log").open("w", encoding="utf-8") as log:
        return subprocess.Popen(
            command,
            cwd=paths.ROOT,
            env={**environment, "LAB_LOCK": str(lock.fileno())},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock.fileno(),),
        )


def _apply(home: Home, binaries: Binaries) -> None:
    """Give the cluster DNS and storage, unless this very text was applied before."""
    record, text = home.folder / "applied", _manifests()
    if record.exists() and record.read_text(encoding="utf-8") == text:
        return
    command = [str(binaries.kubectl), "--kubeconfig", str(home.kubeconfig), "apply", "--server-side", "--force-conflicts", "-f", "-"]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise OpsError("the cluster's DNS and storage cannot be set up.", "run 'make up' again.", result.stderr.strip())
    write_whole(record, text)


def _declare_storage(home: Home, binaries: Binaries) -> None:
    """Tell the scheduler of the node's disk.

    Without ``localStorageCapacityIsolation`` the kubelet says nothing of it, and every Pod that requests ephemeral storage, as Pods should,
    would wait without end. Requests count; limits are not enforced.
    """
    free = shutil.disk_usage(home.folder).free // 2**30
    patch = json.dumps({"status": {"capacity": {"ephemeral-storage": f"{free}Gi"}}})
    command = [str(binaries.kubectl), "--kubeconfig", str(home.kubeconfig), "patch", "node", config.NODE, "--subresource=status"]
    result = subprocess.run([*command, "--type=merge", f"--patch={patch}"], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise OpsError("the node's disk cannot be declared.", "run 'make up' again.", result.stderr.strip())


def _manifests() -> str:
    values = {
        "coredns": images.COREDNS,
        "provisioner": images.PROVISIONER,
        "busybox": images.BUSYBOX,
        "dns_address": config.DNS_ADDRESS,
        "volumes": str(config.HOME / "volumes"),
    }
    return Template(MANIFESTS.read_text(encoding="utf-8")).substitute(values)


def _wait(home: Home, problem: str, condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds, and give up at once when something that it needs has ended."""
    until = time.monotonic() + START_SECONDS
    while not condition():
        seen = box.Status.read(home.status)
        if seen.failure or Process.read(home.box) is None:
            raise OpsError(f"the cluster's box ended: {seen.failure or 'see its log'}.", *_log(home, "box"))
        for name, how in seen.ended.items():
            raise OpsError(f"{name} ended with {how}.", *_log(home, name))
        if time.monotonic() > until:
            raise OpsError(f"{problem} after {START_SECONDS:.0f} s.", f"read the logs in {home.logs}.")
        time.sleep(0.1)


def _log(home: Home, name: str) -> tuple[str, str]:
    """Return the fix and the excerpt of an error about ``name``."""
    log = home.logs / f"{name}.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return f"The whole output is in {log}; 'make up' starts the cluster again.", "\n".join(lines[-TAIL_LINES:])


def _answers(home: Home, path: str) -> bool:
    with contextlib.suppress(OSError):
        access.ask(home, path)
        return True
    return False


def _node_ready(home: Home) -> bool:
    """Whether the kubelet of this very start reports Ready; what an earlier one said is still on record for a while."""
    with contextlib.suppress(OSError):
        began = dt.datetime.fromtimestamp(home.box.stat().st_mtime, dt.UTC).replace(microsecond=0)
        for condition in access.ask_json(home, f"/api/v1/nodes/{config.NODE}")["status"].get("conditions", []):
            if condition["type"] == "Ready" and condition["status"] == "True":
                return dt.datetime.fromisoformat(condition["lastHeartbeatTime"]) >= began
    return False


def _resolves(home: Home) -> bool:
    question = ["timeout", "2", "busybox", "nslookup", "-type=a", "kubernetes.default.svc.cluster.local", config.DNS_ADDRESS]
    return access.run_in_box(question, home=home).returncode == 0
