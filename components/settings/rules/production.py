"""What profile ``production`` refuses unless the stack file accepts it by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.settings.report import Problem
from components.settings.stack import Accepted, Profile, StackSettings
from components.settings.tls import SelfSignedTls
from components.settings.types import image_digest, image_tag

FLOATING_TAGS: Final = frozenset({"latest", "head", "master", "stable", "edge"})


def production_is_protected(stack: StackSettings) -> Iterator[Problem]:
    """Data is never lost by a default."""
    if not stack.protect and not _accepted(stack, Accepted.UNPROTECTED_STATE):
        yield _refused("protect", "false", "claims, secrets and keys refuse deletion", Accepted.UNPROTECTED_STATE, "remove it")


def production_has_a_trusted_certificate(stack: StackSettings) -> Iterator[Problem]:
    """Every client and every node would have to be given the private CA."""
    if isinstance(stack.tls, SelfSignedTls) and not _accepted(stack, Accepted.SELF_SIGNED_CERTIFICATE):
        yield _refused(
            "tls.source",
            "self_signed",
            "the certificate comes from a CA that clients trust",
            Accepted.SELF_SIGNED_CERTIFICATE,
            "use source: provided",
        )


def production_pins_its_images(stack: StackSettings) -> Iterator[Problem]:
    """A floating tag changes under a running deployment."""
    for name in ("portus", "registry", "mariadb", "edge", "client"):
        image = getattr(stack.images, name)
        floats = image is not None and image_digest(image) is None and image_tag(image) in FLOATING_TAGS
        if floats and not _accepted(stack, Accepted.FLOATING_IMAGE_TAGS):
            yield _refused(
                f"images.{name}",
                image,
                "an image is pinned by version or digest",
                Accepted.FLOATING_IMAGE_TAGS,
                "name a version or a digest",
            )


def _accepted(stack: StackSettings, what: Accepted) -> bool:
    return stack.profile is not Profile.PRODUCTION or what in stack.accept


def _refused(key: str, value: str, rule: str, waiver: Accepted, remedy: str) -> Problem:
    return Problem(
        key=key, value=value, rule=f"profile production: {rule}", remedy=f"{remedy}; to do it knowingly add '{waiver}' to portus:accept"
    )
