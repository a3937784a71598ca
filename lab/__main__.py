"""``python -m lab COMMAND``: the operator's commands with the lab's Pulumi, cluster and images, and the developers' own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab.commands import COMMANDS
from ops.cli import Commands, Program, run
from ops.commands import MODULES, OLD_NAMES

if TYPE_CHECKING:
    from ops.environment import Environment

OWN: Final = dict.fromkeys(COMMANDS, "lab.commands")
"""The developers' commands."""


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    group = Commands(modules={**MODULES, **OWN}, old_names=OLD_NAMES, help="Portus on this machine, or on a cluster of yours.")
    return run(group, Program(name="python -m lab", environment=_lab, stack="lab"), arguments)


def _lab(kubeconfig: Path | None) -> Environment:
    from lab.environment import Lab  # noqa: PLC0415 - heavy

    return Lab(kubeconfig)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
