"""Values of the two public charts of Portus: kubic's (``portus`` 0.1) and GrantStreetGroup's (``portus-helm`` 0.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.adopt.files import YamlLines, read_config
from ops.adopt.model import AdoptError, Fate, Item, Place, Problem, Role, Source, Verdict, Workload

RENDER: Final = "helm get manifest RELEASE > objects.yaml; python -m ops adopt kubernetes --file objects.yaml --stack ..."
"""What to do with a chart whose values are unknown here."""


@dataclass(frozen=True)
class Chart:
    """A chart, as far as its values decide."""

    name: str
    versions: str
    front: str
    """Key of the public host name."""
    port: str
    database: str
    """Suffix of the database's workload, behind the release's name."""


KUBIC: Final = Chart("portus", r"0\.1\.\d+", "nginx.host", "nginx.service.port", "deployment/{release}-mariadb")
GRANT_STREET: Final = Chart("portus-helm", r"0\.2(\.\d+)?", "ingress.host", "ingress.port", "statefulset/{release}-mariadb-master")
_OF_GRANT_STREET: Final = frozenset({"ingress", "redis", "clair", "postgresql"})

VARIABLES: Final = {
    "portus.dbAdapter": "PORTUS_DB_ADAPTER",
    "portus.dbHost": "PORTUS_DB_HOST",
    "portus.dbDatabase": "PORTUS_DB_DATABASE",
    "portus.dbUsername": "PORTUS_DB_USERNAME",
    "portus.dbPassword": "PORTUS_DB_PASSWORD",
    "portus.productionPassword": "PORTUS_PRODUCTION_PASSWORD",
    "portus.password": "PORTUS_PASSWORD",
    "portus.secretKeyBase": "PORTUS_SECRET_KEY_BASE",
    "portus.env.log_level": "PORTUS_LOG_LEVEL",
}
"""Value -> variable that the chart makes of it."""
_RENAMED: Final = {"email.smtp.username": "email.smtp.user_name", "ldap.url": "ldap.hostname"}
_SWITCHES: Final = re.compile(r"(gravatar|delete|first_user_admin|signup|display_name|anonymous_browsing|user_permission\.\w+)")
_WHOLE: Final = frozenset({"annotations", "resources", "nodeSelector", "tolerations", "affinity"})
"""Keys whose mappings are one value."""
_DEFAULT_IMAGES: Final = {"portus": ("opensuse/portus", "2.3"), "registry": ("library/registry", "2")}


def read(files: Sequence[Path], chart: Path | None, release: str, namespace: str) -> Source:
    """Return what the values files say; later ones win.

    Raises:
        AdoptError: a file is missing or wrong, or the values are of no chart that is known.
    """
    source = Source("helm")
    values: dict[str, Item] = {}
    for path in files:
        content, lines = read_config(path)
        for key, item in _leaves(content, lines):
            if key in values:
                source.decided.append(Verdict(values[key], Fate.NOT_NEEDED, f"{item.place} overrides it"))
            values[key] = item
    known = _chart(values, files, chart)
    _workloads(source, values)
    for key, item in values.items():
        if key in VARIABLES:
            source.workloads[0].environment[VARIABLES[key]] = item
        elif key.startswith("portus.config."):
            source.portus_config.append((_config_key(key.removeprefix("portus.config.")), item))
        elif key not in _image_keys(values):
            source.values.append((key, item))
    source.commands = _commands(known, values, release, namespace)
    return source


def _leaves(value: Any, lines: YamlLines, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Item]]:
    """Yield dotted key and item of every value."""
    if isinstance(value, dict) and value and (not path or path[-1] not in _WHOLE):
        for key, each in value.items():
            yield from _leaves(each, lines, (*path, str(key)))
    elif path:
        dotted = ".".join(path)
        yield dotted, Item(lines.place(path), dotted, value)


def _chart(values: dict[str, Item], files: Sequence[Path], folder: Path | None) -> Chart:
    if folder is not None:
        return _chart_of(folder)
    tops = {key.partition(".")[0] for key in values}
    if "portus" not in tops:
        rule = "must be values of the charts portus (kubic) or portus-helm (GrantStreetGroup): the key portus is missing"
        raise AdoptError([Problem(Place(str(files[0]), 1), rule, RENDER)])
    return GRANT_STREET if tops & _OF_GRANT_STREET or any(key.startswith("mariadb.db.") for key in values) else KUBIC


def _chart_of(folder: Path) -> Chart:
    content, lines = read_config(folder / "Chart.yaml")
    name, version = str(content.get("name", "")), str(content.get("version", ""))
    for chart in (KUBIC, GRANT_STREET):
        if chart.name == name and re.fullmatch(chart.versions, version):
            return chart
    rule = f"the chart {name or '?'} {version or '?'} is not known: portus 0.1 (kubic) and portus-helm 0.2 (GrantStreetGroup) are"
    raise AdoptError([Problem(lines.place(["version" if name in {KUBIC.name, GRANT_STREET.name} else "name"]), rule, RENDER)])


def _config_key(key: str) -> str:
    return f"{key}.enabled" if _SWITCHES.fullmatch(key) else _RENAMED.get(key, key)


def _image_keys(values: dict[str, Item]) -> set[str]:
    """Return the keys that the workloads' images mean."""
    return {key for part in _DEFAULT_IMAGES for key in (f"{part}.image.tag", f"{part}.image.repository") if key in values} - {
        f"{part}.image.repository" for part in _DEFAULT_IMAGES if f"{part}.image.tag" in values
    }


def _workloads(source: Source, values: dict[str, Item]) -> None:
    for part, role in (("portus", Role.PORTUS), ("registry", Role.REGISTRY)):
        repository, tag = values.get(f"{part}.image.repository"), values.get(f"{part}.image.tag")
        default = _DEFAULT_IMAGES[part]
        text = f"{repository.text if repository else default[0]}:{tag.text if tag else default[1]}"
        written = tag or repository
        item = Item(written.place, written.key, text) if written else Item(Place("the chart"), f"{part}.image.tag", text)
        source.workloads.append(Workload(part, item, role, image=item))
    if values.get("mariadb.enabled", Item(Place(""), "", value=True)).value is not False:
        source.workloads.append(Workload("mariadb", Item(Place("the chart"), "mariadb"), Role.DATABASE))


def _commands(chart: Chart, values: dict[str, Item], release: str, namespace: str) -> dict[str, str]:
    host, port = values.get(chart.front), values.get(chart.port)
    node_port = values.get("nginx.service.nodePort")
    port = node_port if node_port and node_port.text else port
    name = host.text if host else ""
    if name and port and port.text not in {"", "80", "443"}:
        name = f"{name}:{port.text}"
    mount = values.get("registry.mountPath")
    persistence = values.get("registry.persistence.enabled")
    persistent = persistence is not None and persistence.value is True  # the charts' default is an emptyDir
    base = release if release.endswith("-portus") else f"{release}-{chart.name}"
    return {
        "kubectl": f"kubectl -n {namespace}",
        "namespace": namespace,
        "host": host.text if host else "",
        "registry_name": name,
        "registry": f"deployment/{base}-registry",
        "registry_path": mount.text if mount else "/storage",
        "database": chart.database.format(release=release),
        **({"front": f"deployment/{base}-nginx", "service": f"{base}-nginx"} if chart is KUBIC else {}),
        **({"ephemeral": "yes"} if not persistent else {}),
        "root_variable": "MARIADB_ROOT_PASSWORD",
        "database_name": values["mariadb.mariadbDatabase"].text if "mariadb.mariadbDatabase" in values else "portus",
    }
