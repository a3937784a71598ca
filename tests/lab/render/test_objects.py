from __future__ import annotations

import yaml

from lab.engine.plugins.codec import UNKNOWN, Properties, Secret
from lab.render.objects import KNOWN_LATER, SECRET, SECRET_DATA, in_order, manifest, outputs

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


def test_a_secret_outside_a_secret_is_left_out_wherever_it_stands() -> None:
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
