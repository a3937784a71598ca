"""Secrets of older versions of the program that a stack's state shows in clear: refused, and replaced when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ops.console import console
from ops.errors import LabError

if TYPE_CHECKING:
    from ops.pulumi.stack import Stack

READABLE: Final = "portus:credentials:Credentials$random:index/randomBytes:RandomBytes"
"""Three secrets of the program as it was: the id of such a resource is its value, and Pulumi encrypts no id."""


def require_no_readable_secrets(stack: Stack) -> None:
    """Raise `LabError` if protected secrets of ``stack`` must be replaced: Pulumi would refuse that at the end of its preview."""
    if not (urns := _readable(stack)):
        return
    raise LabError(
        f"{len(urns)} protected secrets of stack {stack.name} can be read in its state ({', '.join(_names(urns))}) and must be replaced.",
        f"make replace-secrets STACK={stack.name}, then make preview STACK={stack.name}, then make up STACK={stack.name}: Pods restart and "
        "browser sessions end (docs/operate/state-secrets.md). Nothing was changed.",
    )


def unprotect_readable_secrets(stack: Stack) -> None:
    """Remove the protection of the secrets that the state of ``stack`` shows. Raises `LabError` when the engine refused."""
    urns = _readable(stack)
    for urn in urns:
        stack.run("state", "unprotect", urn, "--yes")
    if urns:
        console.print(f"no longer protected: {', '.join(_names(urns))}. Next: make preview STACK={stack.name}, make up STACK={stack.name}")
    else:
        console.print(f"The state of stack {stack.name} shows no protected secret. Nothing was changed.")


def _readable(stack: Stack) -> list[str]:
    urns = (str(each["urn"]) for each in _resources(stack.export()) if each.get("protect"))
    return [urn for urn in urns if f"::{READABLE}::" in urn]


def _names(urns: list[str]) -> list[str]:
    return sorted(urn.rpartition("::")[2] for urn in urns)


def _resources(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(state.get("deployment", {}).get("resources") or [])
