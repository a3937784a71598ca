from __future__ import annotations

import json
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from lab.cluster import config, pki


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


def test_a_whole_set_is_kept_and_a_broken_one_made_anew(tmp_path: Path) -> None:
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
