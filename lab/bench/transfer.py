"""How fast images move and are recorded: through edge, token and registry of a deployed stack, and to a bare registry beside it.

Both registries are the same program with the same certificate, on the same disk; both clients are curl. The stack is asked on its node
port, inside the cluster's network: the lab's forwarder on the host is not part of the product. They take turns, so that both meet the same
machine.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from lab.cluster import Home, config
from lab.cluster.access import running_box
from lab.images.build import build_images
from lab.images.rootfs import Bind, started
from lab.images.servers import LOOPBACK, free_port, listens, wait_ready
from ops.check import wait_for_record
from ops.console import Step
from ops.deployment import Deployment, Tag
from ops.errors import OpsError
from ops.sample_image import write_sample
from ops.skopeo import client_of

LAYER_BYTES: Final = 300 << 20
ROUNDS: Final = 3
TOKENS: Final = 100
RECORDS: Final = 3
HTTPS: Final = 443
REPOSITORY: Final = "bench"
CERTIFICATE_SECRET: Final = "served-tls-certificate"  # noqa: S105 - an object's name
"""How the name of the Secret begins that holds what every server of the stack presents."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Speeds:
    """Seconds of the same transfer, run in turn."""

    bare: Sequence[float]
    stack: Sequence[float]

    @property
    def ratio(self) -> float:
        """The stack's speed by the bare registry's: 1 is as fast, 0.5 half as fast."""
        return median(self.bare) / median(self.stack)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of ``values`` do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(len(ordered) * share * 1000) // 1000) - 1)]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A registry as curl reaches it.

    Args:
        host: its public name, in the certificate too.
        address: where it listens.
        network: process whose network the client is in; None for the host's.
        headers: file of headers that hold a token; None if no token is needed.
    """

    host: str
    address: str
    authority: Path
    repository: str
    network: int | None = None
    headers: Path | None = field(default=None, repr=False)

    def curl(self, *words: str) -> str:
        """Run curl and return what it printed.

        Raises:
            OpsError: it failed.
        """
        enter = [] if self.network is None else ["nsenter", f"--target={self.network}", "--net"]
        command = [*enter, "curl", "--silent", "--show-error", "--fail", "--cacert", str(self.authority), "--header", "Expect:"]
        command += ["--connect-to", f"::{self.address}"]
        command += [] if self.headers is None else ["--header", f"@{self.headers}"]
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OpsError(f"curl cannot move the bench's layer: {done.stderr.strip()[-300:]}", "read the registry's log.")
        return done.stdout

    def push(self, layer: Path, digest: str) -> float:
        """Upload ``layer`` and return the seconds that it took."""
        began = time.monotonic()
        base = f"https://{self.host}/v2/{self.repository}/blobs/uploads/"
        answer = self.curl("--request", "POST", "--output", os.devnull, "--dump-header", "-", base)
        place = next(line.partition(":")[2].strip() for line in answer.splitlines() if line.lower().startswith("location:"))
        joint = "&" if "?" in place else "?"
        kind = "Content-Type: application/octet-stream"
        self.curl("--upload-file", str(layer), "--header", kind, f"{place}{joint}digest={digest}")
        return time.monotonic() - began

    def pull(self, digest: str) -> float:
        """Download a layer and return the seconds that it took.

        Raises:
            OpsError: not all of it came.
        """
        began = time.monotonic()
        url = f"https://{self.host}/v2/{self.repository}/blobs/{digest}"
        size = int(self.curl("--location", "--output", os.devnull, "--write-out", "%{size_download}", url))
        if size != LAYER_BYTES:
            raise OpsError(f"of the bench's layer {size} of {LAYER_BYTES} bytes came back.", "read the registry's log.")
        return time.monotonic() - began


def figures(deployment: Deployment, home: Home, folder: Path, step: Step) -> dict[str, float]:
    """Measure pushes, pulls, tokens and records of a deployed and published stack; leaves images in its registry.

    Raises:
        OpsError: there is no curl, or a transfer failed.
    """
    if shutil.which("curl") is None:
        raise OpsError("the bench moves layers with curl, which is not installed.", "install it: apt-get install curl")
    folder.mkdir(mode=0o700)
    with ExitStack() as stack:
        bare = stack.enter_context(_bare(deployment, folder))
        through = Target(
            host=bare.host,
            address=f"{config.NODE_ADDRESS}:{deployment.node_ports()['https']}",
            authority=bare.authority,
            repository=f"{_user(deployment)}/{REPOSITORY}",
            network=running_box(home).pid,
            headers=folder / "headers",
        )
        pushes, pulls = _transfers(deployment, bare, through, folder, step)
    tokens = {name: _tokens(deployment, through, folder, step, basic=basic) for name, basic in (("token", True), ("anonymous", False))}
    return {
        "push.ratio": pushes.ratio,
        "pull.ratio": pulls.ratio,
        "token.p99_ms": percentile(tokens["token"], 0.99) * 1000,
        "token.p50_ms": median(tokens["token"]) * 1000,
        "token.without_login_p50_ms": median(tokens["anonymous"]) * 1000,
        "record.seconds": _record(deployment, step),
        **{f"push.{who}_mb_per_s": LAYER_BYTES / 1e6 / median(getattr(pushes, who)) for who in ("bare", "stack")},
        **{f"pull.{who}_mb_per_s": LAYER_BYTES / 1e6 / median(getattr(pulls, who)) for who in ("bare", "stack")},
    }


def _user(deployment: Deployment) -> str:
    return str(deployment.outputs["administrator"])


def _transfers(deployment: Deployment, bare: Target, through: Target, folder: Path, step: Step) -> tuple[Speeds, Speeds]:
    pushed: dict[str, list[float]] = {"bare": [], "stack": []}
    pulled: dict[str, list[float]] = {"bare": [], "stack": []}
    layer = folder / "layer"
    for number in range(ROUNDS):
        digest = _layer(layer)  # another each time: a registry that has a layer stores it no second time
        for who, target in (("bare", bare), ("stack", through)) if number % 2 == 0 else (("stack", through), ("bare", bare)):
            step.say(f"round {number + 1} of {ROUNDS}, {who}")
            began = time.monotonic()
            if target.headers is not None:
                _authorise(deployment, target, folder)
            asked = time.monotonic() - began  # a client's token is a part of its push and of its pull
            pushed[who].append(asked + target.push(layer, digest))
            pulled[who].append(asked + target.pull(digest))
    return Speeds(**pushed), Speeds(**pulled)


def _layer(file: Path) -> str:
    """Write a layer of random bytes and return its digest."""
    digest = hashlib.sha256()
    with file.open("wb") as sink:
        for _ in range(LAYER_BYTES >> 20):
            part = secrets.token_bytes(1 << 20)
            digest.update(part)
            sink.write(part)
        sink.flush()
        os.fsync(sink.fileno())  # or its way to the disk would be part of the first push
    return f"sha256:{digest.hexdigest()}"


def _authorise(deployment: Deployment, target: Target, folder: Path) -> None:
    scope = f"repository:{target.repository}:pull,push"
    token = json.loads(_ask(deployment, target, folder, scope=scope, basic=True))["token"]
    assert target.headers is not None
    _write(target.headers, f"Authorization: Bearer {token}\n")


def _ask(deployment: Deployment, target: Target, folder: Path, *, scope: str, basic: bool) -> str:
    """Ask Portus for a token; the password goes through a file."""
    login = folder / "login"
    text = base64.b64encode(f"{_user(deployment)}:{deployment.administrator_password}".encode()).decode()
    _write(login, f"Authorization: Basic {text}\n" if basic else "X-Bench: anonymous\n")
    portus = Target(
        host=deployment.hosts[0],
        address=target.address,
        authority=target.authority,
        repository="",
        network=target.network,
        headers=login,
    )
    query = f"service={deployment.registry}" + (f"&scope={scope}" if scope else "")
    return portus.curl(f"https://{portus.host}/v2/token?{query}")


def _tokens(deployment: Deployment, target: Target, folder: Path, step: Step, *, basic: bool) -> list[float]:
    """Return the seconds of each token, one after the other, each on a connection of its own as clients have it."""
    found = []
    for number in range(TOKENS if basic else TOKENS // 5):
        step.say(f"token {number + 1}")
        began = time.monotonic()
        _ask(deployment, target, folder, scope="", basic=basic)
        found.append(time.monotonic() - began)
    return found


def _record(deployment: Deployment, step: Step) -> float:
    """Return the median seconds from the end of a push to Portus' record of it."""
    found = []
    user = _user(deployment)
    with client_of(deployment, user, deployment.administrator_password) as client:
        for number in range(RECORDS):
            step.say(f"record {number + 1} of {RECORDS}")
            digest = write_sample(client.folder / f"image-{number}", text=f"bench {number} at {time.time():.0f}")
            answer = client.push(f"image-{number}", f"{user}/{REPOSITORY}-{number}:latest")
            if answer.code != 0:
                raise OpsError("the bench's image was refused.", "correct what its output names:", answer.output.strip())
            began = time.monotonic()
            wait_for_record(deployment, Tag(namespace=user, repository=f"{REPOSITORY}-{number}", tag="latest", user=user, digest=digest))
            found.append(time.monotonic() - began)
    return median(found)


@contextmanager
def _bare(deployment: Deployment, folder: Path) -> Iterator[Target]:
    """Run the stack's own registry image alone, with its certificate, until the block ends."""
    served = folder / "served"
    served.mkdir(mode=0o755)
    _write(served / "ca.crt", str(deployment.outputs["ca_certificate"]), mode=0o644)
    for name, text in _certificate(deployment).items():
        _write(served / name, text, mode=0o644)  # another user reads it; the folder above is ours alone
    data = folder / "data"
    data.mkdir()
    data.chmod(0o777)
    port, host = free_port(), deployment.registry.partition(":")[0]
    http = {"addr": f"{LOOPBACK}:{port}", "host": f"https://{host}", "secret": secrets.token_hex(32)}
    tls = {"certificate": "/served/tls.crt", "key": "/served/tls.key", "minimumtls": "tls1.2"}
    document = {"version": 0.1, "http": {**http, "tls": tls}, "storage": {"filesystem": {"rootdirectory": "/var/lib/registry"}}}
    _write(served / "config.yml", json.dumps(document), mode=0o644)
    (image,) = build_images(["registry-lab:2.8"])
    binds = [
        Bind(source=data, target="/var/lib/registry"),
        Bind(source=served, target="/served", read_only=True),
        Bind(source=served / "config.yml", target="/etc/docker/registry/config.yml", read_only=True),
    ]
    with (folder / "log").open("w+") as log, started(image.container(binds=binds, read_only=True), image.argv, output=log) as server:
        wait_ready("the bare registry", server, log, lambda: listens(port))
        yield Target(host=host, address=f"{LOOPBACK}:{port}", authority=served / "ca.crt", repository=REPOSITORY)


def _certificate(deployment: Deployment) -> dict[str, str]:
    """Return certificate and key that every server of the stack presents."""
    found: list[Any] = deployment.api().list_namespaced_secret(deployment.namespace).items
    secret = next(each.data for each in found if each.metadata.name.startswith(CERTIFICATE_SECRET))
    return {name: base64.b64decode(secret[name]).decode() for name in ("tls.crt", "tls.key")}


def _write(file: Path, text: str, *, mode: int = 0o600) -> None:
    file.touch(mode=mode)
    file.chmod(mode)
    file.write_text(text, encoding="utf-8")
