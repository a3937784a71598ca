"""What the cluster is made of and keeps on the host (processes, names, certificates), and what it says of an unfit machine."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID

from lab import programs, versions
from lab.cluster import access, binaries, checks, config, hosts, lifecycle, pki, publishing
from lab.cluster.home import Home
from ops.errors import OpsError
from ops.process import Process


def test_a_record_names_a_process_only_while_that_very_process_runs(tmp_path: Path) -> None:
    record = tmp_path / "process"
    child = subprocess.Popen(["sleep", "60"])
    process = Process.of(child.pid)
    process.write(record)
    assert Process.read(record) == process
    Process(child.pid, process.started + 1).write(record)  # the id, given to another process
    assert Process.read(record) is None
    process.kill()
    process.write(record)
    assert Process.read(record) is None


def test_a_process_that_ended_but_was_not_reaped_does_not_run() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(ProcessLookupError):
        Process.of(child.pid)
    child.wait()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "started": 1}'])
def test_a_broken_record_names_no_process(tmp_path: Path, text: str) -> None:
    (tmp_path / "process").write_text(text)
    assert Process.read(tmp_path / "process") is None


def test_a_program_whose_name_holds_parentheses_and_spaces_is_read_right(tmp_path: Path) -> None:
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([program, "60"])
    assert Process.of(child.pid).runs
    Process.of(child.pid).kill()


NAMES = {"127.88.0.1": ["portus.lab.test", "registry.lab.test"]}


@pytest.mark.parametrize("text", [b"", b"127.0.0.1 localhost\n", b"127.0.0.1 localhost", b"a\n#\n", b"a\n\n", b"\xff\xfe no text\n"])
def test_a_block_that_goes_leaves_the_very_bytes_that_were_there(text: bytes) -> None:
    with_block = hosts.replaced(text, "lab", NAMES)
    assert b"\n127.88.0.1 portus.lab.test registry.lab.test\n" in with_block
    assert with_block.startswith(text)
    assert hosts.replaced(with_block, "lab", {}) == text


def test_a_block_is_replaced_not_repeated() -> None:
    once = hosts.replaced(b"127.0.0.1 localhost\n", "lab", NAMES)
    assert hosts.replaced(once, "lab", NAMES) == once
    other = hosts.replaced(once, "lab", {"127.88.0.2": ["other.lab.test"]})
    assert b"portus.lab.test" not in other
    assert other.count(b"# lab begin") == 1


def test_lines_that_others_add_behind_the_block_stay() -> None:
    text = hosts.replaced(b"127.0.0.1 localhost\n", "lab", NAMES) + b"10.0.0.1 later\n"
    assert hosts.replaced(text, "lab", {}) == b"127.0.0.1 localhost\n10.0.0.1 later\n"


def test_each_slot_has_a_block_of_its_own() -> None:
    both = hosts.replaced(hosts.replaced(b"", "lab", NAMES), "lab-test", NAMES)
    assert hosts.replaced(both, "lab", {}) == hosts.replaced(b"", "lab-test", NAMES)


def test_a_block_without_an_end_takes_nothing_else_along() -> None:
    assert hosts.replaced(b"# lab begin\n10.0.0.1 mine\n", "lab", {}) == b"10.0.0.1 mine\n"


def test_the_file_keeps_its_mode_and_nothing_is_written_without_need(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_bytes(b"127.0.0.1 localhost\n")
    file.chmod(0o640)
    assert hosts.ensure("lab", NAMES, file)
    assert file.stat().st_mode & 0o777 == 0o640
    assert not hosts.ensure("lab", NAMES, file)
    assert list(tmp_path.iterdir()) == [file]


def _certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def test_the_api_server_is_trusted_under_every_address_by_which_it_is_called(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    names = _certificate(tmp_path, "apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"127.0.0.1", config.API_ADDRESS, config.NODE_ADDRESS} == {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)


def test_every_user_is_known_to_kubernetes_built_in_roles(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    node = _certificate(tmp_path, "kubelet").subject
    assert node.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "system:node:lab"
    assert node.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "system:nodes"
    for name in config.USERS:
        _certificate(tmp_path, name).verify_directly_issued_by(_certificate(tmp_path, "ca"))


def test_a_complete_set_is_kept_and_a_broken_one_is_made_again(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    first = (tmp_path / "ca.crt").read_bytes()
    pki.ensure(tmp_path)
    assert (tmp_path / "ca.crt").read_bytes() == first
    (tmp_path / "complete").unlink()  # as an interruption leaves it
    pki.ensure(tmp_path)
    assert (tmp_path / "ca.crt").read_bytes() != first


def test_keys_are_for_root_alone(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    assert {file.stat().st_mode & 0o077 for file in tmp_path.glob("*.key")} == {0}


def test_a_kubeconfig_carries_a_key_pair_that_loads(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    document = json.loads(pki.kubeconfig(tmp_path, "admin", "https://127.0.0.1:1", "portus-lab"))
    assert document["current-context"] == document["contexts"][0]["name"] == "portus-lab"
    ssl.create_default_context().load_cert_chain(tmp_path / "admin.crt", tmp_path / "admin.key")


# What the lab says when a machine cannot hold the cluster.


def _home(folder: Path, slot: str = "portus-lab-refusals") -> Home:
    return Home(folder / ".lab", folder / ".lab" / "logs", slot)


def _without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in names else found(name))


def test_a_user_without_root_gets_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(OpsError, match=r"needs Linux and root.*STACK=dev KUBECONFIG="):
        checks.permission()


def test_a_machine_without_debian_gets_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "apt-get")
    with pytest.raises(OpsError, match=r"from Debian.*STACK=dev KUBECONFIG="):
        binaries.unpack("x", ["runc"], {})


def test_no_go_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path))
    _without(monkeypatch, "go")
    with pytest.raises(OpsError, match=r"'go' must be on PATH to build pause"):
        programs.ensure(["pause"])


def test_all_that_a_machine_lacks_is_reported_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _without(monkeypatch, "nsenter")
    monkeypatch.setattr(checks, "FREE_GIB", 1e9)
    with pytest.raises(OpsError) as caught:
        checks.machine(_home(tmp_path))
    assert "GiB free" in caught.value.problem
    assert "nsenter" in caught.value.problem


def test_a_slot_is_free_again_when_its_owner_has_died(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Home, "run", property(lambda _: tmp_path / "run"))
    (tmp_path / "run").mkdir()
    mine, other = _home(tmp_path / "mine"), _home(tmp_path / "other")
    checks.claim(other, Process.of(os.getpid()))
    with pytest.raises(OpsError, match=f"make -C {other.state.parent} down"):
        checks.owner(mine)
    checks.owner(other)
    Process(os.getpid(), 1).write(other.run / checks.OWNER)
    checks.owner(mine)


def test_nothing_is_published_or_run_without_a_cluster(tmp_path: Path) -> None:
    for attempt in (lambda: publishing.publish([], home=_home(tmp_path)), lambda: access.run_in_box(["true"], home=_home(tmp_path))):
        with pytest.raises(OpsError, match="does not run"):
            attempt()


# What the cluster is made of.


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


def test_kubernetes_gets_its_version_in_both_places_where_it_looks() -> None:
    flags = programs.kubernetes_flags("1.34.4")
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        assert f"-X {package}.gitVersion=v1.34.4 -X {package}.gitMajor=1 -X {package}.gitMinor=34" in flags


def test_the_addresses_of_node_and_services_are_in_their_ranges() -> None:
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
