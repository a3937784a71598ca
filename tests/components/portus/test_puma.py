"""The images of 2.3 to 2.5 get each variable that they read, with its value, and no others: Portus ignores an unknown name without a word.

A row says where the fact is from: a section of docs/reference/portus-images.md unless it names a file of Portus or of its images.
"""

from __future__ import annotations

import pytest

from components.portus.inputs import Role
from tests.components.portus.stage import environment
from tests.components.rendered import FACTS, PUMA, Facts, files, http_get, identity, migration, ports, variables, workload
from tests.recorder import Program, Programs, Registered

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
def test_each_container_gets_the_variables_that_its_image_reads(stack: str, role: str, programs: Programs) -> None:
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
