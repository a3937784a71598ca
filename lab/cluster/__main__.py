"""For developers: ``python -m lab.cluster up|stop|down|status|kubectl WORDS...``."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

from lab import cluster
from ops.console import console, errors, show_error
from ops.errors import OpsError

USAGE: Final = "usage: python -m lab.cluster up | stop | down | status | kubectl WORDS..."


def main(words: list[str]) -> int:
    """Do what ``words`` say and return the exit code."""
    try:
        match words:
            case ["up"]:
                console.print(f"export KUBECONFIG={cluster.up()}")
            case ["stop"]:
                cluster.stop()
            case ["down"]:
                cluster.down()
            case ["status"]:
                return _show(cluster.status())
            case ["kubectl", *rest]:
                environment = {**os.environ, "KUBECONFIG": str(cluster.Home().kubeconfig)}
                return subprocess.run([cluster.kubectl_program(), *rest], env=environment, check=False).returncode
            case _:
                errors.print(USAGE)
                return 2
    except OpsError as error:
        show_error(error)
        return 1
    return 0


def _show(seen: cluster.ClusterStatus) -> int:
    console.print(f"ready: {'yes' if seen.ready else 'no'}   API server: {seen.api or 'none'}")
    for name in seen.running:
        console.print(f"  {name}: runs")
    for name, how in seen.ended.items():
        console.print(f"  {name}: ended with {how}")
    return 0 if seen.ready else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
