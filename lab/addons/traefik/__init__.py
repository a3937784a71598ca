"""A real controller of Ingress and Gateway API (Traefik) in the lab's cluster, for as long as a test needs it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from lab.addons import crds
from lab.addons.addon import addon

HTTPS_NODE_PORT: Final = 31443
HTTP_NODE_PORT: Final = 31080
MANIFESTS: Final = Path(__file__).parent / "traefik.yaml"


def controller() -> AbstractContextManager[None]:
    """Run Traefik, on ``HTTPS_NODE_PORT`` and ``HTTP_NODE_PORT``, class ``traefik-lab``, until the block ends; raises as `addon`."""
    return addon("traefik", MANIFESTS, crds.GATEWAY_API, crds.TRAEFIK, namespace="traefik-lab")
