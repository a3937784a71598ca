"""A real ingress controller (Traefik) in the lab's cluster, for as long as a test needs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lab import cluster
from lab.console import step
from lab.errors import LabError
from lab.images import build

HTTPS_NODE_PORT: Final = 31443
HTTP_NODE_PORT: Final = 31080

MANIFESTS: Final = Path(__file__).parent / "traefik.yaml"
IMAGE: Final = "traefik-lab"
NAMESPACE: Final = "traefik-lab"
READY_SECONDS: Final = 120

KINDS: Final = (
    "IngressRoute",
    "IngressRouteTCP",
    "IngressRouteUDP",
    "Middleware",
    "MiddlewareTCP",
    "ServersTransport",
    "ServersTransportTCP",
    "TLSOption",
    "TLSStore",
    "TraefikService",
)
"""The controller waits until each of its kinds is served, whether anybody uses it or not."""


@contextmanager
def controller() -> Iterator[None]:
    """Run Traefik, on ``HTTPS_NODE_PORT`` and ``HTTP_NODE_PORT``, class ``traefik-lab``, until the block ends.

    Raises:
        LabError: the cluster does not run, or the controller did not become ready.
    """
    build.load(build.build_images([IMAGE]), cluster.import_image)
    manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": [definition(kind) for kind in KINDS]})
    try:
        with step("ingress controller"):
            _kubectl("apply", "--server-side", "--filename", "-", stdin=manifests)
            _kubectl("wait", "--for=condition=Established", *(f"crd/{_plural(kind)}.traefik.io" for kind in KINDS))
            _kubectl("apply", "--server-side", "--filename", str(MANIFESTS))
            _kubectl("rollout", "status", "deployment/traefik", "--namespace", NAMESPACE, f"--timeout={READY_SECONDS}s")
        yield
    finally:
        _kubectl("delete", "--ignore-not-found", "--filename", str(MANIFESTS))
        _kubectl("delete", "--ignore-not-found", "--filename", "-", stdin=manifests)


def definition(kind: str) -> dict[str, Any]:
    """Return a definition of one of Traefik's kinds that takes any content: its schemas are the real one's business."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    names = {"kind": kind, "listKind": f"{kind}List", "plural": _plural(kind), "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{_plural(kind)}.traefik.io"},
        "spec": {"group": "traefik.io", "names": names, "scope": "Namespaced", "versions": [version]},
    }


def _plural(kind: str) -> str:
    return f"{kind.lower()}s"


def _kubectl(*words: str, stdin: str = "") -> None:
    command: Sequence[str] = [str(cluster.kubectl()), "--kubeconfig", str(cluster.Home().kubeconfig), *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"'kubectl {words[0]}' for the ingress controller failed.", "It said:", done.stderr.strip()[-2000:])
