"""A render shows what a first deployment creates, and needs nothing but the checkout."""

from __future__ import annotations

import base64
import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import __main__ as command
from lab.engine.plugins.codec import UNKNOWN, Properties, Secret
from lab.render import render as rendering
from lab.render.objects import KNOWN_LATER, SECRET, SECRET_DATA, in_order, manifest, outputs
from lab.render.recorder import Program, run_program
from lab.render.render import render, rendered, write
from lab.render.stackfile import read
from lab.render.verify import verify
from ops.errors import OpsError
from tests.recorder import FILES, ROOT
from tests.settings.corpus import SAMPLES, StackFile, sample_of

SEALED = {"secure": "v1:dGhpcyBub25jZQ==:bm90IGRlY3J5cHRlZCBieSBhbnlib2R5"}


def _file(folder: Path, name: str, **sections: object) -> Path:
    config = yaml.safe_load(FILES["dev"].read_text())["config"] | {f"portus:{key}": value for key, value in sections.items()}
    file = folder / f"Pulumi.{name}.yaml"
    file.write_text(yaml.safe_dump({"config": config}))
    return file


def test_a_render_leaves_one_file_per_object_and_what_it_did_not_write(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    (tmp_path / "deployment-gone.yaml").write_text("# Rendered from stack lab for review\n")
    render("lab", tmp_path)
    files = {path.name: yaml.safe_load(path.read_text()) for path in tmp_path.glob("*.yaml")}
    assert files.pop("kustomization.yaml") == {"resources": []}
    assert "deployment-gone.yaml" not in files
    assert files["deployment-portus.yaml"]["metadata"]["name"] == "portus"
    assert all(name == f"{each['kind'].lower()}-{each['metadata']['name']}.yaml" for name, each in files.items())


@pytest.fixture
def nothing_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "rendered", lambda _: [])


@pytest.mark.usefixtures("nothing_is_rendered")
@pytest.mark.parametrize("folder", ["file/below", "file", "/proc/nowhere"])
def test_a_render_into_an_impossible_folder_is_one_clear_line(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert command.main(["render", "--stack", "lab", "--dir", folder]) == 1
    assert "must be a folder that can be written" in capsys.readouterr().err


def test_a_refused_stack_file_is_reported_whole(tmp_path: Path) -> None:
    with pytest.raises(OpsError) as raised:
        rendered("broken", _file(tmp_path, "broken", host="https://portus.example.com", network={"policy": True}))
    assert "portus:host" in raised.value.excerpt
    assert "portus:network.policy" in raised.value.excerpt


def test_a_report_is_shown_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _file(tmp_path, "twice", host="https://portus.example.com")
    for module in ("ops.pulumi.stack", "lab.render.render"):
        monkeypatch.setattr(f"{module}.STACKS", tmp_path)
    assert command.main(["render", "--stack", "twice", "--dir", str(tmp_path / "rendered")]) == 1
    said = capsys.readouterr()
    assert (said.out + said.err + caplog.text).count("portus:host") == 1


def test_an_object_that_is_only_looked_up_is_not_rendered(tmp_path: Path) -> None:
    exposure = {"kind": "gateway", "parentRefs": [{"name": "public", "namespace": "gateways"}]}
    found = {each.reference for each in rendered("gateway", _file(tmp_path, "gateway", exposure=exposure))}
    assert "HTTPRoute/edge" in found
    assert not [reference for reference in found if reference.startswith("CustomResourceDefinition/")]


def test_an_unknown_stack_is_reported_with_the_known_ones() -> None:
    with pytest.raises(OpsError) as raised:
        rendered("nowhere")
    assert "lab-apache" in raised.value.fix


def test_an_encrypted_secret_is_rendered_without_its_passphrase_and_shown_nowhere(tmp_path: Path) -> None:
    authentication = {"enabled": True, "bind_dn": "cn=portus,dc=example,dc=com", "password": SEALED}
    ldap = {"enabled": True, "hostname": "ldap.example.com", "base": "dc=example,dc=com", "authentication": authentication}
    portus = {"version": "2.5", "config": {"ldap": ldap}}
    found = {each.reference: each.to_yaml() for each in rendered("encrypted", _file(tmp_path, "encrypted", portus=portus))}
    assert "ldap" in found["Secret/portus-credentials"]
    assert "<encrypted" not in "".join(text for text in found.values() if "kind: Secret" in text)
    assert SEALED["secure"] not in "".join(found.values())


def test_an_encrypted_value_that_is_no_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OpsError) as raised:
        rendered("hidden", _file(tmp_path, "hidden", host=SEALED))
    assert raised.value.excerpt.count("problem") == 1
    assert "only secrets may be encrypted" in raised.value.excerpt
    assert SEALED["secure"] not in raised.value.excerpt


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "config:"), ("confg:\n  portus:host: a.example.com\n", "config:"), ("config: [", "must be YAML")],
    ids=["empty", "misspelt", "no-yaml"],
)
def test_a_file_that_is_no_stack_file_is_one_clear_line(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.wrong.yaml"
    file.write_text(text)
    with pytest.raises(OpsError) as raised:
        rendered("wrong", file)
    assert told in raised.value.problem + raised.value.excerpt


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("config:\n  portus:host: {{ .Values.host }}\n", "render the template first"),
        ("config:\n  portus:registry: {[a]: b}\n", "a key must be a text"),
        ('config:\n  portus:portus: {version: "2.5", version: "2.4"}\n', "'version' must be set once"),
        ("config:\n  portus:host: a\n  portus:host: b\n", "'portus:host' must be set once"),
        ("config:\n  portus:workloads: &all {all: *all}\n", "must not be inside itself"),
        ("config:\n  portus:accept: !!set {a}\n", "set"),
        ("config:\n  portus:cluster: {context: !!binary aGVsbG8=}\n", "binary"),
        ("config:\n  portus:accept: " + "[" * 3000 + "]" * 3000 + "\n", "fewer levels"),
        (
            "a: &a [x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in itertools.pairwise("abcdefghijklm")),
            "repeat each other",
        ),
    ],
    ids=["template", "list-as-key", "twice-in-a-line", "twice", "inside-itself", "set", "binary", "deep", "laughs"],
)
def test_what_pulumi_cannot_read_is_one_clear_line(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.wrong.yaml"
    file.write_text(text)
    with pytest.raises(OpsError) as raised:
        rendered("wrong", file)
    assert told in f"{raised.value.problem} {raised.value.fix} {raised.value.excerpt}"


def test_a_file_of_another_encoding_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.wrong.yaml"
    file.write_text("config: {}\n", encoding="utf-16")
    with pytest.raises(OpsError, match="save it as UTF-8"):
        rendered("wrong", file)


@pytest.mark.parametrize("text", ["2026-13-45", "=", "0x_", "0b_"])
def test_a_value_without_quotes_that_yaml_1_1_cannot_read_is_a_text_as_for_pulumi(text: str, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.odd.yaml"
    file.write_text(f"config:\n  portus:cluster: {{context: {text}}}\n")
    assert json.loads(read(file).values["portus:cluster"]) == {"context": text}


def test_what_a_merge_brings_may_be_set_again(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.merged.yaml"
    file.write_text("x: &x {a: 1}\ny: &y {<<: *x, a: 2}\nconfig:\n  portus:registry: {<<: *y, a: 3}\n")
    assert json.loads(read(file).values["portus:registry"]) == {"a": 3}


@pytest.mark.parametrize("sealed", [None, [], 5], ids=str)
def test_only_an_encrypted_text_is_taken_for_a_secret(sealed: object, tmp_path: Path) -> None:
    database = {"kind": "external", "host": "db.example.com", "user": "portus", "password": {"secure": sealed}}
    with pytest.raises(OpsError) as raised:
        rendered("unsealed", _file(tmp_path, "unsealed", database=database))
    assert "portus:database.password.secure" in raised.value.excerpt


@pytest.mark.parametrize(
    "text", ["hunter2", "a long password with spaces", "v1:hunter2", "v1:bm9uY2U=:hunter2", "p@ss-word-of-24-letters!!"]
)
def test_a_secret_that_was_written_under_secure_by_hand_is_exposed(text: str, tmp_path: Path) -> None:
    database = {"kind": "external", "host": "db.example.com", "user": "portus", "password": {"secure": text}}
    with pytest.raises(OpsError, match="must be one that Pulumi encrypted") as raised:
        rendered("exposed", _file(tmp_path, "exposed", database=database))
    assert raised.value.excerpt == "pulumi config set --secret --path 'portus:database.password'"
    assert text not in str(raised.value)


def test_a_folder_in_the_place_of_a_stack_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="must be a file that can be read"):
        rendered("folder", tmp_path)


def test_yaml_is_read_as_pulumi_reads_it(tmp_path: Path) -> None:
    """Go's yaml.v3 takes ``yes`` for a text, so the deployment would refuse what a reader of YAML 1.1 takes for a truth value."""
    file = _file(tmp_path, "yes")
    file.write_text(file.read_text().replace("enabled: false", "enabled: yes"))
    with pytest.raises(OpsError) as raised:
        rendered("yes", file)
    assert "portus:backup.enabled" in raised.value.excerpt


def test_a_render_of_one_stack_does_not_change_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "STACKS", tmp_path)
    before = [each.to_yaml() for each in rendered("dev", FILES["dev"])]
    rendered("prod", FILES["prod"])
    assert [each.to_yaml() for each in rendered("dev", FILES["dev"])] == before


# A folder that cannot take the YAML is told in a line.


@pytest.mark.usefixtures("nothing_is_rendered")
@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("file", "Not a directory|File exists"),
        ("file/below", "Not a directory"),
        ("file/deep/below", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("/proc/portus/rendered", "No such file or directory|Not a directory|Permission denied|Operation not permitted"),
    ],
)
def test_an_impossible_folder_is_reported_in_one_line(tmp_path: Path, folder: str, told: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OpsError, match=told) as raised:
        rendering.render("prod", tmp_path / folder)
    assert "\n" not in raised.value.problem
    assert "DIR=..." in raised.value.fix


@pytest.mark.usefixtures("nothing_is_rendered")
def test_a_folder_that_is_still_to_be_made_is_made(tmp_path: Path) -> None:
    rendering.render("prod", tmp_path / "with a space" / "it's new")
    assert (tmp_path / "with a space" / "it's new").is_dir()


SECRET_TOKEN = "kubernetes:core/v1:Secret"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


def _metadata(name: str = "thing") -> Properties:
    return {"metadata": {"name": name, "namespace": "n"}}


def test_each_value_of_a_secret_is_the_same_mark_whether_it_was_marked_or_not() -> None:
    data = {"a": "Y2xlYXI=", "b": Secret("c2VjcmV0"), "c": UNKNOWN}
    shown = manifest(SECRET_TOKEN, "s", {**_metadata(), "data": data, "stringData": {"d": "clear"}}).document
    assert shown["data"] == {"a": SECRET_DATA, "b": SECRET_DATA, "c": SECRET_DATA}
    assert shown["stringData"] == {"d": SECRET}


def test_the_keys_of_a_secret_that_is_secret_as_a_whole_are_shown() -> None:
    assert manifest(SECRET_TOKEN, "s", {**_metadata(), "data": Secret({"key": "dg=="})}).document["data"] == {"key": SECRET_DATA}


def test_a_secret_value_outside_a_secret_is_left_out_at_every_depth() -> None:
    shown = manifest(CONFIG_MAP, "c", {**_metadata(), "data": {"plain": "p", "leak": Secret("x")}, "list": [{"deep": Secret("y")}]})
    assert shown.document["data"] == {"leak": SECRET, "plain": "p"}
    assert "x" not in shown.to_yaml().replace("deep", "").split("leak:")[1].split("\n")[0]
    assert shown.document["list"] == [{"deep": SECRET}]


def test_an_unknown_value_is_a_readable_mark() -> None:
    assert manifest(CONFIG_MAP, "c", {**_metadata(), "data": {"ca.crt": UNKNOWN}}).document["data"]["ca.crt"] == KNOWN_LATER


def test_an_object_that_pulumi_names_has_its_logical_name_and_says_so() -> None:
    shown = manifest(CONFIG_MAP, "registry-config", {"metadata": {"namespace": "n", "labels": {"a": "b"}}, "data": None})
    assert shown.reference == "ConfigMap/registry-config"
    assert shown.document["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert "data" not in shown.document


def test_a_service_gets_an_address_from_the_cluster_unless_it_wants_none() -> None:
    assert outputs({"kind": "Service", "spec": {"ports": []}})["spec"]["clusterIP"] is UNKNOWN
    assert outputs({"kind": "Service", "spec": {"clusterIP": "None"}})["spec"]["clusterIP"] == "None"


def test_what_identifies_an_object_comes_first_and_files_are_in_order() -> None:
    late = manifest("kubernetes:apps/v1:Deployment", "x", {"spec": {"containers": [{"image": "i", "name": "c"}]}, **_metadata("web")})
    early = manifest(CONFIG_MAP, "x", _metadata("zzz"))
    assert [each.file_name for each in in_order([late, early])] == ["configmap-zzz.yaml", "deployment-web.yaml"]
    assert list(late.document) == ["apiVersion", "kind", "metadata", "spec"]
    assert list(late.document["spec"]["containers"][0]) == ["name", "image"]


def test_a_text_of_several_lines_is_shown_as_such_and_reads_back_the_same() -> None:
    text = "first\nsecond:  \n\n  third\n"
    shown = manifest(CONFIG_MAP, "c", {**_metadata(), "data": {"f": text, "g": "a\nb\n"}}).to_yaml()
    assert "  g: |\n    a\n    b\n" in shown
    assert yaml.safe_load(shown)["data"]["f"] == text


def test_a_text_that_go_would_take_for_a_boolean_is_quoted() -> None:
    assert "namespace: 'n'\n" in manifest(CONFIG_MAP, "c", _metadata()).to_yaml()


# ``make verify`` judges any legal stack file of an operator, and tells what changed against the committed render.


MINIMAL = {"portus:host": "portus.qa.example.com", "portus:portus": {"version": "2.5"}, "portus:exposure": {"kind": "load_balancer"}}
"""The README's first stack file, without its profile: production asks for a certificate."""

EXAMPLES = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of stack files of an operator."""
    for module in ("ops.pulumi.stack", "lab.render.render", "lab.render.verify"):
        monkeypatch.setattr(f"{module}.STACKS", tmp_path)
    return tmp_path


def _say(folder: Path, name: str, config: Mapping[str, object]) -> None:
    (folder / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}))


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_in_stacks_is_verified(name: str) -> None:
    """An operator who changes or adds one runs the same check by its command; a valid file passes."""
    verify(name)


def test_an_example_shows_an_encrypted_value() -> None:
    assert "secure: v1:" in (ROOT / "stacks" / "Pulumi.prod.yaml").read_text()


def test_a_stack_of_a_few_lines_is_verified_without_passphrase_cluster_or_engine(
    stacks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [each for each in os.environ if each.startswith(("PULUMI_", "KUBE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "")
    _say(stacks, "qa", {**MINIMAL, "portus:tls": {"source": "self_signed"}, "portus:accept": ["self_signed_certificate"]})
    assert command.main(["verify", "--stack", "qa"]) == 0
    assert "no committed render" in capsys.readouterr().out


def test_a_difference_from_the_committed_render_is_shown_and_fails(stacks: Path) -> None:
    said = {**MINIMAL, "portus:tls": {"source": "self_signed"}, "portus:accept": ["self_signed_certificate"]}
    _say(stacks, "qa", said)
    write(rendered("qa"), "qa", stacks / "rendered" / "qa")
    _say(stacks, "qa", {**said, "portus:host": "portus.other.example.com"})
    with pytest.raises(OpsError) as raised:
        verify("qa")
    assert "portus.other.example.com" in raised.value.excerpt
    assert "make render STACK=qa" in raised.value.fix
    _say(stacks, "qa", said)
    verify("qa")


def _encrypted(sample: Path) -> dict[str, Any]:
    """Return the configuration of ``sample`` as its file has it, with a ciphertext for each secret."""
    file = StackFile(sample)
    config: dict[str, Any] = {key: json.loads(value) if value[:1] in "{[" else value for key, value in file.configuration.items()}
    for path in file.secrets:
        node: Any = config
        for step in (f"portus:{path[0]}", *path[1:-1]):
            node = node[step]
        node[path[-1]] = {"secure": f"v1:AAAA:{base64.b64encode(repr(path).encode() + bytes(16)).decode()}"}
    return config


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_encrypted_secret_is_taken_unseen(sample: Path, stacks: Path) -> None:
    """No check of a secret's content may refuse a ciphertext: the samples set every secret there is. Every check is in ``load``."""
    _say(stacks, "sample", _encrypted(sample))
    (stacks / "__main__.py").write_text("from components.settings.load import load_or_end\nload_or_end()\n")
    said = read(stacks / "Pulumi.sample.yaml")
    run_program(stacks, "sample", said.values, secret_keys=said.secret_keys, preview=True, into=Program("sample"))


def test_a_stack_with_encrypted_secrets_is_rendered(stacks: Path) -> None:
    _say(stacks, "sample", _encrypted(sample_of("complete").path))
    assert rendered("sample")


def test_a_key_that_is_set_twice_is_refused_as_pulumi_refuses_it(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.twice.yaml"
    file.write_text("config:\n  portus:host: a.example.com\n  portus:protect: true\n  portus:host: b.example.com\n")
    with pytest.raises(OpsError) as refused:
        read(file)
    assert "line 2 sets it, too" in refused.value.excerpt
    assert "line 4" in refused.value.excerpt
