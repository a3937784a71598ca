"""A healthy stack as the doctor sees it, from which each test takes one thing away."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import email.utils
import functools
import io
import json
from collections.abc import Mapping
from typing import Any

import yaml
from rich.console import Console

from ops.doctor.catalog import examine
from ops.doctor.facts import Backlog, Claim, Database, Denied, Expected, Pod, Queue, Record, Workload
from ops.doctor.pem import key_id, leaf
from ops.doctor.report import FAILED, NOT_CHECKED, show, state
from ops.doctor.snapshot import Snapshot
from ops.kube.http import Answer
from tests.settings import authority

PORTUS, REGISTRY = "portus.example.test", "registry.example.test"
EVENTS = f"https://{PORTUS}/v2/webhooks/events"
CHALLENGE = f'Bearer realm="https://{PORTUS}/v2/token",service="{REGISTRY}"'


@functools.cache
def certificate(*names: str, days: int) -> tuple[str, str]:
    """Return a self-signed certificate for ``names`` that ends in ``days``, and its key; the same for the same arguments."""
    name, today = names[0], authority.NOW
    text = authority.certificate(
        name,
        common_name=name,
        issuer=name,
        signed_by=name,
        hosts=names,
        begins=today - dt.timedelta(days=400),
        ends=today + dt.timedelta(days=days),
        is_server=True,
    )
    return text, authority.private(name)


def pair() -> tuple[str, str]:
    """Return a certificate for both names and its key."""
    return certificate(PORTUS, REGISTRY, days=90)


@functools.cache
def now() -> float:
    """Return a time at which the certificate is valid."""
    return leaf(pair()[0]).ends - 90 * 86400


@functools.cache
def kid_of_pair() -> str:
    return key_id(leaf(pair()[0]).public_key)


@functools.cache
def der(*names: str, days: int = 90) -> bytes:
    return leaf(certificate(*(names or (PORTUS, REGISTRY)), days=days)[0]).der


def jwt(claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims))
    return ".".join([*parts, "signature"])


def token(*, access: bool = False, kid: str = "", **claims: Any) -> Answer:
    """Return Portus' answer with a token."""
    said = {"iss": PORTUS, "aud": REGISTRY, "iat": int(now()), **claims}
    if access:
        said["access"] = [{"type": "registry", "name": "catalog", "actions": ["*"]}]
    signed = jwt(said, {"alg": "RS256", "kid": kid or kid_of_pair()})
    return Answer(status=200, body=json.dumps({"token": signed}), at=now())


def config(**token_settings: str) -> str:
    """Return the registry's config.yml."""
    auth = {"realm": f"https://{PORTUS}/v2/token", "service": REGISTRY, "issuer": PORTUS, "rootcertbundle": "/trust/signers.crt"}
    return yaml.safe_dump(
        {
            "http": {"tls": {"certificate": "/tls/tls.crt", "key": "/tls/tls.key"}},
            "auth": {"token": auth | token_settings},
            "notifications": {"endpoints": [{"name": "portus", "url": EVENTS}]},
        }
    )


def workload(role: str, **pod: Any) -> Workload:
    name = {"web": "portus", "worker": "portus-worker", "database": "mariadb"}.get(role, role)
    kind = "statefulset" if role == "database" else "deployment"
    return Workload(kind=kind, name=name, replicas=1, pods=(Pod(name=f"{name}-0", ready=True, **pod),))


def workloads() -> dict[str, Workload]:
    text, key = pair()
    return {
        "database": workload("database"),
        "web": workload("web", files={"/secrets/portus.crt": text, "/secrets/portus.key": key}, aliases={REGISTRY: "10.0.0.2"}),
        "worker": workload("worker"),
        "registry": workload(
            "registry",
            files={
                "/etc/docker/registry/config.yml": config(),
                "/tls/tls.crt": text,
                "/tls/tls.key": key,
                "/trust/signers.crt": text,
            },
        ),
        "edge": workload("edge", files={"/run/secrets/edge-tls/edge.pem": text, "/run/secrets/edge-tls/edge.pem.key": key}),
    }


def registry_file(path: str, text: str) -> dict[str, Workload]:
    """Return the workloads with one file of the registry's Pod changed."""
    return pod_file("registry", path, text)


def pod_file(role: str, path: str, text: str) -> dict[str, Workload]:
    found = workloads()
    (pod,) = found[role].pods
    found[role] = dataclasses.replace(found[role], pods=(dataclasses.replace(pod, files={**pod.files, path: text}),))
    return found


DATABASE = Database(
    version="10.11",
    charset="utf8mb3",
    collation="utf8mb3_unicode_ci",
    migrations=("20190314173309",),
    records=(Record(hostname=REGISTRY, external_hostname=REGISTRY, use_ssl=True),),
)


def healthy(**changes: Any) -> Snapshot:
    """Return what is seen of a healthy stack, with some things different."""
    unauthorized = Answer(
        status=401,
        headers={"www-authenticate": CHALLENGE, "date": _date(now())},
        certificate=der(),
        at=now(),
    )
    pong = Answer(status=200, body="200", certificate=der(), at=now())
    seen: dict[str, Any] = {
        "expected": Expected(
            stack="example",
            namespace="example",
            portus_url=f"https://{PORTUS}",
            registry=REGISTRY,
            portus_version="2.5",
            trust=pair()[0],
            objects=(("kubernetes:core/v1:Secret", "tls"), ("kubernetes:networking.k8s.io/v1:NetworkPolicy", "default")),
        ),
        "now": now(),
        "cluster": "v1.34.4",
        "namespace": "Active",
        "missing": (),
        "claims": (Claim(name="registry-data", phase="Bound", used=0.4),),
        "workloads": workloads(),
        "jobs": {},
        "database": DATABASE,
        "served": {"web": {"portus-0": pong}, "registry": {"registry-0": unauthorized}, "edge": {"edge-0": pong}},
        "refused": {("web", "registry"): "", ("registry", "web"): "", ("edge", "web"): "", ("edge", "registry"): ""},
        "reached": {("web", PORTUS): "", ("web", REGISTRY): "", ("registry", PORTUS): ""},
        "database_reached": "",
        "through": {REGISTRY: unauthorized, PORTUS: pong},
        "health": Answer(status=200, body='{"database": {"msg": "database is up-to-date", "success": true}}'),
        "token": token(),
        "login": token(access=True),
        "catalog": Answer(status=200, body="{}"),
        "event": Answer(status=202),
        "queues": (Queue(pod="registry-0", name="portus", pending=0, delivered=0),),
        "names": {PORTUS: ("192.0.2.1",), REGISTRY: ("192.0.2.1",)},
        "outside": {"portus": pong, "registry": unauthorized, "token": token(), "events": Answer(status=404)},
    }
    return Snapshot(**{**seen, **changes})


def database(**changes: Any) -> Database:
    return dataclasses.replace(DATABASE, **changes)


def backlog(count: int, oldest: float) -> Backlog:
    return Backlog(count=count, oldest=oldest)


def _date(at: float) -> str:
    return email.utils.formatdate(at, usegmt=True)


def failed(snapshot: Snapshot) -> dict[str, str]:
    """Return what was seen of each failed check."""
    return {each.check.name: getattr(each.verdict, "seen", "") for each in examine(snapshot) if state(each) == FAILED}


def not_checked(snapshot: Snapshot) -> set[str]:
    return {each.check.name for each in examine(snapshot) if state(each) == NOT_CHECKED}


SECONDS = 3.2


def sample() -> str:
    """Return the report, without colours."""
    sink = io.StringIO()
    findings = examine(healthy(database=Denied("Access denied for user 'portus'", 1045, has_account=True)))
    show("prod", findings, Console(file=sink, width=200, soft_wrap=True), SECONDS)
    return sink.getvalue().strip()
