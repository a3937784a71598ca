"""What the stack's servers answer inside the cluster, and whether they trust and reach each other; changes nothing."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, Final
from urllib.parse import quote, urlsplit

from components.common.names import EDGE, EVENTS_PATH, REGISTRY, WEB
from ops.doctor.database import count_queues, server_of
from ops.doctor.facts import Pod
from ops.doctor.snapshot import Snapshot
from ops.kube.http import HEALTH_SECONDS, Answer, NotChecked, Reply, Request, late
from ops.kube.pods import Pods

NO_EVENTS: Final = json.dumps({"events": []})
"""What Portus takes with 202 and drops (portus-recordings, events-empty)."""
EVENTS_TYPE: Final = "application/vnd.docker.distribution.events.v1+json"
HEALTH: Final = "/api/v1/health"

BASH: Final = "bash"
CONNECT: Final = 'exec 3<>"/dev/tcp/$0/$1"'
CONNECT_SECONDS: Final = 3
SILENT_SECONDS: Final = 5
"""How long a server may keep a connection without data; more than `CONNECT_SECONDS`, so that one that is still open was accepted."""
TIMED_OUT: Final = (124, 143)
"""Exit codes of GNU's and busybox' ``timeout``."""


def registry_trust(pod: Pod) -> str:
    """Return what the registry's own client trusts beside public CAs: the files in SSL_CERT_DIR."""
    folders = [folder for folder in pod.variables.get("SSL_CERT_DIR", "").split(":") if folder]
    return _certificates(text for path, text in pod.files.items() if path.rpartition("/")[0] in folders)


def portus_trust(pod: Pod) -> str:
    """Return what Portus' images import beside public CAs: the certificates in /certificates."""
    return _certificates(text for path, text in pod.files.items() if path.startswith("/certificates/"))


def edge_trust(pod: Pod) -> str:
    """Return what the front proxy verifies with: the ``ca-file`` of haproxy.cfg, and nothing else."""
    config = next((text for path, text in pod.files.items() if path.endswith("/haproxy.cfg")), "")
    named = re.search(r"\bca-file (\S+)", config)
    return pod.files.get(named.group(1), "") if named else ""


def events_url(snapshot: Snapshot) -> str:
    """Return where the registry posts Portus' notifications; '' where its config.yml names no such endpoint."""
    endpoints = snapshot.registry_config().get("notifications", {}).get("endpoints") or ()
    return next((str(each.get("url", "")) for each in endpoints if each.get("name") == "portus" and not each.get("disabled")), "")


def examine_servers(pods: Pods, snapshot: Snapshot, pool: Executor) -> Callable[[], Snapshot]:
    """Begin to ask the stack's servers; return what waits for the answers and puts them into a snapshot."""
    served = {(role, pod.name): pool.submit(pods.ask, pod.name, port, request) for role, pod, port, request in _first(snapshot)}
    refused = {pair: pool.submit(ask) for pair, ask in _refusals(pods, snapshot)}
    reached = {pair: pool.submit(ask) for pair, ask in _reaches(pods, snapshot)}
    web = {name: pool.submit(ask) for name, ask in _web(pods, snapshot)}
    through = {host: pool.submit(ask) for host, ask in _through(pods, snapshot)}
    queues = pool.submit(count_queues, pods, snapshot)

    def collect(current: Snapshot) -> Snapshot:
        answers: dict[str, dict[str, Reply]] = {}
        for (role, pod), future in served.items():
            answers.setdefault(role, {})[pod] = future.result()
        login, catalog = web.pop("login").result() if "login" in web else (current.login, current.catalog)
        return dataclasses.replace(
            current,
            served=answers,
            refused={pair: future.result() for pair, future in refused.items()},
            reached={pair: future.result() for pair, future in reached.items()},
            through={host: future.result() for host, future in through.items()},
            login=login,
            catalog=catalog,
            queues=queues.result(),
            **{name: future.result() for name, future in web.items()},
        )

    return lambda: collect(snapshot)


def _first(snapshot: Snapshot) -> Iterator[tuple[str, Pod, int, Request]]:
    """Give a first question for each server's Pods that shows their certificate."""
    expected = snapshot.expected
    ping = Request(path=expected.ping, host=expected.host)
    for role, request in ((WEB, ping), (REGISTRY, Request(path="/v2/", host=expected.registry_name)), (EDGE, ping)):
        workload = snapshot.workload(role)
        yield from ((role, pod, pod.ports["https"], request) for pod in (workload.ready if workload else ()) if "https" in pod.ports)


def _refusals(pods: Pods, snapshot: Snapshot) -> Iterator[tuple[tuple[str, str], Callable[[], str | NotChecked]]]:
    web, registry, edge = (snapshot.pod(role) for role in (WEB, REGISTRY, EDGE))
    host, registry_name = snapshot.expected.host, snapshot.expected.registry_name
    if not (web and registry):
        return

    def ask(server: Pod, name: str, trust: str, *, system: bool = True) -> Callable[[], str | NotChecked]:
        return lambda: pods.refusal(server.name, server.ports["https"], name, trust, system=system)

    yield (WEB, REGISTRY), ask(registry, registry_name, portus_trust(web))
    if events_url(snapshot).startswith("https:"):
        yield (REGISTRY, WEB), ask(web, host, registry_trust(registry))
    if edge:
        yield (EDGE, WEB), ask(web, host, edge_trust(edge), system=False)
        yield (EDGE, REGISTRY), ask(registry, registry_name, edge_trust(edge), system=False)


def _reaches(pods: Pods, snapshot: Snapshot) -> Iterator[tuple[tuple[str, str], Callable[[], str | NotChecked]]]:
    expected, web, registry = snapshot.expected, snapshot.pod(WEB), snapshot.pod(REGISTRY)
    if web:
        for name in dict.fromkeys((expected.host, expected.registry_name)):
            yield (WEB, name), lambda name=name: from_portus(pods, web, name, expected.https_port)  # type: ignore[misc]
    target = urlsplit(events_url(snapshot))
    if registry and target.hostname:
        port = target.port or (443 if target.scheme == "https" else 80)
        yield (REGISTRY, target.hostname), lambda: _from_registry(pods, registry, str(target.hostname), port)


def from_portus(pods: Pods, pod: Pod, name: str, port: int) -> str | NotChecked:
    """Return why a Pod of Portus opens no connection to a server; '' if it does."""
    done = pods.run(pod.name, ["timeout", str(CONNECT_SECONDS), BASH, "-c", CONNECT, name, str(port)])
    if not isinstance(done, NotChecked) and done[0] in TIMED_OUT:
        return late(CONNECT_SECONDS)
    if isinstance(done, NotChecked) or done[0] == 0:
        return done if isinstance(done, NotChecked) else ""
    return done[1].splitlines()[0].partition(": ")[2].removeprefix("line 1: ") if done[1] else f"bash ended with code {done[0]}"


def _from_registry(pods: Pods, pod: Pod, name: str, port: int) -> str | NotChecked:
    """Return why a connection without data is refused; '' if it is not.

    Not by a request: Puma never answers a plain one on its TLS port, and each holds one of its few threads.
    """
    done = pods.run(pod.name, ["timeout", str(SILENT_SECONDS), "nc", "-w", str(CONNECT_SECONDS), name, str(port)])
    if isinstance(done, NotChecked):
        return done
    code, output = done[0], done[1].strip().removeprefix("nc: ")
    if code in (0, *TIMED_OUT):
        return ""
    if code != 1:
        return NotChecked(f"nc in Pod {pod.name} ended with code {code}: {output[:200]}")
    return late(CONNECT_SECONDS) if "timed out" in output.lower() else output


def _through(pods: Pods, snapshot: Snapshot) -> Iterator[tuple[str, Callable[[], Reply]]]:
    expected, edge = snapshot.expected, snapshot.pod(EDGE)
    for host, path in {expected.registry_name: "/v2/", expected.host: expected.ping}.items():
        if edge and "https" in edge.ports:
            request = Request(path=path, host=host)
            yield host, lambda request=request: pods.ask(edge.name, edge.ports["https"], request)  # type: ignore[misc]


def _web(pods: Pods, snapshot: Snapshot) -> Iterator[tuple[str, Callable[[], Any]]]:
    expected, web, registry = snapshot.expected, snapshot.pod(WEB), snapshot.pod(REGISTRY)
    if web is None or "https" not in web.ports:
        return
    token = f"/v2/token?service={quote(expected.registry)}"
    name, port = web.name, web.ports["https"]
    if (server := server_of(web))[0]:
        yield "database_reached", lambda: from_portus(pods, web, *server)
    yield "token", lambda: pods.ask(name, port, Request(path=token, host=expected.host))
    posted = {"method": "POST", "headers": {"Content-Type": EVENTS_TYPE}, "body": NO_EVENTS}
    plain = Request(path=EVENTS_PATH, host=expected.host, plain="http" in web.ports, **posted)  # type: ignore[arg-type]
    yield "event", lambda: pods.ask(name, web.ports.get("http", port), plain)
    if expected.is_puma:
        yield "health", lambda: pods.ask(name, port, Request(path=HEALTH, host=expected.host, seconds=HEALTH_SECONDS))
    if registry:
        yield "login", lambda: _login(pods, snapshot, web, registry)


def _login(pods: Pods, snapshot: Snapshot, web: Pod, registry: Pod) -> tuple[Reply, Reply]:
    """Do as Portus' own client does: a token for the catalog, and the catalog. One login; none with a guess, which would lock the user."""
    expected = snapshot.expected
    password = web.setting("PORTUS_PASSWORD") or web.setting("PORTUS_PORTUS_PASSWORD")
    if not password:
        return (unknown := NotChecked("the password of Portus' own user is in no Secret that its Pod reads")), unknown
    path = f"/v2/token?service={quote(expected.registry)}&account=portus&scope=registry:catalog:*"
    basic = base64.b64encode(f"portus:{password}".encode()).decode()
    request = Request(path=path, host=expected.host, headers={"Authorization": f"Basic {basic}"})
    login = pods.ask(web.name, web.ports["https"], request)
    if not isinstance(login, Answer) or login.status != 200:  # noqa: PLR2004 - HTTP
        return login, NotChecked("there is no token to show")
    try:
        bearer = {"Authorization": f"Bearer {json.loads(login.body)['token']}"}
    except (ValueError, KeyError, TypeError):
        return login, NotChecked("there is no token to show")
    catalog = Request(path="/v2/_catalog?n=1", host=expected.registry_name, headers=bearer)
    return login, pods.ask(registry.name, registry.ports["https"], catalog)


def _certificates(texts: Iterator[str]) -> str:
    return "\n".join(text for text in texts if "BEGIN CERTIFICATE" in text)
