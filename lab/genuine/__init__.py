"""Pulumi's own Kubernetes plugin: built from its Go module if it is not installed, and proved by tests on the lab's cluster."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from lab import cache, golang, versions
from lab.engine import ensure_engine
from ops import paths, process
from ops.console import step
from ops.errors import OpsError

SOURCE: Final = Path(__file__).parent / "module"
MODULE: Final = "github.com/pulumi/pulumi-kubernetes/provider/v4"
EMBEDDED: Final = ("schema.json", "terraform-mapping.json")
"""Files of the module that the plugin embeds; Go embeds none of another module's, so the build copies them."""

EXECUTABLE: Final = "pulumi-resource-kubernetes"
MEMORY: Final = "4GiB"
"""From which on a compiler collects garbage: one package of the plugin, Pulumi's SDK for Kubernetes, needs more than `golang` allows."""

_BUILD_GIB: Final = 5.0
"""Free space that the build needs, GiB: the binary takes 0.3, the rest is Go's own cache of a cold build."""

TESTS: Final = (
    "tests/cluster/test_push_and_pull.py",
    "tests/cluster/test_stack_lifecycle.py",
    "tests/cluster/test_rotation.py::test_the_applications_password_changes_under_load",
)
"""A push and a pull; nothing to do twice, the state's form and secrets, a deployment that is killed; one password under load."""


def prove() -> int:
    """Run `TESTS` on the plugin that is installed, else on the one that is built; return pytest's exit code.

    Raises:
        OpsError: the plugin could not be built, or Pulumi does not use it.
    """
    if not _is_used():
        os.environ["PULUMI_HOME"] = str(plugin_home())
        if not _is_used():
            raise OpsError(
                "Pulumi does not use the plugin that was built.", "remove pulumi-resource-kubernetes from PATH, and repeat the command."
            )
    command = [sys.executable, "-m", "pytest", "-m", "cluster", "--durations=10", *TESTS]
    return subprocess.run(command, cwd=paths.ROOT, check=False).returncode


def _is_used() -> bool:
    return ensure_engine().genuine_plugins["kubernetes"]


def plugin_home() -> Path:
    """Return a ``PULUMI_HOME`` that holds the plugin, built unless the cache holds it (14 minutes of processor time, 4.5 GB of memory).

    It answers with the version that requirements.txt asks for; the code is that of `versions.KUBERNETES_PLUGIN`.

    Raises:
        OpsError: no ``go``, too little disk, or the build failed (with its last lines).
    """
    version = importlib.metadata.version("pulumi-kubernetes")
    home = paths.STATE / "genuine"
    file = home / "plugins" / f"resource-kubernetes-v{version}" / EXECUTABLE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.symlink_to(_built(version))
    return home


def _built(version: str) -> Path:
    flags = f"{golang.STRIPPED} -X {MODULE}/pkg/version.Version={version}"

    def make(work: Path) -> None:
        golang.require_go("Pulumi's Kubernetes plugin")
        environment = golang.ENVIRONMENT | {"GOMEMLIMIT": MEMORY}
        log = paths.LOGS / f"build-{EXECUTABLE}.log"
        source = work / "source"
        shutil.copytree(SOURCE, source, dirs_exist_ok=True)
        with step(f"building Pulumi's Kubernetes plugin {versions.KUBERNETES_PLUGIN} (about 10 minutes on two cores, once)") as progress:
            process.run(["go", "mod", "download", MODULE], log=log, step=progress, cwd=source, env=environment)
            for name in EMBEDDED:
                shutil.copyfile(_module_folder(source, environment) / "cmd" / EXECUTABLE / name, source / name)
            command: list[str | Path] = ["nice", "go", "build", "-v", *golang.FAST, "-ldflags", flags, "-o", work / EXECUTABLE, "."]
            process.run(command, log=log, step=progress, cwd=source, env=environment)

    return cache.build(EXECUTABLE, cache.key(cache.tree_key(SOURCE), flags), make, needs_gib=_BUILD_GIB) / EXECUTABLE


def _module_folder(source: Path, environment: dict[str, str]) -> Path:
    command = ["go", "list", "-m", "-f", "{{.Dir}}", MODULE]
    answer = subprocess.run(command, cwd=source, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return Path(answer.stdout.strip())
