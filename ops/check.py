"""Whether a deployed stack does its main job: an image is pushed and pulled, and Portus records the push."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from components.common.names import PORTUS_WORKER
from ops import rights
from ops.console import Step, step
from ops.credentials import Login, login_of, require_login
from ops.deployment import TAGS, Deployment, Tag
from ops.doctor.access import Access, database_errors
from ops.doctor.checks.database import FRESH_SECONDS
from ops.doctor.expected import stated
from ops.errors import OpsError
from ops.gc.guard import require_no_sweep
from ops.kube.errors import cluster_errors
from ops.kube.sql import Rows
from ops.pulumi.stack import is_read_only
from ops.sample_image import write_sample
from ops.skopeo import Answer, client_of


@contextmanager
def recorded(deployment: Deployment) -> Iterator[Callable[[], list[Tag]]]:
    """Give what returns every tag that Portus has recorded: out of the stack's own database, or an external one through Portus' Pod.

    Raises:
        ops.errors.OpsError: the database cannot be read.
    """
    with database_errors(deployment.stack):
        if deployment.has_own_database():
            yield deployment.tags
            return
        with Access.of(stated(deployment.stack, deployment.outputs), deployment.kube).rows() as rows:
            yield lambda: tags(rows)


def tags(rows: Rows) -> list[Tag]:
    """Return every tag as the database has it now."""
    rows("COMMIT")  # else each look is at what the first one saw (REPEATABLE READ)
    texts = (["NULL" if value is None else str(value) for value in row] for row in rows(TAGS))
    return [Tag(**dict(zip(Tag.__slots__, row, strict=True))) for row in texts]


POLL_SECONDS: Final = 0.3

WORKER_SECONDS: Final = 600.0
"""How long the worker may take to start: as long as its startup probe lets it. The genuine one takes 38 s to 91 s."""

READ_ONLY_ANSWER: Final = "405"
"""Method not allowed: what ``storage.maintenance.readonly`` answers to a user with the right to push."""


def checked(deployment: Deployment, done: str = "") -> str:
    """Check that the stack works as its file says, and return what was seen, in a sentence.

    Args:
        done: what succeeded before, as a clause; every error repeats it.

    Raises:
        OpsError: as `check`, or what the cluster says instead of an answer.
    """
    try:
        with cluster_errors("check", rights.CHECK):
            require_no_sweep(deployment.stack, deployment.namespace, deployment.kube)
            return _checked(deployment)
    except OpsError as error:
        if done:
            error.tell_first(done)
        raise


def _checked(deployment: Deployment) -> str:
    if is_read_only(deployment.stack):
        with step("checking that it is read-only: a push is refused") as current:
            check_read_only(deployment, current)
        return "They give images and take none: the stack file makes the registry read-only."
    with step("checking it: a push, a pull, and Portus' record of the push") as current:
        image = check(deployment, current)
    return f"Portus and its registry work: {image} was pushed and pulled, and Portus recorded the push."


def check(deployment: Deployment, current: Step) -> str:
    """Push an image as the administrator, or as the user that the environment names; pull it, find it in Portus' records, return its name.

    Raises:
        NobodyError: Portus accepts no user that the stack has.
        OpsError: which step failed.
    """
    login = _login(deployment, current)
    image = f"{login.user}/check:latest"
    with client_of(deployment, login.user, login.password) as user:
        digest = write_sample(user.folder / "pushed", text=f"check at {time.time():.0f}")
        current.say(f"pushing {deployment.registry}/{image}")
        _must(user.push("pushed", image), "the push was refused", "Look at the registry's and at Portus' log.")
        current.say("pulling it back")
        _must(user.pull(image, "pulled"), "the pull was refused", "Look at the registry's and at Portus' log.")
        if (user.folder / "pulled" / "manifest.json").read_bytes() != (user.folder / "pushed" / "manifest.json").read_bytes():
            raise OpsError(f"the pulled image differs from the pushed one ({digest}).", "check the registry's storage.")
    wait_for_worker(deployment, current)
    current.say("waiting for Portus to record it")
    wait_for_record(deployment, Tag(namespace=login.user, repository="check", tag="latest", user=login.user, digest=digest))
    return f"{deployment.registry}/{image}"


def check_read_only(deployment: Deployment, current: Step) -> None:
    """Push an image as `check` does and see the registry refuse it as one that is read-only does.

    Raises:
        NobodyError: as `check`.
        OpsError: it took the image, or refused for another reason.
    """
    login = _login(deployment, current)
    with client_of(deployment, login.user, login.password) as user:
        write_sample(user.folder / "pushed", text=f"read-only at {time.time():.0f}")
        current.say(f"pushing {deployment.registry}/{login.user}/check:latest, which has to be refused")
        answer = user.push("pushed", f"{login.user}/check:latest")
    if answer.code == 0:
        raise OpsError("the registry accepted a push, but the stack file makes it read-only.", "deploy the stack again: make up")
    if READ_ONLY_ANSWER not in answer.output:
        raise OpsError(
            "the registry refused a push, but not because it is read-only.", "correct what its answer names:", answer.output.strip()
        )


def _login(deployment: Deployment, current: Step) -> Login:
    login = login_of(deployment)
    current.say(f"asking Portus for a token for {login.user}")
    require_login(deployment, login)
    return login


def wait_for_worker(deployment: Deployment, current: Step, seconds: float = WORKER_SECONDS) -> None:
    """Wait until the worker has started, where the stack has one: before that nothing that is pushed is recorded.

    What shows it is its Pod's readiness (the startup probe of ``components/portus/puma.py``).

    Raises:
        OpsError: it has not within ``seconds``.
    """
    end = time.monotonic() + seconds
    while not deployment.is_ready(PORTUS_WORKER):
        current.say("waiting for Portus' worker to start")
        if time.monotonic() > end:
            look = f"find the cause: kubectl -n {deployment.namespace} describe pods -l app.kubernetes.io/component=worker"
            raise OpsError(f"Portus' worker did not start within {seconds:.0f} s, so pushes are not recorded.", look)
        time.sleep(POLL_SECONDS)


def wait_for_record(deployment: Deployment, tag: Tag, seconds: float = FRESH_SECONDS) -> None:
    """Wait until Portus has recorded ``tag``, digest and user included.

    Args:
        seconds: by default as long as the doctor lets an event wait for Portus' worker, which a synchronization may hold up.

    Raises:
        OpsError: it has not within ``seconds``, or its database cannot be read.
    """
    with recorded(deployment) as tags:
        end = time.monotonic() + seconds
        while tag not in (seen := tags()):
            if time.monotonic() > end:
                raise _unrecorded(tag, seen, seconds)
            time.sleep(POLL_SECONDS)


def _unrecorded(tag: Tag, seen: list[Tag], seconds: float) -> OpsError:
    same = [other for other in seen if (other.namespace, other.repository, other.tag) == (tag.namespace, tag.repository, tag.tag)]
    state = f"it holds {same[0]}" if same else "it holds no such tag"
    return OpsError(
        f"Portus did not record the push of {tag.namespace}/{tag.repository}:{tag.tag} within {seconds:.0f} s; {state}.",
        "look for the notification in the registry's log, and for its handling in the worker's log.",
    )


def _must(answer: Answer, problem: str, fix: str) -> None:
    if answer.code != 0:
        raise OpsError(f"{problem}.", fix, answer.output.strip())
