"""skopeo as a user of the registry has it: names and ports from outside the cluster, the stack's CA, credentials in a file."""

from __future__ import annotations

import base64
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.images.build import build_images
from lab.images.debian import debian_sources
from lab.images.rootfs import Bind, command_line
from ops.deployment import Deployment
from ops.errors import LabError

IMAGE: Final = "client-lab:1"
WORK: Final = "/work"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a command of the client gave."""

    code: int
    output: str
    """Both streams."""


class Client:
    """One user's skopeo and curl. Made by `client_of`; its files go when the block ends."""

    def __init__(self, folder: Path, *, registry: str) -> None:
        self.folder = folder
        self._registry = registry

    def skopeo(self, *words: str, seconds: float = 120) -> Answer:
        """Run ``skopeo``; paths below the client's folder are said relative to it."""
        return self._run(["skopeo", *words], seconds)

    def login(self, username: str, password: str) -> Answer:
        """Log in to the registry; the password goes to standard input."""
        words = [
            "skopeo",
            "login",
            "--cert-dir",
            "certs",
            "--authfile",
            "login.json",
            "--username",
            username,
            "--password-stdin",
            self._registry,
        ]
        return self._run(words, 60, stdin=password)

    def curl(self, *words: str, seconds: float = 60) -> Answer:
        """Run ``curl`` with the stack's CA."""
        return self._run(["curl", "--silent", "--show-error", "--cacert", "certs/ca.crt", *words], seconds)

    def push(self, source: str, repository: str) -> Answer:
        """Push the ``dir:`` image in folder ``source``."""
        return self.skopeo(
            "copy", "--dest-cert-dir", "certs", "--dest-authfile", "auth.json", f"dir:{source}", f"docker://{self._registry}/{repository}"
        )

    def pull(self, repository: str, target: str) -> Answer:
        """Pull into folder ``target`` as a ``dir:`` image."""
        return self.skopeo(
            "copy", "--src-cert-dir", "certs", "--src-authfile", "auth.json", f"docker://{self._registry}/{repository}", f"dir:{target}"
        )

    def delete(self, repository: str) -> Answer:
        """Delete the manifest that a tag names, and with it every tag of it."""
        return self.skopeo("delete", "--cert-dir", "certs", "--authfile", "auth.json", f"docker://{self._registry}/{repository}")

    def _run(self, argv: Sequence[str], seconds: float, *, stdin: str = "") -> Answer:
        with tempfile.TemporaryDirectory(prefix="lab-client-") as scratch:
            command, environment = self._command(argv, Path(scratch))
            try:
                done = subprocess.run(
                    command,
                    cwd=self.folder,
                    env=environment,
                    input=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise LabError(f"'{argv[0]}' took longer than {seconds:.0f} s.", "Look whether the stack's Pods are ready.") from error
        return Answer(code=done.returncode, output=done.stdout)

    def _command(self, argv: Sequence[str], scratch: Path) -> tuple[list[str], dict[str, str] | None]:
        """Return how to run ``argv``: the machine's own program, else the lab's client image without a container engine."""
        if shutil.which(argv[0]):
            return list(argv), None
        image = build_images([IMAGE])[0]
        binds = [Bind(source=self.folder, target=WORK)]
        binds += [
            Bind(source=Path(path), target=path, read_only=True) for path in ("/etc/hosts", "/etc/resolv.conf") if Path(path).exists()
        ]
        container = image.container({"HOME": WORK}, binds=binds, tmpfs=("/tmp", "/var/tmp"))  # noqa: S108 - the image's own
        return command_line(container, list(argv), scratch), dict(container.environment)


def require_client() -> None:
    """Make sure that a push can be tried from this machine, before anything is begun.

    Raises:
        LabError: there is no skopeo, and the lab's own cannot be built here.
    """
    if shutil.which("skopeo") or _is_buildable():
        return
    raise LabError(
        "the check pushes and pulls an image, and there is no skopeo on PATH.",
        "Install skopeo; or run this as root on Debian, where the lab builds its own.",
    )


def _is_buildable() -> bool:
    if platform.system() != "Linux" or os.geteuid() != 0:
        return False
    try:
        debian_sources()
    except LabError:
        return False
    return True


def administrator_of(deployment: Deployment) -> AbstractContextManager[Client]:
    """Give a client of the registry that has logged in as the first administrator."""
    return client_of(deployment, str(deployment.outputs["administrator"]), deployment.administrator_password)


@contextmanager
def client_of(deployment: Deployment, username: str = "", password: str = "") -> Iterator[Client]:
    """Give a client of the registry; without ``username`` an anonymous one. The password goes to a file of the client's folder only."""
    with tempfile.TemporaryDirectory(prefix="lab-client-") as name:
        folder = Path(name)
        (folder / "certs").mkdir()
        (folder / "certs" / "ca.crt").write_text(str(deployment.outputs["ca_certificate"]), encoding="utf-8")
        login = base64.b64encode(f"{username}:{password}".encode()).decode()
        auths = {deployment.registry: {"auth": login}} if username else {}
        file = folder / "auth.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"auths": auths}), encoding="utf-8")
        yield Client(folder, registry=deployment.registry)
