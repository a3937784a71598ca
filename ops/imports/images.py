"""``check-images``: whether the registry has what Portus' database names, after the blobs were copied or restored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Final

from ops.console import console, step
from ops.doctor.expected import expected_of
from ops.errors import OpsError
from ops.export.model import Portus
from ops.export.registry_client import AT_ONCE, RegistryClient
from ops.export.source import source
from ops.pulumi.stack import Stack

SHOWN: Final = 20
"""Images in one message."""


@dataclass(frozen=True, order=True, slots=True)
class Named:
    """An image as the database names it.

    Args:
        reference: its digest; its tag where the database has no digest.
    """

    repository: str
    reference: str


def check(stack: Stack) -> None:
    """Compare the registry of ``stack`` with Portus' database, and say how many images there are.

    Raises:
        OpsError: the registry lacks some, with their names; or it, Portus or the database does not answer.
    """
    expected = expected_of(stack)
    with step("reading Portus' records"):
        found = source(expected, stack.kube)
        images = named(found.records())
    with step(f"asking {expected.registry} for them") as current, found.registry() as client:
        lacking = missing(client, images, current.say)
    if lacking:
        raise refusal(lacking, images)
    tags, repositories = sum(map(len, images.values())), len({image.repository for image in images})
    console.print(f"{expected.registry} has every image of Portus' database with all layers: {tags} tags in {repositories} repositories")


def named(portus: Portus) -> dict[Named, list[str]]:
    """Return each image that the database names, once, with its tags."""
    images: dict[Named, list[str]] = {}
    for space in portus.namespaces:
        for repository in space.repositories:
            for tag in repository.tags:
                images.setdefault(Named(repository.name, tag.digest or tag.name), []).append(tag.name)
    return images


def missing(client: RegistryClient, images: Mapping[Named, list[str]], say: Callable[[str], None]) -> dict[Named, tuple[str, ...]]:
    """Return what the registry lacks of each image; complete ones are left out. Raises as `RegistryClient.lacks`."""
    pool = ThreadPoolExecutor(AT_ONCE)
    lacking = {}
    try:
        asked = {pool.submit(client.lacks, image.repository, image.reference): image for image in images}
        for done, future in enumerate(as_completed(asked), start=1):
            if lacks := future.result():
                lacking[asked[future]] = lacks
            say(f"{done} of {len(images)} images")
    finally:
        pool.shutdown(cancel_futures=True)
    return dict(sorted(lacking.items()))


def refusal(lacking: Mapping[Named, tuple[str, ...]], images: Mapping[Named, list[str]]) -> OpsError:
    """Return the error that names what the registry lacks."""
    lines = [f"{image.repository}:{', '.join(sorted(images[image]))} lacks {', '.join(lacks)}" for image, lacks in lacking.items()]
    more = [f"and {len(lines) - SHOWN} more images"] if len(lines) > SHOWN else []
    return OpsError(
        f"the registry must have every image that Portus' database names, and lacks {len(lacking)} of {len(images)}, wholly or in part.",
        "copy the blobs again (docs/operate/adopt.md) and repeat this; delete tags on Portus' pages whose images are lost.",
        "\n".join([*lines[:SHOWN], *more]),
    )
