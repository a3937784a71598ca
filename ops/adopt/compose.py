"""A Compose project as workloads."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ops.adopt import compose_run, roles
from ops.adopt.files import YamlLines, config_paths, read_configs, variable_lines
from ops.adopt.model import AdoptError, Fate, Item, Mount, Place, Problem, Role, Source, Verdict, Workload


def read(
    files: Sequence[Path],
    env_files: Sequence[Path],
    configs: Mapping[Role, Sequence[Path]],
    environment: Mapping[str, str],
    swarm: str = "",
) -> Source:
    """Return what the Compose files say; ``configs`` replace mounted ones, ``swarm`` names the Swarm stack that they are deployed as.

    Raises:
        AdoptError: a file is missing or wrong, a variable has no value, or nothing runs Portus.
    """
    project = compose_run.read(files, env_files, environment)
    source = Source("compose")
    services = project.document.get("services") or {}
    source.workloads = [_workload(project, name, service or {}) for name, service in services.items()]
    roles.assign(source.workloads, project.files[0].name)
    source.decided += _top_level(project)
    source.decided += _variables(project)
    _load_configs(project, source, configs)
    parts = [part for path in files for part in ("-f", shlex.quote(str(path.absolute())))]
    parts += [part for path in env_files for part in ("--env-file", shlex.quote(str(path.absolute())))]
    first = project.files[0].content
    form = "" if "services" in first else "1"
    used = {name for lines in project.files for name in lines.uses}
    where = [f"PWD={shlex.quote(str(project.folder))}"] if "PWD" in used else []
    source.commands = {
        "compose": " ".join([*where, "docker-compose" if form else "docker compose", *parts]),
        "form": form or str(first.get("version", "")),
        "shell": " ".join(sorted(name for name in used | _passed_through(project) if name in environment and name != "PWD")),
        "other_files": ", ".join(_other_files(project, files)),
        "swarm": swarm,
        "swarm_signs": "" if swarm else ", ".join(_swarm_signs(project)),
    }
    return source


def _passed_through(project: compose_run.Compose) -> set[str]:
    """Return the variables of services that are named without a value, which Compose takes from the shell."""
    services = [service for lines in project.files for service in ((lines.content or {}).get("services") or lines.content or {}).values()]
    environments = [service.get("environment") for service in services if isinstance(service, dict)]
    names = {name for each in environments if isinstance(each, dict) for name, value in each.items() if value is None}
    return names | {name for each in environments if isinstance(each, list) for name in each if isinstance(name, str) and "=" not in name}


def _other_files(project: compose_run.Compose, files: Sequence[Path]) -> Iterator[str]:
    """Yield the files that Compose merges where its operator gives none: the override beside the first, and those of COMPOSE_FILE."""
    first = files[0]
    names = [f"{first.stem}.override{ending}" for ending in (".yml", ".yaml") if first.stem in {"compose", "docker-compose"}]
    for path in project.env_files:
        settings = re.findall(r"^\s*COMPOSE_FILE\s*=\s*[\"']?([^\"'\n]+)", path.read_text("utf-8", "replace"), re.MULTILINE)
        names += [name for text in settings for name in text.strip().split(":")]
    given = {path.resolve() for path in files}
    for path in dict.fromkeys(project.folder / name for name in names):
        if path.is_file() and path.resolve() not in given:
            yield path.name


_OF_SWARM: Final = ("endpoint_mode", "labels", "mode", "placement", "rollback_config", "update_config")
"""Keys of ``deploy`` that Docker Swarm alone reads."""


def _swarm_signs(project: compose_run.Compose) -> Iterator[str]:
    """Yield the keys that hardly any file has that Swarm does not run."""
    for name, service in (project.document.get("services") or {}).items():
        found = (service or {}).get("deploy") or {}
        yield from (f"services.{name}.deploy.{key}" for key in _OF_SWARM if found.get(key))
    for kind in ("secrets", "configs"):
        yield from (f"{kind}.{name}" for name, value in (project.document.get(kind) or {}).items() if (value or {}).get("external"))


def _workload(project: compose_run.Compose, name: str, service: dict[str, Any]) -> Workload:
    origins = _Origins(project, name)
    workload = Workload(name, Item(project.place("services", name), f"services.{name}"))
    for key, value in service.items():
        if value is not None and value not in ({}, []) and key not in _BRINGING:
            _add(workload, project, origins, key, value)
    workload.rest += [Item(origins.of(key), f"services.{name}.{key}") for key in _BRINGING if origins.writes(key)]
    return workload


_BRINGING: Final = ("env_file", "extends")
"""What these bring is in the other keys, each with the line that it comes from."""


def _add(workload: Workload, project: compose_run.Compose, origins: _Origins, key: str, value: Any) -> None:
    path = f"services.{workload.name}.{key}"
    match key:
        case "image":
            workload.image = Item(origins.of(key), path, value)
        case "environment":
            workload.environment = {each: Item(origins.variable(each), f"{path}.{each}", text) for each, text in value.items()}
        case "command" | "entrypoint":
            words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
            workload.command = f"{workload.command} {words}".strip()
            workload.rest.append(Item(origins.of(key), path, words))
        case "volumes" | "secrets" | "configs":
            workload.mounts += _mounts(project, origins, key, path, value)
        case "ports":
            workload.rest += [Item(origins.of(key, number), f"{path}[{number}]", port) for number, port in enumerate(value)]
        case _:
            workload.rest.append(Item(origins.of(key), path, value))


class _Origins:
    """Where the keys of one service are written: in its files, in what it extends, or in its environment files."""

    def __init__(self, project: compose_run.Compose, service: str) -> None:
        self._project = project
        self._service = service
        self._files = [(lines, service) for lines in reversed(project.files)]
        self._env: list[tuple[str, dict[str, int]]] = []
        for lines in project.files:
            loaded = lines.content or {}
            raw = (loaded.get("services") or loaded).get(service)
            if isinstance(raw, dict):
                self._extended(raw.get("extends"))
                self._environment_files(raw.get("env_file"))

    def _extended(self, extends: Any) -> None:
        extends = {"service": extends} if isinstance(extends, str) else extends
        if not isinstance(extends, dict) or not isinstance(extends.get("service"), str):
            return
        if file := extends.get("file"):
            path = self._project.folder / str(file)
            if path.is_file():
                self._files.append((YamlLines(path.read_text("utf-8", "replace"), str(file)), extends["service"]))
        else:
            self._files += [(lines, extends["service"]) for lines in self._project.files]

    def _environment_files(self, names: Any) -> None:
        for name in names if isinstance(names, list) else [names]:
            text = name.get("path") if isinstance(name, dict) else name
            if isinstance(text, str) and "$" not in text and (path := self._project.folder / text).is_file():
                self._env.insert(0, (text, variable_lines(path)))

    def of(self, *path: str | int) -> Place:
        """Return the place of a key of the service."""
        for lines, service in self._files:
            for start in (("services", service), (service,)):
                if lines.has((*start, *path)):
                    return lines.place((*start, *path))
        return self._project.place("services", self._service)

    def writes(self, key: str) -> bool:
        """Whether the project's own files write ``key`` of the service."""
        return any(lines.has((*start, self._service, key)) for lines in self._project.files for start in (("services",), ()))

    def variable(self, name: str) -> Place:
        """Return the place of an environment variable."""
        for lines, service in self._files:
            for start in (("services", service), (service,)):
                if lines.has((*start, "environment", name)):
                    return lines.place((*start, "environment", name))
        for file, lines_of in self._env:
            if name in lines_of:
                return Place(file, lines_of[name])
        return self._project.place("services", self._service)


def _mounts(project: compose_run.Compose, origins: _Origins, key: str, path: str, values: list[Any]) -> Iterator[Mount]:
    for number, value in enumerate(values):
        entry = value if isinstance(value, dict) else {"source": value}
        item = Item(origins.of(key, number), f"{path}[{number}]", entry)
        source, target = str(entry.get("source", "")), str(entry.get("target", ""))
        if key == "volumes":
            yield Mount(item, source, target, str(entry.get("type", "volume")))
            continue
        definition = (project.document.get(key) or {}).get(source) or {}
        kind = key.removesuffix("s")
        default = f"/run/secrets/{source}" if kind == "secret" else f"/{source}"
        target = target or default
        target = target if target.startswith("/") else f"/run/secrets/{target}"
        yield Mount(item, str(definition.get("file", "")), target, kind)


def _top_level(project: compose_run.Compose) -> Iterator[Verdict]:
    """Yield the fates of what is beside the services."""
    for key in project.document:
        if key in {"services", "name"}:
            continue
        if key not in _TOP_LEVEL:
            yield Verdict(Item(project.place(key), key), Fate.NOT_NEEDED, "read where the services use it")
    for key, why in _TOP_LEVEL.items():
        written = [lines.content.get(key) or {} for lines in project.files if isinstance(lines.content, dict)]
        for name in dict.fromkeys(name for names in (*written, project.document.get(key) or {}) for name in names):
            yield Verdict(Item(project.place(key, name), f"{key}.{name}"), Fate.NOT_NEEDED, why)
    for lines in project.files:
        if lines.has(["version"]):
            yield Verdict(Item(lines.place(["version"]), "version"), Fate.NOT_NEEDED, "form of the file; Compose ignores it")


_TOP_LEVEL: Final = {
    "volumes": "the stack makes its own claims; the plan copies the data",
    "networks": "Pods share the cluster's network, and network policies allow each flow by name",
    "secrets": "judged where a service mounts it",
    "configs": "judged where a service mounts it",
}


def _variables(project: compose_run.Compose) -> Iterator[Verdict]:
    """Yield the fates of the lines of ``.env``: each is judged where the file uses it."""
    used = {name for lines in project.files for name in lines.uses} | _passed_through(project)
    for path in project.env_files:
        for name, line in variable_lines(path).items():
            item = Item(Place(str(path), line), name)
            if name in used:
                yield Verdict(item, Fate.NOT_NEEDED, "its value is written in the keys that use it")
            elif name.startswith(("COMPOSE_", "DOCKER_")):
                yield Verdict(item, Fate.NO_COUNTERPART, "a setting of Docker itself")
            else:
                yield Verdict(item, Fate.NO_COUNTERPART, "no key of the compose file uses it")


def _load_configs(project: compose_run.Compose, source: Source, given: Mapping[Role, Sequence[Path]]) -> None:
    """Read the configuration files that Portus and the registry are given.

    Raises:
        AdoptError: one of them, or a secret's file, is missing or no YAML.
    """
    problems = list(_without_value(source))
    for workload in source.workloads:
        paths = () if given.get(Role.REGISTRY if workload.role is Role.REGISTRY else Role.PORTUS) else config_paths(workload)
        if workload.role in {Role.PORTUS, Role.WORKER, Role.REGISTRY}:
            workload.mounts = [_with_files(mount, paths, project.folder, problems) for mount in workload.mounts]
    if problems:
        raise AdoptError(problems)
    read_configs(source, given)


def _with_files(mount: Mount, paths: Sequence[str], folder: Path, problems: list[Problem]) -> Mount:
    """Return ``mount`` with what it brings to ``paths``: one file, or a folder with some of them."""
    if mount.kind == "volume" or not mount.source:
        return mount
    source = Path(mount.source)
    below = [(path, PurePosixPath(path).relative_to(mount.target)) for path in paths if PurePosixPath(path).is_relative_to(mount.target)]
    is_folder = any(str(PurePosixPath(path).parent) == mount.target for path, _ in below)
    needed = mount.kind == "secret" or mount.target in paths or is_folder
    if needed and not (source.is_dir() if is_folder else source.is_file()):
        rule = f"the {'folder' if is_folder else 'file'} {_short_path(source, folder)} must exist"
        problems.append(Problem(mount.item.place, rule, "run this where it is, or put it there"))
    files = [(path, source / inner) for path, inner in below if (source / inner).is_file()]
    return replace(mount, files=tuple((path, file.read_text("utf-8", "replace"), Place(_short_path(file, folder))) for path, file in files))


def _short_path(file: Path, folder: Path) -> str:
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file)


def _without_value(source: Source) -> Iterator[Problem]:
    """Yield variables that are only named, and that the shell does not have: the old machine's did."""
    for workload in source.workloads:
        for name, item in workload.environment.items():
            if item.value is None and workload.role in {Role.PORTUS, Role.WORKER, Role.REGISTRY, Role.DATABASE}:
                yield Problem(
                    item.place,
                    f"the variable {name} of {workload.name} must have a value",
                    "export it, or write NAME=... into .env, beside the compose file",
                )
