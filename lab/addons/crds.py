"""The kinds that other projects define (Gateway API, monitoring, cert-manager, Traefik), with their own schemas, in the lab's cluster.

Each project's Go module holds the YAML that it tells operators to apply; nothing is built.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import cache, versions
from lab.cluster import kubectl
from ops.console import step
from ops.errors import OpsError


@dataclass(frozen=True, kw_only=True, slots=True)
class Definitions:
    """Some kinds of one project.

    Attributes:
        module: Go module that holds them.
        version: of the module.
        digest: of the module, as go.sum has it; another content is refused.
        folder: inside the module.
        files: names there.
    """

    module: str
    version: str
    digest: str
    folder: str
    files: tuple[str, ...]


GATEWAY_API: Final = Definitions(
    module="sigs.k8s.io/gateway-api",
    version=versions.GATEWAY_API,
    digest=versions.GATEWAY_API_DIGEST,
    folder="config/crd/experimental",
    files=tuple(
        f"gateway.networking.k8s.io_{kind}.yaml"
        for kind in (
            *("backendtlspolicies", "gatewayclasses", "gateways", "grpcroutes", "httproutes"),
            *("listenersets", "referencegrants", "tcproutes", "tlsroutes"),
        )
    ),
)
"""The experimental channel serves every version of a TLSRoute that a stack may choose."""

MONITORING: Final = Definitions(
    module="github.com/prometheus-operator/prometheus-operator",
    version=versions.PROMETHEUS_OPERATOR,
    digest=versions.PROMETHEUS_OPERATOR_DIGEST,
    folder="example/prometheus-operator-crd",
    files=tuple(f"monitoring.coreos.com_{kind}.yaml" for kind in ("podmonitors", "prometheusrules", "servicemonitors")),
)

CERT_MANAGER: Final = Definitions(
    module="github.com/cert-manager/cert-manager",
    version=versions.CERT_MANAGER,
    digest=versions.CERT_MANAGER_DIGEST,
    folder="deploy/crds",
    files=tuple(f"cert-manager.io_{kind}.yaml" for kind in ("certificaterequests", "certificates", "clusterissuers", "issuers"))
    + tuple(f"acme.cert-manager.io_{kind}.yaml" for kind in ("challenges", "orders")),
)

TRAEFIK: Final = Definitions(
    module="github.com/traefik/traefik/v3",
    version=versions.TRAEFIK_MODULE,
    digest=versions.TRAEFIK_MODULE_DIGEST,
    folder="docs/content/reference/dynamic-configuration",
    files=("kubernetes-crd-definition-v1.yml",),
)

EVERY: Final = (GATEWAY_API, MONITORING, CERT_MANAGER, TRAEFIK)


@contextmanager
def served(*definitions: Definitions) -> Iterator[None]:
    """Let the lab's cluster serve the kinds of ``definitions`` until the block ends; their objects go with them.

    Raises:
        OpsError: no ``go``, the module proxy does not answer, a module has another content, or the cluster refuses.
    """
    files = [word for each in definitions for file in each.files for word in ("--filename", str(fetched(each) / file))]
    try:
        with step("definitions of other projects' kinds"):
            names = kubectl("apply", "--server-side", "--output", "name", *files).split()
            kubectl("wait", "--for=condition=Established", "--timeout=120s", *names)
        yield
    finally:
        kubectl("delete", "--ignore-not-found", *files)


def fetched(definitions: Definitions) -> Path:
    """Return the folder with the files of ``definitions``, fetched unless the cache holds them; raises as `served`."""

    def make(folder: Path) -> None:
        source = _module(definitions) / definitions.folder
        for file in definitions.files:
            shutil.copyfile(source / file, folder / file)

    return cache.build("definitions", cache.key(repr(definitions)), make, needs_gib=0.2)


def _module(definitions: Definitions) -> Path:
    if shutil.which("go") is None:
        raise OpsError(f"'go' is not on PATH: the lab fetches {definitions.module} with it.", "install Go 1.25 or newer.")
    command = ["go", "mod", "download", "-json", f"{definitions.module}@v{definitions.version}"]
    environment = {**os.environ, "GOWORK": "off", "GOFLAGS": "-mod=mod"}
    with tempfile.TemporaryDirectory(prefix="lab-definitions-") as nowhere:  # outside any module, whose go.mod would have a say
        done = subprocess.run(command, cwd=nowhere, env=environment, capture_output=True, text=True, check=False)
    module = json.loads(done.stdout or "{}")
    if done.returncode != 0 or "Dir" not in module:
        raise OpsError(
            f"{definitions.module} {definitions.version} cannot be fetched.",
            "correct what go reports:",
            module.get("Error", "") + done.stderr[-2000:],
        )
    if module["Sum"] != definitions.digest:
        raise OpsError(
            f"{definitions.module} {definitions.version} is {module['Sum']}, not {definitions.digest}.",
            "correct lab/versions.py if the new content is right.",
        )
    return Path(module["Dir"])
