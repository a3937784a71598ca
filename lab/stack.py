"""One stack, driven by the real ``pulumi``: selected, deployed, previewed, destroyed, its outputs read."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab import paths
from lab.engine import Engine
from lab.errors import LabError

CONTEXT: Final = "portus-lab"
"""Kubeconfig context of the lab's own cluster; a stack that names it is deployed there."""

LAB_PASSPHRASE: Final = "portus-lab"  # noqa: S105 - said in the stack files: it protects nothing outside this machine
STACKS: Final = paths.ROOT / "stacks"

OWN_STATE: Final = paths.ROOT / ".pulumi-state"
"""State of stacks on the user's own clusters when no other backend is chosen. ``make down`` never removes it."""


def stack_names() -> list[str]:
    """Return the environments that have a stack file."""
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in STACKS.glob("Pulumi.*.yaml"))


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack and the engine that deploys it.

    Args:
        kubeconfig: of the cluster it is deployed to.
    """

    name: str
    engine: Engine
    kubeconfig: Path

    def select(self) -> None:
        """Select the stack, making it in the backend where it is new.

        Raises:
            LabError: the engine refused (wrong passphrase, unreachable backend).
        """
        self.environment_folder()
        self.run("stack", "select", "--create")

    def up(self, *extra: str) -> None:
        """Deploy; Pulumi's own display is shown. Raises `LabError` when it failed."""
        self._show("up", "--yes", "--skip-preview", *extra)

    def preview(self, *extra: str) -> None:
        """Preview; Pulumi's own display is shown. Raises `LabError` when it failed."""
        self._show("preview", *extra)

    def destroy(self) -> None:
        """Remove every resource; Pulumi's own display is shown. Raises `LabError` when it failed."""
        self._show("destroy", "--yes", "--skip-preview")

    def outputs(self) -> Mapping[str, Any]:
        """Return the stack's outputs, secrets in clear: for this process only.

        Raises:
            LabError: the stack was never deployed.
        """
        done = self._capture("stack", "output", "--json", "--show-secrets")
        values = json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else {}
        if not values:
            raise LabError(f"stack {self.name} has no outputs.", f"Deploy it first: make up STACK={self.name}", done.stderr.strip())
        return dict(values)

    def is_whole(self) -> bool:
        """Whether the stack is deployed, and its last deployment or removal was not cut off."""
        deployment = self.export().get("deployment", {})
        resources = deployment.get("resources") or []
        has_outputs = any(each["type"] == "pulumi:pulumi:Stack" and each.get("outputs") for each in resources)
        return has_outputs and not deployment.get("pending_operations")

    def export(self) -> Mapping[str, Any]:
        """Return the stack's state as the backend keeps it, secrets encrypted; empty for a stack it does not know."""
        done = self._capture("stack", "export")
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {}

    def run(self, *words: str) -> None:
        """Run another ``pulumi`` command on the stack without showing it.

        Raises:
            LabError: it failed, with what it said.
        """
        done = self._capture(*words)
        if done.returncode != 0:
            said = (done.stderr + done.stdout).strip()
            raise LabError(f"'pulumi {words[0]}' of stack {self.name} failed.", "It said:", said[-2000:])

    @property
    def context(self) -> str | None:
        """Context of the kubeconfig: the lab's own, else what the stack file says, None for the current one."""
        context = _file(self.name).get("portus:cluster", {}).get("context")
        return None if context is None else str(context)

    def environment(self) -> dict[str, str]:
        """Return the whole environment of a ``pulumi`` process."""
        environment = {**os.environ, **self.engine.environment(), "KUBECONFIG": str(self.kubeconfig)}
        if is_lab_stack(self.name):
            return environment | {"PULUMI_BACKEND_URL": f"file://{paths.STATE / 'state'}", "PULUMI_CONFIG_PASSPHRASE": LAB_PASSPHRASE}
        if "PULUMI_BACKEND_URL" not in environment and "PULUMI_ACCESS_TOKEN" not in environment:
            environment["PULUMI_BACKEND_URL"] = f"file://{OWN_STATE}"
            if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & environment.keys():
                environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(OWN_STATE / "passphrase")
        return environment

    def environment_folder(self) -> None:
        """Make the folder of a file backend, and a passphrase where this checkout's own backend has none."""
        environment = self.environment()
        if not environment.get("PULUMI_BACKEND_URL", "").startswith("file://"):
            return
        folder = Path(environment["PULUMI_BACKEND_URL"].removeprefix("file://"))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        passphrase = OWN_STATE / "passphrase"
        if folder == OWN_STATE and environment.get("PULUMI_CONFIG_PASSPHRASE_FILE") == str(passphrase) and not passphrase.exists():
            passphrase.touch(mode=0o600)
            passphrase.write_text(secrets.token_hex(32), encoding="utf-8")

    def command(self, *words: str) -> list[str]:
        """Return the command line of ``pulumi`` for this stack."""
        return [str(self.engine.pulumi), *words, "--non-interactive", "--cwd", str(paths.ROOT)]

    def _show(self, *words: str) -> None:
        process = subprocess.Popen(self.command(*words, "--stack", self.name), env=self.environment(), stdin=subprocess.DEVNULL)
        code = _wait(process)
        if code != 0:
            raise LabError(f"'pulumi {words[0]}' of stack {self.name} failed.", "What to mend stands above; then run it again.")

    def _capture(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words, "--stack", self.name),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for ``pulumi``, giving it the time to record what it did when the user interrupts: Ctrl-C reaches it as well."""
    try:
        return process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise


def is_lab_stack(name: str) -> bool:
    """Whether the stack's file deploys it to the lab's own cluster."""
    return str(_file(name).get("portus:cluster", {}).get("context")) == CONTEXT


def images_of(name: str) -> list[str]:
    """Return the images that the stack's file names."""
    return [image for image in _file(name).get("portus:images", {}).values() if isinstance(image, str) and image.startswith("localhost/")]


def _file(name: str) -> Mapping[str, Any]:
    path = STACKS / f"Pulumi.{name}.yaml"
    if not path.is_file():
        raise LabError(f"there is no stack '{name}' (no {path.relative_to(paths.ROOT)}).", f"The stacks are: {', '.join(stack_names())}.")
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")).get("config") or {})
