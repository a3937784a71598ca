"""What the stack renders, run by the genuine registries: 2.8.2 of Debian and 3.1.2 of its Go module."""

from __future__ import annotations

import json
import signal
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.registry.cache import configuration as redis_conf
from lab.images.servers import free_port
from ops.sample_image import MANIFEST_TYPE, write_sample
from tests.components.registry.stage import CA, WIRING, Stage, pull_blob, push, redis_server, s3_server, settings, settled, token
from tests.settings import authority

pytestmark = pytest.mark.images

BOTH = pytest.mark.parametrize("version", ["2.8", "3.1"])
ACCESS, SECRET = "0123456789012345", 'wJal: #rXUtn"{%'
"""Keys that YAML would read as a number, and not at all."""


def bearer(repository: str, *actions: str, **signer: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(repository, *actions, **signer)}"}


def s3(endpoint: str, **more: Any) -> dict[str, Any]:
    return {
        "driver": "s3",
        "region": "us-east-1",
        "bucket": "images",
        "regionendpoint": endpoint,
        "accesskey": ACCESS,
        "secretkey": SECRET,
        **more,
    }


@BOTH
class TestTokens:
    def test_a_token_of_portus_opens_its_repository_and_no_other(self, tmp_path: Path, version: str) -> None:
        stage = Stage(tmp_path, settings(version=version))
        with stage.begun(), stage.client() as client:
            assert client.get("/v2/").status_code == 401
            assert client.get("/v2/team/app/tags/list", headers=bearer("team/app", "pull")).status_code == 404
            assert client.get("/v2/team/app/tags/list", headers=bearer("team/other", "pull")).status_code == 401

    def test_a_token_of_another_key_or_for_another_service_is_refused(self, tmp_path: Path, version: str) -> None:
        stage = Stage(tmp_path, settings(version=version))
        with stage.begun(), stage.client() as client:
            assert client.get("/v2/team/app/tags/list", headers=bearer("team/app", "pull", signed_by="other")).status_code == 401
            assert client.get("/v2/team/app/tags/list", headers=bearer("team/app", "pull", audience="elsewhere")).status_code == 401
            challenge = client.get("/v2/").headers["WWW-Authenticate"]
        assert challenge == f'Bearer realm="{WIRING.realm}",service="{WIRING.authority}"'


@BOTH
class TestS3:
    @pytest.mark.parametrize("redirect", [True, False])
    def test_an_image_is_pushed_pulled_and_deleted(self, tmp_path: Path, version: str, *, redirect: bool) -> None:
        digest = write_sample(tmp_path / "sample")
        layer = json.loads((tmp_path / "sample" / "manifest.json").read_bytes())["layers"][0]["digest"]
        with s3_server(tmp_path, "images", ACCESS, SECRET) as endpoint:
            said = settings(version=version, storage=s3(endpoint, rootdirectory="/deep/er"), redirect={"disable": not redirect})
            stage = Stage(tmp_path / "registry", said)
            with stage.begun(), stage.client() as client:
                pushed = push(client, "team/app", tmp_path / "sample", "1")
                assert pushed.status_code == 201, pushed.text
                assert pushed.headers["Docker-Content-Digest"] == digest
                blob = pull_blob(client, "team/app", layer)
                if redirect:
                    assert blob.status_code == 307
                    assert blob.headers["Location"].startswith(f"{endpoint}/images/deep/er/")
                    blob = httpx.get(blob.headers["Location"], verify=ssl.create_default_context(cadata=CA))
                assert blob.status_code == 200
                assert blob.content == (tmp_path / "sample" / layer.removeprefix("sha256:")).read_bytes()
                deleted = client.delete(f"/v2/team/app/manifests/{digest}", headers=bearer("team/app", "delete", "pull", "*"))
                assert deleted.status_code == 202, deleted.text
            blobs = tmp_path / "s3-data/objects/images/deep/er/docker/registry/v2/blobs"
            assert len(list(blobs.rglob("data"))) == 5
            stage.collect()
            assert list(blobs.rglob("data")) == []

    def test_wrong_keys_and_an_unknown_ca_are_reported_in_the_log(self, tmp_path: Path, version: str) -> None:
        with s3_server(tmp_path, "images", ACCESS, SECRET) as endpoint:
            stage = Stage(tmp_path / "registry", settings(version=version, storage={**s3(endpoint), "secretkey": "another"}))
            with stage.begun(), stage.client() as client:
                begun = client.post("/v2/team/app/blobs/uploads/", headers=bearer("team/app", "push", "pull"))
                assert begun.status_code >= 400
                assert settled(lambda: "SignatureDoesNotMatch" in stage.log)

    def test_two_registries_are_one_on_one_bucket_and_one_redis(self, tmp_path: Path, version: str) -> None:
        write_sample(tmp_path / "sample")
        layer = json.loads((tmp_path / "sample" / "manifest.json").read_bytes())["layers"][0]["digest"]
        redis_port, password = free_port(), '1e3: "odd" # password'
        cache = {"kind": "external", "addr": f"localhost:{redis_port}", "password": password}
        with s3_server(tmp_path, "images", ACCESS, SECRET) as endpoint:
            said = settings(version=version, replicas=2, storage=s3(endpoint), redis=cache, redirect={"disable": True})
            text = redis_conf("placeholder", 16).replace("requirepass placeholder", "requirepass '" + password + "'")
            one, two = Stage(tmp_path / "one", said), Stage(tmp_path / "two", said)
            with redis_server(tmp_path, text, redis_port) as redis, one.begun(), two.begun(), one.client() as first, two.client() as second:
                assert push(first, "team/app", tmp_path / "sample", "1").status_code == 201
                assert pull_blob(second, "team/app", layer).status_code == 200
                ask = ["redis-cli", "-p", str(redis_port), "keys", "*"]
                keys = redis.exec(ask, environment={"REDISCLI_AUTH": password}).stdout
                assert layer in keys, keys
                assert "NOAUTH" in redis.exec(ask).stdout


@BOTH
class TestOperation:
    def test_read_only_serves_pulls_and_refuses_pushes(self, tmp_path: Path, version: str) -> None:
        digest = write_sample(tmp_path / "sample")
        stage = Stage(tmp_path / "registry", settings(version=version))
        with stage.begun(), stage.client() as client:
            assert push(client, "team/app", tmp_path / "sample", "1").status_code == 201
        held = Stage(tmp_path / "registry", settings(version=version, maintenance={"readonly": {"enabled": True}}))
        with held.begun(), held.client() as client:
            accept = {"Accept": MANIFEST_TYPE}
            pulled = client.get("/v2/team/app/manifests/1", headers={**bearer("team/app", "pull"), **accept})
            assert pulled.headers["Docker-Content-Digest"] == digest
            refused = client.post("/v2/team/app/blobs/uploads/", headers=bearer("team/app", "push", "pull"))
            assert refused.status_code == 405

    def test_an_upload_under_way_ends_well_when_the_pod_is_asked_to_stop(self, tmp_path: Path, version: str) -> None:
        stage = Stage(tmp_path, settings(version=version))
        answers: list[int] = []
        uploads = stage.folder / "data/docker/registry/v2/repositories/team/app/_uploads"

        def slowly() -> Any:
            for _ in range(20):
                yield b"x" * 65536
                time.sleep(0.1)

        with stage.begun() as running, stage.client() as client:
            headers = bearer("team/app", "push", "pull")
            location = client.post("/v2/team/app/blobs/uploads/", headers=headers).headers["Location"]
            path = location.removeprefix("https://" + WIRING.authority)
            upload = threading.Thread(target=lambda: answers.append(client.patch(path, content=slowly(), headers=headers).status_code))
            upload.start()
            assert settled(lambda: any(part.stat().st_size for part in uploads.glob("*/data")))
            running.signal(signal.SIGTERM)
            upload.join(60)
            assert answers == [202]
            assert running.process.wait(60) == 0
        assert "stopping server gracefully" in stage.log

    def test_metrics_count_each_notification_endpoint(self, tmp_path: Path, version: str) -> None:
        extra = {"name": "audit", "url": "https://localhost:1/events", "authorization": "Bearer of-the-audit"}
        stage = Stage(tmp_path, settings(version=version, notifications={"extraEndpoints": [extra]}))
        with stage.begun():
            shown = httpx.get(f"http://127.0.0.1:{stage.debug_port}/debug/vars").json()
            assert httpx.get(f"http://127.0.0.1:{stage.debug_port}/metrics").is_success
        names = [endpoint["name"] for endpoint in shown["registry"]["notifications"]["endpoints"]]
        assert names == ["portus", "audit"]

    def test_it_takes_every_key_that_may_be_added(self, tmp_path: Path, version: str) -> None:
        extra: dict[str, Any] = {
            "log": {"accesslog": {"disabled": True}, "formatter": "json", "fields": {"environment": "test"}},
            "notifications": {"events": {"includereferences": True}},
            "health": {"storagedriver": {"interval": "20s"}, "tcp": [{"addr": "localhost:1", "interval": "60s", "threshold": 3}]},
            "validation": {"manifests": {"urls": {"allow": ["^https://example.com/"]}}},
        }
        stage = Stage(
            tmp_path, settings(version=version, extraConfig=extra, http={"headers": {"X-Of-Ours": ["yes"]}, "http2": {"disabled": True}})
        )
        with stage.begun(), stage.client() as client:
            answer = client.get("/v2/")
            begun = client.post("/v2/team/app/blobs/uploads/", headers=bearer("team/app", "push", "pull"))
        assert answer.headers["X-Of-Ours"] == "yes"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert begun.status_code == 202
        assert '"environment":"test"' in stage.log


REACHED: dict[str, tuple[str, dict[str, Any], str]] = {
    "swift": (
        "2.8",
        {
            "driver": "swift",
            "authurl": "http://localhost:1/v3",
            "username": "u",
            "password": "0123",
            "container": "images",
            "authversion": 3,
        },
        "swift authentication failed",
    ),
    "azure by its key": (
        "3.1",
        {"driver": "azure", "accountname": "company", "accountkey": "YWNjb3VudC1rZXk=", "container": "images", "realm": "localhost"},
        "company.blob.localhost",
    ),
    "azure by a client's secret": (
        "3.1",
        {
            "driver": "azure",
            "accountname": "company",
            "container": "images",
            "realm": "localhost",
            "max_retries": 1,
            "credentials": {"type": "client_secret", "clientid": "c", "tenantid": "t", "secret": "s"},
        },
        "DefaultAzureCredential",
    ),
    "gcs": ("3.1", {"driver": "gcs", "bucket": "images", "chunksize": 5242880}, "cannot fetch token"),
}
"""Driver -> version, settings, and the words by which the driver itself says that it tried to reach its store."""


@pytest.mark.parametrize("case", REACHED)
def test_a_driver_takes_its_settings_and_fails_only_at_its_store(tmp_path: Path, case: str) -> None:
    version, said, words = REACHED[case]
    if said["driver"] == "gcs":
        said = {**said, "keyfile": json.dumps(GOOGLE | {"private_key": authority.private("server")})}
    stage = Stage(tmp_path, settings(version=version, storage=said, logLevel="debug"))
    ends = said["driver"] == "swift"
    with stage.begun(exits=ends):
        if not ends:
            with stage.client() as client, suppress(httpx.TransportError):  # it may wait long for a store that is not there
                client.post("/v2/team/app/blobs/uploads/", headers=bearer("team/app", "push", "pull"))
        assert settled(lambda: words in stage.log), stage.log[-3000:]


GOOGLE = {
    "type": "service_account",
    "project_id": "company",
    "private_key_id": "1",
    "client_email": "registry@company.iam.gserviceaccount.com",
    "client_id": "1",
    "token_uri": "https://localhost:1/token",
}
