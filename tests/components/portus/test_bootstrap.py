"""The registry's record holds the one name that tokens, events and clients use (portus-images.md, Keys and tokens; Events)."""

from __future__ import annotations

import json

import pytest

from tests.components.rendered import FACTS, files, registry_document, variables
from tests.recorder import STACKS, Programs


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
