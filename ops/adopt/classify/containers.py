"""Everything of a workload that is not Portus' or the registry's configuration: volumes, ports, the database, Docker's own keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Final

from ops.adopt import keys
from ops.adopt.classify import registry, values
from ops.adopt.classify.overview import AGAIN
from ops.adopt.files import config_paths
from ops.adopt.model import Findings, Item, Mount, Role, Source, Workload

_DOCKER: Final[Mapping[str, str]] = {
    "restart": "Kubernetes restarts what ends",
    "depends_on": "the program orders what depends on what",
    "links": "Services have names in the cluster",
    "external_links": "Services have names in the cluster",
    "networks": "network policies allow each flow by name",
    "expose": "the program's Services",
    "ports": "the stack's exposure: see the questions",
    "hostname": "Services have names in the cluster",
    "container_name": "the program names its objects",
    "healthcheck": "the program's own probes",
    "labels": "labels of the old front proxy or of Docker; the program has its own",
    "logging": "the cluster collects logs",
    "extends": "its keys are judged where they take effect",
    "env_file": "its variables are judged one by one",
    "profiles": "Compose's own selection",
    "pull_policy": f"set {keys.PREFIX}{keys.PULL_POLICY} if IfNotPresent is wrong",
    "tty": "no terminal",
    "stdin_open": "no terminal",
    "init": "the images bring their own",
    "user": "the program knows each image's user",
    "stop_grace_period": "the program's own, longer than Portus needs",
    "stop_signal": "the program's own",
    "working_dir": "the image's own",
    "entrypoint": "the image's own start",
    "command": "the image's own start",
    "volumes_from": "the stack's own claims",
    "mac_address": "Pods have none of their own",
    "privileged": "nothing here runs privileged",
    "security_opt": "the program's own security contexts",
    "cap_add": "the program's own security contexts",
    "cap_drop": "the program's own security contexts",
    "ulimits": "the node's own",
    "sysctls": "the node's own",
}
_FOREIGN: Final = "{} is not part of this program: run it on its own, or give it up?"
_SIZES: Final = re.compile(r"(mem_|memswap_|cpu|shm_size|mem_limit|pids_)")
_LIMITS = f"limits of the old machine: write {keys.PREFIX}*.resources only if the program's own do not fit"


def classify(source: Source, findings: Findings) -> None:
    """Judge images, volumes and all other keys of every workload."""
    for workload in source.workloads:
        judged = {Role.DATABASE: _database, Role.PROXY: _proxy, Role.CACHE: _cache, Role.OTHER: _other}.get(workload.role)
        if judged:
            judged(workload, findings)
        elif workload.role is Role.WORKER:
            _worker(workload, source.with_role(Role.PORTUS), findings)
        for mount in workload.mounts:
            _mount(workload, mount, source, findings)
        for item in workload.rest:
            _rest(workload, item, findings)


def _worker(workload: Workload, web: Workload | None, findings: Findings) -> None:
    """The images of web and registry are judged elsewhere; the worker's is the web's, or is asked."""
    if workload.image is None:
        return
    if web and web.image and web.image.text != workload.image.text:
        question = f"{web.name} runs {web.image.text}, and the stack's worker gets the same release. Which one made the database?"
        findings.ask(workload.image, f"{question} The plan asks it")
    else:
        findings.not_needed(workload.image, "the same image as Portus'")


def _database(workload: Workload, findings: Findings) -> None:
    if workload.image:
        findings.not_needed(workload.image, "the stack runs MariaDB of its own; the plan's dump is loaded there")
    for name, item in workload.environment.items():
        if re.fullmatch(r"(MYSQL|MARIADB)_DATABASE", name) and re.fullmatch(r"[a-z][a-z0-9_]*", item.text):
            findings.take(item, keys.DATABASE_NAME, item.text, "so that the dump's name fits")
        elif re.match(r"(MYSQL|MARIADB)_", name):
            findings.not_needed(item, "the stack makes its own accounts and passwords; the data come by the dump")
        else:
            findings.drop(item, "a setting of the old database's image")


def _proxy(workload: Workload, findings: Findings) -> None:
    if workload.image:
        findings.not_needed(workload.image, "the stack has a front proxy of its own")
    for item in workload.environment.values():
        findings.not_needed(item, "a setting of the old front proxy")


def _cache(workload: Workload, findings: Findings) -> None:
    if workload.image:
        findings.take(workload.image, keys.REGISTRY_REDIS_KIND, "in_cluster", "a Redis of the stack's own; the cache fills again")
    for item in workload.environment.values():
        findings.not_needed(item, "a setting of the old cache")


def _other(workload: Workload, findings: Findings) -> None:
    """What this program does not run keeps running where it is, or is dropped."""
    if workload.image:
        findings.ask(workload.image, _FOREIGN.format(workload.name))
    for item in workload.environment.values():
        findings.drop(item, f"belongs to {workload.name}")


def _mount(workload: Workload, mount: Mount, source: Source, findings: Findings) -> None:
    item = mount.item
    if _brings_configuration(workload, mount):
        _configuration(workload, mount, source, findings)
    elif mount.kind == "secret":
        findings.not_needed(item, "judged at the variable that names it")
    elif workload.role is Role.REGISTRY and mount == registry.blob_mount(source):
        driver = registry.storage_driver(source)
        copied = "the images: the plan copies them into the stack's claim"
        findings.not_needed(item, copied if driver == "filesystem" else f"the registry keeps its images in {driver}")
    elif workload.role is Role.DATABASE:
        findings.not_needed(item, "the database comes by the dump, not by its files")
    elif registry.CERTIFICATES.search(mount.target):
        findings.not_needed(item, "certificate and key: see the questions")
    elif mount.target.startswith("/srv/Portus/public"):
        findings.not_needed(item, "Portus serves its own pages' files here")
    elif workload.role in {Role.PROXY, Role.CACHE}:
        findings.not_needed(item, f"belongs to {workload.role}, which the stack has of its own")
    elif workload.role is Role.OTHER:
        findings.drop(item, f"belongs to {workload.name}")
    else:
        findings.ask(item, f"what does {mount.target} hold? The stack mounts nothing there")


def _brings_configuration(workload: Workload, mount: Mount) -> bool:
    """Whether ``mount`` is where the program looks for its configuration, or has been found to hold it."""
    paths = config_paths(workload)
    folders = {str(PurePosixPath(path).parent) for path in paths}
    return mount.target.rstrip("/") in {*paths, *folders} or any(path in paths for path, _, _ in mount.files)


def _configuration(workload: Workload, mount: Mount, source: Source, findings: Findings) -> None:
    """Judge a configuration by whether this command could read it: nothing of one that it could not read is taken."""
    paths = config_paths(workload)
    texts = {text for path, text, _ in mount.files if path in paths}
    web = source.with_role(Role.PORTUS)
    known = {text for each in (web.mounts if web else []) for path, text, _ in each.files if path in paths}
    option = "--registry-config" if workload.role is Role.REGISTRY else "--portus-config"
    if workload.role in source.given:
        findings.not_needed(mount.item, f"the file of {option} is read in its place")
    elif workload.role is Role.WORKER and texts - known:
        findings.ask(mount.item, f"{workload.name} has a configuration of its own, which is not read: which of its keys must both have?")
    elif texts:
        findings.not_needed(mount.item, "read: its keys are judged one by one")
    elif workload.role is Role.WORKER and web and any(each.target == mount.target for each in web.mounts):
        findings.not_needed(mount.item, f"as in {web.name}")
    else:
        what = "the registry" if workload.role is Role.REGISTRY else "Portus"
        findings.ask(
            mount.item,
            f"is the configuration of {what} in {mount.target}? It is not here, so nothing of it is taken. Then {AGAIN} {option} FILE",
        )


def _rest(workload: Workload, item: Item, findings: Findings) -> None:
    key = re.sub(r"\[\d+\]$", "", item.key).rpartition(".")[2]
    if workload.role is Role.OTHER and key == "build" and workload.image is None:
        findings.ask(item, _FOREIGN.format(workload.name))
    elif workload.role is Role.OTHER:
        findings.drop(item, f"belongs to {workload.name}")
    elif key == "build":
        _build(workload, item, findings)
    elif key == "command" and workload.role is Role.DATABASE:
        _database_flags(item, findings)
    elif key in {"extra_hosts", "dns"}:
        findings.ask(item, f"which names must Pods find that DNS does not have? Write them under {keys.PREFIX}{keys.WORKLOADS}")
    elif _SIZES.match(key):
        findings.ask(item, _LIMITS)
    elif key == "deploy":
        _deploy(workload, item, findings)
    elif key in _DOCKER:
        findings.not_needed(item, _DOCKER[key])
    else:
        findings.drop(item, "a key of Compose that the stack does not need")


def _deploy(workload: Workload, item: Item, findings: Findings) -> None:
    """Take the number of web servers; labels, placement and updates are the program's own."""
    written = item.value if isinstance(item.value, dict) else {}
    count = values.number(written.get("replicas")) if workload.role is Role.PORTUS else None
    if count and count > 1:
        findings.settings[keys.WEB_REPLICAS] = min(count, MOST_REPLICAS)
    if written.get("resources"):
        findings.ask(item, _LIMITS)
    elif keys.WEB_REPLICAS in findings.settings and count:
        findings.take(item, keys.WEB_REPLICAS, findings.settings[keys.WEB_REPLICAS], "the rest is the program's own")
    else:
        findings.not_needed(item, "labels, placement and updates are the program's own")


def _build(workload: Workload, item: Item, findings: Findings) -> None:
    if workload.role in {Role.PORTUS, Role.WORKER, Role.REGISTRY}:
        option = "--registry-config" if workload.role is Role.REGISTRY else "--portus-config"
        findings.ask(
            item,
            f"an image built here: what does its Dockerfile add to {workload.role}? The stack runs the published image. "
            f"If it adds a configuration, {AGAIN} {option} FILE",
        )
    else:
        findings.not_needed(item, f"the stack has {workload.role} of its own")


def _buffer_pool(text: str) -> str | None:
    return text.upper() if re.fullmatch(r"\d+[MG]", text.upper()) else None


def _connections(text: str) -> int | None:
    return min(max(int(text), 20), 2000) if text.isdigit() else None


_FLAGS: Final[Mapping[str, tuple[str, Callable[[str], str | int | None]]]] = {
    "innodb-buffer-pool-size": (keys.BUFFER_POOL, _buffer_pool),
    "max-connections": (keys.MAX_CONNECTIONS, _connections),
}
"""Flag of the server -> key of the stack file, and how its value is read."""


def _database_flags(item: Item, findings: Findings) -> None:
    """Take what the stack has a setting for; the character set is the stack's own, and the old ones' are converted."""
    taken = []
    for name, text in re.findall(r"--([a-z0-9_-]+)=(\S+)", item.text):
        key, read = _FLAGS.get(name.replace("_", "-"), ("", None))
        value = read(text) if read else None
        if value is not None:
            findings.settings[key] = value
            taken.append(key)
    if taken:
        findings.take(
            item, taken[0], findings.settings[taken[0]], "the other flags are the stack's own: utf8, every commit written to disk"
        )
    else:
        findings.not_needed(item, "the stack's own flags: utf8, every commit written to disk")


MOST_REPLICAS: Final = 20
DEFAULT_PUMA_WORKERS: Final = 2
DEFAULT_LIMIT_MIB: Final = 1024
DEFAULT_POOL_MIB: Final = 256
DEFAULT_CONNECTIONS: Final = 150


def complete(findings: Findings) -> None:
    """Write the memory of the web server and of MariaDB, where a setting that was taken needs more than the default."""
    settings = findings.settings
    workers = settings.get(keys.PUMA_WORKERS, 0)
    if workers > DEFAULT_PUMA_WORKERS:
        request = 384 + 105 * (workers - 1)  # MiB: measured, see components/common/sizes.py
        settings[keys.WEB_MEMORY_REQUEST] = f"{request}Mi"
        settings[keys.WEB_MEMORY_LIMIT] = f"{max(DEFAULT_LIMIT_MIB, 2 * request)}Mi"
    needed = (settings.get(keys.WEB_REPLICAS, 1) + 1) * max(workers, DEFAULT_PUMA_WORKERS) * settings.get(keys.PUMA_MAX_THREADS, 4) + 10
    if needed > settings.get(keys.MAX_CONNECTIONS, DEFAULT_CONNECTIONS):  # while the web server restarts there is one copy more
        settings[keys.MAX_CONNECTIONS] = min(needed, 2000)
    pool = str(settings.get(keys.BUFFER_POOL, f"{DEFAULT_POOL_MIB}M"))
    mebibytes = int(pool[:-1]) * (1024 if pool.endswith("G") else 1)
    connections = settings.get(keys.MAX_CONNECTIONS, DEFAULT_CONNECTIONS)
    if mebibytes > DEFAULT_POOL_MIB or connections > DEFAULT_CONNECTIONS:
        settings[keys.DATABASE_MEMORY_REQUEST] = f"{mebibytes + 192}Mi"
        settings[keys.DATABASE_MEMORY_LIMIT] = f"{mebibytes + connections + 512}Mi"
