"""The provider plugins of an engine: the genuine ones where they are installed or can be downloaded, else the lab's stand-ins.

A launcher is a tiny script through which the engine starts this checkout's language host or plugin, whatever the environment.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops import paths
from ops.console import Step

LANGUAGE_HOST: Final = "pulumi-language-python"
"""The name under which the engine looks for the Python language host."""

_MARK: Final = "# Written by the Portus lab"
_BOOT: Final = "import runpy, sys; sys.path.insert(0, {root!r}); runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"


def write_launcher(path: Path, module: str) -> None:
    """Write a script at ``path`` that runs ``module`` of this checkout with this checkout's Python; an unchanged one is left alone."""
    python = paths.ROOT / ".venv" / "bin" / "python"
    interpreter = str(python if python.is_file() else sys.executable)
    boot = _BOOT.format(root=str(paths.ROOT), module=module)
    text = f'#!/bin/sh\n{_MARK}: it runs {module} of one checkout.\nexec {shlex.quote(interpreter)} -I -c {shlex.quote(boot)} "$@"\n'
    if path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o755)
    fresh.replace(path)


def is_launcher(path: Path) -> bool:
    """Tell whether ``path`` is one of the lab's launchers, of this checkout or another."""
    try:
        with path.open("rb") as file:
            return _MARK.encode() in file.read(200)
    except OSError:
        return False


MODULES: Final = {
    "random": "lab.engine.plugins.random_plugin",
    "tls": "lab.engine.plugins.tls_plugin",
    "kubernetes": "lab.engine.plugins.kube.provider",
}
"""Each plugin that the program needs, and the module that replaces it."""

ATTEMPT_SECONDS: Final = 10.0
"""How long the download site may take to begin to answer."""

DOWNLOAD_SECONDS: Final = 600.0
"""How long one plugin's download may take once the site has answered."""

RETRY_SECONDS: Final = 24 * 3600.0
"""How long a failed attempt counts: a closed network costs its seconds once a day, not with each command."""

_NO_DOWNLOADS: Final = paths.STATE / "engine" / "no-plugin-downloads"


@dataclass(frozen=True, slots=True)
class Target:
    """Where plugins go."""

    home: str | None
    """``PULUMI_HOME``, None for Pulumi's own default."""
    launchers: Path
    """Folder for launchers outside the home."""
    in_home: bool
    """Whether stand-ins may be put into the home. A genuine CLI's home belongs to the user: there they go onto PATH instead."""

    @property
    def plugins(self) -> Path:
        """The folder of installed plugins."""
        return Path(self.home or Path.home() / ".pulumi") / "plugins"


def ensure(pulumi: Path, target: Target, step: Step | None) -> dict[str, bool]:
    """Make every plugin available; return for each whether it is the genuine one."""
    state = {}
    for name, module in MODULES.items():
        version = importlib.metadata.version(f"pulumi-{name}")
        state[name] = is_genuine_installed(name, version, target) or _download(pulumi, name, version, target, step)
        stand_in = _stand_in(name, version, target)
        if state[name]:
            _remove_stand_in(stand_in)
        else:
            write_launcher(stand_in, module)
    return state


def is_genuine_installed(name: str, version: str, target: Target) -> bool:
    """Tell whether a genuine plugin that satisfies ``version`` is on PATH or in the home."""
    executable = f"pulumi-resource-{name}"
    on_path = shutil.which(executable)
    if on_path is not None and not is_launcher(Path(on_path)):
        return True
    required = _parse(version)
    for folder in target.plugins.glob(f"resource-{name}-v*"):
        found = _parse(folder.name.rpartition("-v")[2])
        file = folder / executable
        if found[0] == required[0] and found >= required and file.is_file() and not is_launcher(file):
            return True
    return False


def _parse(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _stand_in(name: str, version: str, target: Target) -> Path:
    executable = f"pulumi-resource-{name}"
    return target.plugins / f"resource-{name}-v{version}" / executable if target.in_home else target.launchers / executable


def _remove_stand_in(file: Path) -> None:
    """Remove a stand-in that a genuine plugin has replaced; a genuine file of that name stays."""
    if is_launcher(file):
        file.unlink()
        if file.parent.name.startswith("resource-") and not any(file.parent.iterdir()):
            file.parent.rmdir()


def _download(pulumi: Path, name: str, version: str, target: Target, step: Step | None) -> bool:
    """Try to install the genuine plugin; remember a closed network."""
    if _NO_DOWNLOADS.is_file() and 0 <= time.time() - _NO_DOWNLOADS.stat().st_mtime < RETRY_SECONDS:
        return False
    if step is not None:
        step.say(f"asking Pulumi's download site for the {name} plugin {version}")
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    if target.home is not None:
        environment["PULUMI_HOME"] = target.home
    _remove_stand_in(_stand_in(name, version, target))
    command = [str(pulumi), "plugin", "install", "resource", name, version]
    log = paths.LOGS / "plugin-install.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="portus-lab-plugin-") as arrivals, log.open("ab") as sink:
        environment["TMPDIR"] = arrivals
        installer = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT)
        code = _wait(installer, Path(arrivals))
    if code == 0 and is_genuine_installed(name, version, target):
        return True
    _NO_DOWNLOADS.parent.mkdir(parents=True, exist_ok=True)
    _NO_DOWNLOADS.touch()
    return False


def _wait(installer: subprocess.Popen[bytes], arrivals: Path) -> int | None:
    """Wait for the installer: ``ATTEMPT_SECONDS``, and longer only when bytes have begun to arrive in its temporary folder."""
    for seconds in (ATTEMPT_SECONDS, DOWNLOAD_SECONDS):
        try:
            return installer.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            if not any(file.is_file() and file.stat().st_size > 0 for file in arrivals.rglob("*")):
                break
    installer.terminate()
    installer.wait()
    return None
