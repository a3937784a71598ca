"""What waits for what, and for how long: nothing of a release starts on a database that it was not brought to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.common.jobs import INIT_ERROR
from tests.recorder import ROOT, STACKS, Program, Programs, Registered

PROVIDERS_OWN = 600
"""What the provider waits where nothing else is said (pulumi-kubernetes, ``timeoutSeconds``)."""


@pytest.fixture(params=STACKS)
def program(request: pytest.FixtureRequest, programs: Programs) -> Program:
    return programs[request.param]


def _starting(program: Program, name: str) -> Registered:
    (found,) = [job for job in program.all("Job") if job.name.startswith(name)]
    return found


def test_a_release_backs_up_then_migrates_then_serves(program: Program) -> None:
    migration, web = _starting(program, "portus-migration-"), program.one("Deployment", "portus-web")
    if program.all("CronJob"):
        assert _starting(program, "backup-before-").name in migration.after
    assert "mariadb-server" in migration.after
    assert migration.name in web.after
    first = program.one("Job", "first-set-up-job")
    assert {"portus-web", "registry-deployment"} <= first.after
    for worker in (each for each in program.all("Deployment") if each.name == "worker-deployment"):
        assert "first-set-up-job" in worker.after


def test_the_registry_waits_for_nobody_but_its_own(program: Program) -> None:
    """A database that is not fit never stands in the way of the registry's certificate or storage."""
    registry = program.one("Deployment", "registry-deployment")
    assert not [name for name in registry.after if name.startswith(("mariadb-", "portus-", "backup-"))]


def test_what_a_release_does_once_stays_as_it_was_done(program: Program) -> None:
    once = {job.name for job in program.all("Job") if job.ignored == ("spec",)}
    assert once == {job.name for job in program.all("Job") if job.name.startswith(("portus-migration-", "backup-before-"))}


def test_a_job_that_did_not_end_well_is_made_anew_and_what_a_release_does_once_never_twice_at_a_time(program: Program) -> None:
    for job in program.all("Job"):
        assert INIT_ERROR in job.replaced_on, job.name
        assert job.deleted_first is (job.ignored == ("spec",)), job.name


def test_what_may_take_longer_is_waited_for_longer(program: Program) -> None:
    for workload in program.all("Job") + program.all("StatefulSet"):
        longest = workload.spec.get("activeDeadlineSeconds") or 0
        for container in workload.pod["containers"]:
            probe = container.get("startupProbe", {"periodSeconds": 0, "failureThreshold": 0})
            longest = max(longest, probe["periodSeconds"] * probe["failureThreshold"] + workload.pod["terminationGracePeriodSeconds"])
        assert int(workload.seconds.removesuffix("s") or PROVIDERS_OWN) >= longest, workload.name


def test_a_migration_is_never_cut_off(program: Program) -> None:
    """MariaDB cannot take back half of one."""
    assert _starting(program, "portus-migration-").pod["terminationGracePeriodSeconds"] >= 3600


# A new kind of exposure, store or database is never passed over in silence.


OPEN = {"components/settings/report/explain.py"}
"""Here a text is matched: pydantic's kinds of errors."""


def _matches() -> Iterator[tuple[str, ast.Match]]:
    for path in sorted(Path(ROOT, "components").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Match):
                yield str(path.relative_to(ROOT)), node


def test_every_match_over_a_union_ends_in_assert_never() -> None:
    found = [(path, node) for path, node in _matches() if path not in OPEN]
    assert len(found) > 7
    silent = [f"{path}:{node.lineno}" for path, node in found if "assert_never" not in ast.unparse(node.cases[-1])]
    assert silent == []
