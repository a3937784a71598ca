"""A stack's trial: the program as it stands and its floor, each a Pulumi project in a scratch folder with a state of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab.bench.figures import Pair, Run
from lab.bench.floor import floor_program
from lab.engine import Engine
from ops import paths
from ops.console import Step
from ops.errors import OpsError

PROBE: Final = Path(__file__).with_name("probe")
PASSPHRASE: Final = "portus-bench"  # noqa: S105 - protects nothing: the state goes with the bench

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "preview": ("preview", "--expect-no-changes"),
    "noop_up": ("up", "--yes", "--skip-preview", "--expect-no-changes"),
}
"""What is measured: on a stack that is deployed and unchanged, for floor and program alike."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A Pulumi project in a folder of its own.

    Args:
        name: the stack's.
        folder: holds the program and, in ``state``, the backend.
        kubeconfig: of the cluster.
    """

    name: str
    engine: Engine
    folder: Path
    kubeconfig: Path

    @classmethod
    def of_checkout(cls, *, name: str, engine: Engine, folder: Path, kubeconfig: Path, settings: Mapping[str, Any]) -> Project:
        """Copy the checkout's program, so that no edit comes between two runs; ``settings`` is the stack file's content."""
        project = cls(name=name, engine=engine, folder=folder, kubeconfig=kubeconfig)
        project._make(yaml.safe_dump(dict(settings), sort_keys=False))
        shutil.copytree(paths.ROOT / "components", folder / "components", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(paths.ROOT / "__main__.py", folder)
        project.run("stack", "init", name)
        return project

    def floor(self, folder: Path) -> Project:
        """Return the floor of this deployed project, which believes to have deployed the same objects."""
        project = Project(name=self.name, engine=self.engine, folder=folder, kubeconfig=self.kubeconfig)
        state = json.loads(self.run("stack", "export", "--show-secrets"))
        salt = {key: value for key, value in yaml.safe_load(self._stack_file.read_text(encoding="utf-8")).items() if key != "config"}
        project._make(yaml.safe_dump(salt))
        shutil.copytree(self.folder / "state", folder / "state", dirs_exist_ok=True)
        # A module, which Python compiles once, not the main program, which it compiles each time: the floor shall be as low as it can be.
        (folder / "floor.py").write_text(floor_program(state), encoding="utf-8")
        (folder / "__main__.py").write_text("import floor\n", encoding="utf-8")
        return project

    def _make(self, stack_file: str) -> None:
        (self.folder / "state").mkdir(parents=True, mode=0o700)
        self._stack_file.parent.mkdir()
        self._stack_file.write_text(stack_file, encoding="utf-8")
        shutil.copy(paths.ROOT / "Pulumi.yaml", self.folder)
        (self.folder / ".venv").symlink_to(paths.ROOT / ".venv")

    @property
    def _stack_file(self) -> Path:
        return self.folder / "stacks" / f"Pulumi.{self.name}.yaml"

    def outputs(self) -> dict[str, Any]:
        """Return the deployed stack's outputs, secrets in clear: for this process only."""
        return dict(json.loads(self.run("stack", "output", "--json", "--show-secrets")))

    def run(self, *words: str) -> str:
        """Run a ``pulumi`` command and return what it printed.

        Raises:
            OpsError: it failed, with the end of what it said.
        """
        environment = {
            **os.environ,
            **self.engine.environment(),
            "KUBECONFIG": str(self.kubeconfig),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(PROBE), os.environ.get("PYTHONPATH")])),
            "PORTUS_BENCH_REPORT": str(self._report),
        }
        target = () if words[:2] == ("stack", "init") else ("--stack", self.name)
        command = [str(self.engine.pulumi), *words, *target, "--non-interactive", "--color=never", "--cwd", str(self.folder)]
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                output, complaint = (stream.decode(errors="replace") for stream in process.communicate())
            except BaseException:
                process.send_signal(signal.SIGINT)
                process.communicate()
                raise
        if process.returncode != 0:
            raise OpsError(
                f"'pulumi {words[0]}' of the bench's stack {self.name} failed.",
                "correct what its output names:",
                f"{output}\n{complaint}".strip()[-3000:],
            )
        return output

    def measure(self, verb: str) -> Run:
        """Run ``verb`` of `COMMANDS` once.

        Raises:
            OpsError: it failed or would change something, so that it is no no-op.
        """
        self._report.unlink(missing_ok=True)
        began = time.monotonic()
        self.run(*COMMANDS[verb])
        wall = time.monotonic() - began
        report = json.loads(self._report.read_text(encoding="utf-8"))
        return Run(wall=wall, peak_mib=report["peak_kib"] / 1024, program=report["seconds"])

    @property
    def _report(self) -> Path:
        return self.folder / "report.json"


def warm_up(*projects: Project) -> None:
    """Run each once: that compiles it, and writes what a floor registers differently into its state."""
    for project in projects:
        project.measure("noop_up")


def compare(verb: str, *, floor: Project, program: Project, runs: int, step: Step) -> Pair:
    """Run ``verb`` by floor and program in turn, so that both meet the same machine."""
    found: dict[str, list[Run]] = {"floor": [], "program": []}
    for number in range(runs):
        for name, project in (("floor", floor), ("program", program)):
            step.say(f"run {number + 1} of {runs}, {name}")
            found[name].append(project.measure(verb))
    return Pair(floor=found["floor"], program=found["program"])
