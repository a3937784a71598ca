"""What differs between the versions is decided once, by version (docs/reference/portus-images.md, The two image families)."""

from __future__ import annotations

import json

import pytest
import yaml

from components.common.versions import PortusVersion
from components.portus.image_family import image_family
from components.portus.inputs import FirstSetUp, Role
from tests.components.portus.stage import environment
from tests.components.rendered import (
    FACTS,
    PUMA,
    Facts,
    files,
    http_get,
    identity,
    migration,
    ports,
    registry_document,
    variables,
    workload,
)
from tests.recorder import STACKS, Program, Programs, Registered


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
    found = image_family(PortusVersion(version))
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
    """With another name a login works and a push is denied; an event of another host is dropped."""
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


# The images of 2.0 to 2.2 get each variable that they read, with its value, and no others.
# A row says where the fact is from: a section of docs/reference/portus-images.md unless it names a file of the images.


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


def test_each_apache_container_gets_the_variables_that_its_image_reads(portus: Registered) -> None:
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


def test_portus_own_name_is_in_the_file_because_apache_passes_few_variables(made: Program) -> None:
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


def test_apache_is_asked_over_tls_for_a_token_that_needs_no_login(made: Program) -> None:
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


def test_apache_runs_as_wwwrun_which_may_use_sudo(portus: Registered) -> None:
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


# The images of 2.3 to 2.5 get each variable that they read, with its value, and no others: Portus ignores an unknown name without a word.
# A row says where the fact is from: a section of docs/reference/portus-images.md unless it names a file of Portus or of its images.


EVERYWHERE = (
    ("LANG", "C.UTF-8", "Variables and settings: without it a filter with other letters raises Encoding::CompatibilityError"),
    ("RACK_ENV", "production", "the images' init sets it for its own children; `kubectl exec` needs it, too"),
    ("RAILS_ENV", "production", "the images' init, as RACK_ENV"),
    ("CCONFIG_PREFIX", "PORTUS", "Variables and settings: PORTUS_<PATH>; the images' init, as RACK_ENV"),
    ("PORTUS_MACHINE_FQDN_VALUE", "{host}", "Keys and tokens: `iss` is machine_fqdn.value"),
    ("PORTUS_KEY_PATH", "/secrets/portus.key", "The two image families: the key that signs tokens"),
    ("PORTUS_DB_ADAPTER", "mysql2", "Database: MariaDB or MySQL; config/database.yml"),
    ("PORTUS_DB_HOST", "mariadb.{namespace}.svc", "The two image families: database variables"),
    ("PORTUS_DB_PORT", "3306", "The two image families: database variables"),
    ("PORTUS_DB_DATABASE", "portus_production", "The two image families: database variables"),
    ("PORTUS_DB_USERNAME", "portus", "The two image families: database variables"),
    ("PORTUS_DB_POOL", "4", "config/puma.rb: each thread holds a connection"),
    ("PORTUS_DB_PASSWORD_FILE", "/run/secrets/portus/database-password", "Variables and settings: *_FILE"),
    ("PORTUS_PASSWORD_FILE", "/run/secrets/portus/portus-password", "Variables and settings: *_FILE"),
    ("PORTUS_SECRET_KEY_BASE_FILE", "/run/secrets/portus/secret-key-base", "Variables and settings: *_FILE"),
    ("PORTUS_LOG_LEVEL", "info", "Variables and settings: `debug` prints the environment, secrets included"),
)
WEB = (
    ("PORTUS_PUMA_TLS_KEY", "/secrets/portus.key", "The two image families: HTTPS on 3000 if a TLS key is set"),
    ("PORTUS_PUMA_TLS_CERT", "/secrets/portus.crt", "The two image families: certificate and key"),
    ("PORTUS_PUMA_WORKERS", "{puma_workers}", "config/puma.rb"),
    ("PORTUS_PUMA_MAX_THREADS", "4", "config/puma.rb"),
    ("RAILS_SERVE_STATIC_FILES", "true", "Variables and settings: no other server serves the style sheets"),
    ("PORTUS_INIT_REGISTRY_NAME", "registry", "config/initializers of 2.4 and later: a missing record is made at the start"),
    ("PORTUS_INIT_REGISTRY_HOSTNAME", "{authority}", "Events: `event.request.host` must be the record's host name"),
    ("PORTUS_INIT_REGISTRY_USE_SSL", "true", "config/initializers of 2.4 and later, as the name"),
)
WORKER = (
    ("PORTUS_BACKGROUND", "true", "Variables and settings: any text is the worker"),
    ("RUBYOPT", "-r/stack/unbuffered.rb", "Start, stop and health: the log of 2.5's worker is block-buffered"),
)
OF_ROLE: dict[str, tuple[tuple[str, str, str], ...]] = {"web": WEB, "worker": WORKER, "task": ()}


@pytest.fixture(params=PUMA)
def stack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _of(made: Program, role: str) -> Registered:
    return migration(made) if role == "task" else workload(made, role)


def _filled(text: str, facts: Facts) -> str:
    return text.format(host=facts.host, namespace=facts.namespace, authority=facts.authority, puma_workers=facts.puma_workers)


@pytest.mark.parametrize("role", OF_ROLE)
def test_each_puma_container_gets_the_variables_that_its_image_reads(stack: str, role: str, programs: Programs) -> None:
    found = variables(_of(programs[stack], role).containers[-1])
    for name, value, source in (*EVERYWHERE, *OF_ROLE[role]):
        assert found.get(name) == _filled(value, FACTS[stack]), f"{name} ({source})"


@pytest.mark.parametrize("role", OF_ROLE)
def test_no_container_gets_a_variable_that_its_image_does_not_read(role: str, programs: Programs) -> None:
    """The lab's stack says nothing of Portus' own settings, so every variable has a row."""
    known = {name for name, _, _ in (*EVERYWHERE, *OF_ROLE[role])}
    task = {"WORK", "NEWEST", "ACCEPT_NEWER"} if role == "task" else set()
    assert variables(_of(programs["lab"], role).containers[-1]).keys() == known | task


@pytest.mark.parametrize(
    ("version", "missing"),
    [("2.3", {"RUBYOPT", *(name for name, _, _ in WEB[-3:])}), ("2.4", {"RUBYOPT"}), ("2.5", set())],
)
@pytest.mark.parametrize("role", list(Role))
def test_each_version_gets_the_variables_that_it_knows(version: str, missing: set[str], role: Role) -> None:
    """2.3 makes no record at its start; only 2.5's worker keeps its log back."""
    known = {name for name, _, _ in (*EVERYWHERE, *OF_ROLE[role.value])}
    assert environment(version, {}, role).keys() == known - missing


@pytest.mark.parametrize("role", list(Role))
def test_an_external_database_is_asked_at_its_own_port(role: Role) -> None:
    """Without PORTUS_DB_PORT Portus takes 3306 (config/database.yml)."""
    assert environment("2.5", {}, role, port=3307)["PORTUS_DB_PORT"] == "3307"


@pytest.mark.parametrize("role", OF_ROLE)
def test_each_path_in_a_variable_is_a_file_of_the_container_with_the_right_content(stack: str, role: str, programs: Programs) -> None:
    made = _of(programs[stack], role)
    container = made.containers[-1]
    told, mounted = variables(container), files(made, container)
    served = "portus-certificate" if stack == "prod" else "served-tls-certificate-auto"  # prod's is the platform team's
    expected = {
        "PORTUS_KEY_PATH": f"{served}/tls.key",
        "PORTUS_PUMA_TLS_KEY": f"{served}/tls.key",
        "PORTUS_PUMA_TLS_CERT": f"{served}/tls.crt",
        "PORTUS_DB_PASSWORD_FILE": "portus-credentials-auto/database-password",
        "PORTUS_PASSWORD_FILE": "portus-credentials-auto/portus-password",
        "PORTUS_SECRET_KEY_BASE_FILE": "portus-credentials-auto/secret-key-base",
    }
    for name, source in expected.items():
        if name in told:
            assert mounted.get(told[name]) == source, name


@pytest.mark.parametrize("role", OF_ROLE)
def test_the_image_imports_the_stacks_ca(stack: str, role: str, programs: Programs) -> None:
    """`/init` imports /certificates/*.crt at each start; without it Portus refuses the registry's certificate (The two image families)."""
    made = _of(programs[stack], role)
    assert files(made, made.containers[-1])["/certificates/portus-stack-ca.crt"] == "served-tls-trust-auto/ca.crt"


def test_the_web_is_asked_over_tls_for_the_page_that_needs_no_database(stack: str, programs: Programs) -> None:
    """`/` would decide for all whether the connection is safe, `/api/v1/health` runs rake (Start, stop and health)."""
    container = workload(programs[stack], "web").containers[0]
    assert ports(container) == {"https": 3000}
    for probe in ("startupProbe", "readinessProbe"):
        assert http_get(container[probe]) == ("HTTPS", "https", "/api/v1/_ping")
    assert container["livenessProbe"]["tcpSocket"] == {"port": "https"}


@pytest.mark.parametrize(("probe", "least", "most"), [("startupProbe", 600, 600), ("readinessProbe", 10, 30), ("livenessProbe", 60, 300)])
def test_a_busy_web_is_not_restarted_and_a_dead_one_gets_no_requests(
    probe: str, least: int, most: int, stack: str, programs: Programs
) -> None:
    """The first answer took up to 240 s on a starved machine (Start, stop and health)."""
    asked = workload(programs[stack], "web").containers[0][probe]
    assert least <= asked["periodSeconds"] * asked["failureThreshold"] <= most
    assert asked["timeoutSeconds"] >= 5


@pytest.mark.parametrize("component", ["web", "worker"])
def test_the_image_runs_as_its_own_root_without_more_rights(component: str, stack: str, programs: Programs) -> None:
    """It imports CA certificates and writes to /srv/Portus (Files that the images write)."""
    made = workload(programs[stack], component)
    assert identity(made) == (None, None, None)
    assert "runAsNonRoot" not in made.pod["securityContext"]
    assert made.containers[0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": False,
    }
