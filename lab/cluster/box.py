"""The box: namespaces of its own in which the whole cluster runs, and the first process in them.

Run as ``python -m lab.cluster.box STATE LOGS SLOT`` with the programs' environment. The first process starts the
components, reaps what they orphan and notes which of them runs or how it ended; it starts nothing a second time, because a
component that ends is a fault to be seen. A SIGKILL to it ends every process of the cluster, and with them go all mounts,
interfaces and iptables rules.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import traceback
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import grpc

from lab.cluster import cgroups, config, kernel
from lab.cluster.home import Home
from ops.process import Process, write_whole

PRIVATE_FOLDERS: Final = ("/run", "/var/log", "/var/lib/cni", "/var/lib/kubelet")
"""Where programs write what they are given; the box has an empty one of each, so the host sees nothing of it."""

POLL_SECONDS: Final = 0.1
"""How often the box asks the API server whether it is ready, until it is."""


@dataclass(slots=True)
class Status:
    """What the box says about itself; the host reads it from ``Home.status``.

    Attributes:
        snapshotter: how containerd keeps image layers.
        running: the components that run.
        ended: how each component that ended did: ``code 1`` or ``signal 9``.
        complete: every component has been started.
        failure: why the box could not be furnished; empty when it could.
    """

    snapshotter: str = ""
    running: list[str] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    complete: bool = False
    failure: str = ""

    @staticmethod
    def read(path: Path) -> Status:
        """Return the status in ``path``; a fresh one when there is none yet."""
        try:
            return Status(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Status()

    def write(self, path: Path) -> None:
        """Note the status in ``path``."""
        write_whole(path, json.dumps(asdict(self), indent=1))


def main() -> None:
    """Make the namespaces, note the first process in them on the host, and become it."""
    state, logs, slot = sys.argv[1:]
    home = Home(Path(state), Path(logs), slot)
    kernel.unshare(kernel.NEW_MOUNTS | kernel.NEW_NETWORK | kernel.NEW_PIDS | kernel.NEW_IPC | kernel.NEW_HOST_NAME)
    lock = int(os.environ.pop("LAB_LOCK"))  # held until this process ends: no second start begins before the first is on record
    ready_to_go, noted = os.pipe()
    first = os.fork()
    if first:
        Process.of(first).write(home.box)
        os.write(noted, b".")
        return
    os.close(noted)
    os.close(lock)
    if not os.read(ready_to_go, 1):  # the parent died before it could note us: no process could ever end us
        return
    status = Status()
    try:
        status.snapshotter = _furnish(home)
    except Exception as error:  # noqa: BLE001 - whatever it is, the host must hear of it
        traceback.print_exc()
        status.failure = f"{type(error).__name__}: {error}"
        status.write(home.status)
        return
    # From here on the host's /run is hidden; the folder itself stays in reach through the bind mount.
    _Supervisor(config.HOME / home.status.name, status).run()


def _furnish(home: Home) -> str:
    """Give the box its mounts, network, cgroup and settings; return the snapshotter that works here."""
    kernel.mount("", "/", flags=kernel.PRIVATE | kernel.RECURSIVE)
    kernel.mount("proc", "/proc", "proc")
    for folder in PRIVATE_FOLDERS:
        kernel.mount("tmpfs", folder, "tmpfs", options="mode=0755")
    for source, target in ((home.folder, config.HOME), (home.logs, config.LOGS)):
        target.mkdir()
        kernel.mount(source, target, flags=kernel.BIND)
    socket.sethostname(config.NODE)
    os.chdir("/")
    cgroups.create(home.slot)
    _network()
    snapshotter = "overlayfs" if _overlay_works() else "native"
    plugins = shutil.which("host-local")
    if plugins is None:
        raise FileNotFoundError("the CNI plugins are not on PATH")
    write_whole(config.HOME / "containerd.toml", config.containerd_text(snapshotter, Path(plugins).parent))
    return snapshotter


KERNEL_SETTINGS: Final = {
    "net/ipv4/ip_forward": "1",
    # Pods reach each other over the bridge; only with this do their packets pass kube-proxy's rules, and answers come back translated.
    "net/bridge/bridge-nf-call-iptables": "1",
    # A Service without endpoints refuses by ICMP. Those answers must not be saved up for, nor spent on advice about shorter ways:
    # a client would wait for two minutes instead of being refused.
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}
"""Below /proc/sys, for the box's own network only."""


def _network() -> None:
    for name, value in KERNEL_SETTINGS.items():
        Path("/proc/sys", name).write_text(value, encoding="ascii")
    for words in (
        "link set lo up",
        # A bridge without an address of its own takes the lowest of its ports', and changes it as Pods come and go.
        f"link add {config.BRIDGE} address {config.BRIDGE_MAC} type bridge",
        f"addr add {config.NODE_ADDRESS}/24 dev {config.BRIDGE}",
        f"link set {config.BRIDGE} up",
        # The node's own packets to a Service need some route before kube-proxy's rules turn them; to the world outside there is
        # none, so whatever looks for it hears at once that it cannot be reached.
        f"route add {config.SERVICE_RANGE} dev {config.BRIDGE}",
    ):
        subprocess.run(["busybox", "ip", *words.split()], check=True)


def _overlay_works() -> bool:
    trial = config.HOME / "overlay-trial"
    for name in ("lower", "upper", "work", "merged"):
        (trial / name).mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={trial}/lower,upperdir={trial}/upper,workdir={trial}/work"
    try:
        kernel.mount("overlay", trial / "merged", "overlay", options=options)
    except OSError:
        return False
    subprocess.run(["busybox", "umount", str(trial / "merged")], check=True)
    shutil.rmtree(trial)
    return True


class _Supervisor:
    """Starts the components, reaps every process, and keeps the status file true."""

    def __init__(self, record: Path, status: Status) -> None:
        self._record = record
        self._status = status
        self._names: dict[int, str] = {}
        self._waiting = config.components()
        self._trust = ssl.create_default_context(cafile=config.pki("ca.crt"))

    def run(self) -> None:
        """Run until killed. SIGTERM ends it too, and the kernel then kills the rest."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
        while True:
            self._start([each for each in self._waiting if self._answers(each.after)])
            received = signal.sigtimedwait({signal.SIGCHLD, signal.SIGTERM}, POLL_SECONDS if self._waiting else 3600)
            if received is not None and received.si_signo == signal.SIGTERM:
                return
            self._reap()

    def _start(self, components: list[config.Component]) -> None:
        if not components:
            return
        for component in components:
            self._names[_spawn(component)] = component.name
            self._status.running.append(component.name)
            self._waiting.remove(component)
        self._status.complete = not self._waiting
        self._status.write(self._record)

    def _reap(self) -> None:
        while True:
            try:
                pid, code = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if name := self._names.pop(pid, None):
                exit_code = os.waitstatus_to_exitcode(code)
                self._status.running.remove(name)
                self._status.ended[name] = f"code {exit_code}" if exit_code >= 0 else f"signal {-exit_code}"
                self._status.write(self._record)

    def _answers(self, name: str) -> bool:
        """Whether the component ``name`` answers; without a name, always."""
        try:
            match name:
                case "containerd":
                    # It listens before it can do what the kubelet asks at once, and gives up when refused.
                    with grpc.insecure_channel(f"unix://{config.SOCKET}") as channel:
                        channel.unary_unary("/runtime.v1.RuntimeService/Version")(b"", timeout=1)
                case "kube-apiserver":
                    url = f"https://127.0.0.1:{config.API_PORT}/readyz"
                    urllib.request.urlopen(url, timeout=1, context=self._trust).close()
        except (OSError, grpc.RpcError):
            return False
        return True


def _spawn(component: config.Component) -> int:
    log = str(config.LOGS / f"{component.name}.log")
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    command = component.command
    environment = dict(os.environ)
    if component.programs:
        environment["PATH"] = os.pathsep.join([environment[component.programs], environment["PATH"]])
    return os.posix_spawnp(command[0], command, environment, file_actions=actions, setsid=True, setsigmask=[])


if __name__ == "__main__":
    main()
