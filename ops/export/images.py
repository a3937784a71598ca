"""The registry's images: where they differ from Portus' records, so that none is lost unseen, and the input of ``skopeo sync``; pure.

skopeo keeps only the last part of a repository's name unless told ``--scoped``, which puts the old registry's host in front. So
there is a file for each folder of repositories, to be copied into the same folder of the target, besides one file for all.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import yaml

from ops.export.model import Portus
from ops.export.registry_client import Image, Inventory

OCI: Final = "application/vnd.oci."
LISTS: Final = ("application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json")


def drift(portus: Portus, inventory: Inventory) -> dict[str, Any]:
    """Return ``drift.json``.

    The keys: ``only_in_registry`` (still moves), ``only_in_portus`` (nothing is left to move), ``other_digest`` (the
    registry's moves), ``not_readable`` (does **not** move unless it is fixed first), ``without_tags`` and ``events_waiting``.
    """
    recorded = {(each.name, tag.name): tag for space in portus.namespaces for each in space.repositories for tag in each.tags}
    in_registry = {(image.repository, image.tag): image for image in inventory.images}
    return {
        "only_in_registry": [
            {**dataclasses.asdict(image), "why": _why_unknown(portus, image)} for key, image in in_registry.items() if key not in recorded
        ],
        "only_in_portus": [
            {"repository": repository, "tag": tag, "digest": recorded[repository, tag].digest}
            for repository, tag in sorted(recorded.keys() - in_registry.keys())
            if repository not in inventory.unread
        ],
        "other_digest": [
            {"repository": repository, "tag": tag, "portus": recorded[repository, tag].digest, "registry": image.digest}
            for (repository, tag), image in in_registry.items()
            if (repository, tag) in recorded and recorded[repository, tag].digest not in {image.digest, None}
        ],
        "not_readable": [{"repository": name, "why": why} for name, why in inventory.unread.items()],
        "without_tags": list(inventory.empty),
        "events_waiting": portus.events_waiting,
    }


def _why_unknown(portus: Portus, image: Image) -> str:
    if image.media_type.startswith(OCI):
        return "Portus drops the events of OCI manifests"
    if image.media_type in LISTS:
        return "Portus does not record manifest lists reliably"
    if portus.events_waiting:
        return "its event may be among those that wait"
    return "its event never arrived"


ALL: Final = "skopeo-sync.yaml"
TOP: Final = "sync/_top.yaml"
"""Repositories without a folder: Portus' global namespace. No repository's name can begin with ``_``."""
CERTIFICATES: Final = "certs"
"""Where the registry's CA lies, as seen from the folder that skopeo is run in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """One run of skopeo: the file, the folder that it copies to, and how many tags it copies."""

    file: str
    folder: str
    tags: int


def batches(images: Iterable[Image]) -> list[Batch]:
    """Return one run for each folder of repositories."""
    return [
        Batch(file=f"sync/{folder}.yaml" if folder else TOP, folder=folder, tags=len(within)) for folder, within in _folders(images).items()
    ]


def files(registry: str, images: Iterable[Image], *, private_ca: bool) -> dict[str, str]:
    """Return path -> YAML of the file for all images and of each batch's.

    Args:
        registry: where the images are, with the port where it is not 443.
        private_ca: whether clients need the CA in `CERTIFICATES`.
    """
    folders = _folders(images)
    every = [image for within in folders.values() for image in within]
    written = {ALL: _text(registry, every, private_ca=private_ca)}
    return written | {batch.file: _text(registry, folders[batch.folder], private_ca=private_ca) for batch in batches(every)}


def _folders(images: Iterable[Image]) -> dict[str, list[Image]]:
    found: defaultdict[str, list[Image]] = defaultdict(list)
    for image in images:
        found[image.repository.rpartition("/")[0]].append(image)
    return dict(sorted(found.items()))


def _text(registry: str, images: Iterable[Image], *, private_ca: bool) -> str:
    tags: defaultdict[str, list[str]] = defaultdict(list)
    for image in images:
        tags[image.repository].append(image.tag)
    entry: dict[str, Any] = {"images": dict(tags), **({"cert-dir": CERTIFICATES} if private_ca else {})}
    # In quotes throughout: tags such as 1.10, 1e3 or 0o7 are numbers to one YAML or another.
    return yaml.safe_dump({registry: entry}, default_style='"', width=1000)
