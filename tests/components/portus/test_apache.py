"""The images of 2.0 to 2.2 get each variable that they read, with its value, and no others.

A row says where the fact is from: a section of docs/reference/portus-images.md unless it names a file of the images.
"""

from __future__ import annotations

import pytest
import yaml

from components.portus.inputs import Role
from tests.components.portus.stage import environment
from tests.components.rendered import FACTS, files, http_get, identity, migration, ports, variables, workload
from tests.recorder import Program, Programs, Registered

STACK = "lab-apache"
HELD = FACTS[STACK]

VARIABLES = (
    ("LANG", "C.UTF-8", "Variables and settings: without it a filter with other letters raises Encoding::CompatibilityError"),
    ("PORTUS_MACHINE_FQDN_VALUE", HELD.host, "Keys and tokens: `iss` is machine_fqdn.value"),
    ("PORTUS_SECRET_KEY_BASE", "secret:secret-key-base", "The two image families: secrets; secrets.yml"),
    ("PORTUS_PORTUS_PASSWORD", "secret:portus-password", "The two image families: secrets; secrets.yml"),
    ("MARIADB_SERVICE_HOST", f"mariadb.{HELD.namespace}.svc", "The two image families: database variables; database.yml"),
    ("MARIADB_DATABASE", "portus_production", "The two image families: database variables"),
    ("MARIADB_USER", "portus", "The two image families: database variables"),
    ("MARIADB_PASSWORD", "secret:database-password", "The two image families: database variables; *_FILE is of 2.3 and later"),
)


@pytest.fixture
def made(programs: Programs) -> Program:
    return programs[STACK]


@pytest.fixture(params=["web", "task"])
def portus(request: pytest.FixtureRequest, made: Program) -> Registered:
    return migration(made) if request.param == "task" else workload(made, "web")


def test_each_container_gets_the_variables_that_its_image_reads(portus: Registered) -> None:
    found = variables(portus.containers[-1])
    for name, value, source in VARIABLES:
        assert found.pop(name, None) == value, f"{name} ({source})"
    assert found.keys() <= {"WORK", "NEWEST", "ACCEPT_NEWER"}, "of the migration alone"


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
@pytest.mark.parametrize("role", list(Role))
def test_all_three_versions_read_the_same_variables(version: str, role: Role) -> None:
    assert environment(version, {}, role).keys() == {name for name, _, _ in VARIABLES}


def test_one_key_serves_tls_and_signs_tokens_at_the_images_own_paths(portus: Registered) -> None:
    mounted = files(portus, portus.containers[-1])
    assert mounted["/secrets/portus.key"] == "served-tls-certificate-auto/tls.key"
    assert mounted["/certificates/portus-ca.crt"] == "served-tls-certificate-auto/tls.crt"
    assert mounted["/certificates/portus-stack-ca.crt"] == "served-tls-trust-auto/ca.crt"


def test_portus_own_name_stands_in_the_file_for_apache_passes_few_variables_on(made: Program) -> None:
    """2.0 and 2.1 do not even pass PORTUS_MACHINE_FQDN_VALUE (Variables and settings; apache.conf)."""
    web = workload(made, "web")
    (mount,) = [each for each in web.containers[0]["volumeMounts"] if each["name"] == "local-config"]
    assert (mount["mountPath"], mount["subPath"]) == ("/srv/Portus/config/config-local.yml", "config-local.yml")
    document = yaml.safe_load(made.one("ConfigMap", "portus-config").inputs["data"]["config-local.yml"])
    assert document["machine_fqdn"] == {"value": HELD.host}


def test_apache_listens_where_its_image_does_and_portus_service_leads_to_both_ports(made: Program) -> None:
    """The registry's notifications come to port 80 in plain (The two image families)."""
    assert ports(workload(made, "web").containers[0]) == {"https": 443, "http": 80}
    service = made.one("Service", "addresses-portus").spec["ports"]
    assert {each["name"]: (each["port"], each["targetPort"]) for each in service} == {"https": (443, "https"), "http": (80, "http")}


def test_apache_is_asked_over_tls_for_a_token_that_anybody_gets(made: Program) -> None:
    """`/v2/` answers 401, and `/` decides for all whether the connection is safe (Start, stop and health)."""
    container = workload(made, "web").containers[0]
    for probe in ("startupProbe", "readinessProbe"):
        assert http_get(container[probe]) == ("HTTPS", "https", "/v2/token")
        assert container[probe]["timeoutSeconds"] >= 5
    assert container["livenessProbe"]["tcpSocket"] == {"port": "https"}


@pytest.mark.parametrize(("probe", "least", "most"), [("startupProbe", 600, 600), ("readinessProbe", 10, 30), ("livenessProbe", 60, 300)])
def test_a_busy_apache_is_not_restarted_and_a_dead_one_gets_no_requests(probe: str, least: int, most: int, made: Program) -> None:
    """The image waits about 90 s for its database and boots Rails before each look (Start, stop and health)."""
    asked = workload(made, "web").containers[0][probe]
    assert least <= asked["periodSeconds"] * asked["failureThreshold"] <= most
    assert asked["periodSeconds"] <= 20


def test_apache_runs_as_wwwrun_who_may_use_sudo(portus: Registered) -> None:
    """uid 30 in group 8 (helm/charts#2766); its init calls sudo for the CA import and for Apache (The two image families)."""
    assert identity(portus) == (30, 8, 8)
    assert portus.pod["securityContext"]["runAsNonRoot"] is True
    assert portus.containers[-1]["securityContext"] == {
        "allowPrivilegeEscalation": True,
        "privileged": False,
        "readOnlyRootFilesystem": False,
    }


def test_no_worker_runs_beside_apache_which_handles_events_inside_the_request(made: Program) -> None:
    components = {each.template["metadata"]["labels"]["app.kubernetes.io/component"] for each in made.all("Deployment")}
    assert components == {"web", "registry", "edge"}
