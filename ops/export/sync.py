"""The input of ``skopeo sync``: every image that the registry holds, by tag; pure.

skopeo keeps only the last part of a repository's name unless told ``--scoped``, which puts the old registry's host in front. So
there is a file for each folder of repositories, to be copied into the same folder of the target, besides one file for all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import yaml

from ops.export.registry_client import Image

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
    said: dict[str, Any] = {"images": dict(tags), **({"cert-dir": CERTIFICATES} if private_ca else {})}
    # In quotes throughout: tags such as 1.10, 1e3 or 0o7 are numbers to one YAML or another.
    return yaml.safe_dump({registry: said}, default_style='"', width=1000)
