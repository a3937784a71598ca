"""A kubeconfig as kubectl reads it: one file, or several that ``KUBECONFIG`` joins by ':'. What is wrong is one line, with its fix."""

from __future__ import annotations

import base64
import binascii
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from ops.errors import OpsError, told_by_reader

ANOTHER: Final = "or name another kubeconfig: KUBECONFIG=..."
AGAIN: Final = f"write it again with the program that made it, {ANOTHER}"
NAMES: Final = ("name one of {}: cluster.context of the stack file, or --context", "name one of {}: kubectl config use-context NAME")
"""What to do about a context that is missing: one that is asked for, and the current one."""
SHOWN: Final = 160
"""Characters of another program's words."""


def files_of(named: str | Path) -> list[Path]:
    """Return the files of a kubeconfig: those of a list that are there, as kubectl takes them; where none is, the first, to be named."""
    files = [Path(each).expanduser() for each in str(named).split(os.pathsep) if each]
    return [file for file in files if os.path.exists(file)] or files[:1]  # noqa: PTH110 - Path.exists raises below a folder without the right


def context_of(kubeconfig: Path, context: str | None) -> str:
    """Return the context to use, whose cluster and user were looked at.

    Args:
        context: None for the current one.

    Raises:
        OpsError: the kubeconfig or its context is missing, or the client could not use it.
    """
    found = Kubeconfig(kubeconfig)
    for file in files_of(kubeconfig):
        found.add(file)
    return found.chosen(context)


@dataclass(frozen=True)
class _Entry:
    """A context, cluster or user, and the file that has it."""

    content: Mapping[str, Any]
    file: Path


@dataclass
class Kubeconfig:
    """The files of one, merged: of two entries with one name, and of two current contexts, the first counts."""

    shown: Path
    contexts: dict[str, _Entry] = field(default_factory=dict)
    clusters: dict[str, _Entry] = field(default_factory=dict)
    users: dict[str, _Entry] = field(default_factory=dict)
    current: str = ""

    def add(self, file: Path) -> None:
        """Read a file.

        Raises:
            OpsError: it is missing, or no kubeconfig.
        """
        content = _read(file)
        for section, key, entries in self._sections():
            for name, entry in _entries(file, content.get(section), section, key):
                entries.setdefault(name, _Entry(entry, file))
        self.current = self.current or str(content.get("current-context") or "")

    def _sections(self) -> tuple[tuple[str, str, dict[str, _Entry]], ...]:
        return ("contexts", "context", self.contexts), ("clusters", "cluster", self.clusters), ("users", "user", self.users)

    def chosen(self, context: str | None) -> str:
        """Return the context ``context``, or the current one; raises as `context_of`."""
        if not self.contexts:
            self._refuse("it lists no context", AGAIN)
        name = context or self.current
        fix = NAMES[0 if context else 1].format(", ".join(sorted(self.contexts)))
        if not name:
            self._refuse("it has no current context", fix)
        if name not in self.contexts:
            self._refuse(f"it has no context '{name}'", fix)
        chosen = self.contexts[name].content
        cluster = self._part(name, chosen, "cluster", self.clusters)
        self._judge_server(str(chosen["cluster"]), cluster)
        if chosen.get("user"):
            self._judge_user(str(chosen["user"]), self._part(name, chosen, "user", self.users))
        return name

    def _part(self, context: str, chosen: Mapping[str, Any], key: str, entries: Mapping[str, _Entry]) -> _Entry:
        """Return the cluster or user that a context names."""
        name = str(chosen.get(key) or "")
        if name not in entries:
            says = f"names the {key} '{name}', which it does not have" if name else f"names no {key}"
            known = f"one of {', '.join(sorted(entries))}" if entries else "a name"
            self._refuse(f"its context '{context}' {says}", f"kubectl config set-context {context} --{key}=NAME, with {known}; {ANOTHER}")
        return entries[name]

    def _judge_server(self, name: str, cluster: _Entry) -> None:
        server = str(cluster.content.get("server") or "")
        if not server.startswith(("https://", "http://")):
            says = f"'{server}', which must begin with https://" if server else "missing"
            self._refuse(f"the server of its cluster '{name}' is {says}", f"kubectl config set-cluster {name} --server=https://HOST:6443")
        self._judge_files(f"cluster '{name}'", cluster, ("certificate-authority",))

    def _judge_user(self, name: str, user: _Entry) -> None:
        self._judge_files(f"user '{name}'", user, ("client-certificate", "client-key", "tokenFile"))
        if re.search(r"\S\s+\S", str(user.content.get("token") or "")):
            self._refuse(f"token of its user '{name}' must be one word", AGAIN)
        run = user.content.get("exec")
        command = str(run.get("command") or "") if isinstance(run, Mapping) else ""
        if command and not shutil.which(command if os.sep not in command else user.file.parent / command):
            self._refuse(f"its user '{name}' logs in by the program '{command}', which is not on PATH", f"install {command}, {ANOTHER}")

    def _judge_files(self, whose: str, entry: _Entry, keys: tuple[str, ...]) -> None:
        for key in keys:
            if text := entry.content.get(f"{key}-data"):
                if not _is_pem(str(text)):
                    self._refuse(f"{key}-data of its {whose} is not the base64 of a PEM file", AGAIN)
            elif file := entry.content.get(key):
                path = entry.file.absolute().parent / str(file)
                try:
                    path.read_bytes()
                except OSError as error:
                    self._refuse(f"{key} of its {whose} is {path}: {error.strerror}", f"put the file there, {ANOTHER}")

    def _refuse(self, why: str, fix: str) -> NoReturn:
        raise unusable(self.shown, why, fix)


def unusable(kubeconfig: Path, why: str, fix: str = AGAIN) -> OpsError:
    """Return the message about a kubeconfig that cannot be used."""
    return OpsError(f"the kubeconfig {kubeconfig} cannot be used: {why}.", fix)


def _read(file: Path) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415 - heavy

    if not os.path.exists(file):  # noqa: PTH110 - see files_of
        raise OpsError(f"the kubeconfig {file} must exist.", "name the kubeconfig of your cluster: KUBECONFIG=...")
    if file.is_dir():
        inner = file / "config"
        raise unusable(file, "it is a folder", f"name the file in it: KUBECONFIG={inner if inner.is_file() else file / 'FILE'}")
    try:
        text = file.read_text(encoding="utf-8")
        try:
            content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader, and a fast one
        except yaml.YAMLError:
            content = yaml.safe_load(text)  # which names the right line
    except OSError as error:
        raise unusable(file, str(error.strerror), f"let your user read it, {ANOTHER}") from error
    except UnicodeDecodeError as error:
        raise unusable(file, "it is not text") from error
    except yaml.YAMLError as error:
        what, line, _ = told_by_reader(error)[-1]
        raise unusable(file, f"it is not YAML{f' (line {line})' if line else ''}: {_line(what)}") from None
    if content is None:
        raise unusable(file, "it is empty")
    if not isinstance(content, Mapping):
        raise unusable(file, f"it must have contexts, clusters and users, and is {'a list' if isinstance(content, list) else 'plain text'}")
    if not {"contexts", "clusters", "users", "current-context"} & set(content):
        kind = content.get("kind")
        what = f"is a {kind}" if isinstance(kind, str) and kind != "Config" else f"has {_line(', '.join(map(str, content))) or 'nothing'}"
        raise unusable(file, f"it must have contexts, clusters and users, and {what}")
    return content


def _entries(file: Path, given: object, section: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and content of each entry of a section."""
    for each in given if isinstance(given, list) else [] if given is None else [given]:
        name, content = (each.get("name"), each.get(key) or {}) if isinstance(each, Mapping) else (None, None)
        if not isinstance(name, str) or not isinstance(content, Mapping):
            raise unusable(file, f"{section} must be a list of entries with 'name' and '{key}'")
        yield name, content


def _is_pem(text: str) -> bool:
    try:
        return b"-----BEGIN " in base64.b64decode(text)
    except (binascii.Error, ValueError):
        return False


def _line(error: object) -> str:
    return " ".join(str(error).split())[:SHOWN]
