"""How a dump gets into the cluster: the Job that is made of the program's own backup, what is sent, and what the user is told."""

from __future__ import annotations

import copy
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from websocket import WebSocketConnectionClosedException

from components.common.names import BACKUP
from lab.images.servers import Database, fresh_mariadb
from ops.backup.backups import Backup
from ops.console import Step
from ops.deployment import Deployment
from ops.errors import OpsError
from ops.imports.command import told
from ops.imports.dump import Dump, DumpError, Record, read
from ops.imports.load import IMPORT, load, with_import
from ops.kube import jobs
from ops.kube.client import CRON_JOB, JOB, Kind, Kube
from ops.kube.jobs import JobError, Jobs
from ops.kube.pods import Pods
from ops.paths import ROOT
from tests.ops.export.test_records import VERSIONS, filled

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
RENDERED = yaml.load_all((ROOT / "tests" / "golden" / "render" / "prod.yaml").read_text(), Loader=LOADER)
CRON = next(each for each in RENDERED if each and (each["kind"], each["metadata"]["name"]) == ("CronJob", BACKUP))
DUMP = Dump(charset="latin1", counts={"users": 3, "tags": 2}, records=[Record(hostname="old.example.com", external_hostname="")])
MANIFEST = {"name": "20260101T020000Z", "portus": "2.4", "bytes": 1, "tables": {"users": 3, "teams": 1, "repositories": 1, "tags": 2}}


@dataclass
class Session:
    """An exec that keeps what is written to it, and ends where ``taken`` bytes have come."""

    taken: int
    complaint: bytes = b""
    got: bytes = b""

    def is_open(self) -> bool:
        return len(self.got) < self.taken

    def update(self, timeout: float) -> None:
        assert timeout == 0

    def write_stdin(self, data: bytes) -> None:
        if not self.is_open():
            raise WebSocketConnectionClosedException
        self.got += data

    def run_forever(self, timeout: float) -> None:
        assert timeout > 0

    def read_stderr(self, timeout: float) -> bytes:
        assert timeout == 0
        return self.complaint

    def close(self) -> None:
        pass


@dataclass
class Cluster:
    """What a Job of an import is asked of; ``state`` is its first container's."""

    session: Session
    state: str = "running"
    made: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)

    def get(self, kind: Kind, _namespace: str, name: str) -> Any:
        if kind == CRON_JOB:
            return copy.deepcopy(CRON) | {"metadata": CRON["metadata"] | {"uid": "u"}}
        ended = bool(self.commands) or self.state == "terminated"
        conditions = [{"type": "Failed" if self.state == "terminated" else "Complete", "status": "True"}] if ended else []
        return {"metadata": {"name": name}, "status": {"conditions": conditions}}

    def create(self, kind: Kind, _namespace: str, body: dict[str, Any]) -> Any:
        assert kind == JOB
        self.made.append(body)
        return {"metadata": {"name": "job", "uid": "u"}}

    def list(self, *_: Any, **__: Any) -> Any:
        state: dict[str, Any] = {self.state: {"exitCode": 65} if self.state == "terminated" else {}}
        status = {"initContainerStatuses": [{"name": IMPORT, "state": state}]}
        metadata = {"name": "pod", "namespace": "here", "creationTimestamp": "1"}
        return [{"metadata": metadata, "spec": {"containers": [{"name": "publish"}]}, "status": status}]

    def delete(self, _kind: Kind, _namespace: str, name: str) -> None:
        self.deleted.append(name)

    def core(self) -> Any:

        class Core:
            def read_namespaced_pod_log(self, *_: Any, **__: Any) -> str:
                return f"words\n{json.dumps(MANIFEST)}"

        return Core()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "portus.sql"
    path.write_bytes(b"dump" * 200_000)
    return path


def _load(monkeypatch: pytest.MonkeyPatch, cluster: Cluster, file: Path) -> Backup:
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0)

    def session(_: Pods, pod: str, command: list[str], *, stdin: bool, container: str) -> Session:
        assert (pod, stdin) == ("pod", True)
        cluster.commands.append(command)
        cluster.containers.append(container)
        return cluster.session

    monkeypatch.setattr(Pods, "session", session)
    kube: Kube = cluster  # type: ignore[assignment]
    return load(Jobs(kube, "here"), Pods(kube=kube, namespace="here"), file, DUMP, Step("test"), registry="new.example.com")


def test_the_dump_is_sent_whole_and_becomes_the_backup_that_publish_names(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    cluster = Cluster(Session(taken=file.stat().st_size))
    assert _load(monkeypatch, cluster, file).name == MANIFEST["name"]
    assert cluster.session.got == file.read_bytes()
    assert cluster.containers == [IMPORT]
    assert cluster.commands[0][-1] == str(file.stat().st_size)
    assert cluster.deleted == []
    spec = cluster.made[0]["spec"]["template"]["spec"]
    environment = {each["name"]: each["value"] for each in spec["initContainers"][0]["env"]}
    assert environment == {
        "KEEP": "all",
        "SIZE": str(file.stat().st_size),
        "SHA256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "CHARSET": "latin1",
        "EXPECTED": "tags=2 users=3",
        "REGISTRY": "new.example.com",
    }
    assert {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}["KEEP"] == "all"


def test_an_import_knows_no_password_and_takes_the_place_of_the_dump() -> None:
    job = copy.deepcopy(CRON["spec"]["jobTemplate"]["spec"])
    with_import(job)
    steps = job["template"]["spec"]["initContainers"]
    assert [step["name"] for step in steps] == [IMPORT, "verify"]
    assert {mount["name"] for mount in steps[0]["volumeMounts"]} == {"backups", "scripts", "tmp", "scratch"}
    assert steps[0]["securityContext"]["readOnlyRootFilesystem"]
    assert steps[1]["command"] == ["/bin/bash", "/scripts/verify.sh"]
    assert job["backoffLimit"] == 0


def test_a_backup_of_another_shape_is_refused() -> None:
    with pytest.raises(OpsError, match="must have the steps"):
        with_import({"template": {"spec": {"initContainers": []}}})


@pytest.mark.parametrize("session", [Session(taken=1000), Session(taken=10**9), Session(taken=800_000, complaint=b"No space left")])
def test_a_dump_that_is_not_taken_whole_ends_the_job(monkeypatch: pytest.MonkeyPatch, file: Path, session: Session) -> None:
    cluster = Cluster(session)
    with pytest.raises(OpsError, match="does not take the dump"):
        _load(monkeypatch, cluster, file)
    assert cluster.deleted == ["job"]


def test_a_step_that_ends_before_it_takes_the_dump_says_why(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    cluster = Cluster(Session(taken=10**9), state="terminated")
    with pytest.raises(JobError, match="ended with code 65"):
        _load(monkeypatch, cluster, file)
    assert cluster.deleted == ["job"]


def _told(dump: Dump, *, made: str, target: str) -> str:
    deployment = Deployment(stack="prod", outputs={"registry_host": "new.example.com", "namespace": "here"}, kubeconfig=Path("none"))
    return "\n".join(told(deployment, dump, Backup.of(MANIFEST | {"portus": made}), target))


def test_the_record_that_the_import_corrects_is_reported() -> None:
    said = _told(DUMP, made="2.4", target="2.4")
    assert "The dump's record of the registry names old.example.com; the backup's names the stack's, new.example.com." in said
    assert f"make restore STACK=prod DUMP={MANIFEST['name']}" in said
    same = Dump(records=[Record(hostname="new.example.com", external_hostname="new.example.com")])
    assert "record" not in _told(same, made="2.4", target="2.4")
    assert "no record of a registry" in _told(Dump(), made="2.4", target="2.4")


@pytest.mark.parametrize(
    ("made", "target", "first"), [("2.2", "2.3", True), ("2.4", "2.5", True), ("2.1", "2.2", False), ("2.2", "2.4", False)]
)
def test_a_version_that_does_not_migrate_the_dump_is_reported_before_the_restore(made: str, target: str, *, first: bool) -> None:
    assert (f"set portus:portus.version to {made}" in _told(DUMP, made=made, target=target)) is first


# A file that some other program has changed: it is not called truncated.


SQL = b"-- MariaDB dump 10.19\n--\nCREATE TABLE `users` (\n  `id` int\n);\nINSERT INTO `users` VALUES (1);\n-- Dump completed on 2026\n"
CONVERTED = "must have the line ends that the program wrote, and its lines end with "


def _tar(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("portus.sql")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


CHANGED: dict[str, tuple[bytes, str, str]] = {
    "two conversions": (SQL.replace(b"\n", b"\r\r\n"), rf"{CONVERTED}\r\r\n,", r"sed 's/\r*$//' OLD.sql > NEW.sql; or dump again"),
    "two conversions in gzip": (gzip.compress(SQL.replace(b"\n", b"\r\r\n")), rf"{CONVERTED}\r\r\n,", r"sed 's/\r*$//'"),
    "line ends of another system": (SQL.replace(b"\n", b"\r"), rf"{CONVERTED}\r alone", r"tr '\r' '\n' < OLD.sql > NEW.sql; or"),
    "bytes after gzip": (gzip.compress(SQL) + b"garbage", "must be gzip to its end, and other bytes follow", "gzip -dc OLD.gz > NEW.sql"),
    "a word after gzip": (gzip.compress(SQL) + b"\n", "must be gzip to its end, and other bytes follow", "gzip -dc OLD.gz > NEW.sql"),
    "gzip with a wrong sum": (_flipped(gzip.compress(SQL), -8), "must be the file that gzip wrote: it is damaged", "copy it again"),
    "gzip with wrong bytes": (_flipped(gzip.compress(SQL), 20), "must be the file that gzip wrote: it is damaged", "copy it again"),
    "gzip twice": (gzip.compress(gzip.compress(SQL)), "must be compressed once, and is compressed twice", "unpack it once: gzip -dc"),
    "tar": (_tar(SQL), "must be SQL, compressed by gzip or not, and is of tar", "unpack it with tar -xf"),
    "tar in gzip": (gzip.compress(_tar(SQL)), "must be SQL, compressed by gzip or not, and is of tar", "unpack it with tar -xf"),
    "xz in gzip": (gzip.compress(b"\xfd7zXZ\x00\x00"), "must be SQL, compressed by gzip or not, and is of xz", "unpack it, or dump again"),
    "PowerShell in gzip": (gzip.compress(SQL.decode().encode("utf-16")), "begins with UTF-16, as PowerShell's >", "--result-file=FILE"),
}


@pytest.mark.parametrize(("content", "rule", "fix"), CHANGED.values(), ids=CHANGED)
def test_what_a_dump_has_become_is_reported(tmp_path: Path, content: bytes, rule: str, fix: str) -> None:
    (tmp_path / "portus.sql").write_bytes(content)
    with pytest.raises(DumpError) as raised:
        read(tmp_path / "portus.sql")
    (problem,) = raised.value.problems
    assert rule in problem.rule
    assert fix in problem.fix
    assert "truncated" not in problem.rule


def test_a_dump_whose_line_ends_are_converted_back_is_read(tmp_path: Path) -> None:
    file = tmp_path / "portus.sql"
    for name, (content, _, fix) in CHANGED.items():
        if match := re.search(r"(sed|tr) .* > NEW\.sql", fix if "sed" in fix or "tr" in fix else ""):
            file.write_bytes(gzip.decompress(content) if "gzip" in name else content)
            command = match[0].replace("OLD.sql", str(file)).replace("NEW.sql", f"{file}.new")
            subprocess.run(command, shell=True, check=True)  # noqa: S602 - the command that a user is told
            assert read(Path(f"{file}.new")).counts["users"] == 1


@pytest.mark.parametrize(
    "content", [SQL.replace(b"\n", b"\r\n"), gzip.compress(SQL) + b"\0" * 512, gzip.compress(SQL[:60]) + gzip.compress(SQL[60:])]
)
def test_a_dump_with_the_line_ends_of_windows_or_in_several_parts_of_gzip_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "portus.sql").write_bytes(content)
    assert read(tmp_path / "portus.sql").counts["users"] == 1


# The page's statement corrects the record of the registry, and the page names what the command refuses.


PAGE = (ROOT / "docs" / "operate" / "adopt.md").read_text(encoding="utf-8")
(STATEMENT,) = re.findall(r"^    (UPDATE registries .+;)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with fresh_mariadb() as database:
        yield database


@pytest.mark.images
@pytest.mark.parametrize("version", VERSIONS)
def test_the_statement_of_the_page_corrects_the_record(server: Database, version: str) -> None:
    column = "external_hostname = 'registry.example.com', "
    assert column in STATEMENT
    with filled(server, version) as rows:
        rows("UPDATE registries SET hostname = 'old.example.com', use_ssl = 0")
        rows(STATEMENT.replace(column, "") if version == "2.0" else STATEMENT)
        names = "hostname" if version == "2.0" else "hostname, external_hostname"
        found = rows(f"SELECT use_ssl, {names} FROM registries")  # noqa: S608 - of this test
    assert found == [(1, *["registry.example.com"] * len(names.split(", ")))]


# What a shell or an editor made of a dump is told by its cause, in one problem.


HEADER = b"-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n"
END = b"-- Dump completed on 2026-11-30\n"


@pytest.mark.parametrize(
    ("content", "rule", "fix"),
    [
        ((HEADER + END).decode().encode("utf-16"), "begins with UTF-16, as PowerShell's >", "--result-file=FILE"),
        (b"\xef\xbb\xbf" + HEADER + END, "begins with a byte order mark", "--result-file=FILE"),
        (b"", "mariadb-dump or mysqldump, and is empty", "its exit code"),
        (b"mysqldump: [Warning] Using a password\n" + HEADER + END, "must not have messages", "without 2>&1"),
        (HEADER + END + b"mysqldump: Error: 'Access denied'\n", "must not have messages", "correct what it says"),
        (b"Enter password: \n" + HEADER + END, "must not have messages", "without -t"),
        (b"-- phpMyAdmin SQL Dump\nSTART TRANSACTION;\nCOMMIT;\n", "must be written by mariadb-dump", "dump again with one of them"),
        (b"DROP TABLE IF EXISTS `users`;\n", "must be written by mariadb-dump", "without --compact, --skip-comments"),
    ],
    ids=["utf-16", "byte-order-mark", "empty", "warning", "error", "prompt", "phpmyadmin", "compact"],
)
def test_a_spoilt_dump_is_one_problem_with_its_cause(tmp_path: Path, content: bytes, rule: str, fix: str) -> None:
    path = tmp_path / "portus.sql"
    path.write_bytes(content)
    with pytest.raises(DumpError) as refused:
        read(path)
    (problem,) = refused.value.problems
    assert rule in problem.rule
    assert fix in problem.fix


def test_a_pipe_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """As the shell's <(...) gives one."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DumpError, match="nothing was touched") as refused:
        read(tmp_path / "pipe")
    assert "must be a file: a pipe cannot be read twice" in refused.value.excerpt
