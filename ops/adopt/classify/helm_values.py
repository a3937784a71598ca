"""Values of a chart that are neither Portus' configuration nor its environment."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ops.adopt import keys
from ops.adopt.classify import values
from ops.adopt.classify.containers import MOST_REPLICAS
from ops.adopt.model import Findings, Item, Source

_OWN_SIZES = "the program's own sizes, measured; raise them under portus:*.resources if needed"
_PROXY = "the stack has a front proxy of its own"
_CERTIFICATE = "certificate and key: see the questions"

RULES: Final[tuple[tuple[str, str], ...]] = (
    (r"portus\.image\..*", "the stack has its own image of the release"),
    (r"registry\.image\..*", "the stack has its own image of the series"),
    (r"(portus|registry|nginx)\.service\.(port|debugPort)", "the program's own ports, inside the cluster"),
    (r"registry\.service\.nodePort", "the front proxy is the only way in"),
    (r"(portus|registry|nginx|portus\.background)\.resources", _OWN_SIZES),
    (r"portus\.background\.enabled", "the stack runs the worker as a Deployment of its own"),
    (r"portus\.tls\.(enabled|key|cert|cacert|carootcert)", _CERTIFICATE),
    (r"registry\.mountPath", "the stack mounts its claim where the image expects it"),
    (r"registry\.http\.secret", "the stack makes a new one"),
    (r"nginx\.(replicas|image\..*|service\.annotations)", _PROXY),
    (r"(nginx\.)?ingress\.(enabled|port|tls\..*)", "the stack's exposure: see the questions"),
    (r"(nginx|ingress)\.host", "the public name, see the top of the report"),
    (r"nginx\.service\.(type|nodePort)", "the stack's exposure: see the questions"),
    (r"mariadb\.(enabled|image.*|master.*|slave.*|replication.*|metrics.*|config.*)", "the stack runs MariaDB of its own"),
    (r"mariadb\.persistence\.(enabled|accessMode)", "the stack's own claim"),
    (r"mariadb\.(mariadb(User|Password|RootPassword)|db\.(user|password)|rootUser\..*)", "the stack makes its own accounts and passwords"),
    (r"redis\.(cluster|usePassword|persist[ae]nce|master|slave|image|metrics|password).*", "a Redis of the stack's own; only a cache"),
    (r"registry\.notifications\.enabled", "judged at the receivers"),
    (r"(nameOverride|fullnameOverride)", "the program names its objects"),
)
"""Pattern of a value's key -> why nothing has to be written."""


def classify(source: Source, findings: Findings) -> None:
    """Judge the values, and choose the exposure that they had."""
    entries = dict(source.values)
    _exposure(entries, findings)
    persistent = entries.get("registry.persistence.enabled")
    for key, item in source.values:
        if persistent is None or values.flag(persistent.value) is not False or not key.startswith("registry.persistence."):
            _value(key, item, findings)
        elif key == "registry.persistence.enabled":
            findings.ask(item, "the images are in an emptyDir, which a restart of the Pod empties: copy them before anything restarts")
        else:
            findings.not_needed(item, "persistence is off")
    if not _is_on(entries, "portus.tls.enabled"):
        findings.questions.append(
            "The chart without TLS lets every client push and pull (`auth: silly`). The stack asks for tokens: make your pipelines log in."
        )


def _is_on(entries: Mapping[str, Item], key: str) -> bool:
    return key in entries and values.flag(entries[key].value) is True


def _value(key: str, item: Item, findings: Findings) -> None:
    """Judge one value."""
    why = next((why for pattern, why in RULES if re.fullmatch(pattern, key)), "")
    if item.value is None or item.value in ("", {}, []):
        findings.not_needed(item, "empty: the chart's default")
    elif key in _TAKEN:
        _take(_TAKEN[key], item, findings)
    elif key in _JUDGED:
        _JUDGED[key](item, findings)
    elif key.startswith(("clair.", "postgresql.")):
        findings.drop(item, "belongs to the scanner, which is not part of this program")
    elif why:
        findings.not_needed(item, why)
    else:
        _unknown(key, item, findings)


_TAKEN: Final[Mapping[str, str]] = {
    "portus.image.pullPolicy": keys.PULL_POLICY,
    "registry.persistence.size": keys.REGISTRY_CLAIM_SIZE,
    "registry.persistence.accessMode": keys.REGISTRY_CLAIM_MODES,
    "registry.persistence.storageClass": keys.REGISTRY_STORAGE_CLASS,
    "registry.persistence.enabled": f"{keys.REGISTRY_STORAGE}.driver",
    "mariadb.persistence.size": keys.DATABASE_CLAIM_SIZE,
    "mariadb.persistence.storageClass": keys.DATABASE_STORAGE_CLASS,
    "mariadb.mariadbDatabase": keys.DATABASE_NAME,
    "mariadb.db.name": keys.DATABASE_NAME,
}
"""Value -> key of the stack file."""


def _take(key: str, item: Item, findings: Findings) -> None:
    value: Any = item.text
    if key == keys.REGISTRY_CLAIM_MODES:
        value = [item.text]
    elif key == f"{keys.REGISTRY_STORAGE}.driver":
        value = "filesystem"
    elif key in {keys.REGISTRY_STORAGE_CLASS, keys.DATABASE_STORAGE_CLASS} and item.text == "-":
        value = ""
    findings.take(item, key, value)


def _replicas(item: Item, findings: Findings) -> None:
    count = values.number(item.text) or 1
    findings.take(item, keys.WEB_REPLICAS, max(1, min(count, MOST_REPLICAS)))


def _registry_replicas(item: Item, findings: Findings) -> None:
    if values.number(item.text) in {None, 1}:
        findings.not_needed(item, "one, as here")
    else:
        findings.ask(item, f"several registries need a claim that all can write, or an object store: {keys.PREFIX}{keys.REGISTRY_REPLICAS}")


def _redis(item: Item, findings: Findings) -> None:
    if values.flag(item.value):
        findings.take(item, keys.REGISTRY_REDIS_KIND, "in_cluster", "a Redis of the stack's own; the cache fills again")
    else:
        findings.not_needed(item, "none, as here")


def _annotations(item: Item, findings: Findings) -> None:
    """Take the class; the controller's other annotations this program writes itself."""
    annotations = item.value if isinstance(item.value, dict) else {}
    name = str(annotations.get("kubernetes.io/ingress.class", ""))
    others = sorted(key for key in annotations if not re.search(r"ingress\.class|nginx\.|ingress\.kubernetes\.io", str(key)))
    if findings.settings.get(keys.EXPOSURE_KIND) != "ingress":
        findings.not_needed(item, "the Ingress is off")
    elif others:
        findings.ask(item, f"are these still needed: {', '.join(others)}? Then write them under {keys.PREFIX}{keys.EXPOSURE_ANNOTATIONS}")
    elif name:
        findings.take(item, keys.EXPOSURE_CLASS, name, "the controller's other annotations are the program's own")
    else:
        findings.not_needed(item, "the controller's annotations are the program's own")


def _receivers(item: Item, findings: Findings) -> None:
    findings.ask(item, f"receivers besides Portus: still needed? Then write {keys.PREFIX}{keys.REGISTRY_RECEIVERS}")


def _scanner(item: Item, findings: Findings) -> None:
    if values.flag(item.value):
        findings.ask(
            item,
            f"the scanner is not part of this program: run it on its own and set {keys.PREFIX}{keys.PORTUS_CONFIG}.security.clair.server?",
        )
    else:
        findings.not_needed(item, "no scanner, as here")


_JUDGED: Final[Mapping[str, Callable[[Item, Findings], None]]] = {
    "portus.replicas": _replicas,
    "registry.replicas": _registry_replicas,
    "nginx.ingress.annotations": _annotations,
    "ingress.annotations": _annotations,
    "registry.notifications.endpoints": _receivers,
    "redis.enabled": _redis,
    "clair.enabled": _scanner,
    "postgresql.enabled": _scanner,
}


def _exposure(entries: Mapping[str, Item], findings: Findings) -> None:
    """Write the exposure that the chart had."""
    service = entries.get("nginx.service.type")
    port = values.number(entries["nginx.service.nodePort"].text) if "nginx.service.nodePort" in entries else None
    if _is_on(entries, "nginx.ingress.enabled") or ("nginx.ingress.enabled" not in entries and _is_on(entries, "ingress.enabled")):
        findings.settings[keys.EXPOSURE_KIND] = "ingress"
        findings.questions.append(
            f"The Ingress: an ingress-nginx is assumed ({keys.PREFIX}{keys.EXPOSURE_CONTROLLER}). Others: docs/deploy/exposure.md."
        )
    elif service and service.text == "NodePort" and port and 30000 <= port <= 32767:  # noqa: PLR2004 - Kubernetes' range
        findings.settings[keys.EXPOSURE_KIND] = "node_port"
        findings.settings[keys.EXPOSURE_NODE_PORT] = port
        findings.questions.append(f"The node port {port} is the old Service's: free it before you deploy, or choose another one.")
    elif service and service.text == "ClusterIP" and "nginx.ingress.enabled" in entries:
        findings.settings[keys.EXPOSURE_KIND] = "cluster_ip"
        findings.questions.append("The chart has a Service inside the cluster only, and so has the stack: what leads to it?")


def _unknown(key: str, item: Item, findings: Findings) -> None:
    known = [*_TAKEN, "portus.replicas", "registry.replicas", "nginx.host", "ingress.host", "portus.tls.enabled", "nginx.ingress.enabled"]
    near = difflib.get_close_matches(key, known, 1, 0.85)
    if near:
        findings.ask(item, f"the charts have no {key} and ignore it. Was {near[0]} meant?")
    else:
        findings.drop(item, "the public charts have no such value and ignore it")
