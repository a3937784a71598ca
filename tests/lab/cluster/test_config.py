from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path

import pytest
import yaml

from lab import programs, versions
from lab.cluster import config, lifecycle


@pytest.mark.parametrize(
    ("module", "version"),
    [
        ("k8s.io/kubernetes", versions.KUBERNETES),
        ("k8s.io/client-go => k8s.io/client-go", f"0.{versions.KUBERNETES.split('.', 1)[1]}"),
        ("github.com/coredns/coredns", versions.COREDNS),
        ("github.com/cloudnativelabs/kube-router", versions.KUBE_ROUTER),
        ("github.com/rancher/local-path-provisioner", versions.LOCAL_PATH_PROVISIONER),
    ],
)
def test_the_go_module_builds_the_versions_that_the_lab_names(module: str, version: str) -> None:
    text = (programs.SOURCE / "go.mod").read_text()
    assert re.search(rf"^\s*{re.escape(module)} v{re.escape(version)}$", text, re.MULTILINE)


def test_kubernetes_is_told_its_version_in_both_places_where_it_looks() -> None:
    flags = programs.kubernetes_flags("1.34.4")
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        assert f"-X {package}.gitVersion=v1.34.4 -X {package}.gitMajor=1 -X {package}.gitMinor=34" in flags


def test_the_addresses_of_node_and_services_lie_in_their_ranges() -> None:
    assert ipaddress.ip_address(config.NODE_ADDRESS) in ipaddress.ip_network(config.POD_RANGE)
    services = ipaddress.ip_network(config.SERVICE_RANGE)
    assert ipaddress.ip_address(config.API_ADDRESS) == services[1]
    assert ipaddress.ip_address(config.DNS_ADDRESS) in services
    assert not services.overlaps(ipaddress.ip_network(config.CLUSTER_RANGE))


def test_no_image_is_ever_collected_because_none_can_be_pulled_again() -> None:
    assert config.kubelet_document("/x")["imageGCHighThresholdPercent"] == 100


def test_everything_that_a_component_waits_for_is_a_component() -> None:
    names = [component.name for component in config.components()]
    assert {component.after for component in config.components()} - {""} <= set(names)
    assert [component.command[0] for component in config.components()] == names


def test_containerds_settings_quote_any_path() -> None:
    assert 'bin_dir = "/a \\"b\\""' in config.containerd_text("native", Path('/a "b"'))


def test_a_pod_reaches_itself_through_its_service() -> None:
    assert config.network_document()["plugins"][0]["hairpinMode"] is True


def test_the_manifests_are_whole_and_name_only_images_that_the_lab_packs() -> None:
    documents = list(yaml.safe_load_all(lifecycle._manifests()))
    assert all(document["kind"] for document in documents)
    deployments = [document for document in documents if document["kind"] == "Deployment"]
    assert {d["metadata"]["name"] for d in deployments} == {"coredns", "local-path-provisioner"}
    for container in (d["spec"]["template"]["spec"]["containers"][0] for d in deployments):
        assert container["image"].startswith("localhost/")
        assert container["imagePullPolicy"] == "Never"
    (settings,) = [d["data"] for d in documents if d["metadata"]["name"] == "local-path-config"]
    assert json.loads(settings["config.json"])["nodePathMap"][0]["paths"] == [str(config.HOME / "volumes")]
    assert "$VOL_DIR" in settings["setup"]
    assert yaml.safe_load(settings["helperPod.yaml"])["kind"] == "Pod"
