"""What a push, a pull or a delete leaves in the database, against the rows the genuine worker left, with the real registry and skopeo."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lab.environment import WORK
from lab.images.build import build_images
from lab.images.rootfs import Bind, run
from lab.portus_double.replay.compare import Values, compared
from lab.portus_double.replay.recording import SCENARIO
from lab.portus_double.replay.stage import Stage, end, stage

pytestmark = pytest.mark.images

RECORDINGS = Path(__file__).resolve().parent / "recordings"
SETTLE_SECONDS = 60.0
PASSWORDS = {"alice": "alice-password", "bob": "bob-password"}
LAST_STEP = "delete-global-by-admin"


class World:
    """A stage with the recordings' users, its worker, and the images they push."""

    def __init__(self, place: Stage, folder: Path) -> None:
        self.place = place
        self.folder = folder
        self.values = Values({"registry": place.registry, "portus": place.portus, "tmp": WORK})
        self.worker: subprocess.Popen[str] | None = None
        self._client = build_images(["client-lab"])[0]
        for name in ("one", "two", "three", "four"):
            write_archive(folder / f"{name}.tar", name)

    def set_up(self) -> None:
        self.place.start({**SCENARIO, "PORTUS_DOUBLE_TICK": "0.2"})
        api = httpx.Client(base_url=f"http://{self.place.portus}/api/v1", timeout=30)
        admin = {"username": "admin", "email": "admin@example.test", "password": "adminpw123"}
        token = api.post("/users/bootstrap", json={"user": admin}).json()["plain_token"]
        api.headers["Portus-Auth"] = f"admin:{token}"
        registry = {"name": "registry", "hostname": self.place.registry, "use_ssl": False, "external_hostname": "registry.example.test"}
        assert api.post("/registries", json={"registry": registry}).status_code == 201
        for name, password in PASSWORDS.items():
            user = {"username": name, "email": f"{name}@example.test", "password": password}
            assert api.post("/users", json={"user": user}).status_code == 201
        self.start_worker()

    def start_worker(self) -> None:
        self.worker = self.place.worker()

    def skopeo(self, command: str) -> int:
        container = self._client.container({"HOME": WORK}, binds=[Bind(source=self.folder, target=WORK)], tmpfs=["/var/tmp", "/run"])
        return run(container, shlex.split(command)).returncode

    def post(self, event: dict[str, Any]) -> int:
        return httpx.post(f"http://{self.place.portus}/v2/webhooks/events", content=json.dumps({"events": [event]}), timeout=30).status_code

    def events(self, after: int) -> list[dict[str, Any]]:
        rows = self.place.rows("SELECT * FROM registry_events WHERE id > %s ORDER BY id", after)
        return [{**row, "data": json.loads(row["data"])} for row in rows]

    def newest(self, table: str) -> int:
        return int(self.place.rows(f"SELECT COALESCE(MAX(id), 0) AS newest FROM {table}")[0]["newest"])  # noqa: S608 - this file's names

    def rows(self, table: str, after: int = 0) -> list[dict[str, Any]]:
        return self.place.rows(f"SELECT * FROM {table} WHERE id > %s ORDER BY id", after)  # noqa: S608 - this file's names

    def wait(self, met: Callable[[], bool]) -> None:
        """Return when ``met()`` holds or the bound is over; what holds then is compared anyway."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline and not met():
            time.sleep(0.1)

    def worker_alive(self) -> bool:
        return self.worker is not None and self.worker.poll() is None


@pytest.fixture(params=["2.4", "2.5"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with stage(request.param) as place:
        made = World(place, tmp_path)
        try:
            made.set_up()
            yield made
        finally:
            if made.worker is not None:
                end(made.worker)


def test_every_recorded_client_command_leaves_the_recorded_rows_and_every_posted_event_its_own(world: World) -> None:
    content = json.loads((RECORDINGS / "database.json").read_text(encoding="utf-8"))[world.place.version]["pushes"]
    problems: list[str] = []
    for step in content["steps"]:
        problems += [f"{step['step']}: {line}" for line in play_step(world, step)]
        if step["step"] == LAST_STEP:
            break
    assert not problems, "\n".join(problems)

    posted = content["posted_events"]
    push_the_repository_that_posted_events_stand_on(world)
    problems = [f"{case['case']}: {line}" for case in posted for line in play_event(world, case)]
    assert not problems, "\n".join(problems)


def play_step(world: World, step: dict[str, Any]) -> Iterator[str]:
    event, activity = world.newest("registry_events"), world.newest("activities")
    code = world.skopeo(world.values.fill(step["command"]))
    if (code == 0) != (step["exit_code"] == 0):
        yield f"exit code: recorded {step['exit_code']}, got {code}"
    expected = step["registry_events_added"]
    world.wait(lambda: [row["status"] for row in world.events(event)] == [row["status"] for row in expected])
    got = world.events(event)
    yield from compared(sized(expected), sized([plain(row) for row in got]), world.values, "registry_events")
    yield from compared(step["activities_added"], [plain(row) for row in world.rows("activities", activity)], world.values, "activities")
    for table in ("repositories", "tags"):
        yield from compared(sized(step[table]), sized([plain(row) for row in world.rows(table)]), world.values, table)
    if world.worker_alive() != step["worker_alive"]:
        yield f"worker alive: recorded {step['worker_alive']}"


def push_the_repository_that_posted_events_stand_on(world: World) -> None:
    for name in ("hello:1.0", "deep/er:1"):
        world.skopeo(
            f"skopeo --insecure-policy delete --tls-verify=false --creds alice:alice-password docker://{world.place.registry}/alice/{name}"
        )
    command = f"skopeo --insecure-policy copy -q --dest-tls-verify=false --dest-creds alice:alice-password docker-archive:{WORK}/one.tar"
    assert world.skopeo(f"{command} docker://{world.place.registry}/alice/live:1") == 0
    world.wait(lambda: [row["name"] for row in world.rows("repositories")] == ["live"])
    assert put_manifest_list(world) == 201
    if world.place.version == "2.5":
        # A pushed manifest list kills the 2.5 worker; the row stays in progress for good.
        world.wait(lambda: not world.worker_alive())
        assert world.worker is not None
        assert world.worker.poll() == 1
        assert "undefined method `[]' for nil:NilClass (NoMethodError)" in world.place.log_tail(3)
        world.wait(lambda: [row["status"] for row in world.events(0)][-2:] == [1, 2])  # the pull that it died in comes last
        assert 1 in {row["status"] for row in world.events(0)}
        world.place.rows("UPDATE registry_events SET status = 0")
        world.start_worker()
    else:
        world.wait(lambda: len(world.rows("tags")) == 2)
        assert [(tag["name"], tag["image_id"] or None) for tag in world.rows("tags")][1] == ("multi", None)
    world.wait(lambda: all(row["status"] == 0 for row in world.events(0)))


def play_event(world: World, case: dict[str, Any]) -> Iterator[str]:
    event_id, activity = world.newest("registry_events"), world.newest("activities")
    status = world.post(world.values.fill(case["event"]))
    if status != case["status"]:
        yield f"answer: recorded {case['status']}, got {status}"
    world.wait(lambda: [row["status"] for row in world.events(event_id)] == case["row"] and world.worker_alive() == case["worker_alive"])
    if [row["status"] for row in world.events(event_id)] != case["row"]:
        yield f"row: recorded {case['row']}, got {[row['status'] for row in world.events(event_id)]}"
    yield from compared(case["activities_added"], [plain(row) for row in world.rows("activities", activity)], world.values, "activities")
    tags = [tag["name"] for tag in world.rows("tags")]
    if sorted(tag[1] for tag in case["tags"]) != sorted(tags):
        yield f"tags: recorded {case['tags']}, got {tags}"
    if [name for _, name in case["repositories"]] != [row["name"] for row in world.rows("repositories")]:
        yield f"repositories: recorded {case['repositories']}"
    if world.worker_alive() != case["worker_alive"]:
        yield f"worker alive: recorded {case['worker_alive']}"
    if not case["worker_alive"]:
        if case["worker_last_line"] not in world.place.log_tail(3):
            yield f"last line: recorded {case['worker_last_line']}, got {world.place.log_tail(3)}"
        world.start_worker()


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the recordings write it."""
    return {name: value.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(value, "strftime") else value for name, value in row.items()}


def sized(content: Any) -> Any:
    """Return the content with sizes as mere kinds: they are those of the images pushed here, not of the recorded ones."""
    if isinstance(content, list):
        return [sized(part) for part in content]
    if isinstance(content, dict):
        return {name: type(part).__name__ if name in {"size", "length"} else sized(part) for name, part in content.items()}
    return content


def put_manifest_list(world: World) -> int:
    registry = f"http://{world.place.registry}/v2/alice/live"
    query = {"service": world.place.registry, "account": "alice", "scope": "repository:alice/live:push,pull"}
    token = httpx.get(f"http://{world.place.portus}/v2/token", params=query, auth=("alice", "alice-password"), timeout=30).json()["token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    manifest = httpx.get(f"{registry}/manifests/1", headers=headers)
    entry = {
        "mediaType": manifest.headers["Content-Type"],
        "size": len(manifest.content),
        "digest": manifest.headers["Docker-Content-Digest"],
    }
    kind = "application/vnd.docker.distribution.manifest.list.v2+json"
    body = {"schemaVersion": 2, "mediaType": kind, "manifests": [{**entry, "platform": {"architecture": "amd64", "os": "linux"}}]}
    return httpx.put(f"{registry}/manifests/multi", headers={**headers, "Content-Type": kind}, content=json.dumps(body)).status_code


def write_archive(path: Path, text: str) -> None:
    """Write a docker archive of one layer."""
    layer = tar({"text": text.encode()})
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [f"{text}:1"], "Layers": ["layer.tar"]}]).encode()
    path.write_bytes(tar({"config.json": config, "layer.tar": layer, "manifest.json": manifest}))


def tar(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()
