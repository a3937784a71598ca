"""Builds programs from Go modules into the cache shared by all checkouts."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path

from lab import cache, process
from lab.console import Step, step
from lab.errors import LabError
from lab.paths import LOGS


def go_program(
    name: str,
    source: Path,
    package: str,
    current: Step | None = None,
    *,
    version: str = "",
    flags: str = "",
    tags: str = "",
    links: tuple[str, ...] = (),
    needs_gib: float = 0.5,
) -> Path:
    """Return the cache's folder with the static program ``name``, built unless it is there; an interrupted build goes on where it was.

    Args:
        source: folder with go.mod and go.sum, which fix every version, so that a build is the same everywhere.
        package: what to build there.
        current: the step that shows the build; None makes one where there is something to build.
        version: part of the key, and shown.
        flags: of the linker.
        tags: of the build, separated by commas.
        links: further names of the program in the folder.

    Raises:
        LabError: no ``go``, too little disk, or the build failed (with its last lines).
    """
    flags = f"-s -w {flags}".strip()

    def make(folder: Path) -> None:
        if shutil.which("go") is None:
            raise LabError(
                f"'go' is not on PATH: the lab builds {name} from its Go module.",
                "Install Go 1.25 or newer, or deploy to a cluster that you have: make up STACK=dev KUBECONFIG=...",
            )
        words: list[str | Path] = ["nice", "go", "build", "-v", "-trimpath", "-tags", tags, "-ldflags", flags, "-o", folder / name, package]
        # Without cgo the programs need no library of the machine: some run in images that hold nothing else.
        environment = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
        with step(f"program {name} {version}".strip()) if current is None else nullcontext(current) as shown:
            shown.say(f"building {name} {version}")
            process.run(words, log=LOGS / f"build-{name}.log", step=shown, cwd=source, env=environment)
        for link in links:
            (folder / link).unlink(missing_ok=True)
            (folder / link).symlink_to(name)

    return cache.build(
        f"go-{name}", cache.key(cache.tree_key(source), version, package, flags, *([tags] if tags else [])), make, needs_gib=needs_gib
    )
