"""A Pulumi project in a temporary folder, driven by the real engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.engine import Engine
from ops import paths

PASSPHRASE = "only for tests"
SDKS = {"k8s": "pulumi_kubernetes", "random": "pulumi_random", "tls": "pulumi_tls"}
"""Name in a program -> package. A program imports what it names alone: each takes a tenth of a second."""


@dataclass(frozen=True)
class Result:
    code: int
    text: str

    @property
    def diagnostics(self) -> str:
        """Return what the engine reports at the end, without the rows of progress that quote it."""
        return self.text.partition("Diagnostics:")[2]

    def count(self, what: str) -> int:
        """Return how many resources the summary says were created, updated, replaced, deleted, unchanged or imported."""
        found = re.search(rf"^\s*\D?[-+~]?\s*(\d+) (?:to )?{what}", self.text, re.MULTILINE)
        return int(found[1]) if found else 0


class Stack:
    def __init__(self, engine: Engine, folder: Path, extra_environment: dict[str, str] | None = None) -> None:
        self.engine = engine
        self.folder = folder
        state = folder / "state"
        state.mkdir()
        self.environment = {
            **os.environ,
            **engine.environment(),
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            **(extra_environment or {}),
        }
        project = {"name": "engine-test", "runtime": {"name": "python", "options": {"virtualenv": str(paths.ROOT / ".venv")}}}
        (folder / "Pulumi.yaml").write_text(json.dumps(project))
        self.program("")
        self.run("stack", "init", "test")

    def program(self, source: str) -> None:
        imports = [f"import {package} as {name}" for name, package in SDKS.items() if re.search(rf"\b{name}\.", source)]
        (self.folder / "__main__.py").write_text("\n".join(["import pulumi", *imports, textwrap.dedent(source)]))

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.engine.pulumi), *arguments, "--non-interactive", "--color", "never"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, fails: bool = False, timeout: float = 240) -> Result:
        process = self.popen(*arguments)
        text = process.communicate(timeout=timeout)[0]
        assert (process.returncode != 0) is fails, f"pulumi {' '.join(arguments)} ended with {process.returncode}:\n{text}"
        return Result(process.returncode, text)

    def up(self, *arguments: str, fails: bool = False) -> Result:
        return self.run("up", "--yes", "--skip-preview", *arguments, fails=fails)

    def preview(self, *arguments: str, fails: bool = False) -> Result:
        return self.run("preview", *arguments, fails=fails)

    def refresh(self, *arguments: str) -> Result:
        return self.run("refresh", "--yes", "--skip-preview", *arguments)

    def destroy(self) -> Result:
        return self.run("destroy", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        answer = self.run("stack", "output", "--json", "--show-secrets").text
        found: dict[str, Any] = json.loads(answer)
        return found

    def export(self) -> dict[str, Any]:
        """Return the state as ``pulumi stack export`` gives it, from the backend's file: at once, so that a test may look often."""
        written = json.loads((self.folder / "state" / ".pulumi" / "stacks" / "engine-test" / "test.json").read_text(encoding="utf-8"))
        return {"version": written["version"], "deployment": dict(written["checkpoint"]["latest"] or {})}

    def resource(self, name: str) -> dict[str, Any]:
        """Return the state of the one resource with this logical name."""
        (found,) = [entry for entry in self.export()["deployment"].get("resources", []) if entry["urn"].endswith(f"::{name}")]
        resource: dict[str, Any] = found
        return resource

    def names(self) -> set[str]:
        return {entry["urn"].rpartition("::")[2] for entry in self.export()["deployment"].get("resources", [])}

    def everything_written(self) -> str:
        """Return the content of every file of the backend: what a thief of the state would read."""
        return "\n".join(path.read_text(errors="replace") for path in (self.folder / "state").rglob("*") if path.is_file())


CLUSTER_HEADER = """
provider = k8s.Provider("cluster", kubeconfig={kubeconfig!r}, cluster_identifier="test"{more})
NAMESPACE = {namespace!r}
IMAGE = {image!r}
def options(**more):
    return pulumi.ResourceOptions(provider=provider, **more)
def meta(name=None, **more):
    return {{"namespace": NAMESPACE, **({{"name": name}} if name else {{}}), **more}}
def pod(command, **more):
    container = {{"name": "main", "image": IMAGE, "command": command, "terminationMessagePolicy": "FallbackToLogsOnError", **more}}
    return {{"terminationGracePeriodSeconds": 0, "containers": [container]}}
def deployment(name, spec, annotations=None, opts=None, **more):
    labels = {{"app": name}}
    template = {{"metadata": {{"labels": labels}}, "spec": spec}}
    body = {{"selector": {{"matchLabels": labels}}, "template": template, **more}}
    return k8s.apps.v1.Deployment(name, metadata=meta(name, annotations=annotations or {{}}), spec=body, opts=opts or options())
"""

IMAGE = "localhost/busybox-lab:1"
"""An image that the lab's cluster has without pulling: the one its volume provisioner works with."""


class ClusterStack(Stack):
    """A stack whose programs have a provider, a namespace of their own and a few short-hands."""

    def __init__(self, engine: Engine, folder: Path, kubeconfig: Path, namespace: str) -> None:
        self.kubeconfig = str(kubeconfig)
        self.namespace = namespace
        super().__init__(engine, folder)

    def program(self, source: str, provider_arguments: str = "") -> None:
        more = f", {provider_arguments}" if provider_arguments else ""
        header = CLUSTER_HEADER.format(kubeconfig=self.kubeconfig, namespace=self.namespace, image=IMAGE, more=more)
        super().program(header + textwrap.dedent(source))
