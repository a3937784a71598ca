"""What a stack's objects say, read from the objects themselves: hosts, variables, files, the registry's document."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from unittest import mock

import yaml

from tests.recorder import Program, Registered, run_program
from tests.settings.authority import made
from tests.settings.tables import BASE


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a stack file says, written out here so that no code of the program is asked.

    Args:
        host: public name of Portus.
        port: public port with its colon; empty for 443.
        registry: public name of the registry.
        namespace: the stack's.
        puma: whether Portus is 2.3 or later.
        puma_workers: Puma's processes.
    """

    host: str
    registry: str
    port: str = ""
    namespace: str = "portus"
    puma: bool = True
    puma_workers: int = 2

    @property
    def url(self) -> str:
        """Return Portus' public URL."""
        return f"https://{self.host}{self.port}"

    @property
    def authority(self) -> str:
        """Return the registry as an image's name begins."""
        return self.registry + self.port


FACTS: Final = {
    "dev": Facts(host="portus.dev.test", registry="registry.dev.test", port=":30443"),
    "lab": Facts(host="portus.lab.test", registry="registry.lab.test", namespace="portus-lab", puma_workers=1),
    "lab-apache": Facts(host="portus.apache.test", registry="registry.apache.test", namespace="portus-lab-apache", puma=False),
    "prod": Facts(host="portus.example.com", registry="registry.example.com"),
    "staging": Facts(host="portus.staging.example.com", registry="registry.staging.example.com"),
}
PUMA: Final = tuple(name for name, facts in FACTS.items() if facts.puma)


def workload(made: Program, component: str) -> Registered:
    """Return the workload of a component (``app.kubernetes.io/component``)."""
    (found,) = [
        each
        for kind in ("Deployment", "StatefulSet")
        for each in made.all(kind)
        if each.template["metadata"]["labels"]["app.kubernetes.io/component"] == component
    ]
    return found


def migration(made: Program) -> Registered:
    """Return the Job that migrates the database; its last step runs Portus' image."""
    (found,) = [each for each in made.all("Job") if each.name.startswith("portus-migration")]
    return found


def variables(container: dict[str, Any]) -> dict[str, str]:
    """Return name -> value of a container's variables; one from a Secret is ``secret:`` and its key."""
    return {
        each["name"]: each["value"] if "value" in each else f"secret:{each['valueFrom']['secretKeyRef']['key']}"
        for each in container["env"]
    }


def _key(variable: dict[str, Any]) -> str:
    return str(variable["valueFrom"]["secretKeyRef"]["key"])


def files(made: Registered, container: dict[str, Any]) -> dict[str, str]:
    """Return path -> ``object/key`` of every file of a Secret or ConfigMap that the container mounts by name."""
    volumes = {each["name"]: each for each in made.pod["volumes"]}
    found = {}
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        for source in volume["projected"]["sources"] if "projected" in volume else [volume]:
            held = source.get("secret") or source.get("configMap") or {}
            for item in held.get("items", []):
                if mount.get("subPath", item["path"]) == item["path"]:
                    path = mount["mountPath"] if "subPath" in mount else f"{mount['mountPath']}/{item['path']}"
                    found[path] = f"{held.get('name') or held['secretName']}/{item['key']}"
    return found


def registry_document(made: Program) -> dict[str, Any]:
    """Return the registry's config.yml."""
    return dict(yaml.safe_load(made.one("ConfigMap", "registry-config").inputs["data"]["config.yml"]))


def http_get(probe: dict[str, Any]) -> tuple[str, str, str]:
    """Return scheme, port's name and path that a probe asks."""
    asked = probe["httpGet"]
    return asked["scheme"], asked["port"], asked["path"]


def ports(container: dict[str, Any]) -> dict[str, int]:
    """Return name -> number of a container's ports."""
    return {each["name"]: each["containerPort"] for each in container["ports"]}


def identity(made: Registered) -> tuple[int | None, int | None, int | None]:
    """Return user, group and the group of the volumes."""
    context = made.pod["securityContext"]
    return context.get("runAsUser"), context.get("runAsGroup"), context.get("fsGroup")


def program(**sections: Any) -> Program:
    """Return what the program registers for ``BASE`` with ``sections`` instead; ``{"secure": text}`` is an encrypted text."""
    return _run(sections, into=None)


def of_version(version: str) -> Program:
    """Return what the program registers for ``BASE`` with this Portus: before 2.3 with an image of its own, 2.0 without a first set-up."""
    own = {"images": {"portus": "registry.example.com/portus:built"}} if version < "2.3" else {}
    return program(portus={"version": version} | ({"bootstrap": {"enabled": False}} if version == "2.0" else {}), **own)


def run_again(**sections: Any) -> Program:
    """Return the same, of a run of its own: for a test that changes what answers the program."""
    return _run(sections, into=Program("sample"))


def _run(sections: Mapping[str, Any], *, into: Program | None) -> Program:
    told = {f"portus:{name}": value for name, value in (BASE | dict(sections)).items()}
    secret = [key for key, value in told.items() if "secure" in json.dumps(value)]
    configuration = {key: value if isinstance(value, str) else json.dumps(_opened(value)) for key, value in told.items()}
    with mock.patch.dict(os.environ, {"PULUMI_CONFIG_SECRET_KEYS": json.dumps(secret)}):
        return run_program("sample", configuration, into=into)


def pem(name: str) -> str:
    """Return a certificate or key of ``tests.settings.authority``."""
    return made(name)


def volume(workload: Registered, name: str) -> dict[str, Any]:
    """Return a Pod's volume."""
    return next(dict(each) for each in workload.pod["volumes"] if each["name"] == name)


def variable(workload: Registered, name: str) -> str:
    """Return a plain variable of a Pod's first container."""
    return str(next(each["value"] for each in workload.containers[0]["env"] if each["name"] == name))


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return value["secure"] if set(value) == {"secure"} else {key: _opened(item) for key, item in value.items()}
    return value
