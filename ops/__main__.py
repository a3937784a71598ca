"""``python -m ops COMMAND --stack prod``: what an operator runs, with the pulumi and skopeo on PATH."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ops.cli import Commands, Program, run
from ops.commands import MODULES, OLD_NAMES
from ops.environment import Operator


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    group = Commands(modules=MODULES, old_names=OLD_NAMES, help="Operate a deployed Portus. Run it in the checkout that has stacks/.")
    return run(group, Program(name="python -m ops", environment=Operator), arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
