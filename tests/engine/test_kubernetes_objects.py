"""Objects that need an API server only: naming, create, diff, update, replace, drift, import, secrets, delete."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from tests.engine.harness import ClusterStack

pytestmark = [pytest.mark.engine, pytest.mark.cluster]

CONFIG = """
config = k8s.core.v1.ConfigMap("config", metadata=meta({name}), data={{"key": "{value}"}}, opts=options())
pulumi.export("name", config.metadata.name)
"""


def config_maps(core: Any, namespace: str) -> dict[str, dict[str, str]]:
    found = core.list_namespaced_config_map(namespace).items
    return {item.metadata.name: item.data for item in found if item.metadata.name != "kube-root-ca.crt"}


def test_an_object_without_a_name_gets_one_and_keeps_it(cluster_stack: ClusterStack, core: Any) -> None:
    stack = cluster_stack
    source = """
    service = k8s.core.v1.Service("web", metadata=meta(labels={{"a": "{label}"}}), spec={{"ports": [{{"port": 80}}]}}, opts=options())
    pulumi.export("name", service.metadata.name)
    """
    stack.program(source.format(label="1"))
    stack.up()
    name = stack.outputs()["name"]
    assert re.fullmatch(r"web-[0-9a-f]{8}", name)
    assert stack.resource("web")["id"] == f"{stack.namespace}/{name}"
    stack.program(source.format(label="2"))
    assert stack.up().count("updated") == 1
    assert stack.outputs()["name"] == name
    assert core.read_namespaced_service(name, stack.namespace).metadata.labels == {"a": "2"}


def test_nothing_changes_without_a_change_also_after_refresh(cluster_stack: ClusterStack) -> None:
    cluster_stack.program("""
    k8s.core.v1.Secret("secret", metadata=meta(), string_data={"a": "b", "empty": ""}, opts=options())
    k8s.core.v1.PersistentVolumeClaim("claim", metadata=meta("claim"), opts=options(),
        spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}})
    k8s.core.v1.Service("service", metadata=meta("service"), spec={"selector": {"a": "b"}, "ports": [{"port": 80}]}, opts=options())
    k8s.networking.v1.NetworkPolicy("policy", metadata=meta(), spec={"podSelector": {}, "policyTypes": ["Ingress"]}, opts=options())
    k8s.core.v1.ResourceQuota("quota", metadata=meta(), spec={"hard": {"limits.cpu": "4000m"}}, opts=options())
    k8s.rbac.v1.Role("role", metadata=meta(), rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}], opts=options())
    """)
    cluster_stack.up()
    cluster_stack.preview("--expect-no-changes")
    cluster_stack.refresh("--expect-no-changes")
    cluster_stack.up("--expect-no-changes")


def test_a_create_fails_on_an_existing_object_and_leaves_it_alone(cluster_stack: ClusterStack, core: Any) -> None:
    core.create_namespaced_config_map(cluster_stack.namespace, {"metadata": {"name": "taken"}, "data": {"mine": "kept"}})
    cluster_stack.program(CONFIG.format(name='"taken"', value="new"))
    result = cluster_stack.up(fails=True)
    assert "already exists" in result.diagnostics
    assert "pulumi import" in result.diagnostics
    assert config_maps(core, cluster_stack.namespace) == {"taken": {"mine": "kept"}}
    assert "config" not in cluster_stack.names()


def test_changed_data_replaces_an_auto_named_object_new_before_old(cluster_stack: ClusterStack, core: Any) -> None:
    cluster_stack.program(CONFIG.format(name="", value="1"))
    cluster_stack.up()
    first = cluster_stack.outputs()["name"]
    cluster_stack.program(CONFIG.format(name="", value="2"))
    result = cluster_stack.up()
    assert result.count("replaced") == 1
    assert result.text.index("created replacement") < result.text.index("deleted original")
    second = cluster_stack.outputs()["name"]
    assert second != first
    assert config_maps(core, cluster_stack.namespace) == {second: {"key": "2"}}


def test_changed_data_replaces_a_fixed_name_old_before_new(cluster_stack: ClusterStack, core: Any) -> None:
    cluster_stack.program(CONFIG.format(name='"fixed"', value="1"))
    cluster_stack.up()
    cluster_stack.program(CONFIG.format(name='"fixed"', value="2"))
    result = cluster_stack.up()
    assert result.text.index("deleted original") < result.text.index("created replacement")
    assert config_maps(core, cluster_stack.namespace) == {"fixed": {"key": "2"}}


def test_a_mutable_config_map_is_updated_in_place_unless_it_says_immutable(cluster_stack: ClusterStack, core: Any) -> None:
    cluster_stack.program(CONFIG.format(name='"fixed"', value="1"), "enable_config_map_mutable=True")
    cluster_stack.up()
    uid = core.read_namespaced_config_map("fixed", cluster_stack.namespace).metadata.uid
    cluster_stack.program(CONFIG.format(name='"fixed"', value="2"), "enable_config_map_mutable=True")
    assert cluster_stack.up().count("updated") == 1
    found = core.read_namespaced_config_map("fixed", cluster_stack.namespace)
    assert (found.metadata.uid, found.data) == (uid, {"key": "2"})


@pytest.mark.parametrize("provider", ["", "enable_server_side_apply=False"])
def test_a_field_that_leaves_the_program_leaves_the_object(cluster_stack: ClusterStack, core: Any, provider: str) -> None:
    source = 'k8s.core.v1.ServiceAccount("account", metadata=meta("account", labels={labels}), opts=options())\n'
    cluster_stack.program(source.format(labels={"stays": "1", "goes": "1"}), provider)
    cluster_stack.up()
    cluster_stack.program(source.format(labels={"stays": "1"}), provider)
    cluster_stack.up()
    account = core.read_namespaced_service_account("account", cluster_stack.namespace)
    assert account.metadata.labels == {"stays": "1"}


def test_a_diff_names_the_changed_property(cluster_stack: ClusterStack) -> None:
    source = """
    ports = [{{"name": "a", "port": 80}}, {{"name": "b", "port": {port}}}]
    k8s.core.v1.Service("s", metadata=meta("s"), spec={{"ports": ports}}, opts=options())
    """
    cluster_stack.program(source.format(port=81))
    cluster_stack.up()
    cluster_stack.program(source.format(port=82))
    digest = json.loads(cluster_stack.preview("--json").text)
    (step,) = [step for step in digest["steps"] if step["op"] != "same"]
    assert step["op"] == "update"
    assert set(step["detailedDiff"]) == {"spec.ports[1].port"}
    cluster_stack.up()
    cluster_stack.refresh("--expect-no-changes")


def test_a_preview_changes_nothing_and_asks_the_server(cluster_stack: ClusterStack, core: Any) -> None:
    cluster_stack.program(CONFIG.format(name='"fixed"', value="1"))
    cluster_stack.preview()
    assert config_maps(core, cluster_stack.namespace) == {}
    cluster_stack.program('k8s.core.v1.Service("bad", metadata=meta("bad"), spec={"ports": [{"port": 99999}]}, opts=options())\n')
    result = cluster_stack.preview(fails=True)
    assert "must be between 1 and 65535" in result.diagnostics


def test_a_preview_of_a_namespace_still_to_come_works(cluster_stack: ClusterStack) -> None:
    cluster_stack.program("""
    space = k8s.core.v1.Namespace("space", opts=options())
    k8s.core.v1.ConfigMap("inside", metadata={"namespace": space.metadata.name}, data={"a": "b"}, opts=options())
    k8s.core.v1.ConfigMap("named", metadata={"namespace": "never-there", "name": "x"}, data={"a": "b"}, opts=options())
    """)
    assert cluster_stack.preview().count("create") == 5


def test_drift_in_our_fields_is_seen_and_repaired(cluster_stack: ClusterStack, core: Any) -> None:
    cluster_stack.program(CONFIG.format(name='"fixed"', value="1"), "enable_config_map_mutable=True, enable_patch_force=True")
    cluster_stack.up()
    core.patch_namespaced_config_map("fixed", cluster_stack.namespace, {"data": {"key": "edited", "other": "not ours"}})
    result = cluster_stack.refresh()
    assert result.count("updated") == 1
    assert cluster_stack.resource("config")["inputs"]["data"] == {"key": "edited"}
    assert cluster_stack.up().count("updated") == 1
    assert config_maps(core, cluster_stack.namespace)["fixed"] == {"key": "1", "other": "not ours"}
    cluster_stack.refresh("--expect-no-changes")


def test_another_manager_s_field_is_a_conflict_unless_forced(cluster_stack: ClusterStack, core: Any) -> None:
    source = 'k8s.core.v1.ServiceAccount("account", metadata=meta("account", labels={{"a": "{a}"}}, annotations={notes}), opts=options())\n'
    cluster_stack.program(source.format(a=1, notes={}))
    cluster_stack.up()
    core.patch_namespaced_service_account(
        "account", cluster_stack.namespace, {"metadata": {"labels": {"a": "theirs"}}}, field_manager="someone"
    )
    cluster_stack.program(source.format(a=2, notes={}))
    result = cluster_stack.up(fails=True)
    assert "someone" in result.diagnostics
    assert "patchForce" in result.diagnostics
    cluster_stack.program(source.format(a=2, notes={"pulumi.com/patchForce": "true"}))
    cluster_stack.up()
    assert core.read_namespaced_service_account("account", cluster_stack.namespace).metadata.labels == {"a": "2"}


def test_an_object_that_was_deleted_is_made_again_after_refresh(cluster_stack: ClusterStack, core: Any) -> None:
    cluster_stack.program(CONFIG.format(name='"fixed"', value="1"))
    cluster_stack.up()
    core.delete_namespaced_config_map("fixed", cluster_stack.namespace)
    assert cluster_stack.refresh().count("deleted") == 1
    assert cluster_stack.up().count("created") == 1
    assert config_maps(core, cluster_stack.namespace) == {"fixed": {"key": "1"}}


@pytest.mark.parametrize("prefix", ["", "namespace/"])
def test_an_existing_object_is_imported_by_its_id(cluster_stack: ClusterStack, core: Any, prefix: str) -> None:
    core.create_namespaced_config_map(cluster_stack.namespace, {"metadata": {"name": "old"}, "data": {"key": "1"}})
    identity = f"{cluster_stack.namespace}/old" if prefix else "old"
    source = CONFIG.format(name='"old"', value="1").replace("opts=options()", f'opts=options(import_="{identity}")')
    cluster_stack.program(source, f'namespace="{cluster_stack.namespace}"')
    assert cluster_stack.up().count("imported") == 1
    cluster_stack.program(CONFIG.format(name='"old"', value="1"), f'namespace="{cluster_stack.namespace}"')
    cluster_stack.up("--expect-no-changes")


def test_the_import_command_works_where_no_code_is_asked_for(cluster_stack: ClusterStack, core: Any) -> None:
    core.create_namespaced_config_map(cluster_stack.namespace, {"metadata": {"name": "old"}, "data": {"key": "1"}})
    cluster_stack.run("config", "set", "kubernetes:kubeconfig", cluster_stack.kubeconfig)
    arguments = ("import", "kubernetes:core/v1:ConfigMap", "config", f"{cluster_stack.namespace}/old", "--yes", "--skip-preview")
    assert cluster_stack.run(*arguments, "--generate-code=false").count("imported") == 1
    assert cluster_stack.resource("config")["inputs"]["data"] == {"key": "1"}


def test_secret_values_are_never_in_clear_in_state_or_output(cluster_stack: ClusterStack) -> None:
    values = {"plain": "value-given-in-clear", "made": "value-of-stringData"}
    encoded = [base64.b64encode(value.encode()).decode() for value in values.values()]
    cluster_stack.program(f"""
    given = dict(data={{"a": "{encoded[0]}"}}, string_data={{"b": "{values["made"]}"}})
    secret = k8s.core.v1.Secret("secret", metadata=meta(), opts=options(), **given)
    pulumi.export("secret", secret.data)
    """)
    shown = cluster_stack.preview("--diff").text + cluster_stack.up().text + cluster_stack.refresh().text
    resource = json.dumps(cluster_stack.resource("secret"))
    for text in (cluster_stack.everything_written(), shown, resource):
        for value in (*values.values(), *encoded):
            assert value not in text
    assert cluster_stack.outputs()["secret"] == {"a": encoded[0], "b": encoded[1]}


def test_a_secret_in_another_kind_keeps_its_mark(cluster_stack: ClusterStack) -> None:
    cluster_stack.program("""
    hidden = pulumi.Output.secret("must-not-be-seen")
    k8s.core.v1.ConfigMap("config", metadata=meta(), data={"open": "seen", "hidden": hidden}, opts=options())
    """)
    cluster_stack.up()
    written = cluster_stack.everything_written()
    assert "must-not-be-seen" not in written
    assert '"seen"' in written


def test_destroy_waits_until_everything_is_gone(cluster_stack: ClusterStack, core: Any) -> None:
    cluster_stack.program("""
    space = k8s.core.v1.Namespace("space", opts=options())
    k8s.core.v1.ConfigMap("inside", metadata={"namespace": space.metadata.name}, data={"a": "b"}, opts=options())
    pulumi.export("space", space.metadata.name)
    """)
    cluster_stack.up()
    name = cluster_stack.outputs()["space"]
    cluster_stack.destroy()
    with pytest.raises(ApiException) as caught:
        core.read_namespace(name)
    assert caught.value.status == 404


def test_a_delete_of_what_is_gone_already_succeeds(cluster_stack: ClusterStack, core: Any) -> None:
    cluster_stack.program(CONFIG.format(name='"fixed"', value="1"))
    cluster_stack.up()
    core.delete_namespaced_config_map("fixed", cluster_stack.namespace)
    assert cluster_stack.destroy().count("deleted") == 3


def test_an_unknown_kind_says_which_and_what_to_check(cluster_stack: ClusterStack) -> None:
    cluster_stack.program("""
    unknown = dict(api_version="monitoring.example.com/v1", kind="Monitor")
    k8s.apiextensions.CustomResource("monitor", metadata=meta(), spec={}, opts=options(), **unknown)
    """)
    cluster_stack.preview()
    result = cluster_stack.up(fails=True)
    assert "no kind 'Monitor' in apiVersion 'monitoring.example.com/v1'" in result.diagnostics
    assert "CustomResourceDefinition" in result.diagnostics


def test_a_custom_resource_follows_its_definition_in_one_update(cluster_stack: ClusterStack) -> None:
    group = f"{cluster_stack.namespace}.example.com"
    schema: dict[str, Any] = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "group": group,
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }
    cluster_stack.program(f"""
    definition = k8s.apiextensions.v1.CustomResourceDefinition(
        "definition", metadata={{"name": "widgets.{group}"}}, spec={definition!r}, opts=options())
    k8s.apiextensions.CustomResource("widget", api_version="{group}/v1", kind="Widget", metadata=meta(), spec={{"size": 3}},
        opts=options(depends_on=[definition]))
    """)
    cluster_stack.up()
    assert cluster_stack.resource("widget")["outputs"]["spec"] == {"size": 3}
    cluster_stack.refresh("--expect-no-changes")
    cluster_stack.destroy()
