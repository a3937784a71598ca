"""The registry's own Redis, emptied: a descriptor of a deleted blob makes the registry say that it still has it."""

from __future__ import annotations

from typing import Final

from ops.errors import LabError
from ops.gc.registry import Registry
from ops.kube.http import Unseen
from ops.kube.pods import Pods

FLUSH_SECONDS: Final = 30.0


def flush(registry: Registry, pods: Pods) -> None:
    """Empty the stack's own Redis.

    Raises:
        LabError: it could not be emptied.
    """
    for pod in registry.redis_pods:
        done = pods.run(pod, ["redis-cli", "flushall"], FLUSH_SECONDS)
        if isinstance(done, Unseen) or done != (0, "OK"):
            said = done.reason if isinstance(done, Unseen) else done[1]
            raise LabError(
                f"the registry's cache in Pod {pod} could not be emptied: {said}",
                "keep the registry read-only until this command succeeds: pushes would leave out layers.",
            )
