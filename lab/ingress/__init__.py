"""A real controller of Ingress and Gateway API (Traefik) in the lab's cluster, for as long as a test needs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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

TRAEFIK: Final = "traefik.io"
GATEWAY: Final = "gateway.networking.k8s.io"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind that the controller waits for, whether anybody uses it or not."""

    group: str
    version: str
    kind: str
    plural: str = ""
    scope: str = "Namespaced"

    @property
    def name(self) -> str:
        """Of its definition."""
        return f"{self.plural or self.kind.lower() + 's'}.{self.group}"


KINDS: Final = (
    *(Kind(TRAEFIK, "v1alpha1", kind) for kind in ("IngressRoute", "IngressRouteTCP", "IngressRouteUDP", "Middleware", "MiddlewareTCP")),
    *(Kind(TRAEFIK, "v1alpha1", kind) for kind in ("ServersTransport", "ServersTransportTCP", "TLSOption", "TLSStore", "TraefikService")),
    Kind(GATEWAY, "v1", "GatewayClass", "gatewayclasses", "Cluster"),
    *(Kind(GATEWAY, "v1", kind) for kind in ("Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute", "ListenerSet")),
    Kind(GATEWAY, "v1beta1", "ReferenceGrant"),
    Kind(GATEWAY, "v1", "BackendTLSPolicy", "backendtlspolicies"),
)


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
            _kubectl("wait", "--for=condition=Established", *(f"crd/{kind.name}" for kind in KINDS))
            _kubectl("apply", "--server-side", "--filename", str(MANIFESTS))
            _kubectl("rollout", "status", "deployment/traefik", "--namespace", NAMESPACE, f"--timeout={READY_SECONDS}s")
        yield
    finally:
        _kubectl("delete", "--ignore-not-found", "--filename", str(MANIFESTS))
        _kubectl("delete", "--ignore-not-found", "--filename", "-", stdin=manifests)


def definition(kind: Kind) -> dict[str, Any]:
    """Return a definition that takes any content, with the defaults of the Gateway API that controllers rely on.

    The schemas are the real definitions' business; what a stack renders is held to the API's rules by the tests of its components.
    """
    names = {"kind": kind.kind, "listKind": f"{kind.kind}List", "plural": kind.name.partition(".")[0], "singular": kind.kind.lower()}
    schema = _anything(spec=_anything(**DEFAULTS)) if kind.group == GATEWAY else _anything()
    version = {"name": kind.version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.name, "annotations": {"api-approved.kubernetes.io": "unapproved, a lab's stand-in"}},
        "spec": {"group": kind.group, "names": names, "scope": kind.scope, "versions": [version]},
    }


def _anything(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": properties}


def _text(default: str) -> dict[str, str]:
    return {"type": "string", "default": default}


def _list(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": _anything(**properties)}


_REFERENCES: Final = _list(group=_text(""), kind=_text("Service"), weight={"type": "integer", "default": 1})
DEFAULTS: Final = {
    "parentRefs": _list(group=_text(GATEWAY), kind=_text("Gateway")),
    "rules": _list(backendRefs=_REFERENCES),
    "listeners": _list(
        tls=_anything(mode=_text("Terminate"), certificateRefs=_list(group=_text(""), kind=_text("Secret"))),
    ),
}
"""Of ``spec``, for every kind of the Gateway API that has these fields."""


def _kubectl(*words: str, stdin: str = "") -> None:
    command: Sequence[str] = [str(cluster.kubectl()), "--kubeconfig", str(cluster.Home().kubeconfig), *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"'kubectl {words[0]}' for the ingress controller failed.", "It said:", done.stderr.strip()[-2000:])
