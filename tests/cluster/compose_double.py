"""``docker compose`` up, stop and exec for the lab's images, as far as a plan of ``ops adopt`` calls it, without a container engine.

The services share a network of their own, with nothing in it but themselves; it and they end with `machine`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lab.images.build import Image, build_images
from lab.images.rootfs import PATH, Bind, Container, command_line
from ops.adopt.compose_run import implementation
from ops.paths import ROOT

IMAGES: Final = {
    "opensuse/portus:2.4.3": "portus-lab:2.4",
    "library/mariadb:10.0.23": "mariadb-lab:10.11",
    "library/registry:2.6": "registry-lab:2.8",
}
CLIENT: Final = "client-lab:1"
GRACE_SECONDS: Final = 2.0
"""Between SIGTERM and SIGKILL; Docker's own 10 s change nothing here."""


@dataclass(frozen=True)
class Machine:
    """The old deployment's machine: ``bin`` has its docker, and ``folder`` its containers' state."""

    folder: Path

    @property
    def bin(self) -> Path:
        """Where its docker is."""
        return self.folder / "bin"

    def skopeo(self, words: Sequence[str], work: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run skopeo on its network, in ``work``; both streams are in ``stdout``."""
        (image,) = build_images([CLIENT])
        container = image.container({"HOME": "/work"}, binds=[Bind(source=work, target="/work"), _hosts(self.folder)], tmpfs=["/var/tmp"])
        scratch = _scratch(self.folder, "client")
        command = [*_on_network(self.folder), *command_line(container, ["skopeo", *words], scratch)]
        environment = {"PATH": PATH, **container.environment}
        return subprocess.run(
            command, env=environment, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
        )


@contextmanager
def machine(folder: Path, names: Sequence[str]) -> Iterator[Machine]:
    """Give a machine whose services find each other under ``names``; end whatever it runs when the block ends."""
    made = Machine(folder)
    made.bin.mkdir(parents=True)
    docker = made.bin / "docker"
    # -P: the caller's folder has a copy of the program, too.
    docker.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m {__name__} {folder} "$@"\n')
    docker.chmod(0o755)
    (folder / "hosts").write_text(f"127.0.0.1 localhost {' '.join(names)}\n")
    network = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && exec sleep infinity"])
    try:
        (folder / "network").write_text(str(network.pid))
        while Path(f"/proc/{network.pid}/comm").read_text().strip() != "sleep":
            assert network.poll() is None, "no network"
            time.sleep(0.02)
        yield made
    finally:
        for state in folder.glob("service-*.json"):
            _end(json.loads(state.read_text())["pid"], 0)
        network.kill()
        network.wait()


def main(words: Sequence[str]) -> int:
    """Run ``FOLDER compose -f FILE ... COMMAND``."""
    folder, compose, *rest = words
    assert compose == "compose", words
    parser = argparse.ArgumentParser("docker compose")
    parser.add_argument("-f", dest="files", action="append", type=Path, required=True)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up, stop, run = verbs.add_parser("up"), verbs.add_parser("stop"), verbs.add_parser("exec")
    up.add_argument("-d", action="store_true", required=True)
    up.add_argument("--no-deps", action="store_true")
    for verb in (up, stop):
        verb.add_argument("services", nargs="*")
    run.add_argument("-T", action="store_true", required=True)
    run.add_argument("service")
    run.add_argument("argv", nargs=argparse.REMAINDER)
    asked = parser.parse_args(rest)
    project = _Project(Path(folder), _document(asked.files), asked.files[0].resolve().parent)
    match asked.verb:
        case "up":
            for name in asked.services or project.services:
                project.start(name)
        case "stop":
            for name in asked.services:
                project.stop(name)
        case "exec":
            project.run(asked.service, asked.argv)
    return 0


def _document(files: Sequence[Path]) -> dict[str, Any]:
    named = [word for file in files for word in ("-f", str(file))]
    command = [*implementation(), "--project-directory", str(files[0].resolve().parent), *named, "config", "--format", "json"]
    return dict(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))


@dataclass(frozen=True)
class _Project:
    folder: Path
    document: Mapping[str, Any]
    home: Path

    @property
    def services(self) -> Mapping[str, Any]:
        return dict(self.document["services"])

    def start(self, name: str) -> None:
        service = self.services[name]
        if (running := self._running(name)) and running["service"] == service:
            return
        self.stop(name)
        (image,) = build_images([IMAGES[service["image"]]])
        container = self._container(service, image)
        argv = [*image.recipe.config.entrypoint, *(service.get("command") or image.recipe.config.command)]
        with (self.folder / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                [*_on_network(self.folder), *command_line(container, argv, _scratch(self.folder, name))],
                env={"PATH": PATH, **container.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        state = {"pid": process.pid, "service": service, "environment": dict(container.environment)}
        self._state(name).write_text(json.dumps(state))

    def stop(self, name: str) -> None:
        if running := self._running(name):
            _end(running["pid"], GRACE_SECONDS)
        self._state(name).unlink(missing_ok=True)

    def run(self, name: str, argv: Sequence[str]) -> None:
        running = self._running(name)
        if running is None:
            raise SystemExit(f'service "{name}" is not running')
        inside = ["--mount", "--pid", "--net", "--root", "--wd=/", "chroot", "--userspec=0:0", "/", *argv]
        command = ["nsenter", "--target", str(_first(running["pid"])), *inside]
        raise SystemExit(subprocess.run(command, env={"PATH": PATH, **running["environment"]}, check=False).returncode)

    def _container(self, service: Mapping[str, Any], image: Image) -> Container:
        binds = [_hosts(self.folder)]
        for mount in service.get("volumes", ()):
            source = Path(mount["source"]) if mount["type"] == "bind" else self.folder / "volumes" / mount["source"]
            if mount["type"] == "volume":
                source.mkdir(parents=True, exist_ok=True)
            binds.append(Bind(source=source, target=mount["target"], read_only=bool(mount.get("read_only"))))
        return image.container(dict(service["environment"]), binds=binds)

    def _state(self, name: str) -> Path:
        return self.folder / f"service-{name}.json"

    def _running(self, name: str) -> dict[str, Any] | None:
        try:
            found = dict(json.loads(self._state(name).read_text()))
        except FileNotFoundError:
            return None
        return found if _lives(found["pid"]) else None


def _on_network(folder: Path) -> list[str]:
    return ["nsenter", f"--net=/proc/{(folder / 'network').read_text()}/ns/net"]


def _hosts(folder: Path) -> Bind:
    return Bind(source=folder / "hosts", target="/etc/hosts", read_only=True)


def _scratch(folder: Path, name: str) -> Path:
    scratch = folder / "scratch" / f"{name}-{time.monotonic_ns()}"
    scratch.mkdir(parents=True)
    return scratch


def _first(pid: int) -> int:
    """Return the container's first process, the child of unshare."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _end(pid: int, grace: float) -> None:
    """End a container; unshare takes its child along."""
    end = time.monotonic() + grace
    try:
        if grace:
            os.kill(_first(pid), signal.SIGTERM)
            while _lives(pid) and time.monotonic() < end:
                time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
    except (OSError, IndexError):
        return  # it has ended


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
