"""``make gc``: reports what the registry would delete, and with ``CONFIRM=yes`` has it deleted, only while no client can push."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ops import paths
from ops.console import console, escape, step
from ops.errors import OpsError
from ops.gc.guard import flush
from ops.gc.job import Runner, job
from ops.gc.output import Findings, findings, readable
from ops.gc.registry import Registry, registry_of, require_mountable, require_read_only
from ops.kube.jobs import Jobs, polls
from ops.kube.pods import Pods
from ops.pulumi.stack import Stack

UNTAGGED: Final = ("no", "yes", "even-of-indexes")
"""What the word UNTAGGED may say."""

BESIDE_GRACE_SECONDS: Final = 30.0
"""What a Pod's end takes beside its grace period: a volume to mount, a Pod to start."""
SHOWN: Final = 10
"""Lines of a list that the report shows; all are in its log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What the user asks for.

    Args:
        confirm: whether to delete.
        untagged: one of `UNTAGGED`: whether manifests without a tag go, and whether even those that an index needs.
        cache_by_hand: whether the user flushes a Redis that is not the stack's own.
    """

    confirm: bool = False
    untagged: str = "no"
    cache_by_hand: bool = False

    @property
    def words(self) -> str:
        """The words of the command line that ask for the same, to delete."""
        words = ["CONFIRM=yes", f"UNTAGGED={self.untagged}" if self.untagged != "no" else "", "CACHE=by-hand" if self.cache_by_hand else ""]
        return " ".join(word for word in words if word)


def collect(stack: Stack, request: Request) -> Findings:
    """Report what a collection of the registry of ``stack`` deletes, delete it where ``request`` says so, and return the findings.

    Raises:
        OpsError: a push could meet it, or it failed, or it would break an image that stays.
    """
    pods = Pods(kube=stack.kube, namespace=str(stack.outputs()["namespace"]))
    return _Collection(stack.name, pods, request).run()


class _Collection:
    def __init__(self, stack: str, pods: Pods, request: Request) -> None:
        self._stack = stack
        self._pods = pods
        self._request = request
        self._log = paths.LOGS / f"collect-{stack}-{time.strftime('%Y%m%d-%H%M%S')}.log"
        self._runner = Runner(jobs=Jobs(pods.kube, pods.namespace), log=self._log)

    def run(self) -> Findings:
        registry = self._look()
        with step(f"asking the registry of stack {self._stack} what it would delete") as current:
            found = self._read(self._runner.run(self._job(registry, dry_run=True), current))
        self._report(found)
        self._require_whole_images(found)
        if not self._request.confirm:
            console.print(f"\nNothing was deleted. To delete it: make gc STACK={self._stack} {replace(self._request, confirm=True).words}")
            return found
        self._require_cache_in_hand(registry)
        return self._sweep()

    def _look(self) -> Registry:
        """Return the registry once no Pod of it takes pushes; those of before get the time that they have to finish uploads."""
        registry = registry_of(self._pods.kube, self._pods.namespace, self._stack)
        if registry.is_read_only:  # else that is reported first: the advice on the claim is safe on no other registry
            require_mountable(registry)
        if registry.is_read_only and registry.unsettled:
            with step("waiting until every Pod of the registry is read-only") as current:
                for _ in polls(registry.grace_seconds + BESIDE_GRACE_SECONDS):
                    registry = registry_of(self._pods.kube, self._pods.namespace, self._stack)
                    if not registry.is_read_only or not registry.unsettled:
                        break
                    current.say(registry.unsettled)
        require_read_only(registry, self._stack)
        return registry

    def _sweep(self) -> Findings:
        registry = self._look()
        with self._flushed(registry), step("deleting it") as current:
            findings = self._read(self._runner.run(self._job(registry, dry_run=False), current))
        after = registry_of(self._pods.kube, self._pods.namespace, self._stack)
        if after.deployment["spec"]["template"] != registry.deployment["spec"]["template"]:
            raise OpsError(
                "the registry changed during the collection: a push at that time may have lost layers.",
                f"make it read-only and check: make gc STACK={self._stack}; then repeat the pushes of that time.",
            )
        freed = "" if findings.freed is None else f", {readable(findings.freed)}"
        console.print(f"\nDeleted: {len(findings.blobs)} blobs{freed}. Every word of the registry is in {_shown(self._log)}.")
        console.print(f"Take pushes again: remove 'readonly' from stacks/Pulumi.{self._stack}.yaml, then make up STACK={self._stack}")
        if registry.has_foreign_redis:
            console.print(
                f"[bold]Before that[/bold], flush the descriptors in Redis {registry.redis_address}, or pushes will leave out layers."
            )
        return findings

    def _job(self, registry: Registry, *, dry_run: bool) -> dict[str, object]:
        return job(
            registry.deployment,
            config=registry.config_path,
            blobs=registry.blobs,
            node=registry.node,
            dry_run=dry_run,
            untagged=self._request.untagged != "no",
        )

    def _read(self, text: str) -> Findings:
        found = findings(text)
        if not found.whole:
            raise OpsError("the registry's report is incomplete.", f"repeat this command; the incomplete report is in {_shown(self._log)}.")
        return found

    def _report(self, found: Findings) -> None:
        console.print(f"\n  {len(found.repositories)} repositories, {found.manifests} manifests and {found.marked} blobs stay")
        stored = "" if found.stored is None else f" of {readable(found.stored)}"
        freed = "of unknown size: only the object store knows it" if found.freed is None else f"{readable(found.freed)}{stored}"
        console.print(f"  to delete: {len(found.blobs)} blobs, {freed}")
        if self._request.untagged == "no":
            return
        console.print("\n[bold]UNTAGGED: manifests that no tag names go as well.[/bold] Whoever pulls by digest")
        console.print("(a Deployment that pins its image, a signature) loses them:")
        _list(f"{repository}@{digest}" for repository, digest in found.untagged)
        _list(f"{repository}: has no tag at all, every image in it goes" for repository in found.tagless)

    def _require_whole_images(self, found: Findings) -> None:
        """Refuse to break an index: registry 2.8 takes its platforms' manifests for untagged (distribution#3178)."""
        if not found.indexes or self._request.untagged == UNTAGGED[-1]:
            return
        raise OpsError(
            f"{len(found.indexes)} images of several platforms would lose platforms: this registry treats those as untagged.",
            "tag each platform's manifest, or run registry 3.1, which keeps them. To accept the loss: UNTAGGED=even-of-indexes",
            "\n".join(f"{each.repository}@{each.digest} would lose {len(each.lost)}" for each in found.indexes[:SHOWN]),
        )

    def _require_cache_in_hand(self, registry: Registry) -> None:
        if registry.has_foreign_redis and not self._request.cache_by_hand:
            raise OpsError(
                f"the registry remembers its blobs in Redis {registry.redis_address}, which is not this stack's: it would still list the "
                "deleted ones, and pushes would leave out layers.",
                "plan to flush it after the collection and before the registry accepts pushes; then add CACHE=by-hand.",
            )

    @contextlib.contextmanager
    def _flushed(self, registry: Registry) -> Iterator[None]:
        """Empty the stack's own Redis before and after, also when the block is broken off.

        A descriptor of a deleted blob makes the registry say that it has the blob: clients leave that layer out, and their push is broken.
        Before, too: then a command that is killed in the middle leaves nothing stale unless a client asked for such a blob meanwhile. A
        cache in memory is lost when the registry's configuration changes back, since that restarts it.
        """
        flush(registry, self._pods)
        try:
            yield
        finally:
            flush(registry, self._pods)


def _list(lines: Iterator[str]) -> None:
    every = list(lines)
    for line in every[:SHOWN]:
        console.print(f"    {escape(line)}")
    if len(every) > SHOWN:
        console.print(f"    ... and {len(every) - SHOWN} more")


def _shown(path: Path) -> str:
    return str(path.relative_to(paths.ROOT)) if path.is_relative_to(paths.ROOT) else str(path)
