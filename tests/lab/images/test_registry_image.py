"""The registry's image and the client's: the genuine registry at the official image's paths, spoken to by skopeo."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import httpx
import pytest

from lab.images.build import Image, build_images
from lab.images.rootfs import Bind, run
from lab.images.servers import fresh_registry
from ops.sample_image import write_sample

pytestmark = pytest.mark.images

SKOPEO = ["skopeo", "--insecure-policy"]


@pytest.fixture(scope="module")
def client() -> Image:
    return build_images(["client-lab"])[0]


@pytest.fixture(scope="module")
def registry() -> Image:
    return build_images(["registry-lab:2.8"])[0]


def test_an_image_pushed_by_skopeo_is_pulled_with_the_same_digest(tmp_path: Path, client: Image) -> None:
    digest = write_sample(tmp_path / "sample")
    container = client.container(binds=[Bind(source=tmp_path, target="/images")])
    with fresh_registry() as address:
        push = run(container, [*SKOPEO, "copy", "--dest-tls-verify=false", "dir:/images/sample", f"docker://{address}/team/app:1"])
        assert push.returncode == 0, push.stdout
        answer = httpx.head(
            f"http://{address}/v2/team/app/manifests/1", headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        )
        assert answer.headers["Docker-Content-Digest"] == digest
        pull = run(container, [*SKOPEO, "copy", "--src-tls-verify=false", f"docker://{address}/team/app:1", "dir:/images/pulled"])
        assert pull.returncode == 0, pull.stdout
    assert (tmp_path / "pulled" / "manifest.json").read_bytes() == (tmp_path / "sample" / "manifest.json").read_bytes()
    assert {path.name for path in (tmp_path / "pulled").iterdir()} == {path.name for path in (tmp_path / "sample").iterdir()}


def test_token_authentication_of_the_configuration_file_is_in_force(tmp_path: Path, client: Image) -> None:
    made = run(
        client.container(binds=[Bind(source=tmp_path, target="/tls")]),
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", "/tls/key.pem", "-out", "/tls/crt.pem"],
    )
    assert made.returncode == 0, made.stdout
    token = {"realm": "https://portus.test/v2/token", "service": "registry.test", "issuer": "portus.test", "rootcertbundle": "/bundle.crt"}
    bundle = Bind(source=tmp_path / "crt.pem", target="/bundle.crt", read_only=True)
    with fresh_registry({"auth": {"token": token}}, binds=[bundle]) as address:
        answer = httpx.get(f"http://{address}/v2/")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="https://portus.test/v2/token",service="registry.test"'


def test_garbage_collection_frees_an_untagged_image_for_any_user(tmp_path: Path, client: Image, registry: Image) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o777)
    digest = write_sample(tmp_path / "sample")
    storage = Bind(source=data, target="/var/lib/registry")
    as_pod = registry.container(user="10001:10001", binds=[storage], read_only=True)
    with fresh_registry(binds=[storage], user="10001:10001") as address:
        images = client.container(binds=[Bind(source=tmp_path, target="/images")])
        push = run(images, [*SKOPEO, "copy", "--dest-tls-verify=false", "dir:/images/sample", f"docker://{address}/team/app:1"])
        assert push.returncode == 0, push.stdout
        assert httpx.delete(f"http://{address}/v2/team/app/manifests/{digest}").status_code == 202
    blobs = data / "docker/registry/v2/blobs/sha256"
    assert len(list(blobs.glob("*/*/data"))) == 5
    collect = run(as_pod, ["registry", "garbage-collect", "/etc/docker/registry/config.yml"])
    assert collect.returncode == 0, collect.stdout
    assert list(blobs.glob("*/*/data")) == []


def test_the_entrypoint_takes_a_bare_configuration_file_or_a_command(registry: Image) -> None:
    assert registry.argv == ("/entrypoint.sh", "/etc/docker/registry/config.yml")
    version = run(registry.container(read_only=True), ["/entrypoint.sh", "--version"])
    assert " 2.8.2" in version.stdout, version.stdout


def test_the_client_has_what_the_checks_call(client: Image) -> None:
    for command in (["skopeo", "--version"], ["curl", "--version"], ["openssl", "version"], ["mariadb", "--version"], ["jq", "--version"]):
        result = run(client.container(user="10001:10001", read_only=True), command)
        assert result.returncode == 0, result.stdout


def test_the_layers_of_the_archive_are_those_that_were_run(registry: Image) -> None:
    with tarfile.open(registry.archive) as tar:
        manifest = json.load(tar.extractfile("manifest.json") or pytest.fail("no manifest"))
    assert len(manifest[0]["Layers"]) == len(registry.layers)
    assert manifest[0]["RepoTags"] == ["localhost/registry-lab:2.8"]
