"""Verifies stack files as a pull request's pipeline does: without passphrase, cluster, engine or root."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Final

from lab.manifests.lint import WAIVERS
from lab.manifests.objects import Objects
from lab.manifests.results import failures, read_waivers
from lab.manifests.rules import judge
from lab.render.objects import Manifest
from lab.render.render import HEADER, earlier, rendered
from ops import paths
from ops.console import console, escape
from ops.errors import OpsError
from ops.pulumi.stack import STACKS

RENDERED: Final = "rendered"
"""Folder beside the stack files for the renders that are committed: ``stacks/rendered/<stack>/``."""


def verify(name: str) -> None:
    """Check stack ``name``: its file loads, its objects pass our rules and are those of the render that is committed beside it, if any.

    Raises:
        OpsError: one of these does not hold, with every finding.
    """
    manifests = rendered(name)
    console.print(f"{name}: the stack file loads, {len(manifests)} objects")
    waivers = read_waivers(WAIVERS)
    found = [f"{each.of} {each.reference}: {each.problem}" for each in failures(judge(Objects(manifests)), waivers)]
    folder = STACKS / RENDERED / name
    display_path = folder.relative_to(paths.ROOT) if folder.is_relative_to(paths.ROOT) else folder
    again = f"make render STACK={name} DIR={display_path}"
    if folder.is_dir():
        changed = difference(manifests, name, folder)
        if changed:
            fix = f"review the difference; to accept it: {again}"
            raise OpsError(f"stack {name} differs from its committed render in {display_path}.", fix, "\n".join([*found, *changed]))
        console.print(f"{name}: the objects are those of {escape(str(display_path))}")
    else:
        console.print(f"{name}: no committed render to compare with; to add one: {again}")
    if found:
        raise OpsError(f"stack {name}: {len(found)} findings.", "change the settings that the findings name.", "\n".join(found))
    console.print(f"{name}: no findings of the manifest rules")


def difference(manifests: list[Manifest], name: str, folder: Path) -> list[str]:
    """Return the unified difference from the render in ``folder`` to ``manifests``, empty if there is none."""
    new = {each.file_name: HEADER.format(name) + each.to_yaml() for each in manifests}
    old = {path.name: path.read_text(encoding="utf-8") for path in earlier(folder)}
    return [
        line
        for file in sorted(new.keys() | old.keys())
        for line in difflib.unified_diff(
            old.get(file, "").splitlines(), new.get(file, "").splitlines(), f"{file} (committed)", f"{file} (now)", lineterm=""
        )
    ]
