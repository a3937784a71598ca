"""Renders a stack: the objects that its first deployment creates, as YAML for review."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pulumi

from lab.render import stackfile
from lab.render.objects import Manifest
from lab.render.recorder import Program, run_program
from ops import paths
from ops.console import console, escape, step
from ops.errors import OpsError
from ops.pulumi.stack import STACKS, stack_names

HEADER: Final = "# Rendered from stack {} for review; secrets are left out, so it cannot be applied.\n"
_OURS: Final = "# Rendered from stack "


def render(name: str, folder: Path) -> None:
    """Write the objects of stack ``name`` into ``folder``, one file each; earlier renders there are removed, other files stay.

    Raises:
        OpsError: there is no such stack, its program refuses, or ``folder`` cannot be written.
    """
    with step(f"rendering stack {name}"):
        manifests = rendered(name)
    try:
        write(manifests, name, folder)
    except OSError as error:
        raise OpsError(f"{folder} must be a folder that can be written: {error.strerror}.", "name another one with DIR=...") from None
    console.print(f"{len(manifests)} objects in {escape(str(folder))}")


def write(manifests: Sequence[Manifest], name: str, folder: Path) -> None:
    """Write the objects of stack ``name`` as `render` does.

    Raises:
        OSError: the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in earlier(folder):
        old.unlink()
    for each in manifests:
        (folder / each.file_name).write_text(HEADER.format(name) + each.to_yaml(), encoding="utf-8")


def earlier(folder: Path) -> list[Path]:
    """Return the files of an earlier render in ``folder``."""
    return [path for path in sorted(folder.glob("*.yaml")) if path.read_text(encoding="utf-8", errors="replace").startswith(_OURS)]


def rendered(name: str, file: Path | None = None) -> list[Manifest]:
    """Return the objects that a first deployment of stack ``name`` creates, by file name.

    The program runs as in a preview, on Pulumi's mocks: no state, cluster or passphrase is needed. Encrypted values of the stack file stay
    encrypted; checks of their content are left to ``pulumi preview``.

    Args:
        file: the stack file, by default the one in ``stacks/``.

    Raises:
        OpsError: there is no such stack, or its program refuses.
    """
    if file is None and name not in stack_names():
        raise OpsError(f"there is no stack '{name}'.", f"choose one of: {', '.join(stack_names())}.")
    stack_file = stackfile.read(file or STACKS / f"Pulumi.{name}.yaml")
    if stack_file.plain_secrets:
        commands = "\n".join(f"pulumi config set --secret --path '{path}'" for path in stack_file.plain_secrets)
        raise OpsError(
            f"stack {name}: a text under 'secure:' must be one that Pulumi encrypted.",
            "replace each secret: the file exposes it:",
            commands,
        )
    program = Program(name)
    try:
        run_program(paths.ROOT, name, stack_file.values, secret_keys=stack_file.secret_keys, preview=True, into=program)
    except pulumi.RunError as error:
        raise OpsError(f"the program refuses stack {name}.", "correct what its output names:", str(error)) from None
    return program.manifests()
