"""The Python environment of a Pulumi program: which interpreter runs it and what is installed there."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class InterpreterError(Exception):
    """The program's interpreter cannot be used as Pulumi.yaml asks."""


@dataclass(frozen=True, slots=True)
class RequiredPlugin:
    """A provider plugin that an installed package needs."""

    name: str
    version: str
    server: str


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The interpreter that runs a program."""

    python: Path
    folder: Path | None
    """The virtualenv, None for the interpreter on PATH."""

    @classmethod
    def of(cls, root: Path, options: Mapping[str, Any]) -> Interpreter:
        """Return the interpreter that ``runtime.options`` of Pulumi.yaml name: a virtualenv (relative to ``root``), else Python on PATH.

        Raises:
            InterpreterError: the virtualenv is missing, or another toolchain than pip is asked for.
        """
        if (toolchain := options.get("toolchain", "pip")) != "pip":
            raise InterpreterError(f"the lab's language host knows the toolchain pip only, not {toolchain}; the genuine host knows all.")
        if not (virtualenv := options.get("virtualenv")):
            name = os.environ.get("PULUMI_PYTHON_CMD") or "python3"
            found = shutil.which(name)
            if found is None:
                raise InterpreterError(f"no '{name}' on PATH to run the program with.")
            return cls(Path(found), None)
        folder = root / virtualenv
        python = folder / "bin" / "python"
        if not python.exists():
            raise InterpreterError(
                f"the virtualenv {folder} of Pulumi.yaml does not exist or has no bin/python; 'pulumi install' makes it."
            )
        return cls(python, folder)

    @classmethod
    def install_commands(cls, root: Path, program: Path, options: Mapping[str, Any]) -> list[list[str]]:
        """Return the commands that make the virtualenv, when it is missing, and install ``requirements.txt``."""
        commands: list[list[str]] = []
        try:
            python = str(cls.of(root, options).python)
        except InterpreterError:
            virtualenv = options.get("virtualenv")
            if not virtualenv or options.get("toolchain", "pip") != "pip":
                raise
            commands.append([str(cls.of(root, {}).python), "-m", "venv", str(root / virtualenv)])
            python = str(root / virtualenv / "bin" / "python")
        requirements = program / "requirements.txt"
        if requirements.is_file():
            commands.append([python, "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)])
        return commands

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return ``base`` with the virtualenv activated."""
        environment = dict(base)
        if self.folder is not None:
            environment["VIRTUAL_ENV"] = str(self.folder)
            environment["PATH"] = os.pathsep.join([str(self.folder / "bin"), base.get("PATH", os.defpath)])
            environment.pop("PYTHONHOME", None)
        return environment

    def version(self) -> str:
        """Return the interpreter's version."""
        code = "import platform; print(platform.python_version())"
        return subprocess.run([str(self.python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    def site_packages(self) -> list[Path]:
        """Return the folders of installed packages."""
        if self.folder is not None:
            return sorted(self.folder.glob("lib/python3*/site-packages"))
        code = "import json, sys; print(json.dumps(sys.path[1:]))"
        answer = subprocess.run([str(self.python), "-c", code], capture_output=True, text=True, check=True).stdout
        return [Path(folder) for folder in json.loads(answer) if Path(folder).is_dir()]

    def required_plugins(self) -> list[RequiredPlugin]:
        """Return the resource plugins that installed packages declare in their ``pulumi-plugin.json``."""
        found = []
        for folder in self.site_packages():
            for file in sorted(folder.glob("*/pulumi-plugin.json")):
                declared = json.loads(file.read_text(encoding="utf-8"))
                version = declared.get("version")
                if declared.get("resource") and version:
                    name = declared.get("name") or file.parent.name.removeprefix("pulumi_").replace("_", "-")
                    found.append(RequiredPlugin(name, version if version.startswith("v") else f"v{version}", declared.get("server") or ""))
        return found


def packages_in(folders: Iterable[Path]) -> list[tuple[str, str]]:
    """Return name and version of every distribution in ``folders``."""
    return sorted(
        (found.metadata["Name"], found.version) for found in importlib.metadata.distributions(path=[str(folder) for folder in folders])
    )
