"""``outputs``: print what a deployed stack tells its user."""

from __future__ import annotations

import json
import sys

import click

from ops.cli import command_of
from ops.environment import Environment
from ops.errors import LabError


@click.option("--name", default="", metavar="NAME", help="Print this one only: a text as it is, a list one entry a line.")
def outputs(stack: str, environment: Environment, *, name: str = "") -> None:
    """Print the outputs of the deployed stack, without its secrets."""
    from ops.console import console  # noqa: PLC0415 - heavy
    from ops.lifecycle import known  # noqa: PLC0415 - heavy

    shown = {key: value for key, value in known(stack, environment).outputs().items() if "password" not in key}
    if not name:
        console.print_json(json.dumps(shown))
        return
    if name not in shown:
        fix = f"make password STACK={stack} prints the password" if "password" in name else f"use one of {', '.join(sorted(shown))}"
        raise LabError(f"stack {stack} has no output '{name}' to print.", fix)
    value = shown[name]
    lines = value if isinstance(value, list) else [value if isinstance(value, str) else json.dumps(value)]
    sys.stdout.write("".join(f"{str(line).rstrip()}\n" for line in lines))


command = command_of(outputs)
