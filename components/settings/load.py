"""The only reader of Pulumi's configuration (``tests/test_contracts.py`` holds it)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml
from pulumi.runtime.config import get_config_env, get_config_secret_keys_env

from components.settings import parse as parsing
from components.settings.report.problems import Problem, SettingsError
from components.settings.stack import StackSettings
from components.settings.types.sealed import is_ciphertext, is_sealed, seal

STACKS = Path("stacks")
"""Pulumi.yaml's ``stackConfigDir``, seen from the program's folder."""

NAMESPACE: Final = "portus"
"""Before the colon of every key. It is not the project's name, so a stack file works in a project of any name."""

SHOWN: Final = 32
"""Exit code by which a program tells Pulumi's language host that its error has been shown. After any other code the host adds "an unhandled
error occurred: program exited with non-zero exit code" (pulumi-language-python: pythonProcessExitedAfterShowingUserActionableMessage)."""


class _Written(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml may be missing
    """Takes every plain value for a text: what it means is Pulumi's to say, and PyYAML would refuse some (``2026-13-45``)."""

    yaml_implicit_resolvers = {"<": yaml.SafeLoader.yaml_implicit_resolvers["<"]}  # noqa: RUF012 - PyYAML's way to say it: merge keys


def load_or_end() -> StackSettings:
    """Return the selected stack's settings; where they are wrong show the report as Pulumi's error, and end the program.

    Raises:
        SystemExit: the report has been shown; the cause is the error that `load` raised.
    """
    try:
        return load()
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        raise SystemExit(SHOWN) from error


def load() -> StackSettings:
    """Return the selected stack's settings.

    Raises:
        pulumi.RunError: with the whole report of what is wrong, before anything was registered.
    """
    file = STACKS / f"Pulumi.{pulumi.get_stack()}.yaml"
    prefix = f"{NAMESPACE}:"
    configuration = get_config_env()
    if any(map(is_ciphertext, _values(sections(configuration, prefix)))) and not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(
            f"{file}: encrypted values must be decrypted; nothing was created or changed (fix: run pulumi with the stack's passphrase)."
        )
    content = _content(file)
    written = settings_of(content, prefix)
    secret_sections = {key.removeprefix(prefix) for key in get_config_secret_keys_env() if key.startswith(prefix)}

    def encrypted(path: parsing.Path) -> bool:
        return str(path[0]) in secret_sections and _is_secure(written, path)

    raw, others = seal(sections(configuration, prefix)), unknown_namespaces(configuration)
    try:
        return _parsed(raw, content, file=str(file), encrypted=encrypted, unknown_namespaces=others)
    except SettingsError as error:
        from components.settings.report.stack_file import located  # noqa: PLC0415 - a report may take its time, a good stack file must not

        raise pulumi.RunError(str(located(_unreadable(error, raw), file))) from None


def _unreadable(error: SettingsError, raw: Mapping[str, Any]) -> SettingsError:
    """Return the report with its own words for values that were not decrypted and are not secrets."""
    rule = "must be readable without the passphrase: only secrets may be encrypted"
    problems = [replace(each, rule=rule, fix="write it as plain text") if _is_sealed_at(raw, each.key) else each for each in error.problems]
    return SettingsError(error.file, problems)


def _is_sealed_at(raw: Any, key: str) -> bool:
    for step in key.split("."):
        raw = raw.get(step) if isinstance(raw, Mapping) else None
    return isinstance(raw, str) and is_sealed(raw)


def _values(value: Any) -> Iterator[Any]:
    """Yield ``value`` and everything inside it."""
    yield value
    if isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _values(item)


def _parsed(
    raw: Mapping[str, object], content: object, *, file: str, encrypted: Callable[[parsing.Path], bool], unknown_namespaces: Sequence[str]
) -> StackSettings:
    if not raw:
        from components.settings.report.stack_file import without_settings  # noqa: PLC0415 - as above

        raise SettingsError(file, without_settings(content, NAMESPACE, unknown_namespaces))
    return parsing.parse(
        raw, file=file, encrypted=encrypted, unknown_namespaces=unknown_namespaces, outside=outside(content), name=pulumi.get_stack()
    )


def outside(content: object) -> list[Problem]:
    """Return a problem for each key of this program that a stack file has beside ``config:``, where Pulumi ignores it."""
    keys = [str(key) for key in content if str(key).startswith(f"{NAMESPACE}:")] if isinstance(content, Mapping) else []
    rule = "must be below 'config:': Pulumi ignores it here"
    return [Problem(namespace="", key=key, value="", rule=rule, fix="indent it, so that it is below 'config:'") for key in keys]


def sections(configuration: Mapping[str, object], prefix: str) -> dict[str, object]:
    """Return the sections under ``prefix`` as data. Pulumi hands them over as JSON, and top-level values as text."""
    return {key.removeprefix(prefix): _decode(value) for key, value in configuration.items() if key.startswith(prefix)}


def unknown_namespaces(configuration: Mapping[str, object]) -> tuple[str, ...]:
    """Return the keys that no program reads, because their namespace is neither this program's nor Pulumi's own."""
    return tuple(key for key in configuration if ":" not in key or key.partition(":")[0] not in {NAMESPACE, "pulumi"})


def _decode(value: object) -> object:
    if isinstance(value, str) and (value[:1] in {"{", "["} or value in {"true", "false"}):
        with contextlib.suppress(ValueError):  # a text may begin so, too, e.g. a template's {{ host }}
            return json.loads(value)
    return value


def _content(file: Path) -> object:
    """Return the stack file as it is written, every value as text and secrets encrypted.

    None when the configuration comes from elsewhere, or when Pulumi could read the file and PyYAML cannot.
    """
    if not file.is_file():
        return None
    try:
        return yaml.load(file.read_bytes(), Loader=_Written) or {}  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def settings_of(content: object, prefix: str) -> Mapping[str, Any] | None:
    """Return the settings of a stack file's ``content`` by their keys without ``prefix``; None where there is no file."""
    if content is None:
        return None
    config = content.get("config") if isinstance(content, Mapping) else None
    return {str(key).removeprefix(prefix): value for key, value in config.items()} if isinstance(config, Mapping) else {}


def _is_secure(written: Mapping[str, Any] | None, path: parsing.Path) -> bool:
    node: Any = written
    for step in path:
        if node is None or (isinstance(node, Mapping) and "secure" in node):
            return True
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return False
    return written is None or (isinstance(node, Mapping) and set(node) == {"secure"})
