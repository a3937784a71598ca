"""The provider resource's settings, and which of their changes mean another cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from lab.engine.plugins.codec import UNKNOWN, Properties
from lab.engine.plugins.provider import Change, ChangeKind, Difference, ProviderError

_CLUSTER_KEYS: Final = ("kubeconfig", "context", "cluster")
_IDENTIFIER: Final = "clusterIdentifier"
NOT_SERVED: Final = ("renderYamlToDirectory", "alwaysRender")
"""Settings that only the genuine plugin serves."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the provider resource says, with the genuine plugin's environment variables as fallback."""

    kubeconfig: str
    context: str
    cluster: str
    namespace: str
    server_side_apply: bool
    patch_force: bool
    upsert: bool
    delete_unreachable: bool
    skip_update_unreachable: bool
    config_maps_mutable: bool
    secrets_mutable: bool

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Settings:
        """Read the provider's arguments."""

        def text(name: str) -> str:
            value = arguments.get(name)
            return value if isinstance(value, str) else ""

        return cls(
            kubeconfig=text("kubeconfig"),
            context=text("context"),
            cluster=text("cluster"),
            namespace=text("namespace"),
            server_side_apply=_flag(arguments, "enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", default=True),
            patch_force=_flag(arguments, "enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
            upsert=_flag(arguments, "upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
            delete_unreachable=_flag(arguments, "deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
            skip_update_unreachable=_flag(arguments, "skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
            config_maps_mutable=_flag(arguments, "enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
            secrets_mutable=_flag(arguments, "enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
        )


def _flag(arguments: Mapping[str, Any], name: str, variable: str, *, default: bool = False) -> bool:
    value = arguments.get(name)
    if value is None:
        value = os.environ.get(variable)
    return default if value is None else value in (True, "true")


def is_set(value: Any) -> bool:
    """Tell whether a setting asks for something: not missing, not false, not ''."""
    return value not in (None, "", False, "false")


def settings_difference(old: Properties, new: Properties) -> Difference:
    """Compare two versions of the provider's arguments.

    Only another cluster replaces (and with the provider every object in it): another ``clusterIdentifier``; without one, another active
    cluster in the kubeconfig, or a kubeconfig that is not known yet. With an unchanged identifier nothing replaces.
    """
    changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    if not changed:
        return Difference()
    replaces: set[str] = set()
    before, after = old.get(_IDENTIFIER), new.get(_IDENTIFIER)
    if before and after:
        replaces = {_IDENTIFIER} if before != after else set()
    elif unknown := {key for key in _CLUSTER_KEYS if new.get(key) is UNKNOWN}:
        replaces = unknown
    elif _is_other_cluster(old, new):
        replaces = {key for key in _CLUSTER_KEYS if key in changed}
    return Difference({key: Change(ChangeKind.UPDATE, replaces=key in replaces) for key in changed})


def _is_other_cluster(old: Properties, new: Properties) -> bool:
    before, after = _active_cluster(old), _active_cluster(new)
    return before is not None and after is not None and before != after


def _active_cluster(arguments: Mapping[str, Any]) -> Any:
    """Return the cluster entry that the arguments select, None when it cannot be told."""
    try:
        config = load_kubeconfig(arguments.get("kubeconfig") or "")
    except ProviderError:
        return None
    context = arguments.get("context") or config.get("current-context")
    name = arguments.get("cluster") or _named(config.get("contexts"), context, "context").get("cluster")
    return _named(config.get("clusters"), name, "cluster") or None


def _named(entries: Any, name: Any, key: str) -> dict[str, Any]:
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("name") == name:
            found = entry.get(key)
            return found if isinstance(found, dict) else {}
    return {}


def load_kubeconfig(path_or_content: str) -> dict[str, Any]:
    """Return a kubeconfig given as a path or as its content in YAML or JSON; {} for ''.

    File names in it that are relative come back relative to the file, as every Kubernetes client takes them.

    Raises:
        ProviderError: it is neither.
    """
    if not path_or_content:
        return {}
    path = _existing(path_or_content)
    text = path.read_text(encoding="utf-8") if path else path_or_content
    try:
        config = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise ProviderError(f"the kubeconfig is neither a file nor valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(config, dict):
        what = "holds no kubeconfig" if path else "does not exist, and is not a kubeconfig itself"
        raise ProviderError(f"the kubeconfig '{path or path_or_content.strip()[:200]}' {what}.")
    if path is not None:
        _resolve_files(config, path.resolve().parent)
    return config


def _existing(path_or_content: str) -> Path | None:
    if "\n" in path_or_content:
        return None
    path = Path(path_or_content).expanduser()
    try:
        return path if path.is_file() else None
    except OSError:
        return None


def _resolve_files(config: dict[str, Any], folder: Path) -> None:
    for section, key, fields in (
        ("clusters", "cluster", ("certificate-authority",)),
        ("users", "user", ("client-certificate", "client-key", "tokenFile")),
    ):
        for entry in config.get(section) or []:
            for field in fields:
                if entry.get(key, {}).get(field):
                    entry[key][field] = str(folder / entry[key][field])
