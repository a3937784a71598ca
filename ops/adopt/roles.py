"""Which workload is Portus, which the registry, and so on: by image, then by its settings."""

from __future__ import annotations

import re

from ops.adopt.model import AdoptError, Place, Problem, Role, Workload

_PORTUS_VARIABLES = ("PORTUS_MACHINE_FQDN_VALUE", "PORTUS_MACHINE_FQDN", "PORTUS_SECRET_KEY_BASE", "PORTUS_DB_HOST", "PORTUS_KEY_PATH")
_BY_NAME = {
    "registry": Role.REGISTRY, "distribution": Role.REGISTRY, "docker-registry": Role.REGISTRY,
    "mariadb": Role.DATABASE, "mysql": Role.DATABASE, "percona": Role.DATABASE, "mysql-server": Role.DATABASE,
    "nginx": Role.PROXY, "haproxy": Role.PROXY, "traefik": Role.PROXY, "caddy": Role.PROXY, "httpd": Role.PROXY,
    "nginx-proxy": Role.PROXY, "docker-gen": Role.PROXY, "acme-companion": Role.PROXY,
    "letsencrypt-nginx-proxy-companion": Role.PROXY, "redis": Role.CACHE,
}  # fmt: skip
"""Name of an image -> role; a team's own image often has it as its last word: ``portus-registry``."""


def image_name(reference: str) -> str:
    """Return the last part of an image's name, without tag and digest."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()


def role_of(workload: Workload) -> Role:
    """Return what ``workload`` does."""
    name = image_name(workload.image.text) if workload.image else ""
    runs_portus = name == "portus" or _is_configured(workload)
    if runs_portus:
        return Role.WORKER if _is_worker(workload) else Role.PORTUS
    if role := _BY_NAME.get(name) or _BY_NAME.get(name.rpartition("-")[2]):
        return role
    if any(variable.startswith("REGISTRY_") for variable in workload.environment):
        return Role.REGISTRY
    if any(re.match(r"(MYSQL|MARIADB)_(ROOT_PASSWORD|DATABASE)$", variable) for variable in workload.environment):
        return Role.DATABASE
    by_service = {"portus": Role.PORTUS, "db": Role.DATABASE, "proxy": Role.PROXY, **_BY_NAME}
    return Role.OTHER if name else by_service.get(workload.name, Role.OTHER)


def _is_worker(workload: Workload) -> bool:
    background = workload.environment.get("PORTUS_BACKGROUND")
    start = workload.environment.get("PORTUS_INIT_COMMAND")
    words = f"{start.text if start else ''} {workload.command}"
    return bool(background and background.text) or bool(re.search(r"crono|background\.rb", words))


def _is_configured(workload: Workload) -> bool:
    return any(variable in workload.environment for variable in _PORTUS_VARIABLES)


def assign(workloads: list[Workload], file: str) -> None:
    """Set every workload's role.

    Raises:
        AdoptError: not exactly one workload is Portus' web server.
    """
    for workload in workloads:
        workload.role = role_of(workload)
    webs = [workload for workload in workloads if workload.role is Role.PORTUS]
    servers = [workload for workload in webs if _is_configured(workload) or not workload.command]
    for workload in webs if servers else []:
        workload.role = Role.PORTUS if workload in servers else Role.OTHER  # a tool of the same image has a command of its own
    webs = servers or webs
    if not webs:
        names = ", ".join(workload.name for workload in workloads) or "none"
        rule = f"one service must run Portus: an image called portus, or a variable like PORTUS_MACHINE_FQDN_VALUE (found: {names})"
        raise AdoptError([Problem(Place(file), rule, "give the file that deploys Portus; several files: --file for each")])
    if len(webs) > 1:
        rule = "only one service may run Portus' web server"
        fix = f"take the others out of a copy of the file; {webs[0].name} is one"
        raise AdoptError([Problem(web.item.place, rule, fix) for web in webs[1:]])
