"""``outputs``: print what a deployed stack tells its user."""

from __future__ import annotations

import json

from ops.cli import command_of
from ops.environment import Environment


def outputs(stack: str, environment: Environment) -> None:
    """Print the outputs of the deployed stack, without its secrets."""
    from ops.console import console  # noqa: PLC0415 - heavy
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    shown = {key: value for key, value in known(stack, environment).outputs().items() if "password" not in key}
    console.print_json(json.dumps(shown))


command = command_of(outputs)
