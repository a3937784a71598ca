"""What differs between the versions is decided once, by version (docs/reference/portus-images.md, The two image families)."""

from __future__ import annotations

import json

import pytest

from components.common.versions import PortusVersion
from components.portus.generation import generation
from components.portus.inputs import FirstSetUp
from tests.components.rendered import FACTS, PUMA, files, registry_document, variables, workload
from tests.recorder import STACKS, Programs


@pytest.mark.parametrize(
    ("version", "first_set_up", "rake", "worker", "judges_wildcards"),
    [
        ("2.0", FirstSetUp.BY_HAND, "portusctl rake", False, False),
        ("2.1", FirstSetUp.RAKE, "portusctl rake", False, True),
        ("2.2", FirstSetUp.RAKE, "portusctl rake", False, True),
        ("2.3", FirstSetUp.RAKE, "portusctl rake", True, True),
        ("2.4", FirstSetUp.API, "portusctl exec rake", True, True),
        ("2.5", FirstSetUp.API, "portusctl exec rake", True, True),
    ],
)
def test_each_version_is_set_up_and_guarded_as_it_needs(
    version: str,
    first_set_up: FirstSetUp,
    rake: str,
    *,
    worker: bool,
    judges_wildcards: bool,
) -> None:
    """2.0 has no task for a record, 2.4 brings the API; 2.0 grants ``*`` to anybody (tokens_controller.rb), so the edge must refuse it."""
    found = generation(PortusVersion(version))
    assert found.first_set_up is first_set_up
    assert " ".join(found.rake) == rake
    assert found.has_worker is worker
    assert found.judges_wildcards is judges_wildcards


# One worker, never two: it takes no locks, and a second one handles an event twice (portus-images.md, Start, stop and health).


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


# The registry's record holds the one name that tokens, events and clients use (portus-images.md, Keys and tokens; Events).


@pytest.mark.parametrize("stack", STACKS)
def test_host_name_and_external_host_name_of_the_record_are_the_tokens_service(stack: str, programs: Programs) -> None:
    """With another name a log-in works and a push is denied; an event of another host is dropped."""
    job = programs[stack].one("Job", "first-set-up-job")
    for container in job.containers:
        told = variables(container)
        assert json.loads(told["RECORD"]) == {
            "registry": {
                "name": "registry",
                "hostname": FACTS[stack].authority,
                "use_ssl": True,
                "external_hostname": FACTS[stack].authority,
            }
        }
        assert told["REGISTRY"] == FACTS[stack].authority
    assert registry_document(programs[stack])["auth"]["token"]["service"] == FACTS[stack].authority


@pytest.mark.parametrize("stack", STACKS)
def test_the_first_set_up_asks_the_public_names_and_trusts_the_stacks_ca(stack: str, programs: Programs) -> None:
    facts, job = FACTS[stack], programs[stack].one("Job", "first-set-up-job")
    container = job.containers[-1]
    told = variables(container)
    assert (told["PORTUS_URL"], told["PORTUS_HOST"]) == (facts.url, facts.host)
    assert (told["REGISTRY_URL"], told["NAMESPACE"]) == (f"https://{facts.authority}", facts.namespace)
    mounted = files(job, container)
    assert mounted[told["CA_FILE"]] == "served-tls-trust-auto/ca.crt"
    assert mounted[f"{told['FILES']}/password"] == "portus-credentials-auto/administrator-password"
    assert mounted[f"{told['FILES']}/portus-password"] == "portus-credentials-auto/portus-password"


@pytest.mark.parametrize("stack", STACKS)
def test_the_first_administrator_is_admin_with_an_address_at_portus_own_host(stack: str, programs: Programs) -> None:
    told = variables(programs[stack].one("Job", "first-set-up-job").containers[-1])
    assert (told["ADMINISTRATOR"], told["EMAIL"]) == ("admin", f"admin@{FACTS[stack].host}")


@pytest.mark.parametrize("stack", STACKS)
def test_the_first_set_up_begins_once_portus_and_the_registry_are_up(stack: str, programs: Programs) -> None:
    assert {"portus-web", "registry-deployment"} <= programs[stack].one("Job", "first-set-up-job").after
