"""Renders a stack: a real preview of its program in a scratch project, with plugins that write the objects down."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lab import paths
from lab.console import console, escape, step
from lab.engine import Engine, ensure_engine
from lab.engine.launchers import write_launcher
from lab.errors import LabError
from lab.render.kubernetes_plugin import FOLDER
from lab.render.objects import Manifest, in_order
from lab.stack import STACKS, Stack, document_of, stack_names

_PROJECT: Final = ("Pulumi.yaml", "__main__.py", "requirements.txt", "components", ".venv")
"""What the program is made of, beside its stack file."""

_HEADER: Final = "# Rendered from stack {} for review; secrets are left out, so it cannot be applied.\n"
_OURS: Final = "# Rendered from stack "


def render(name: str, folder: Path) -> None:
    """Write the objects of stack ``name`` into ``folder``, one file each; earlier renders there are removed, other files stay.

    Raises:
        LabError: there is no such stack, its program refuses, or ``folder`` is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise LabError(f"{folder} is no folder.", "Name a folder for the YAML: make render STACK=... DIR=...")
    with step(f"rendering stack {name}"):
        manifests = rendered(name)
    write(manifests, name, folder)
    console.print(f"{len(manifests)} objects in {escape(str(folder))}")


def write(manifests: Sequence[Manifest], name: str, folder: Path) -> None:
    """Write the objects of stack ``name`` as `render` does."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.yaml"):
        if old.read_text(encoding="utf-8", errors="replace").startswith(_OURS):
            old.unlink()
    for each in manifests:
        (folder / each.file_name).write_text(_HEADER.format(name) + each.to_yaml(), encoding="utf-8")


def rendered(name: str, engine: Engine | None = None) -> list[Manifest]:
    """Return the objects that a first deployment of stack ``name`` creates, by file name.

    It is a preview by the real engine with a backend of its own: neither the stack's state nor its file is touched, no cluster is asked.

    Raises:
        LabError: there is no such stack, or its program refuses.
    """
    if name not in stack_names():
        raise LabError(f"there is no stack '{name}'.", f"The stacks are: {', '.join(stack_names())}.")
    engine = engine or ensure_engine()
    with _scratch(name) as project:
        environment = _environment(name, engine, project)
        _pulumi(engine, project, environment, "stack", "init", name, "--no-select", *_secrets_provider(name))
        _pulumi(engine, project, environment, "preview", "--stack", name)
        documents = [json.loads(file.read_text(encoding="utf-8")) for file in (project / "objects").iterdir()]
    return in_order(map(Manifest, documents))


@contextmanager
def _scratch(name: str) -> Iterator[Path]:
    """Make a project that is this checkout's program with a copy of one stack file: ``pulumi stack init`` writes into it."""
    with tempfile.TemporaryDirectory(prefix="portus-render-") as folder:
        project = Path(folder).resolve()
        for entry in _PROJECT:
            (project / entry).symlink_to(paths.ROOT / entry)
        for made in ("stacks", "state", "objects", "bin"):
            (project / made).mkdir()
        shutil.copy(STACKS / f"Pulumi.{name}.yaml", project / "stacks")
        for package in ("kubernetes", "random", "tls"):
            write_launcher(project / "bin" / f"pulumi-resource-{package}", f"lab.render.{package}_plugin")
        yield project


def _environment(name: str, engine: Engine, project: Path) -> dict[str, str]:
    """Return the environment: the user's passphrase, where there is one, reads the encrypted values of the stack file."""
    environment = Stack(name=name, engine=engine, kubeconfig=project / "no-kubeconfig").environment()
    environment |= {"PULUMI_BACKEND_URL": f"file://{project / 'state'}", FOLDER: str(project / "objects")}
    environment.pop("PULUMI_IGNORE_AMBIENT_PLUGINS", None)
    environment["PATH"] = os.pathsep.join([str(project / "bin"), environment["PATH"]])  # the engine prefers plugins on PATH
    file = environment.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if "PULUMI_CONFIG_PASSPHRASE" not in environment and not (file and Path(file).is_file()):
        environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        environment["PULUMI_CONFIG_PASSPHRASE"] = secrets.token_hex(16)
    return environment


def _secrets_provider(name: str) -> list[str]:
    provider = document_of(name).get("secretsprovider")
    return ["--secrets-provider", str(provider)] if provider else []


def _pulumi(engine: Engine, project: Path, environment: dict[str, str], *words: str) -> None:
    command = [str(engine.pulumi), *words, "--non-interactive", "--color", "never", "--cwd", str(project)]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        said = done.stdout.partition("Diagnostics:")[2] or done.stdout
        raise LabError(f"'pulumi {words[0]}' failed, so there is nothing to render.", "It said:", said.strip())
