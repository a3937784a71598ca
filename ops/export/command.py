"""``make export``: writes all that is taken along into a new folder, whole or not at all."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ops.console import console, escape, step
from ops.doctor.expected import expected_of
from ops.doctor.facts import Expected
from ops.errors import OpsError
from ops.export import harbor, images, zot
from ops.export.images import drift
from ops.export.model import Portus, document
from ops.export.plan import plan
from ops.export.registry_client import Inventory
from ops.export.source import source
from ops.pulumi.stack import Stack

SCHEMA: Final = "portus.schema.json"
PRIVATE: Final = 0o700
"""Mode of the folder: it has the e-mail address of every user."""

RUNBOOK: Final = "docs/operate/leaving.md"


def export(stack: Stack, folder: Path) -> None:
    """Write what ``stack`` holds into ``folder``, and say how much it is and what does not fit together. Changes nothing.

    Raises:
        OpsError: ``folder`` is there and not empty; the stack was never deployed; or a part of it does not answer.
    """
    require_empty(folder)
    expected = expected_of(stack)
    with step("finding Portus and its database"):
        found = source(expected, stack.kube)
    with step("reading Portus' records"):
        portus = found.records()
    with step(f"listing what {expected.registry} holds") as current:
        inventory = found.inventory(current.say)
    exported_at = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    differences = drift(portus, inventory)
    with step(f"writing {folder}"), _whole(folder) as work:
        for path, text in documents(expected, portus, inventory, exported_at).items():
            target = work / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    _summary(folder, portus, inventory, differences)


def documents(expected: Expected, portus: Portus, inventory: Inventory, exported_at: str) -> dict[str, str]:
    """Return every file of the export, path -> text; pure but for the schema, which is read from beside this module."""
    texts = {
        "portus.json": _json(
            document(
                portus, stack=expected.stack, version=expected.portus_version, registry_host=expected.registry, exported_at=exported_at
            )
        ),
        SCHEMA: (Path(__file__).parent / SCHEMA).read_text(encoding="utf-8"),
        "registry.json": _json(_held(expected, inventory)),
        "drift.json": _json(drift(portus, inventory)),
        "harbor.json": _json(harbor.plan(portus)),
        "zot.json": _json(zot.configuration(portus)),
        "plan.md": plan(expected, portus, inventory),
        **images.files(expected.registry, inventory.images, private_ca=bool(expected.trust.strip())),
    }
    return texts | ({f"{images.CERTIFICATES}/ca.crt": expected.trust} if expected.trust.strip() else {})


def require_empty(folder: Path) -> None:
    """Make sure that an export may be written to ``folder``.

    Raises:
        OpsError: it is there and not empty, is a file, or its parent is not there or not writable.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise OpsError(f"{folder} must be empty: an export overwrites nothing.", "name a new folder: DIR=...")
    if folder.exists() and not folder.is_dir():
        raise OpsError(f"{folder} must be a folder.", "name a new folder: DIR=...")
    parent = folder.absolute().parent
    if not parent.is_dir():
        raise OpsError(f"the folder {parent} must exist.", "create it, or name another one: DIR=...")


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Give a work folder beside ``folder`` that takes its name when the block ends, and goes when it fails."""
    parent = folder.absolute().parent
    try:
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=parent))
    except OSError as error:
        raise OpsError(f"{parent} must be writable: {error.strerror}.", "name another folder: DIR=...") from error
    try:
        yield work
        work.chmod(PRIVATE)
        work.rename(folder)
    except OSError as error:
        raise OpsError(f"{folder} cannot be written: {error.strerror}.", "free some space, or name another folder: DIR=...") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _held(expected: Expected, inventory: Inventory) -> dict[str, Any]:
    repositories: dict[str, dict[str, dict[str, str]]] = {}
    for image in inventory.images:
        repositories.setdefault(image.repository, {})[image.tag] = {"digest": image.digest, "media_type": image.media_type}
    return {"registry_host": expected.registry, "repositories": repositories}


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _summary(folder: Path, portus: Portus, inventory: Inventory, differences: Mapping[str, Any]) -> None:
    repositories = len({image.repository for image in inventory.images})
    console.print(
        f"\n{len(portus.users)} users, {len(portus.teams)} teams, {len(portus.namespaces)} namespaces;"
        f" {len(inventory.images)} tags in {repositories} repositories."
    )
    meanings = {
        "only_in_registry": "tags that Portus does not know; they still move",
        "only_in_portus": "tags that Portus lists and the registry does not have",
        "other_digest": "tags that are another image in the registry than Portus recorded",
        "not_readable": "repositories whose tags cannot be listed: they do NOT move",
    }
    for key, text in meanings.items():
        if count := len(differences[key]):
            console.print(f"  [yellow]{count}[/yellow] {text}: {escape(str(folder / 'drift.json'))}, {key}")
    if differences["events_waiting"]:
        console.print(
            f"  [yellow]{differences['events_waiting']}[/yellow] pushes and deletions wait: Portus' records are behind the registry"
        )
    console.print(f"\nWhat to do with it: {escape(str(folder / 'plan.md'))}, and {RUNBOOK}.")
