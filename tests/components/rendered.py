"""What a stack's objects say, read from the objects themselves: hosts, variables, files, the registry's document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import yaml

from tests.recorder import Program, Registered


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
