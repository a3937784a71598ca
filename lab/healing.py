"""What an interrupted deployment leaves behind, put right before the next one.

A kill between a create and its record leaves an object that the state does not know, only a note of it ("pending operation"): the next
create would fail, for the object exists. Where it exists the state takes it in, else the note is dropped. A kill also leaves the file
backend's lock.

The state is edited by ``pulumi stack export`` and ``import``, the documented way: ``pulumi refresh --import-pending-creates`` only drops
the notes (seen with 3.259: its edit is lost when the refresh begins).
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubernetes import config, dynamic
from kubernetes.dynamic.exceptions import NotFoundError, ResourceNotFoundError

from lab import backend
from lab.cluster.home import Process
from lab.console import step

if TYPE_CHECKING:
    from lab.stack import Stack


def heal(stack: Stack) -> None:
    """Make ``stack`` deployable again after an interruption; does nothing to a stack that needs nothing.

    Raises:
        LabError: the engine refused.
    """
    if _is_left_locked(stack):
        with step("removing the lock that an interrupted deployment left"):
            stack.run("cancel", "--yes")
    state = stack.export()
    pending = [each["resource"] for each in state.get("deployment", {}).get("pending_operations") or [] if each["type"] == "creating"]
    if not pending:
        return
    with step(f"taking in what an interrupted deployment left ({len(pending)} resources)"):
        found = [taken for resource in pending if (taken := _existing(resource, stack))]
        import_state(stack, _with(state, found))
        if found:
            stack.run("refresh", "--yes", "--skip-preview", *(f"--target={resource['urn']}" for resource in found))


def _with(state: Mapping[str, Any], found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return ``state`` with ``found`` and without its notes; an older resource of the same name is left as a replacement leaves it."""
    urns = {resource["urn"] for resource in found}
    deployment = dict(state["deployment"])
    kept = [{**each, "delete": True} if each["urn"] in urns else each for each in deployment.get("resources", [])]
    deployment["resources"] = [*kept, *found]
    deployment["pending_operations"] = []
    return {**state, "deployment": deployment}


def import_state(stack: Stack, state: Mapping[str, Any]) -> None:
    """Replace the state of ``stack``, of which Pulumi checks the form. Raises `LabError` when the engine refused."""
    with tempfile.TemporaryDirectory(prefix="lab-state-") as folder:
        file = Path(folder) / "state.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(state), encoding="utf-8")
        stack.run("stack", "import", "--file", str(file))


def _existing(resource: Mapping[str, Any], stack: Stack) -> dict[str, Any] | None:
    """Return a pending resource, completed, when its object exists in the cluster; None for every other."""
    provider, module, kind = str(resource["type"]).split(":")
    inputs = resource.get("inputs", {})
    metadata = inputs.get("metadata", {})
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if provider != "kubernetes" or not name:
        return None
    cluster = dynamic.DynamicClient(config.new_client_from_config(str(stack.kubeconfig), stack.context))  # type: ignore[no-untyped-call]
    try:
        cluster.resources.get(api_version=module.removeprefix("core/"), kind=kind).get(name=name, namespace=namespace)
    except (NotFoundError, ResourceNotFoundError):
        return None
    return {**resource, "id": f"{namespace}/{name}" if namespace else str(name), "outputs": inputs}


def _is_left_locked(stack: Stack) -> bool:
    """Whether a process of this machine that no longer runs holds the file backend's lock."""
    locks = list(_locks(stack))
    return bool(locks) and not any(lock["hostname"] != socket.gethostname() or _runs(int(lock["pid"])) for lock in locks)


def _runs(pid: int) -> bool:
    try:
        return Process.of(pid).runs
    except ProcessLookupError:
        return False


def _locks(stack: Stack) -> Iterator[Mapping[str, Any]]:
    folder = backend.folder_of(stack.environment().get("PULUMI_BACKEND_URL", ""))
    if folder is not None:
        for file in folder.glob(f".pulumi/locks/**/{stack.name}/*.json"):
            if os.access(file, os.R_OK):
                yield json.loads(file.read_text(encoding="utf-8"))
