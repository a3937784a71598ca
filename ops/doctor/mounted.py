"""What a Pod reads from Secrets and ConfigMaps, by its own specification; pure."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]
Texts = Mapping[tuple[str, str], Mapping[str, str]]
"""(Secret or ConfigMap, name) -> key -> text."""


def texts(secrets: Sequence[Object], config_maps: Sequence[Object]) -> Texts:
    """Return the content of Secrets and ConfigMaps; what is not text is left out."""
    found: dict[tuple[str, str], Mapping[str, str]] = {}
    for each in config_maps:
        found["ConfigMap", each["metadata"]["name"]] = each.get("data") or {}
    for each in secrets:
        data = each.get("data") or {}
        found["Secret", each["metadata"]["name"]] = {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
    return found


def files(pod: Object, content: Texts) -> dict[str, str]:
    """Return path -> text of what the first container mounts."""
    volumes = {volume["name"]: dict(_files(volume, content)) for volume in pod["spec"].get("volumes") or ()}
    found: dict[str, str] = {}
    for mount in pod["spec"]["containers"][0].get("volumeMounts") or ():
        inside = volumes.get(mount["name"], {})
        if sub_path := mount.get("subPath"):
            found |= {mount["mountPath"]: inside[sub_path]} if sub_path in inside else {}
        else:
            found |= {f"{mount['mountPath'].rstrip('/')}/{path}": text for path, text in inside.items()}
    return found


def claims(pod: Object) -> dict[str, str]:
    """Return PersistentVolumeClaim -> where the first container mounts it."""
    places = {mount["name"]: mount["mountPath"] for mount in pod["spec"]["containers"][0].get("volumeMounts") or ()}
    named = ((volume["name"], volume.get("persistentVolumeClaim")) for volume in pod["spec"].get("volumes") or ())
    return {claim["claimName"]: places[name] for name, claim in named if claim and name in places}


def variables(pod: Object, content: Texts) -> dict[str, str]:
    """Return the first container's environment; a reference to what is not there gives nothing."""
    found: dict[str, str] = {}
    for variable in pod["spec"]["containers"][0].get("env") or ():
        value = variable.get("value")
        source = variable.get("valueFrom") or {}
        for kind, reference in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
            if place := source.get(reference):
                value = content.get((kind, place["name"]), {}).get(place["key"])
        if value is not None:
            found[variable["name"]] = value
    return found


def _files(volume: Object, content: Texts) -> Iterator[tuple[str, str]]:
    for source in (volume, *(volume.get("projected") or {}).get("sources", ())):
        for kind, reference, name in (("Secret", "secret", "secretName"), ("ConfigMap", "configMap", "name")):
            if origin := source.get(reference):
                files = content.get((kind, origin.get(name) or origin.get("name", "")), {})
                paths = {item["key"]: item["path"] for item in origin.get("items") or ()} or {key: key for key in files}
                yield from ((path, files[key]) for key, path in paths.items() if key in files)
