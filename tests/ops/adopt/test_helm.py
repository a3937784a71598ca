"""Values of the two public charts: each value has one fate, the stack file loads, an unknown chart is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.adopt import helm, keys
from ops.adopt.classify import Answers, classify
from ops.adopt.classify.overview import names
from ops.adopt.model import Fate, Findings, Source
from tests.ops.adopt import support

VALUES = support.HELM
SHAPES = sorted(path.stem for path in VALUES.iterdir())
each_shape = pytest.mark.parametrize("shape", SHAPES)


def read(shape: str) -> Source:
    """Return the source of one values file."""
    return helm.read([VALUES / f"{shape}.yaml"], None, "old", "registries")


def adopted(shape: str, **answers: str) -> Findings:
    """Return what becomes of one values file."""
    return classify(read(shape), Answers(**answers))


@each_shape
def test_each_value_has_exactly_one_fate(shape: str) -> None:
    support.require_one_fate(read(shape))


@each_shape
def test_the_stack_file_loads_or_names_what_is_missing(shape: str) -> None:
    findings = adopted(shape)
    assert {complaint.partition(":")[0] for complaint in support.complaints(findings)} == set(findings.missing)
    if findings.missing:
        assert support.complaints(adopted(shape, host="portus.answer.test")) == []


@each_shape
def test_no_secret_is_written_in_clear(shape: str, tmp_path: Path) -> None:
    written = support.results(tmp_path, "helm", "--values", VALUES / f"{shape}.yaml")
    assert len(written) == 5
    assert support.secrets_in(written.values()) == []


def test_settings_are_taken_under_portus_own_names() -> None:
    settings = adopted("kubic-ingress-ldap").settings
    config = {key.removeprefix("portus.config."): value for key, value in settings.items() if key.startswith("portus.config.")}
    assert config["gravatar.enabled"] is False
    assert config["ldap.hostname"] == "ldap.team.test"
    assert config["ldap.encryption.method"] == "start_tls"
    assert config["email.smtp.user_name"] == "portus"
    assert config["user_permission.create_team.enabled"] is False
    assert "signup.enabled" not in config


def test_claims_exposure_and_class_are_taken() -> None:
    settings = adopted("kubic-ingress-ldap").settings
    assert settings[keys.REGISTRY_CLAIM_SIZE] == "200Gi"
    assert settings[keys.REGISTRY_STORAGE_CLASS] == "fast"
    assert settings[keys.EXPOSURE_KIND] == "ingress"
    assert settings[keys.EXPOSURE_CLASS] == "nginx"
    assert settings[keys.WEB_REPLICAS] == 2


def test_the_release_is_the_charts_own_where_the_values_do_not_say_it() -> None:
    assert adopted("kubic-node-port-no-tls").settings[keys.VERSION] == "2.3"


def test_images_in_an_empty_dir_are_reported() -> None:
    findings = adopted("kubic-node-port-no-tls")
    assert "emptyDir" in support.of(findings, "registry.persistence.enabled").text
    assert any("silly" in question for question in findings.questions)


def test_names_with_a_node_port_survive_behind_the_same_node_port() -> None:
    source = read("kubic-node-port-name")
    found = names(source, classify(source, Answers()))
    assert (found.old, found.survive) == ("portus.team.test:31443", True)


def test_names_with_an_ip_address_do_not_survive() -> None:
    source = read("kubic-node-port-no-tls")
    assert "IP address" in names(source, classify(source, Answers())).why


def test_scanner_receivers_and_several_registries_are_asked() -> None:
    findings = adopted("grant-street")
    asked = {"clair.enabled", "registry.notifications.endpoints", "registry.replicas"}
    assert asked <= set(support.fates(findings, Fate.DECISION))


def test_postgresql_and_a_misspelt_value_are_asked() -> None:
    findings = adopted("kubic-postgres-elsewhere")
    assert {"portus.dbAdapter", "portus.dbHost", "portus.tls.enabledd"} <= set(support.fates(findings, Fate.DECISION))
    assert "postgresql" in support.of(findings, "portus.dbAdapter").text


def test_the_later_of_two_values_files_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("portus:\n  replicas: 1\n  config: {signup: true}\n")
    second.write_text("portus:\n  replicas: 3\n")
    findings = classify(helm.read([first, second], None, "old", "registries"), Answers())
    assert findings.settings[keys.WEB_REPLICAS] == 3
    assert [verdict.text for verdict in findings.verdicts if verdict.item.place.file == str(first) and "overrides" in verdict.text]


def test_the_plan_names_the_releases_objects(tmp_path: Path) -> None:
    file = VALUES / "grant-street.yaml"
    plan = support.results(tmp_path, "helm", "--values", file, "--release", "hub", "--namespace", "ns")["plan.md"]
    for part in ("kubectl -n ns set env deployment/hub-portus-helm-registry", "statefulset/hub-mariadb-master", "tar -C /storage"):
        assert part in plan, part


@pytest.mark.parametrize(
    ("chart", "line"),
    [
        ("name: portus\nversion: 0.9.0\n", "Chart.yaml:2"),
        ("name: portus-helm\nversion: 1.0.0\n", "Chart.yaml:2"),
        ("name: harbor\nversion: 0.1.4\n", "Chart.yaml:1"),
        ("version: 0.1.4\n", "Chart.yaml"),
    ],
)
def test_a_chart_of_another_name_or_version_is_refused(chart: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text(chart)
    arguments = [
        "--values",
        VALUES / "grant-street.yaml",
        "--chart",
        tmp_path,
        "--stack",
        "prod",
        "--dir",
        support.program(tmp_path / "new"),
    ]
    result = support.run("helm", *arguments)
    assert result.exit_code == 1
    assert line in result.output
    assert "helm get manifest" in result.output
    assert support.is_unchanged(tmp_path / "new")


@pytest.mark.parametrize(
    ("chart", "values"), [("name: portus\nversion: 0.1.4\n", "kubic-ingress-ldap"), ("name: portus-helm\nversion: 0.2\n", "grant-street")]
)
def test_a_known_chart_is_read(chart: str, values: str, tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text(chart)
    source = helm.read([VALUES / f"{values}.yaml"], tmp_path, "old", "registries")
    assert source.commands["registry"].startswith("deployment/old-portus")


@pytest.mark.parametrize("text", ["harborAdminPassword: x\n", "[]\n", "portus: {\n", ""])
def test_values_of_another_chart_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(text)
    result = support.run("helm", "--values", file, "--stack", "prod", "--dir", support.program(tmp_path / "new"))
    assert result.exit_code == 1
    assert "values.yaml" in result.output
    assert "fix:" in result.output


def plan_of(shape: str, tmp_path: Path) -> str:
    """Return the plan for one values file."""
    return support.results(tmp_path, "helm", "--values", VALUES / f"{shape}.yaml", "--release", "hub")["plan.md"]


def test_a_registry_on_an_empty_dir_is_never_restarted_by_the_plan(tmp_path: Path) -> None:
    plan = plan_of("kubic-node-port-no-tls", tmp_path)
    assert "set env" not in plan
    assert "scale deployment/hub-portus-nginx --replicas=0" in plan
    assert plan.index("--replicas=0") < plan.index("tar -C /storage") < plan.index("--replicas=1")


@pytest.mark.parametrize(
    ("shape", "temporary"),
    [
        ("kubic-ingress-ldap", "exposure: {kind: cluster_ip}`"),
        ("kubic-node-port-name", "exposure: {kind: cluster_ip, publicPort: 31443}`"),
        ("kubic-postgres-elsewhere", ""),
    ],
)
def test_the_stack_takes_the_old_address_only_when_the_old_one_has_given_it_up(shape: str, temporary: str, tmp_path: Path) -> None:
    plan = plan_of(shape, tmp_path)
    there, separator, back = plan.partition("The way back")
    assert separator
    if temporary:
        assert there.index(temporary) < there.index("Give the address up") < there.rindex("pulumi up --stack prod")
        assert back.index(temporary) < back.index("pulumi up --stack prod") < back.index("kubectl -n default ")
        (saved,) = set(re.findall(r"old-\w+\.yaml", plan))
        assert f"-o yaml > {saved}" in there
        assert f"-f {saved}" in back
    else:
        assert "Give the address up" not in plan
        assert "pulumi up" not in back
