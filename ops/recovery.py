"""What an interrupted deployment leaves behind, put right before the next one.

A kill between a create and its record leaves an object that the state does not know, only a note of it ("pending operation"): the next
create would fail, because the object exists. Where it exists the state takes it in, else the note is dropped. A kill also leaves the file
backend's lock.

A deployment that runs leaves the same signs. Its lock tells it: a lock is removed only if its process has ended on this machine.

The state is edited by ``pulumi stack export`` and ``import``, the documented way: ``pulumi refresh --import-pending-creates`` only drops
the notes (seen with 3.259: its edit is lost when the refresh begins).
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from ops.console import step
from ops.errors import OpsError
from ops.kube.client import Kind, UnknownKindError
from ops.process import Process
from ops.pulumi import backend

if TYPE_CHECKING:
    from ops.pulumi.stack import Stack

CLOCK_SECONDS: Final = 5.0
"""How far the boot time that is computed from two clocks may be off."""


def recover_interrupted_update(stack: Stack) -> Mapping[str, Any]:
    """Make ``stack`` deployable again after an interruption, and return its state; does nothing to a stack that needs nothing.

    Raises:
        OpsError: another deployment of the stack runs, or changed the state meanwhile; or the engine refused.
    """
    locks = list(_locks(stack))
    _require_no_other(stack, locks)
    _remove_cut_off_attributes(stack)
    if locks:
        with step("removing the lock that an interrupted deployment left"):
            stack.run("cancel", "--yes")
    state = stack.export()
    pending = [each["resource"] for each in state.get("deployment", {}).get("pending_operations") or [] if each["type"] == "creating"]
    if not pending:
        return state
    with step(f"taking in what an interrupted deployment left ({len(pending)} resources)"):
        existing = [taken for resource in pending if (taken := _existing(resource, stack))]
        import_state(stack, state, _with(state, existing))
        if existing:
            stack.run("refresh", "--yes", "--skip-preview", *(f"--target={resource['urn']}" for resource in existing))
    return stack.export()


def _remove_cut_off_attributes(stack: Stack) -> None:
    """Delete each ``.attrs`` file of the state that a kill cut off: Pulumi would say "failed to load checkpoint: EOF".

    The file backend replaces a state in one step, but writes the type and checksum beside it in place, and does without them
    (``blob/fileblob/attrs.go`` of gocloud.dev).
    """
    folder = backend.folder_of(stack.environment().get("PULUMI_BACKEND_URL", ""))
    for file in () if folder is None else folder.glob(f".pulumi/stacks/**/{stack.name}.json*.attrs"):
        try:
            json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            file.unlink()


def _with(state: Mapping[str, Any], found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return ``state`` with ``found`` and without its notes; an older resource of the same name is left as a replacement leaves it."""
    urns = {resource["urn"] for resource in found}
    deployment = dict(state["deployment"])
    kept = [{**each, "delete": True} if each["urn"] in urns else each for each in deployment.get("resources", [])]
    deployment["resources"] = [*kept, *found]
    deployment["pending_operations"] = []
    return {**state, "deployment": deployment}


def import_state(stack: Stack, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Import ``after`` if the state still is ``before``. The engine refuses the import while another deployment holds the lock.

    A state has no serial number: each deployment writes its own time and resources, so the whole documents are compared.

    Raises:
        OpsError: the state has changed, so that ``after`` would undo another deployment; or the engine refused.
    """
    _require_no_other(stack, list(_locks(stack)))
    with tempfile.TemporaryDirectory(prefix="portus-state-") as folder:
        file = Path(folder) / "state.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(after), encoding="utf-8")
        if stack.export() != before:
            raise OpsError(
                f"another deployment changed the state of stack {stack.name} meanwhile; it was left as it is.", "repeat this command."
            )
        stack.run("stack", "import", "--file", str(file))


def _existing(resource: Mapping[str, Any], stack: Stack) -> dict[str, Any] | None:
    """Return a pending resource, completed, when its object exists in the cluster; None for every other."""
    provider = str(resource["type"]).partition(":")[0]
    inputs = resource.get("inputs", {})
    metadata = inputs.get("metadata", {})
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if provider != "kubernetes" or not name:
        return None
    try:
        if stack.kube.get(Kind.of_token(resource["type"]), namespace or "", str(name)) is None:
            return None
    except UnknownKindError:
        return None
    return {**resource, "id": f"{namespace}/{name}" if namespace else str(name), "outputs": inputs}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lock:
    """A lock of the file backend, as ``pulumi`` writes it (``pkg/backend/diy/lock.go``)."""

    pid: int
    host: str
    since: str

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """Return the lock in ``file``; None where it was removed meanwhile."""
        try:
            written = json.loads(file.read_text(encoding="utf-8"))
            return cls(pid=int(written["pid"]), host=str(written["hostname"]), since=str(written["timestamp"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            problem = f"the lock {file} cannot be read, so a running deployment looks the same as an interrupted one."
            raise OpsError(problem, f"delete that file if no deployment runs: {error}") from error

    @property
    def is_held(self) -> bool:
        """Whether its process runs, or is another host's and may run; a later process with the same id is not it."""
        if self.host != socket.gethostname():
            return True
        try:
            process = Process.of(self.pid)
        except ProcessLookupError:
            return False
        return _started(process) <= self._time() + CLOCK_SECONDS

    def _time(self) -> float:
        """Return when it was taken; of one that cannot be read, the end of time: its process then counts."""
        with suppress(ValueError):
            return dt.datetime.fromisoformat(self.since).timestamp()
        return float("inf")


def _started(process: Process) -> float:
    """Return when ``process`` was started, in seconds since the epoch."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + process.started / os.sysconf("SC_CLK_TCK")


def _require_no_other(stack: Stack, locks: list[_Lock]) -> None:
    for lock in locks:
        if lock.is_held:
            problem = f"another deployment of stack {stack.name} runs (pid {lock.pid}, host {lock.host}, since {lock.since})."
            fix = "wait until it ends, then repeat this command. Nothing was changed."
            if lock.host != socket.gethostname():
                folder = backend.shown(stack.environment())
                fix += f" If that host is gone for good: PULUMI_BACKEND_URL={folder} pulumi cancel --stack {stack.name}"
            raise OpsError(problem, fix)


def _locks(stack: Stack) -> Iterator[_Lock]:
    """Give the locks of the stack, where its backend is a folder. Every other backend refuses a second deployment by itself."""
    folder = backend.folder_of(stack.environment().get("PULUMI_BACKEND_URL", ""))
    if folder is not None:
        for file in folder.glob(f".pulumi/locks/**/{stack.name}/*.json"):
            lock = _Lock.read(file)
            if lock is not None:
                yield lock
