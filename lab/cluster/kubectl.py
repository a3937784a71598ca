"""kubectl on the lab's own cluster."""

from __future__ import annotations

import subprocess

from lab import cluster
from ops.errors import LabError


def kubectl(*words: str, stdin: str = "") -> str:
    """Return what ``kubectl`` printed, as the cluster's administrator.

    Raises:
        LabError: the cluster does not run, or kubectl ended with another code than 0.
    """
    command = [str(cluster.kubectl_program()), "--kubeconfig", str(cluster.Home().kubeconfig), *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"'kubectl {words[0]}' failed.", f"correct what its output names: {done.stderr.strip()[-4000:]}")
    return done.stdout
