"""Kubernetes objects: each key has one fate, names come from Ingresses, what is missing is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ops.adopt import keys, kubernetes, objects
from ops.adopt.classify import Answers, classify
from ops.adopt.classify.overview import names
from ops.adopt.model import AdoptError, Fate, Findings, Source
from ops.errors import OpsError
from tests.ops.adopt import support

OBJECTS = support.KUBERNETES
SHAPES = sorted(path.stem for path in OBJECTS.iterdir())
each_shape = pytest.mark.parametrize("shape", SHAPES)
WEB = """\
kind: Deployment
metadata: {name: portus}
spec:
  template:
    spec:
      containers:
        - name: portus
          image: opensuse/portus:2.4
          env:
            - name: PORTUS_MACHINE_FQDN_VALUE
              value: portus.team.test
"""
CONFIGURED = """\
          volumeMounts: [{{name: own, mountPath: {at}}}]
      volumes: [{{name: own, configMap: {{name: gone}}}}]
"""


def read(shape: str) -> Source:
    """Return the source of one file of objects."""
    file = OBJECTS / f"{shape}.yaml"
    return kubernetes.read(objects.load([file]), "portus", str(file))


def adopted(shape: str) -> Findings:
    """Return what becomes of one file of objects."""
    return classify(read(shape), Answers())


@each_shape
def test_each_key_has_exactly_one_fate(shape: str) -> None:
    support.require_one_fate(read(shape))


@each_shape
def test_the_stack_file_loads(shape: str) -> None:
    assert support.complaints(adopted(shape)) == []


@each_shape
def test_no_secret_is_written_in_clear(shape: str, tmp_path: Path) -> None:
    written = support.results(tmp_path, "kubernetes", "--file", OBJECTS / f"{shape}.yaml")
    assert len(written) == 5
    assert support.secrets_in(written.values()) == []


def test_values_of_config_maps_and_secrets_are_taken_where_a_container_uses_them() -> None:
    findings = adopted("ingress-claims-sidecar")
    assert findings.settings["portus.config.signup.enabled"] is False
    assert findings.secrets == {"portus.config.email.smtp.password": "zebra-mail"}


def test_a_key_that_no_container_uses_is_reported() -> None:
    findings = adopted("config-maps-node-port")
    assert support.of(findings, "ConfigMap/hub-settings.unused").fate is Fate.NO_COUNTERPART
    assert support.of(findings, "Secret/hub-secrets.tls.key").fate is Fate.NOT_NEEDED


def test_a_configuration_file_in_a_config_map_is_read_with_its_lines() -> None:
    findings = adopted("config-maps-node-port")
    verdict = support.of(findings, "gravatar.enabled")
    lines = (OBJECTS / "config-maps-node-port.yaml").read_text().splitlines()
    assert lines[verdict.item.place.line - 1].strip() == "enabled: false"
    assert findings.settings["portus.config.gravatar.enabled"] is False


def test_a_sidecar_is_the_worker() -> None:
    source = read("ingress-claims-sidecar")
    assert [workload.name for workload in source.workloads if workload.role.name == "WORKER"] == ["portus -c background"]


def test_public_names_come_from_the_ingresses_where_portus_has_an_inner_one() -> None:
    source = read("ingress-claims-sidecar")
    findings = classify(source, Answers())
    assert findings.settings[keys.HOST] == "portus.team.test"
    assert findings.settings[keys.REGISTRY_HOST] == "registry.team.test"
    assert findings.settings[keys.EXPOSURE_KIND] == "ingress"
    assert names(source, findings).survive


def test_the_names_with_a_node_port_survive_behind_the_same_one() -> None:
    source = read("config-maps-node-port")
    found = names(source, classify(source, Answers()))
    assert (found.old, found.survive) == ("192-0-2-30.names.test:32123", True)


@pytest.mark.parametrize(("service", "port"), [("hub.team.test:32001", 32001), ("hub.team.test:32000", 32000), ("inner:5000", 32000)])
def test_of_several_node_ports_the_one_of_the_images_names_is_taken(service: str, port: int, tmp_path: Path) -> None:
    images = "---\nkind: Deployment\nmetadata: {name: images}\nspec:\n  template:\n    spec:\n      containers:\n        - name: images\n"
    images += f"          image: registry:2\n          env: [{{name: REGISTRY_AUTH_TOKEN_SERVICE, value: '{service}'}}]\n"
    ports = {"portus": 32000, "images": 32001}
    services = [f"---\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{type: NodePort, ports: [{{port: 1, nodePort: {each}}}]}}\n"
                for name, each in ports.items()]  # fmt: skip
    file = tmp_path / "objects.yaml"
    file.write_text(WEB + images + "".join(services))
    findings = classify(kubernetes.read(objects.load([file]), "portus", str(file)), Answers())
    assert findings.settings[keys.EXPOSURE_NODE_PORT] == port
    (other,) = [f"{each} of {name}" for name, each in ports.items() if each != port]
    assert [question for question in findings.questions if f"({other})" in question]


def test_the_stack_gets_a_namespace_of_its_own() -> None:
    assert adopted("ingress-claims-sidecar").settings[keys.NAMESPACE] != "portus"


def test_what_a_workload_made_is_not_read_again(tmp_path: Path) -> None:
    """``kubectl get all`` lists the ReplicaSets and Pods of each Deployment."""
    pod = yaml.safe_load(WEB)["spec"]["template"]["spec"]

    def owned(kind: str, name: str, by: tuple[str, str], spec: object) -> dict[str, object]:
        return {"kind": kind, "metadata": {"name": name, "ownerReferences": [{"kind": by[0], "name": by[1]}]}, "spec": spec}

    replicas = owned("ReplicaSet", "portus-5d8", ("Deployment", "portus"), {"template": {"spec": pod}})
    pods = [owned("Pod", f"portus-5d8-{end}", ("ReplicaSet", "portus-5d8"), pod) for end in "ab"]
    for made in ([replicas, *pods], pods):
        file = tmp_path / "objects.yaml"
        file.write_text(WEB + "---\n" + yaml.safe_dump({"kind": "List", "items": made}))
        findings = classify(kubernetes.read(objects.load([file]), "portus", str(file)), Answers())
        assert support.of(findings, "Pod/portus-5d8-a").text.startswith("made by")
    file.write_text(yaml.safe_dump(pods[0]))
    assert kubernetes.read(objects.load([file]), "portus", str(file)).workloads, "a Pod alone is read"


@pytest.mark.parametrize(("words", "old", "new"), [((), "portus", "portus-stack"), (("--namespace", "team"), "team", "portus")])
def test_the_objects_say_the_namespace_unless_an_option_does(words: tuple[str, ...], old: str, new: str, tmp_path: Path) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(WEB.replace("{name: portus}", "{name: portus, namespace: portus}"))
    written = support.results(tmp_path / "new", "kubernetes", "--file", file, *words)
    assert f"kubectl -n {old} " in written["plan.md"]
    assert f"kubectl -n {new} get service edge-public" in written["plan.md"]
    assert ("namespace: portus-stack" in written["Pulumi.prod.yaml"]) == (new == "portus-stack")


def test_the_size_of_the_registrys_claim_is_taken() -> None:
    assert adopted("ingress-claims-sidecar").settings[keys.REGISTRY_CLAIM_SIZE] == "300Gi"


def test_the_claim_of_the_images_is_the_one_that_the_registry_is_configured_to_use(tmp_path: Path) -> None:
    text = (OBJECTS / "ingress-claims-sidecar.yaml").read_text()
    for entry, other in (
        ("{name: data, mountPath: /registry}", "{name: certs, mountPath: /certs}"),
        ("{name: data, persistentVolumeClaim: {claimName: images-data}}", "{name: certs, persistentVolumeClaim: {claimName: certs}}"),
    ):
        text = re.sub(rf"^( *- ){re.escape(entry)}$", rf"\1{other}\n\g<0>", text, flags=re.MULTILINE)
    file = tmp_path / "objects.yaml"
    file.write_text(text)
    findings = classify(kubernetes.read(objects.load([file]), "portus", str(file)), Answers())
    assert findings.settings[keys.REGISTRY_CLAIM_SIZE] == "300Gi"


def test_the_plan_names_the_old_objects(tmp_path: Path) -> None:
    file = OBJECTS / "ingress-claims-sidecar.yaml"
    plan = support.results(tmp_path, "kubernetes", "--file", file, "--namespace", "portus")["plan.md"]
    for part in ("kubectl -n portus exec -i statefulset/portus-db", "kubectl -n portus set env deployment/images", "tar -C /registry"):
        assert part in plan, part


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WEB + "          envFrom: [{secretRef: {name: gone}}]\n", ["objects.yaml:12", "the Secret gone must be among the objects"]),
        (
            WEB + "            - name: PORTUS_PASSWORD\n              valueFrom: {configMapKeyRef: {name: gone, key: x}}\n",
            ["objects.yaml:12", "the ConfigMap gone must be among"],
        ),
        (WEB + CONFIGURED.format(at="/srv/Portus/config"), ["objects.yaml:12", "the ConfigMap gone must be among"]),
        (WEB + CONFIGURED.format(at="/srv/Portus/config/config-local.yml"), ["objects.yaml:12", "the ConfigMap gone must be among"]),
        ("kind: Service\nmetadata: {name: x}\n", ["one service must run Portus"]),
        ("replicas: 1\n", ["objects.yaml:1", "must be Kubernetes objects"]),
        ("kind: [\n", ["must be YAML"]),
        ("", ["one service must run Portus"]),
    ],
)
def test_bad_objects_are_refused_with_place_and_fix(text: str, words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(text)
    result = support.run("kubernetes", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path / "new"))
    assert result.exit_code == 1
    assert [word for word in [*words, "fix:"] if word not in result.output] == [], result.output
    assert support.is_unchanged(tmp_path / "new")


@pytest.mark.parametrize(
    "more",
    [
        "          envFrom: [{secretRef: {name: gone, optional: true}}]\n",
        CONFIGURED.format(at="/certificates"),
        CONFIGURED.format(at="/srv/Portus/config").replace("gone", "gone, optional: true"),
    ],
)
def test_what_is_optional_or_cannot_be_a_configuration_may_be_missing(more: str, tmp_path: Path) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(WEB + more)
    assert (
        support.run(
            "kubernetes", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path / "new"), env=support.ENVIRONMENT
        ).exit_code
        == 0
    )


REGISTRY = """\
---
kind: Deployment
metadata: {name: registry}
spec:
  template:
    spec:
      containers:
        - name: registry
          image: registry:2.7
          volumeMounts: [{name: own, mountPath: /etc/docker/registry}]
      volumes: [{name: own, VOLUME}]
---
kind: ConfigMap
metadata: {name: conf}
data: {main: "version: 0.1\\nlog: {level: warn}\\n"}
---
kind: Secret
metadata: {name: conf}
stringData: {main: "version: 0.1\\nlog: {level: warn}\\n"}
"""
ITEMS = "items: [{key: main, path: config.yml}]"


def registry(volume: str, tmp_path: Path, more: str = "") -> Findings:
    """Return what becomes of a registry whose configuration is in ``volume``."""
    file = tmp_path / "objects.yaml"
    file.write_text(WEB + REGISTRY.replace("VOLUME", volume) + more)
    return classify(kubernetes.read(objects.load([file]), "portus", str(file)), Answers())


@pytest.mark.parametrize(
    "volume",
    [
        f"configMap: {{name: conf, {ITEMS}}}",
        f"secret: {{secretName: conf, {ITEMS}}}",
        f"projected: {{sources: [{{serviceAccountToken: {{path: token}}}}, {{configMap: {{name: conf, {ITEMS}}}}}]}}",
        f"projected: {{sources: [{{secret: {{name: conf, {ITEMS}}}}}]}}",
    ],
)
def test_a_configuration_is_read_from_every_volume_that_has_it(volume: str, tmp_path: Path) -> None:
    findings = registry(volume, tmp_path)
    assert findings.settings["registry.logLevel"] == "warn"
    assert support.of(findings, "volumeMounts[0]").text == "read: its keys are judged one by one"


def test_a_part_of_a_projected_volume_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdoptError, match="the ConfigMap gone must be among the objects"):
        registry("projected: {sources: [{configMap: {name: gone}}]}", tmp_path)


@pytest.mark.parametrize("volume", ["hostPath: {path: /data/conf}", "emptyDir: {}", "persistentVolumeClaim: {claimName: conf}"])
def test_a_configuration_that_no_object_holds_is_asked_with_the_option_that_gives_it(volume: str, tmp_path: Path) -> None:
    assert "--registry-config FILE" in support.of(registry(volume, tmp_path), "volumeMounts[0]").text
    given = support.lay(tmp_path / "given", {"config.yml": "version: 0.1\nlog: {level: warn}\n"})
    file = tmp_path / "objects.yaml"
    written = support.results(tmp_path / "new", "kubernetes", "--file", file, "--registry-config", given)
    assert "logLevel: warn" in written["Pulumi.prod.yaml"]


def test_references_to_variables_are_read_as_kubernetes_replaces_them(tmp_path: Path) -> None:
    file = tmp_path / "objects.yaml"
    service = "---\nkind: Service\nmetadata: {name: team-store}\n"
    more = "".join(
        f"            - {{name: {name}, value: {value}}}\n"
        for name, value in {
            "PORTUS_DB_HOST": "$(TEAM_STORE_SERVICE_HOST)",
            "DOMAIN": "team.test",
            "PORTUS_EMAIL_FROM": "portus@$(DOMAIN)",
            "PORTUS_EMAIL_NAME": "$(UNKNOWN) $$(DOMAIN)",
        }.items()
    )
    file.write_text(WEB + more + service)
    source = kubernetes.read(objects.load([file]), "portus", str(file))
    findings = classify(source, Answers())
    assert support.of(findings, "PORTUS_DB_HOST").fate is Fate.NOT_NEEDED, "the database is not a server elsewhere"
    assert findings.settings["portus.config.email.from"] == "portus@team.test"
    assert findings.settings["portus.config.email.name"] == "$(UNKNOWN) $(DOMAIN)"


def test_a_namespace_is_read_where_no_file_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def live(kubeconfig: Path, context: str | None, namespace: str) -> list[objects.Object]:
        asked.append((kubeconfig.name, context, namespace))
        return objects.load([OBJECTS / "ingress-claims-sidecar.yaml"])

    monkeypatch.setattr(objects, "live", live)
    arguments = [
        "--namespace",
        "old",
        "--context",
        "prod",
        "--kubeconfig",
        tmp_path / "config",
        "--stack",
        "prod",
        "--dir",
        support.program(tmp_path),
    ]
    result = support.run("kubernetes", *arguments, env=support.ENVIRONMENT)
    assert (result.exit_code, asked) == (0, [("config", "prod", "old")])


def test_the_plan_tells_the_two_clusters_apart_and_asks_the_record_of_every_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = "---\nkind: Deployment\nmetadata: {name: db}\nspec: {template: {spec: {containers: [{name: db, image: 'mysql:5.7'}]}}}\n"
    file = support.lay(tmp_path / "old", {"objects.yaml": WEB + database})
    monkeypatch.setattr(objects, "live", lambda *_: objects.load([file]))
    plan = support.results(tmp_path / "new", "kubernetes", "--namespace", "team", "--context", "old cluster")["plan.md"]
    assert plan.count("kubectl --context 'old cluster' -n team exec -i deployment/db") == 3
    assert "If it is in another cluster" in plan
    assert "SELECT * FROM registries" in plan, "2.0 has no external_hostname"


def test_a_folder_with_a_file_that_is_no_object_is_refused_with_the_way_to_give_the_others(tmp_path: Path) -> None:
    support.lay(tmp_path / "old", {"objects.yaml": WEB, "config.yml": "version: 0.1\n"})
    result = support.run("kubernetes", "--file", tmp_path / "old", "--stack", "prod", "--dir", support.program(tmp_path / "new"))
    assert result.exit_code == 1
    assert "give --file for each file of objects" in result.output


def test_a_cluster_that_refuses_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def live(*_: object) -> list[objects.Object]:
        raise OpsError("the cluster does not answer.", "Is it up?")

    monkeypatch.setattr(objects, "live", live)
    result = support.run("kubernetes", "--stack", "prod", "--dir", support.program(tmp_path))
    assert result.exit_code == 1
    assert "Is it up?" in result.output


def test_a_registry_without_a_claim_is_never_restarted_by_the_plan(tmp_path: Path) -> None:
    file = OBJECTS / "config-maps-node-port.yaml"
    plan = support.results(tmp_path, "kubernetes", "--file", file, "--namespace", "old")["plan.md"]
    assert "a restart of the registry loses them" in plan
    assert "set env" not in plan
