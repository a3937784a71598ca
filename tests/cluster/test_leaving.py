"""A stack is left: what it exports, what the plan's own commands copy into another registry, and that its rights go along."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import shlex
import shutil
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from components.common.names import DATABASE_SERVER
from lab.cluster import Publication
from lab.images.build import build_images
from lab.images.rootfs import Bind, started
from lab.images.servers import LOOPBACK, free_port, wait_ready
from ops.check import check, wait_for_record
from ops.console import step
from ops.deployment import Deployment, Tag
from ops.doctor.expected import expected_of
from ops.errors import OpsError
from ops.export.command import export
from ops.export.plan import TARGET
from ops.export.registry_client import MANIFEST_TYPES
from ops.export.source import Source, source
from ops.sample_image import write_sample
from ops.skopeo import Client
from tests.cluster.breaking import Breaker
from tests.cluster.conftest import RAKE, Deployed, administrator_of
from tests.cluster.own_stack import OwnStack, deployment, own_stack, published
from tests.ops.export.sample import PULL, PUSH, zot_allows

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.71"
HOSTS = ("portus.leaving.test", "registry.leaving.test")
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
OCI_TYPE = "application/vnd.oci.image.manifest.v1+json"
PASSWORDS = {"alice": "alice-password-of-the-tests", "bob": "bob-password-of-the-tests"}

PEOPLE = """
INSERT INTO teams (name, hidden, description, created_at, updated_at) VALUES ('devs', 0, 'who ships', NOW(), NOW());
SET @team = LAST_INSERT_ID();
INSERT INTO team_users (user_id, team_id, role, created_at, updated_at)
  SELECT id, @team, IF(username = 'alice', 1, 0), NOW(), NOW() FROM users WHERE username IN ('alice', 'bob');
INSERT INTO namespaces (name, team_id, registry_id, global, visibility, created_at, updated_at) VALUES
  ('products', @team, 1, 0, 0, NOW(), NOW()), ('mirror', @team, 1, 0, 2, NOW(), NOW()), ('tools', @team, 1, 0, 1, NOW(), NOW());
INSERT INTO webhooks (namespace_id, name, url, username, password, request_method, content_type, enabled, created_at, updated_at)
  SELECT id, 'build', 'https://ci.example.com/hook?key=key-of-a-hook', 'ci', 'login-of-a-hook', 1, 0, 1, NOW(), NOW()
  FROM namespaces WHERE name = 'products';
"""
LOST = """
INSERT INTO tags (name, repository_id, user_id, digest, created_at, updated_at)
  SELECT 'lost', id, 1, 'sha256:lost', NOW(), NOW() FROM repositories WHERE name = 'hello';
"""

RECORDED = ("alice/app:1.0", "alice/deep/er/app:1", "products/app:1", "mirror/app:2", "hello:7")
"""In Docker's own format; the same last part of the name again and again."""
UNRECORDED = {"products/oci:0o7": OCI_TYPE, "products/many:1": INDEX_TYPE}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    with own_stack("leaving", tmp_path_factory.mktemp("leaving")) as deployed:
        deployed.up()
        with published(Publication(address=ADDRESS, port=443, node_port=30773, names=HOSTS)):
            yield deployed


@pytest.fixture(scope="module")
def reached(stack: OwnStack) -> Deployment:
    """The stack with people in it, and with images that Portus knows, drops, and believes in."""
    found = deployment(stack)
    for name, password in PASSWORDS.items():
        task = f"portus:create_user[{name},{name}@example.test,{password},false]"
        found.exec(Breaker(found).pod("web"), [RAKE, task])
    found.sql(PEOPLE)
    with administrator_of(found) as client:
        digests = {name: write_sample(client.folder / str(number), text=name) for number, name in enumerate(RECORDED)}
        for number, name in enumerate(RECORDED):
            must(client.push(str(number), name))
        must(client.skopeo("copy", "--format", "oci", "dir:0", "dir:oci"))
        must(client.push("oci", "products/oci:0o7"))
        write_index(client, "many", "0", "1")
        source_and_target = ("dir:many", f"docker://{found.registry}/products/many:1")
        must(client.skopeo("copy", "--all", "--dest-cert-dir", "certs", "--dest-authfile", "auth.json", *source_and_target))
    for name, digest in digests.items():
        path, _, tag = name.partition(":")
        space, slash, repository = path.partition("/")
        space, repository = (space, repository) if slash else ("portus_global_namespace_1", space)
        wait_for_record(found, Tag(namespace=space, repository=repository, tag=tag, user=found.outputs["administrator"], digest=digest))
    found.sql(LOST)
    return found


@pytest.fixture(scope="module")
def exported(stack: OwnStack, reached: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Freeze the stack as the runbook says, and export it."""
    said = stack.said()
    said["portus:registry"]["maintenance"] = {"readonly": {"enabled": True}}
    stack.say(said)
    stack.up()
    folder = tmp_path_factory.mktemp("left") / "out"
    export(stack, folder)
    with administrator_of(reached) as client:
        write_sample(client.folder / "late", text="pushed too late")
        assert client.push("late", "products/late:1").code != 0
    return folder


def must(answer: Any) -> None:
    assert answer.code == 0, answer.output


def write_index(client: Client, name: str, *samples: str) -> None:
    """Write a multi-platform image as skopeo's ``dir:`` has it, of the OCI forms of two samples."""
    target = client.folder / name
    target.mkdir()
    manifests = []
    for sample, architecture in zip(samples, ("amd64", "arm64"), strict=True):
        must(client.skopeo("copy", "--format", "oci", f"dir:{sample}", f"dir:{sample}-oci"))
        for file in (client.folder / f"{sample}-oci").iterdir():
            shutil.copy(file, target)
        manifest = (target / "manifest.json").read_bytes()
        digest = hashlib.sha256(manifest).hexdigest()
        (target / "manifest.json").rename(target / f"{digest}.manifest.json")
        platform = {"os": "linux", "architecture": architecture}
        manifests.append({"mediaType": OCI_TYPE, "digest": f"sha256:{digest}", "size": len(manifest), "platform": platform})
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}
    (target / "manifest.json").write_text(json.dumps(index))


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


@contextmanager
def another_registry() -> Iterator[str]:
    """Run the genuine registry 3.1 on this machine, empty; give its ``host:port``."""
    (image,) = build_images(["registry-lab:3"])
    address = f"{LOOPBACK}:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="lab-target-") as scratch, (Path(scratch) / "log").open("w+") as log:
        data, config = Path(scratch) / "data", Path(scratch) / "config.yml"
        data.mkdir()
        config.write_text(
            json.dumps({"version": 0.1, "http": {"addr": address}, "storage": {"filesystem": {"rootdirectory": "/var/lib/registry"}}})
        )
        binds = [Bind(source=data, target="/var/lib/registry"), Bind(source=config, target="/etc/distribution/config.yml", read_only=True)]
        with started(image.container(binds=binds, read_only=True), image.argv, output=log) as server:
            wait_ready("the other registry", server, log, lambda: answers(f"http://{address}/v2/"))
            yield address


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def commands(folder: Path) -> list[list[str]]:
    """Return the plan's commands that copy images."""
    lines = (folder / "plan.md").read_text(encoding="utf-8").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.startswith("    skopeo sync")]


class TestTheExport:
    def test_users_teams_and_open_namespaces_are_in_it(self, exported: Path) -> None:
        said = read(exported, "portus.json")
        jsonschema.Draft202012Validator(read(exported, "portus.schema.json")).validate(said)
        assert {user["name"] for user in said["users"]} == {"portus", "admin", "alice", "bob"}
        (devs,) = (team for team in said["teams"] if team["name"] == "devs")
        assert {member["user"]: member["role"] for member in devs["members"]} == {"alice": "contributor", "bob": "viewer"}
        seen = {space["name"]: space["visibility"] for space in said["namespaces"] if space["team"] == "devs"}
        assert seen == {"products": "private", "mirror": "public", "tools": "protected"}
        assert said["events_waiting"] == 0

    def test_only_what_portus_and_the_registry_disagree_on_is_reported(self, exported: Path) -> None:
        drift = read(exported, "drift.json")
        assert {f"{each['repository']}:{each['tag']}": each["media_type"] for each in drift.pop("only_in_registry")} == UNRECORDED
        assert drift.pop("only_in_portus") == [{"repository": "hello", "tag": "lost", "digest": "sha256:lost"}]
        assert not any(drift.values())

    def test_no_password_key_or_hash_is_in_it(self, reached: Deployment, exported: Path) -> None:
        hashes = [value for row in reached.sql("SELECT encrypted_password FROM users") for value in row if value]
        tokens = [value for row in reached.sql("SELECT token_hash, token_salt FROM application_tokens") for value in row]
        secrets = [
            str(reached.outputs["administrator_password"]),
            *PASSWORDS.values(),
            "login-of-a-hook",
            "key-of-a-hook",
            *hashes,
            *tokens,
        ]
        assert len(hashes) >= 3
        for file in (each for each in exported.rglob("*") if each.is_file()):
            assert not [secret for secret in secrets if secret in file.read_text(encoding="utf-8")], file

    def test_an_external_database_is_read_through_portus_own_pod(self, stack: OwnStack, reached: Deployment) -> None:
        found = source(expected_of(stack), reached.kube)
        assert isinstance(found.snapshot.workloads, dict)
        without = {role: workload for role, workload in found.snapshot.workloads.items() if role != DATABASE_SERVER}
        elsewhere: Source = dataclasses.replace(found, snapshot=dataclasses.replace(found.snapshot, workloads=without))
        assert elsewhere.records() == found.records()

    def test_a_second_export_never_overwrites_the_first(self, stack: OwnStack, exported: Path) -> None:
        with pytest.raises(OpsError, match="must be empty"):
            export(stack, exported)


def test_the_plans_own_commands_copy_every_image_with_its_digest(reached: Deployment, exported: Path) -> None:
    """Run twice: the second ends well, too; what cannot be copied ends in another code than 0."""
    held = read(exported, "registry.json")["repositories"]
    with another_registry() as target, administrator_of(reached) as client:
        shutil.copytree(exported, client.folder, dirs_exist_ok=True)
        shutil.copy(client.folder / "auth.json", client.folder / "old.json")  # what 'skopeo login' writes
        (client.folder / "new.json").write_text("{}")
        for program, *words in commands(exported) * 2:
            assert program == "skopeo"
            must(client.skopeo(*(word.replace(TARGET, target) for word in words), "--dest-tls-verify=false"))
        (client.folder / "sync" / "mirror.yaml").write_text((exported / "sync" / "mirror.yaml").read_text().replace('"2"', '"none"'))
        (failing,) = (words for _, *words in commands(exported) if "sync/mirror.yaml" in words)
        assert client.skopeo(*(word.replace(TARGET, target) for word in failing), "--dest-tls-verify=false").code != 0
        with httpx.Client(base_url=f"http://{target}", headers={"Accept": ", ".join(MANIFEST_TYPES)}) as http:
            assert set(http.get("/v2/_catalog").json()["repositories"]) == set(held)
            got = {
                repository: {
                    tag: http.get(f"/v2/{repository}/manifests/{tag}") for tag in http.get(f"/v2/{repository}/tags/list").json()["tags"]
                }
                for repository in held
            }
            index = got["products/many"]["1"].json()
            assert [http.get(f"/v2/products/many/manifests/{each['digest']}").status_code for each in index["manifests"]] == [200, 200]
    assert {f"{repository}:{tag}" for repository, tags in held.items() for tag in tags} == {*RECORDED, *UNRECORDED}
    assert {
        repository: {
            tag: {"digest": answer.headers["Docker-Content-Digest"], "media_type": answer.headers["Content-Type"]}
            for tag, answer in tags.items()
        }
        for repository, tags in got.items()
    } == held


def test_the_rights_that_are_exported_are_those_that_portus_gives(reached: Deployment, exported: Path) -> None:
    """For every user, anybody too, every repository, pull and push: zot's rules on its file decide as a token of Portus does."""
    context = ssl.create_default_context(cadata=str(reached.outputs["ca_certificate"]))
    logins = {**PASSWORDS, str(reached.outputs["administrator"]): str(reached.outputs["administrator_password"])}
    repositories = read(exported, "registry.json")["repositories"]
    document = read(exported, "zot.json")
    differences = []
    with httpx.Client(base_url=reached.portus_url, verify=context, timeout=60) as http:
        for user, repository, action in itertools.product((*logins, None), (*repositories, "tools/new"), (PULL, PUSH)):
            asked = {"service": reached.registry, "scope": f"repository:{repository}:{action}"}
            answer = http.get("/v2/token", params=asked, auth=(user, logins[user]) if user else None)
            granted = bool(claims(answer.json()["token"])["access"])
            if granted != zot_allows(document, user, repository, action):
                differences.append((user, repository, action, granted))
    assert differences == []
    assert not zot_allows(document, None, "products/app", PULL)
    assert zot_allows(document, None, "mirror/app", PULL)


def claims(token: str) -> Any:
    import jwt  # noqa: PLC0415 - it is needed here only

    return jwt.decode(token, options={"verify_signature": False})


def test_a_portus_that_is_away_is_one_line(stack: OwnStack, reached: Deployment, tmp_path: Path) -> None:
    with Breaker(reached).scaled("deployment", "portus"), pytest.raises(OpsError, match="Portus has no Pod"):
        export(stack, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_both_image_families_are_exported_whole(deployed: Deployed, tmp_path: Path) -> None:
    with step("pushing an image") as pushing:
        check(deployed.deployment, pushing)
    export(deployed.stack, tmp_path / "out")
    said, held = read(tmp_path / "out", "portus.json"), read(tmp_path / "out", "registry.json")["repositories"]
    jsonschema.Draft202012Validator(read(tmp_path / "out", "portus.schema.json")).validate(said)
    assert said["portus_version"] == deployed.deployment.outputs["versions"]["portus"]
    assert {user["name"] for user in said["users"]} == {name for (name,) in deployed.deployment.sql("SELECT username FROM users")}
    written = {
        f"{repository['name']}:{tag['name']}": tag["digest"]
        for space in said["namespaces"]
        for repository in space["repositories"]
        for tag in repository["tags"]
    }
    recorded = {f"{tag.namespace}/{tag.repository}:{tag.tag}": tag.digest for tag in deployed.deployment.tags()}
    assert {name.removeprefix("portus_global_namespace_1/"): digest for name, digest in recorded.items()} == written
    assert f"{deployed.deployment.outputs['administrator']}/check" in held
