"""Builds programs from Go modules into the cache shared by all checkouts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lab import cache, downloads
from ops import process
from ops.console import Step, step
from ops.errors import OpsError
from ops.paths import LOGS

ENVIRONMENT: Final = MappingProxyType(
    {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOWORK": "off",
        "GOGC": "off",
        "GOMEMLIMIT": "2GiB",
    }
)
"""Without cgo the programs need no library of the machine: some run in images that hold nothing else. A compiler lives for seconds and
gives its memory back by ending: collecting garbage before it holds 2 GiB would take a fifth of the build."""

FAST: Final = ("-trimpath", "-pgo=off", "-gcflags=all=-dwarf=false")
"""The same for every program, for Go's cache shares a package between programs only if it was compiled with equal flags. Profiles would
compile every package once for each program; debug information would be compiled, then dropped by the linker's ``-w``."""

STRIPPED: Final = "-s -w"


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program of a Go module.

    Attributes:
        name: of the file.
        source: folder with go.mod and go.sum, which fix every version, so that a build is the same everywhere.
        package: the one with the ``main`` function.
        version: part of the cache's key, and shown.
        flags: of the linker.
        tags: of the build, separated by commas.
        links: further names of the program in its folder.
        apart: it cannot be built by the same command as the module's other programs.
    """

    name: str
    source: Path
    package: str
    version: str = ""
    flags: str = ""
    tags: str = ""
    links: tuple[str, ...] = ()
    apart: bool = False

    @property
    def linker_flags(self) -> str:
        """All flags of the linker."""
        return f"{STRIPPED} {self.flags}".strip()

    @property
    def executable(self) -> str:
        """What Go names the file."""
        return Path(self.package).name or self.source.name


def ensure(programs: Sequence[Program], *, needs_gib: float = 1.0) -> dict[str, Path]:
    """Return for each program its folder in the cache; what is missing is downloaded where its publisher's site answers, or built.

    An interrupted build goes on where it was.

    Raises:
        OpsError: no ``go``, too little disk, or a build failed (with its last lines).
    """
    by_entry = {_entry(each): each for each in programs}

    def make(folders: Mapping[tuple[str, str], Path]) -> None:
        missing = {by_entry[entry]: folder for entry, folder in folders.items()}
        with step(f"programs: {', '.join(each.name for each in missing)}") as progress:
            built = {each: folder for each, folder in missing.items() if not _download(each, folder, progress)}
            for together in _commands(built):
                _compile({each: built[each] for each in together}, progress)

    folders = cache.build_all(list(by_entry), make, needs_gib=needs_gib)
    return {each.name: folders[entry] for entry, each in by_entry.items()}


def has(program: Program) -> bool:
    """Whether the cache holds the program."""
    return cache.find(*_entry(program)) is not None


def _entry(program: Program) -> tuple[str, str]:
    return f"go-{program.name}", cache.key(
        cache.tree_key(program.source), program.version, program.package, program.linker_flags, program.tags
    )


def _download(program: Program, folder: Path, progress: Step) -> bool:
    download = downloads.for_this_machine(program.name, program.version)
    return download is not None and downloads.fetch(download, folder, progress)


def _commands(programs: Iterable[Program]) -> list[list[Program]]:
    """Return the programs that one command builds: while one is linked, which keeps one processor busy, the others are compiled."""
    groups: dict[tuple[Path, str, str], list[Program]] = {}
    for each in programs:
        groups.setdefault((each.source, each.tags, each.name if each.apart else ""), []).append(each)
    return list(groups.values())


def _compile(programs: Mapping[Program, Path], progress: Step) -> None:
    require_go(", ".join(each.name for each in programs))
    first = next(iter(programs))
    built = programs[first] / ".built"
    built.mkdir(exist_ok=True)
    packages = [each.package for each in programs]
    flags = [word for each in programs for word in ("-ldflags", f"{each.package}={each.linker_flags}")]
    words: list[str | Path] = ["nice", "go", "build", "-v", *FAST, "-tags", first.tags, *flags, "-o", f"{built}/", *packages]
    counted = _Progress(progress, _count_packages(first.source, packages))
    process.run(words, log=LOG, step=counted, cwd=first.source, env=ENVIRONMENT, fix=RESUME)
    for each, folder in programs.items():
        (built / each.executable).replace(folder / each.name)
        for link in each.links:
            (folder / link).unlink(missing_ok=True)
            (folder / link).symlink_to(each.name)
    shutil.rmtree(built)


LOG: Final = LOGS / "build-programs.log"

RESUME: Final = f"repeat the command, which continues where it stopped; the whole output is in {LOG}."


class _Progress:
    """Turns Go's list of compiled packages into how many are left, and how long that takes at the pace so far."""

    def __init__(self, step: Step, total: int) -> None:
        self._step = step
        self._total = total
        self._done = 0
        self._began = step.seconds

    def say(self, line: str) -> None:
        """Take one line of ``go build -v``."""
        if re.fullmatch(r"[\w./~-]+", line.strip()) is None:
            self._step.say(line)
            return
        self._done = min(self._done + 1, self._total)
        pace = (self._step.seconds - self._began) / self._done
        left = pace * (self._total - self._done)
        time = "less than a minute" if left < 60 else f"at most {round(left / 60)} min"  # noqa: PLR2004 - seconds of a minute
        self._step.say(f"{self._done} of {self._total} packages, {time} left: {line.strip()}")


def require_go(purpose: str) -> None:
    """Make sure that there is a Go to build with.

    Raises:
        OpsError: there is none.
    """
    if shutil.which("go") is None:
        raise OpsError(
            f"'go' must be on PATH to build {purpose}.",
            "install Go 1.25 or newer, or deploy to a cluster of yours: make up STACK=dev KUBECONFIG=...",
        )


def _count_packages(folder: Path, words: Sequence[str]) -> int:
    """Return how many packages a build compiles at most; 1 where Go does not tell, for the build itself tells why."""
    listed = _go(folder, "list", "-deps", *words)
    return max(1, len(listed.splitlines()))


def _go(folder: Path, *words: str) -> str:
    environment = {**os.environ, **ENVIRONMENT}
    return subprocess.run(["go", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout
