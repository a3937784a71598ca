"""Ways into a running cluster: its API, commands inside the box, images for its containerd."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from lab.cluster import config
from lab.cluster.binaries import Binaries
from lab.cluster.box import Status
from lab.cluster.home import Home, one_at_a_time
from ops.errors import OpsError
from ops.process import Process, write_whole

API_SECONDS: Final = 5.0
"""How long one question to the API server may take."""

NOT_RUNNING: Final = "start it: make up"


def api_port(home: Home) -> int:
    """Return the host's loopback port of the API server."""
    return int((home.folder / "api-port").read_text(encoding="ascii"))


def ask(home: Home, path: str) -> bytes:
    """Return what the API server answers to a GET of ``path``, as the cluster's administrator.

    Raises:
        OSError: it does not answer (yet), or with another code than 200.
    """
    keys = home.folder / "pki"
    trust = ssl.create_default_context(cafile=keys / "ca.crt")
    trust.load_cert_chain(keys / "admin.crt", keys / "admin.key")
    connection = http.client.HTTPSConnection("127.0.0.1", api_port(home), timeout=API_SECONDS, context=trust)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise ConnectionError(f"GET {path}: {answer.status}")
    return body


def ask_json(home: Home, path: str) -> dict[str, Any]:
    """Return the object that the API server answers to a GET of ``path``; raises as `ask`."""
    document: dict[str, Any] = json.loads(ask(home, path))
    return document


def running_box(home: Home) -> Process:
    """Return the box's first process.

    Raises:
        OpsError: the cluster does not run.
    """
    box = Process.read(home.box)
    if box is None:
        raise OpsError("the lab's cluster does not run.", NOT_RUNNING)
    return box


def run_in_box(
    argv: Sequence[str | Path], *, home: Home, seconds: float = 60, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run ``argv`` in the box's namespaces as root and return its code and output; any code is a result, none an error.

    Raises:
        OpsError: the cluster does not run.
        subprocess.TimeoutExpired: it took longer than ``seconds``.
    """
    command = ["nsenter", f"--target={running_box(home).pid}", "--mount", "--net", "--pid", "--ipc", "--uts", "--wd=/"]
    return subprocess.run(
        [*command, *map(str, argv)], input=stdin, capture_output=True, env=_binaries(home).environment(), timeout=seconds, check=False
    )


def import_image(archive: Path, *, home: Home) -> bool:
    """Load a docker archive into the cluster's containerd; return whether it was needed.

    Skipped if the archive's name is already the very same image there.

    Raises:
        OpsError: the cluster does not run, or containerd refuses the archive.
    """
    identity, name = _identity(archive)
    running_box(home)
    with one_at_a_time(home, "images"):
        digests = _digests(home)
        if _is_loaded(home, digests, identity, name):
            return False
        if name in digests:
            # Kubernetes' side of containerd takes full note of an image only when its name is new.
            _ctr(home, "images", "remove", name)
        snapshotter = Status.read(home.status).snapshotter
        _ctr(home, "images", "import", "--snapshotter", snapshotter, str(archive))
        return True


def missing_images(archives: Sequence[Path], *, home: Home) -> list[Path]:
    """Return the archives that `import_image` would load: with one question to containerd, as a repeated start has it.

    Raises:
        OpsError: the cluster does not run.
    """
    digests = _digests(home)
    return [archive for archive in archives if not _is_loaded(home, digests, *_identity(archive))]


def _digests(home: Home) -> dict[str, str]:
    return {line.split()[0]: line.split()[2] for line in _ctr(home, "images", "ls").splitlines()[1:]}


def _is_loaded(home: Home, digests: dict[str, str], identity: str, name: str) -> bool:
    """Whether the name is the very image; a manifest's digest never changes, so it is asked once."""
    if name not in digests:
        return False
    record = home.folder / "manifests.json"
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if digests[name] not in known:
        known[digests[name]] = json.loads(_ctr(home, "content", "get", digests[name]))["config"]["digest"]
        write_whole(record, json.dumps(known))
    return bool(known[digests[name]] == identity)


def kubectl(*, home: Home) -> Path:
    """Return the kubectl of the cluster's version.

    Raises:
        OpsError: the cluster was never started.
    """
    return _binaries(home).kubectl


def _binaries(home: Home) -> Binaries:
    """Return the programs with which the running cluster was started."""
    try:
        return Binaries.read(home.folder)
    except FileNotFoundError as error:
        raise OpsError("the lab's cluster does not run.", NOT_RUNNING) from error


def _identity(archive: Path) -> tuple[str, str]:
    """Return the image's id and its name."""
    with tarfile.open(archive) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        image = json.load(manifest)[0]
    return f"sha256:{image['Config'].removesuffix('.json')}", str(image["RepoTags"][0])


def _ctr(home: Home, *words: str) -> str:
    # A socket's path may have 108 bytes; the way through the box's root is short wherever the checkout lies.
    binaries = _binaries(home)
    address = f"/proc/{running_box(home).pid}/root{config.SOCKET}"
    command = [str(binaries.ctr), "--address", address, "--namespace", "k8s.io", *words]
    result = subprocess.run(command, capture_output=True, text=True, env=binaries.environment(), check=False)
    if result.returncode != 0:
        raise OpsError(f"containerd refuses 'ctr {' '.join(words)}'.", f"read {home.logs / 'containerd.log'}.", result.stderr.strip())
    return result.stdout
