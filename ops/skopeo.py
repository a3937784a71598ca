"""skopeo as a user of the registry has it: names and ports from outside the cluster, the stack's CA, credentials in a file."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.deployment import Deployment
from ops.environment import Environment
from ops.errors import OpsError


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a command of the client gave."""

    code: int
    output: str
    """Both streams."""


class Client:
    """One user's skopeo and curl. Made by `client_of`; its files go when the block ends."""

    def __init__(self, folder: Path, *, registry: str, environment: Environment) -> None:
        self.folder = folder
        self._environment = environment
        self._registry = registry

    def skopeo(self, *words: str, seconds: float = 120) -> Answer:
        """Run ``skopeo``; paths below the client's folder are relative to it."""
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
        with tempfile.TemporaryDirectory(prefix="portus-client-") as scratch:
            command, environment = self._environment.client(argv, self.folder, Path(scratch))
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
                raise OpsError(f"'{argv[0]}' took longer than {seconds:.0f} s.", "check that the stack's Pods are ready.") from error
        return Answer(code=done.returncode, output=done.stdout)


@contextmanager
def client_of(deployment: Deployment, username: str = "", password: str = "") -> Iterator[Client]:
    """Give a client of the registry; without ``username`` an anonymous one. The password goes to a file of the client's folder only."""
    with tempfile.TemporaryDirectory(prefix="portus-client-") as name:
        folder = Path(name)
        (folder / "certs").mkdir()
        (folder / "certs" / "ca.crt").write_text(str(deployment.outputs["ca_certificate"]), encoding="utf-8")
        login = base64.b64encode(f"{username}:{password}".encode()).decode()
        auths = {deployment.registry: {"auth": login}} if username else {}
        file = folder / "auth.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"auths": auths}), encoding="utf-8")
        yield Client(folder, registry=deployment.registry, environment=deployment.environment)
