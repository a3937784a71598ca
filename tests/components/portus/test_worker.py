"""One worker, never two: it takes no locks, and a second one handles an event twice (portus-images.md, Start, stop and health)."""

from __future__ import annotations

import pytest

from tests.components.rendered import PUMA, workload
from tests.recorder import Programs


@pytest.mark.parametrize("stack", PUMA)
def test_there_is_one_worker_and_the_old_one_ends_before_the_new_one_starts(stack: str, programs: Programs) -> None:
    spec = workload(programs[stack], "worker").spec
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    autoscaled = {each.spec["scaleTargetRef"]["name"] for each in programs[stack].all("HorizontalPodAutoscaler")}
    assert "portus-worker" not in autoscaled


@pytest.mark.parametrize("stack", PUMA)
def test_a_worker_starts_once_the_registry_and_its_record_are_there(stack: str, programs: Programs) -> None:
    """A 401 or 5xx of the registry's catalog ends it (SUSE/Portus#2216)."""
    assert "first-set-up-job" in workload(programs[stack], "worker").after


@pytest.mark.parametrize("stack", PUMA)
def test_a_worker_listens_nowhere(stack: str, programs: Programs) -> None:
    assert "ports" not in workload(programs[stack], "worker").containers[0]
