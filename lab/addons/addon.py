"""What a cluster may have beside Kubernetes (an ingress controller, cert-manager), in the lab's for as long as a test needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lab import cluster
from lab.addons.crds import Definitions, served
from lab.cluster.kubectl import kubectl
from lab.images import build
from ops.console import step

READY_SECONDS: Final = 120


@contextmanager
def addon(name: str, manifests: Path, *kinds: Definitions, namespace: str) -> Iterator[None]:
    """Run Deployment ``name`` of ``manifests``, whose image is one of the lab's, until the block ends.

    Args:
        kinds: that it serves.
        namespace: of its own, by which the image is named, too.

    Raises:
        LabError: the cluster does not run, or the Deployment was not ready within `READY_SECONDS`.
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
