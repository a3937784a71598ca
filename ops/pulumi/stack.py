"""One stack, driven by the real ``pulumi``: selected, deployed, previewed, destroyed, its outputs read."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from ops import paths
from ops.environment import Engine, Environment, Operator
from ops.errors import OpsError, told_by_reader
from ops.kube.client import Kube
from ops.pulumi import backend

if TYPE_CHECKING:
    from ops.deployment import Deployment

STACKS: Final = paths.ROOT / "stacks"

PROJECT: Final = "portus"
"""``name`` of Pulumi.yaml, under which backends keep the stacks."""

SALT: Final = "encryptionsalt"
"""Key of a stack file by which Pulumi sees whether a passphrase is the one that encrypted it."""

NON_INTERACTIVE: Final = "--non-interactive"

UNKNOWN: Final = "no stack named '{}' found"
"""What ``pulumi`` says of a stack that its backend does not know."""


class Consent(Enum):
    """How a change of a stack is agreed to; the value is the argument for ``pulumi``."""

    UNASKED = ("--yes", "--skip-preview")
    """A stack of the lab: all of it can be created again."""

    BEFOREHAND = ("--yes",)
    """The user said yes on the command line. The preview is still made and shown: one that fails ends the run before any change."""

    AT_THE_PROMPT = ()
    """Pulumi shows the preview and asks on the terminal."""


NO_YAML: Final = "correct the YAML at that place. Nothing was created or changed."


def stack_names() -> list[str]:
    """Return the environments that have a stack file."""
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in STACKS.glob("Pulumi.*.yaml"))


EXCERPT: Final = 2000
"""Characters of an output's end that an error shows."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack and the engine that deploys it.

    Args:
        kubeconfig: of the cluster it is deployed to.
        own_backend: Pulumi's variables for its backend and passphrase, where its environment keeps the state; None: the user's backend.
    """

    name: str
    engine: Engine
    kubeconfig: Path
    own_backend: Mapping[str, str] | None = None

    @property
    def kube(self) -> Kube:
        """The cluster that it is deployed to."""
        return Kube(kubeconfig=self.kubeconfig, context=self.context)

    def deployment(self, environment: Environment | None = None) -> Deployment:
        """Return the stack as it is deployed, seen from ``environment`` (by default from the operator's own machine).

        Raises:
            OpsError: as `outputs`.
        """
        from ops.deployment import Deployment  # noqa: PLC0415 - heavy

        seen = environment or Operator(self.kubeconfig)
        return Deployment(stack=self.name, outputs=self.outputs(), kubeconfig=self.kubeconfig, context=self.context, environment=seen)

    def select(self) -> None:
        """Select the stack, making it in the backend where it is new.

        Raises:
            OpsError: the engine refused (wrong passphrase, unreachable backend); or the stack is kept in this checkout, and a backend that
                does not know it was named since: a second one would be made over it, with new passwords, keys and CA.
        """
        if self._is_kept_here() and self._asked_for_outputs() is None:
            raise self._unknown()
        self.environment_folder()
        self.run("stack", "select", "--create")

    def require_known(self) -> None:
        """Make sure that the backend knows the stack.

        Raises:
            OpsError: it does not, or could not be asked.
        """
        self._output()

    def up(self, *extra: str, consent: Consent = Consent.UNASKED) -> None:
        """Deploy; Pulumi's own display is shown. Raises `OpsError` when it failed or was declined."""
        self._show("up", *consent.value, *extra, on_terminal=consent is Consent.AT_THE_PROMPT)

    def preview(self, *extra: str) -> None:
        """Preview; Pulumi's own display is shown, on a terminal as a tree. Raises `OpsError` when it failed."""
        self._show("preview", *extra, on_terminal=sys.stdout.isatty())

    def destroy(self, consent: Consent = Consent.UNASKED) -> None:
        """Remove every resource; Pulumi's own display is shown. Raises `OpsError` when it failed or was declined."""
        self._show("destroy", *consent.value, on_terminal=consent is Consent.AT_THE_PROMPT)

    def outputs(self) -> Mapping[str, Any]:
        """Return the stack's outputs, secrets in clear: for this process only.

        Raises:
            OpsError: the backend does not know the stack, it was never deployed, or the engine refused (wrong passphrase, expired token).
        """
        values = self._output("--show-secrets")
        if not values:
            raise OpsError(f"stack {self.name} has no outputs.", f"deploy it first: make up STACK={self.name}")
        return values

    def has_state(self) -> bool:
        """Whether the backend may know the stack: a folder that holds no file of it does not, and is not asked."""
        folder = backend.folder_of(self.environment().get("PULUMI_BACKEND_URL", ""))
        return folder is None or any((folder / f"{self._state_file}{end}").is_file() for end in ("", ".gz"))

    def is_whole(self) -> bool:
        """Whether the stack is deployed, and its last deployment or removal was not cut off."""
        deployment = self.export().get("deployment", {})
        resources = deployment.get("resources") or []
        has_outputs = any(each["type"] == "pulumi:pulumi:Stack" and each.get("outputs") for each in resources)
        return has_outputs and not deployment.get("pending_operations")

    def has_resources(self) -> bool:
        """Whether the stack's state holds anything."""
        return bool(self.export().get("deployment", {}).get("resources"))

    def export(self) -> Mapping[str, Any]:
        """Return the stack's state as the backend keeps it, secrets encrypted; empty for a stack it does not know."""
        if (written := self._checkpoint()) is not None:
            return written
        done = self._capture("stack", "export")
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {}

    @property
    def _state_file(self) -> str:
        """Where a file backend keeps the stack, in its folder."""
        return f".pulumi/stacks/{PROJECT}/{self.name}.json"

    def _checkpoint(self) -> dict[str, Any] | None:
        """Return what ``pulumi stack export`` gives, from a file backend's own file: that takes no second. None where it is not plain."""
        folder = backend.folder_of(self.environment().get("PULUMI_BACKEND_URL", ""))
        if folder is not None:
            with suppress(OSError, ValueError, KeyError, TypeError):
                written = json.loads((folder / self._state_file).read_text(encoding="utf-8"))
                return {"version": written["version"], "deployment": dict(written["checkpoint"]["latest"])}
        return None

    def protected(self) -> list[str]:
        """Return the URNs of the state's resources that refuse deletion."""
        resources = self.export().get("deployment", {}).get("resources") or []
        return [str(each["urn"]) for each in resources if each.get("protect") and not each.get("delete")]

    def namespace(self) -> str | None:
        """Return the namespace of the objects that the state holds; None where it holds none, or only the Namespace itself."""
        return namespace_in(self.export())

    def run(self, *words: str) -> None:
        """Run another ``pulumi`` command on the stack without showing it.

        Raises:
            OpsError: it failed, with what it said.
        """
        done = self._capture(*words)
        if done.returncode != 0:
            output = (done.stderr + done.stdout).strip()
            raise OpsError(f"'pulumi {words[0]}' of stack {self.name} failed.", "correct what its output names:", output[-EXCERPT:])

    @property
    def context(self) -> str | None:
        """Context of the kubeconfig: the lab's own, else what the stack file says, None for the current one."""
        context = section_of(self.name, "portus:cluster").get("context")
        return None if context is None else str(context)

    def environment(self) -> dict[str, str]:
        """Return the whole environment of a ``pulumi`` process."""
        environment = {**os.environ, **self.engine.environment(), "KUBECONFIG": str(self.kubeconfig)}
        return environment | dict(backend.variables(os.environ) if self.own_backend is None else self.own_backend)

    def environment_folder(self) -> None:
        """Make the folder of a file backend, and a passphrase where this checkout's own backend has never had one.

        Raises:
            OpsError: it had one, which is missing: a new one would read nothing, and in the next copy of the folder replace the good one.
        """
        environment = self.environment()
        folder = backend.folder_of(environment.get("PULUMI_BACKEND_URL", ""))
        if folder is None:
            return
        named = environment.get("PULUMI_CONFIG_PASSPHRASE_FILE")
        makes = folder == backend.OWN_STATE and named == str(backend.PASSPHRASE) and not backend.PASSPHRASE.exists()
        if makes:
            self._require_no_passphrase_before()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if makes:
            backend.PASSPHRASE.touch(mode=0o600)
            backend.PASSPHRASE.write_text(secrets.token_hex(32), encoding="utf-8")

    def command(self, *words: str) -> list[str]:
        """Return the command line of ``pulumi`` for this stack."""
        return [str(self.engine.pulumi), *words, NON_INTERACTIVE, "--cwd", str(paths.ROOT)]

    def _output(self, *words: str) -> dict[str, Any]:
        """Return the stack's outputs; ``words`` go to ``pulumi stack output``. Raises `OpsError` when there is no answer."""
        done = self._asked_for_outputs(*words)
        if done is None:
            raise self._unknown()
        if done.returncode != 0:
            raise OpsError(
                f"'pulumi stack output' of stack {self.name} failed.", "correct what its output names:", done.stderr.strip()[-2000:]
            )
        return dict(json.loads(done.stdout or "{}"))

    def _asked_for_outputs(self, *words: str) -> subprocess.CompletedProcess[str] | None:
        """Return what ``pulumi stack output`` gave, None where the backend does not know the stack."""
        folder = backend.folder_of(self.environment().get("PULUMI_BACKEND_URL", ""))
        if folder is not None and not folder.is_dir():
            return None
        done = self._capture("stack", "output", "--json", *words)
        return None if UNKNOWN.format(self.name) in done.stderr else done

    def _unknown(self) -> OpsError:
        deploy = f"make up STACK={self.name}"
        if self.own_backend is not None:
            return OpsError(f"stack {self.name} is not deployed.", f"deploy it first: {deploy}")
        asked = f"the backend {backend.shown(self.environment())}"
        if self._is_kept_here():
            return OpsError(
                f"{asked} knows no stack {self.name}, and {backend.OWN_STATE} has one.",
                f"to use that one: PULUMI_BACKEND_URL=file://{backend.OWN_STATE} PULUMI_CONFIG_PASSPHRASE_FILE={backend.PASSPHRASE};"
                " to move it: pulumi stack export and import; to start again: move the folder away.",
            )
        elsewhere = f"if it was deployed with another backend, name that one: PULUMI_BACKEND_URL=...; if it never was: {deploy}"
        return OpsError(f"{asked} knows no stack {self.name}.", f"{elsewhere}; if its state is lost while it runs: docs/operate/lost.md")

    def _require_no_passphrase_before(self) -> None:
        """Raise `OpsError` where something is encrypted already: a stack of the checkout's own backend or, by its salt, its own file."""
        back = "restore it, or name another file: PULUMI_CONFIG_PASSPHRASE_FILE=...; if it is lost: docs/operate/lost.md; to start again:"
        if backend.keeps_stacks():
            problem = f"the passphrase {backend.PASSPHRASE} is missing, and {backend.OWN_STATE} has stacks that need it."
            raise OpsError(problem, f"{back} move the folder away. Nothing was changed.")
        if SALT in document_of(self.name):
            file = f"{STACKS.name}/Pulumi.{self.name}.yaml"
            problem = f"the passphrase {backend.PASSPHRASE} is missing, and {file} was encrypted with one ({SALT})."
            elsewhere = "If another backend has the stack's state, name that one: PULUMI_BACKEND_URL=..."
            raise OpsError(problem, f"{back} remove {SALT} and every 'secure:' from the file. {elsewhere} Nothing was changed.")

    def _is_kept_here(self) -> bool:
        """Whether this checkout keeps a stack of the name, and another backend is asked."""
        folder = backend.folder_of(self.environment().get("PULUMI_BACKEND_URL", ""))
        return backend.is_kept_here(self.name) and folder != backend.OWN_STATE

    def _show(self, *words: str, on_terminal: bool = False) -> None:
        """Run a command whose display is shown; ``on_terminal``: Pulumi draws it as a tree, and may ask."""
        command = self.command(*words, "--stack", self.name)
        if on_terminal:
            command.remove(NON_INTERACTIVE)
        process = subprocess.Popen(command, env=self.environment(), stdin=None if on_terminal else subprocess.DEVNULL)
        code = _wait(process)
        if code != 0:
            raise _failed(words[0], self.name, code, asks=on_terminal and words[0] != "preview")

    def _capture(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words, "--stack", self.name),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def _failed(verb: str, stack: str, code: int, *, asks: bool) -> OpsError:
    """Return the message about a command whose own output is on the screen; one that a signal ended has printed nothing."""
    if code < 0:
        name = signal.Signals(-code).name
        problem = f"'pulumi {verb}' of stack {stack} was ended by {name}."
        return OpsError(problem, "repeat it, which continues where this ended; after a SIGKILL check for memory shortage: dmesg")
    problem = f"'pulumi {verb}' of stack {stack} failed{' or was declined' if asks else ''}."
    where = "read Pulumi's reason above; if there is none, the newest file in the folder logs of PULUMI_HOME has it"
    return OpsError(problem, f"{where} (exit code {code}).")


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for ``pulumi``; when this process is interrupted give it the time to record what it did.

    It must be interrupted once: at a second time it ends at once, and leaves objects that its state does not know. Ctrl-C on the terminal
    reaches it as well as this process; any other signal reaches this process alone.
    """
    try:
        return process.wait()
    except BaseException as error:
        if type(error) is not KeyboardInterrupt or not _has_the_terminal():
            process.send_signal(signal.SIGINT)
        process.wait()
        raise


def _has_the_terminal() -> bool:
    """Whether Ctrl-C on a terminal is for this process and those that it has started."""
    try:
        with Path("/dev/tty").open("rb", buffering=0) as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def is_read_only(name: str) -> bool:
    """Whether the stack's file refuses every push: ``registry.maintenance.readonly``."""
    return section_of(name, "portus:registry", "maintenance", "readonly").get("enabled") is True


def document_of(name: str) -> Mapping[str, Any]:
    """Return the stack's file as it is written; whether it says something sensible is the program's to tell.

    Raises:
        OpsError: there is no such stack, or its file is not YAML.
    """
    path = STACKS / f"Pulumi.{name}.yaml"
    file_name = f"{STACKS.name}/{path.name}"
    if not path.is_file():
        raise OpsError(f"there is no stack '{name}' (no {file_name}).", f"choose one of: {', '.join(stack_names())}.")
    try:
        return _mapping(_content(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValueError) as error:
        what, line, column = told_by_reader(error)[-1]
        raise OpsError(f"{file_name}{f', line {line}, column {column}' if line else ''}: {what}.", NO_YAML) from None


@lru_cache(maxsize=16)
def _content(text: str) -> Any:
    """Return what a stack file says. A command asks for several sections of a few files, and reading one takes 20 ms."""
    return yaml.safe_load(text)


def namespace_in(state: Mapping[str, Any]) -> str | None:
    """Return the namespace of the objects that ``state`` holds; None where it holds none, or only the Namespace itself."""
    resources = state.get("deployment", {}).get("resources") or []
    made = (each for each in resources if each["type"].startswith("kubernetes:") and not each.get("delete"))
    places = (place for place, slash, _ in (str(each.get("id", "")).partition("/") for each in made) if slash)
    return next(places, None)


def section_of(name: str, *keys: str) -> Mapping[str, Any]:
    """Return a section of the stack's file; empty where it is not there or something else than a section."""
    section = _mapping(document_of(name).get("config"))
    for key in keys:
        section = _mapping(section.get(key))
    return section


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
