"""Whether a deployed stack does its main job: an image is pushed and pulled, and Portus records the push."""

from __future__ import annotations

import time
from typing import Final

from lab.client import Answer, client
from lab.console import Step
from lab.deployment import Deployment, Tag
from lab.errors import LabError
from lab.images.samples import write_sample

RECORD_SECONDS: Final = 5.0
"""A push shows in Portus within this time: the worker looks every two seconds."""

POLL_SECONDS: Final = 0.3


def check(deployment: Deployment, step: Step) -> str:
    """Push an image as the administrator, pull it back, find it in Portus' records; return the image's name.

    Raises:
        LabError: which link of the chain is broken.
    """
    username = str(deployment.outputs["administrator"])
    image = f"{username}/check:latest"
    with client(
        registry=deployment.registry,
        ca_certificate=str(deployment.outputs["ca_certificate"]),
        username=username,
        password=str(deployment.outputs["administrator_password"]),
    ) as user:
        digest = write_sample(user.folder / "pushed", text=f"check at {time.time():.0f}")
        step.say(f"pushing {deployment.registry}/{image}")
        _must(user.push("pushed", image), "the push was refused", "Look at the registry's and at Portus' log.")
        step.say("pulling it back")
        _must(user.pull(image, "pulled"), "the pull was refused", "Look at the registry's and at Portus' log.")
        if (user.folder / "pulled" / "manifest.json").read_bytes() != (user.folder / "pushed" / "manifest.json").read_bytes():
            raise LabError(f"the image that was pulled is not the one that was pushed ({digest}).", "Look at the registry's storage.")
    step.say("waiting for Portus to record it")
    wait_for_record(deployment, Tag(namespace=username, repository="check", tag="latest", user=username, digest=digest))
    return f"{deployment.registry}/{image}"


def wait_for_record(deployment: Deployment, tag: Tag, seconds: float = RECORD_SECONDS) -> None:
    """Wait until Portus has recorded ``tag``, digest and user included.

    Raises:
        LabError: it has not within ``seconds``.
    """
    end = time.monotonic() + seconds
    while tag not in (seen := deployment.tags()):
        if time.monotonic() > end:
            same = [other for other in seen if (other.namespace, other.repository, other.tag) == (tag.namespace, tag.repository, tag.tag)]
            found = f"it holds {same[0]}" if same else "it holds no such tag"
            raise LabError(
                f"Portus has not recorded the push of {tag.namespace}/{tag.repository}:{tag.tag} within {seconds:.0f} s; {found}.",
                "Look at the registry's log for the notification and at the worker's for its handling.",
            )
        time.sleep(POLL_SECONDS)


def _must(answer: Answer, problem: str, remedy: str) -> None:
    if answer.code != 0:
        raise LabError(f"{problem}.", remedy, answer.output.strip())
