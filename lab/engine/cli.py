"""Finds the user's Pulumi, or builds the CLI from its Go module and completes it with the lab's language host and plugins.

The CLI is built once per machine, in the lab's cache. What belongs to this checkout (a link to the CLI, launchers that run this
checkout's code, the Pulumi home) is in ``.lab``, so that two checkouts do not disturb each other.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import golang, programs
from lab.engine import official, plugin_home
from lab.engine.plugin_home import LANGUAGE_HOST, is_launcher, write_launcher
from ops import paths
from ops.console import Step
from ops.environment import is_suitable, version_of

BIN: Final = paths.STATE / "engine" / "bin"
"""This checkout's CLI, language host and, where a genuine CLI lacks plugins, their stand-ins."""

HOME: Final = paths.STATE / "pulumi"
"""``PULUMI_HOME`` of the built CLI when the user's environment sets none."""

KEPT_LOGS: Final = 100


@dataclass(frozen=True, slots=True)
class Engine:
    """A complete engine. Run ``pulumi`` with ``environment()`` added to the process's own."""

    pulumi: Path
    """The CLI."""
    home: Path | None
    """``PULUMI_HOME`` to set, or None to leave the user's."""
    path: tuple[Path, ...]
    """Folders that go in front of ``PATH``."""
    genuine_cli: bool
    """The CLI was the user's own, with its own language host."""
    genuine_plugins: Mapping[str, bool]
    """For each provider plugin whether it is Pulumi's own (True) or the lab's stand-in (False)."""

    def environment(self) -> dict[str, str]:
        """Return what a process needs to run this engine, on top of its environment (whose ``PULUMI_*`` stay as they are)."""
        variables = {"PATH": os.pathsep.join([*map(str, self.path), os.environ.get("PATH", os.defpath)])}
        if self.home is not None:
            variables["PULUMI_HOME"] = str(self.home)
        variables["PULUMI_SKIP_UPDATE_CHECK"] = os.environ.get("PULUMI_SKIP_UPDATE_CHECK", "true")
        return variables

    @property
    def genuine(self) -> bool:
        """Nothing of this engine is the lab's."""
        return self.genuine_cli and all(self.genuine_plugins.values())


def ensure_engine(step: Step | None = None) -> Engine:
    """Return an engine that can run this checkout's program, building or installing what is missing.

    Args:
        step: the step on screen to report to; without one, each piece of work that takes time shows its own.

    Raises:
        OpsError: there is no suitable ``pulumi`` and no ``go`` to build one, the build failed, or the disk is full.
    """
    if (own := find_own_cli()) is not None:
        target = plugin_home.Target(os.environ.get("PULUMI_HOME"), launchers=BIN, in_home=False)
        plugins = plugin_home.ensure(own, target, step)
        path = (own.parent,) if all(plugins.values()) else (own.parent, BIN)
        return Engine(own, None, path, genuine_cli=True, genuine_plugins=plugins)
    home = Path(os.environ.get("PULUMI_HOME") or HOME)
    if (released := cli_of_its_publisher()) is not None:
        plugins = plugin_home.ensure(released, plugin_home.Target(str(home), launchers=BIN, in_home=False), step)
        path = (released.parent,) if all(plugins.values()) else (released.parent, BIN)
        return Engine(released, home, path, genuine_cli=True, genuine_plugins=plugins)
    pulumi = _linked_into_checkout(programs.ensure(["pulumi"])["pulumi"] / "pulumi")
    write_launcher(BIN / LANGUAGE_HOST, "lab.engine.language_host")
    plugins = plugin_home.ensure(pulumi, plugin_home.Target(str(home), launchers=BIN, in_home=True), step)
    if home == HOME:
        prune(home / "logs")
    return Engine(pulumi, home, (BIN,), genuine_cli=False, genuine_plugins=plugins)


def prune(folder: Path, keep: int = KEPT_LOGS) -> None:
    """Remove all but the ``keep`` newest logs in ``folder``: each ``pulumi`` command leaves one."""
    with suppress(OSError):  # another command of this checkout may prune at the same time
        for file in sorted(folder.glob("*.log"), key=lambda each: each.stat().st_mtime, reverse=True)[keep:]:
            file.unlink(missing_ok=True)


def cli_of_its_publisher() -> Path | None:
    """Return Pulumi's own release in the lab's cache, installed where Pulumi's site answers and the CLI was not built before; else None."""
    built = golang.has(programs.PULUMI)
    return official.find() if built else official.ensure()


def find_own_cli() -> Path | None:
    """Return the user's ``pulumi`` when it is recent enough and has its own Python language host, else None."""
    pulumi = shutil.which("pulumi")
    if pulumi is None or Path(pulumi).parent == BIN:
        return None
    host = _language_host(Path(pulumi))
    if host is None or is_launcher(host) or not is_suitable(version_of(pulumi)):
        return None
    return Path(pulumi)


def _language_host(pulumi: Path) -> Path | None:
    beside = pulumi.resolve().parent / LANGUAGE_HOST
    if beside.is_file():
        return beside
    language_host = shutil.which(LANGUAGE_HOST)
    return Path(language_host) if language_host else None


def _linked_into_checkout(built: Path) -> Path:
    """Put the CLI into ``BIN`` and return it there.

    The CLI looks for its language host beside its own file, symbolic links followed; so it must be a hard link, or a copy on another disk.
    """
    target = BIN / "pulumi"
    if target.is_file() and (
        target.samefile(built) or (target.stat().st_size, target.stat().st_mtime) == (built.stat().st_size, built.stat().st_mtime)
    ):
        return target
    BIN.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".pulumi.{os.getpid()}")
    try:
        fresh.hardlink_to(built)
    except OSError:
        shutil.copy2(built, fresh)
    fresh.replace(target)
    return target
