"""Pulumi's own CLI from Pulumi's download site, where that answers: installed by the SDK's ``PulumiCommand.install``, in the SDK's version.

What arrives is as trustworthy as TLS to Pulumi's site and its installer: Pulumi's checksum of this version is in no package registry, so
none is pinned here. `lab.downloads` holds what has one.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx

from lab import cache, downloads, versions
from lab.engine.plugin_home import LANGUAGE_HOST
from ops.console import Step, console, escape, step
from ops.errors import OpsError

SITE: Final = "https://get.pulumi.com"

INSTALL: Final = """
import sys
from pulumi.automation import PulumiCommand
from semver import VersionInfo
PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))
"""
"""Run in a process of its own: the SDK waits for the site without a bound."""

SECONDS: Final = 240.0
"""How long the installation may take; a build takes about as long."""

_ENTRY: Final = ("pulumi-official", cache.key(versions.PULUMI))


def find() -> Path | None:
    """Return the installed CLI, None where it was never installed."""
    folder = cache.find(*_ENTRY)
    return folder and folder / "bin" / "pulumi"


def ensure() -> Path | None:
    """Return the CLI, installed where the site answers; None where it does not: then the CLI is built. One line says which and why."""
    if (found := find()) is not None:
        return found
    site = SITE.split("/")[2]
    if downloads.is_silent(site):
        return None
    try:
        httpx.head(SITE, timeout=downloads.ANSWER_SECONDS)
    except httpx.HTTPError as error:
        downloads.note_silent(site)
        _refuse(f"{site} does not answer ({type(error).__name__})")
        return None

    def make(folder: Path) -> None:
        with step(f"Pulumi {versions.PULUMI} from {site}") as current:
            _install(folder, current)

    try:
        return cache.build(*_ENTRY, make) / "bin" / "pulumi"
    except OpsError as error:
        _refuse(error.problem)
        return None


def _install(folder: Path, current: Step) -> None:
    shutil.rmtree(folder / "bin", ignore_errors=True)  # the SDK would take what an earlier run has left
    current.say("the SDK installs it")
    try:
        done = subprocess.run(
            [sys.executable, "-c", INSTALL, str(folder), versions.PULUMI],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OpsError(f"Pulumi's installer takes longer than {SECONDS:.0f} s", "Wait.") from error
    if done.returncode != 0:
        last = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "it says nothing")
        raise OpsError(f"Pulumi's installer failed: {last.strip()[:200]}", "Wait.")
    version = subprocess.run([folder / "bin" / "pulumi", "version"], capture_output=True, text=True, check=False).stdout.strip()
    if version != f"v{versions.PULUMI}" or not (folder / "bin" / LANGUAGE_HOST).is_file():
        raise OpsError(f"Pulumi's installer was to bring v{versions.PULUMI} with {LANGUAGE_HOST}, and brought {version!r}", "Wait.")


def _refuse(reason: str) -> None:
    console.print(f"  note: {escape(reason)}: building Pulumi {versions.PULUMI} from source instead")
