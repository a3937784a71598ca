"""The front proxy's objects of every stack: where it listens, how it is asked and how it stops."""

from __future__ import annotations

import pytest

from tests.components.rendered import http_get, identity, ports, variables, workload
from tests.recorder import STACKS, Programs, Registered


@pytest.fixture(params=STACKS)
def edge(request: pytest.FixtureRequest, programs: Programs) -> Registered:
    return workload(programs[request.param], "edge")


def test_it_listens_where_a_user_without_rights_may(edge: Registered) -> None:
    assert ports(edge.containers[0]) == {"https": 8443, "http": 8080, "health": 8404}
    assert identity(edge) == (10700, 10700, 10700)


def test_it_is_ready_when_haproxy_says_so_and_restarts_when_nothing_listens(edge: Registered) -> None:
    container = edge.containers[0]
    assert http_get(container["readinessProbe"]) == ("HTTP", "health", "/healthz")
    assert container["livenessProbe"]["tcpSocket"] == {"port": "https"}


def test_pushes_under_way_end_before_it_is_killed(edge: Registered) -> None:
    """haproxy.cfg ends the last connection by `hard-stop-after`, after the pause of the stop command."""
    assert edge.pod["terminationGracePeriodSeconds"] >= 5 + 60
    assert edge.containers[0]["lifecycle"]["preStop"]["exec"]["command"] == ["/bin/sleep", "5"]


def test_its_servers_are_the_services_that_the_pods_of_portus_know_by_name(edge: Registered, programs: Programs) -> None:
    made = next(each for each in programs.values() if edge in each.resources)
    told = variables(edge.containers[0])
    portus = [each["ip"] for each in workload(made, "registry").pod["hostAliases"]]
    assert [told["PORTUS_ADDRESS"]] == portus
    assert told["REGISTRY_ADDRESS"] in {each["ip"] for each in workload(made, "web").pod["hostAliases"]}
    assert told["REGISTRY_ADDRESS"] != told["PORTUS_ADDRESS"]
