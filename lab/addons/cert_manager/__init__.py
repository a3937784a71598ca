"""cert-manager's own controllers in the lab's cluster, for as long as a test needs them.

Without its webhook: a Certificate that the definitions' schemas take and the webhook would refuse is not found out here.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from lab.addons import crds
from lab.addons.addon import addon

MANIFESTS: Final = Path(__file__).parent / "cert-manager.yaml"


def controllers() -> AbstractContextManager[None]:
    """Run them until the block ends: Certificates by Issuers and ClusterIssuers that are a CA or self-signed; raises as `addon`."""
    return addon("cert-manager", MANIFESTS, crds.CERT_MANAGER, namespace="cert-manager-lab")
