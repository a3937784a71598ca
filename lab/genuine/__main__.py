"""``python -m lab.genuine``: the lab's main job, its lifecycle and one rotation on Pulumi's own Kubernetes plugin (``make genuine``)."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

from lab.engine import ensure_engine
from lab.genuine import plugin_home
from ops import console, paths
from ops.errors import OpsError

TESTS: Final = (
    "tests/cluster/test_push_and_pull.py",
    "tests/cluster/test_stack_lifecycle.py",
    "tests/cluster/test_rotation.py::test_the_applications_password_changes_under_load",
)
"""A push and a pull; nothing to do twice, the state's form and secrets, a deployment that is killed; one password under load."""


def main() -> int:
    """Run the tests on the plugin that is installed, else on the one that is built; return pytest's exit code."""
    try:
        _take_the_plugin()
    except OpsError as error:
        console.show_error(error)
        return 1
    command = [sys.executable, "-m", "pytest", "-m", "cluster", "--durations=10", *TESTS]
    return subprocess.run(command, cwd=paths.ROOT, check=False).returncode


def _take_the_plugin() -> None:
    if _is_taken():
        return
    os.environ["PULUMI_HOME"] = str(plugin_home())
    if not _is_taken():
        raise OpsError(
            "Pulumi does not use the plugin that was built.", "remove pulumi-resource-kubernetes from PATH, and repeat the command."
        )


def _is_taken() -> bool:
    return ensure_engine().genuine_plugins["kubernetes"]


if __name__ == "__main__":
    sys.exit(main())
