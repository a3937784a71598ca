"""The calls of ``pulumi`` that make a state again. Secrets go through pipes only: no argument, file or log has one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ops.errors import OpsError
from ops.state.document import planned

if TYPE_CHECKING:
    from ops.pulumi.stack import Stack
    from ops.state.values import Resource

SHOWN_LINES: Final = 20
"""Of what Pulumi says; its reason is at the end."""


SERVER_SIDE_APPLY: Final = ("PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", "enableServerSideApply")
"""Variable and input of the Kubernetes provider. Without it a preview asks the API server for no dry run of a new object (``Create`` in
``provider.go``), which would refuse each node port of the running stack as taken."""


def program(stack: Stack) -> list[Resource]:
    """Return the resources that the program makes on an empty stack, in their order; raises as `preview`."""
    variable, name = SERVER_SIDE_APPLY
    resources = planned(preview(stack, {variable: "false"}))
    for each in resources:
        if each["type"] == "pulumi:providers:kubernetes":  # the SDK takes the variable for an input
            each["inputs"].pop(name, None)
            each["inputs"].update({name: os.environ[variable]} if variable in os.environ else {})
    return resources


def preview(stack: Stack, variables: Mapping[str, str] | None = None) -> Sequence[Mapping[str, Any]]:
    """Return the steps of a preview. It shows no secret, whatever it is asked for (``display/json.go``).

    Raises:
        OpsError: the preview failed, with Pulumi's reason.
    """
    done = _pulumi(stack, "preview", "--json", "--suppress-progress", variables=variables)
    try:
        digest = json.loads(done.stdout)
    except ValueError:
        digest = {}
    if done.returncode != 0:
        errors = [str(each.get("message", "")).strip() for each in digest.get("diagnostics") or [] if each.get("severity") == "error"]
        lines = [line for text in errors or [done.stderr] for line in text.strip().splitlines()]
        raise OpsError(f"'pulumi preview' of stack {stack.name} failed.", "correct what its output names:", "\n".join(lines[-SHOWN_LINES:]))
    return list(digest.get("steps") or [])


def write(stack: Stack, state: Mapping[str, Any]) -> None:
    """Let the backend of ``stack`` have ``state``; Pulumi reads it from a pipe and encrypts its secrets.

    Raises:
        OpsError: the engine refused it.
    """
    done = _pulumi(stack, "stack", "import", stdin=json.dumps(state))
    if done.returncode != 0:
        output = (done.stderr + done.stdout).strip().splitlines()
        raise OpsError(
            f"'pulumi stack import' of stack {stack.name} failed.", "correct what its output names:", "\n".join(output[-SHOWN_LINES:])
        )


def _pulumi(stack: Stack, *words: str, stdin: str = "", variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**stack.environment(), **(variables or {})}
    return subprocess.run(
        stack.command(*words, "--stack", stack.name), env=environment, input=stdin, capture_output=True, text=True, check=False
    )
