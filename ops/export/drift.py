"""Where Portus' records and the registry differ, so that no image is lost unseen; pure."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from ops.export.model import Portus
from ops.export.registry_client import Holdings, Image

OCI: Final = "application/vnd.oci."
LISTS: Final = ("application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json")


def drift(portus: Portus, holdings: Holdings) -> dict[str, Any]:
    """Return ``drift.json``.

    The keys: ``only_in_registry`` (moves all the same), ``only_in_portus`` (nothing is left to move), ``other_digest`` (the
    registry's moves), ``not_readable`` (does **not** move unless it is fixed first), ``without_tags`` and ``events_waiting``.
    """
    recorded = {(each.name, tag.name): tag for space in portus.namespaces for each in space.repositories for tag in each.tags}
    held = {(image.repository, image.tag): image for image in holdings.images}
    return {
        "only_in_registry": [
            {**dataclasses.asdict(image), "why": _why_unknown(portus, image)} for key, image in held.items() if key not in recorded
        ],
        "only_in_portus": [
            {"repository": repository, "tag": tag, "digest": recorded[repository, tag].digest}
            for repository, tag in sorted(recorded.keys() - held.keys())
            if repository not in holdings.unread
        ],
        "other_digest": [
            {"repository": repository, "tag": tag, "portus": recorded[repository, tag].digest, "registry": image.digest}
            for (repository, tag), image in held.items()
            if (repository, tag) in recorded and recorded[repository, tag].digest not in {image.digest, None}
        ],
        "not_readable": [{"repository": name, "why": why} for name, why in holdings.unread.items()],
        "without_tags": list(holdings.empty),
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
