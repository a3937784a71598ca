"""Controllers that a cluster may have (ingress, cert-manager), in the lab's cluster for as long as a test needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from lab import cluster
from lab.addons.crds import CERT_MANAGER, GATEWAY_API, TRAEFIK, Definitions, served
from lab.cluster import kubectl
from lab.images import build
from ops.console import step

READY_SECONDS: Final = 120
FOLDER: Final = Path(__file__).parent

TRAEFIK_HTTPS_NODE_PORT: Final = 31443
TRAEFIK_HTTP_NODE_PORT: Final = 31080


def traefik() -> AbstractContextManager[None]:
    """Run Traefik, a real controller of Ingress and Gateway API, of class ``traefik-lab``, until the block ends; raises as `addon`."""
    return addon("traefik", FOLDER / "traefik.yaml", GATEWAY_API, TRAEFIK, namespace="traefik-lab")


def cert_manager() -> AbstractContextManager[None]:
    """Run cert-manager's own controllers until the block ends; raises as `addon`.

    They serve Certificates by Issuers and ClusterIssuers that are a CA or self-signed. Their webhook does not run: a Certificate that the
    definitions' schemas accept and the webhook would refuse is accepted here.
    """
    return addon("cert-manager", FOLDER / "cert-manager.yaml", CERT_MANAGER, namespace="cert-manager-lab")


@contextmanager
def addon(name: str, manifests: Path, *kinds: Definitions, namespace: str) -> Iterator[None]:
    """Run Deployment ``name`` of ``manifests``, whose image is one of the lab's, until the block ends.

    Args:
        kinds: that it serves.
        namespace: of its own, by which the image is named, too.

    Raises:
        OpsError: the cluster does not run, or the Deployment was not ready within `READY_SECONDS`.
    """
    build.load(build.build_images([namespace]), cluster.import_image)
    with served(*kinds):
        try:
            with step(name):
                kubectl("apply", "--server-side", "--filename", str(manifests))
                kubectl("rollout", "status", f"deployment/{name}", "--namespace", namespace, f"--timeout={READY_SECONDS}s")
            yield
        finally:
            kubectl("delete", "--ignore-not-found", "--filename", str(manifests))
