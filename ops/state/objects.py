"""The live object behind each Kubernetes resource of the program, and the resource as the state notes it."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Protocol

from ops.kube.client import CONFIG_MAP, CRON_JOB, DEPLOYMENT, JOB, SECRET, STATEFUL_SET, Kind, UnknownKindError
from ops.kube.live_inputs import live_inputs
from ops.state.values import Resource, hidden, marked, name_of

AUTONAMED: Final = "pulumi.com/autonamed"
SUFFIX: Final = re.compile(r"-([0-9a-f]+)$")
"""What Pulumi adds to a logical name where the program leaves the name to it."""
MANAGER: Final = re.compile(r"pulumi-kubernetes-[0-9a-f]+")
"""Field manager of server-side apply. Another one would have to dispute the fields of the one before."""
WORKLOADS: Final = (DEPLOYMENT, STATEFUL_SET, CRON_JOB)
DATA: Final = {("data",), ("stringData",)}

Object = Mapping[str, Any]


class Reader(Protocol):
    """What is asked of a cluster (`ops.kube.client.Kube`)."""

    def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        """Return an object; None where there is none."""

    def list(self, kind: Kind, namespace: str) -> list[dict[str, Any]]:
        """Return the objects of a kind."""


class LiveObjects:
    """The objects of one namespace, each kind read once."""

    def __init__(self, cluster: Reader) -> None:
        self._cluster = cluster
        self._listed: dict[tuple[Kind, str], list[dict[str, Any]]] = {}
        self._texts_of: dict[tuple[str, tuple[Kind, ...]], set[str]] = {}
        self._unused: dict[str, None] = {}

    @property
    def leftovers(self) -> list[str]:
        """Objects that look like a resource's and are not in use: an interrupted deployment leaves such."""
        return list(self._unused)

    def find(self, resource: Resource) -> Object | None:
        """Return the object of a planned ``resource``; None where the cluster has none."""
        kind, metadata = Kind.of_token(str(resource["type"])), resource["inputs"]["metadata"]
        namespace, name = str(metadata.get("namespace") or ""), str(metadata.get("name"))
        try:
            if (metadata.get("annotations") or {}).get(AUTONAMED) != "true":
                live = self._cluster.get(kind, namespace, name)
            else:
                live = self._named_by_pulumi(kind, namespace, name)
        except UnknownKindError:
            return None
        return None if live is None else {"apiVersion": kind.api_version, "kind": kind.kind, **live}

    def _named_by_pulumi(self, kind: Kind, namespace: str, proposed: str) -> dict[str, Any] | None:
        """Return the object whose name differs from the ``proposed`` one in its random end: the one in use, else the newest.

        A deployment that was tried without the state has made others, which nothing uses.
        """
        ending = SUFFIX.search(proposed)
        digits = len(ending[1]) if ending else 0
        pattern = re.compile(rf"{re.escape(SUFFIX.sub('', proposed))}-[0-9a-f]{{{digits}}}")
        matching = [each for each in self._list(kind, namespace) if _is_autonamed(each) and pattern.fullmatch(each["metadata"]["name"])]
        if not matching:
            return None
        by_servers, by_jobs = self._used(namespace, WORKLOADS), self._used(namespace, (JOB,))
        matching.sort(
            key=lambda each: (
                each["metadata"]["name"] in by_servers,
                each["metadata"]["name"] in by_jobs,
                bool((each.get("status") or {}).get("succeeded")),
                each["metadata"].get("creationTimestamp") or "",
            )
        )
        self._unused |= dict.fromkeys(f"{kind.kind} {each['metadata']['name']}" for each in matching[:-1])
        return matching[-1]

    def _used(self, namespace: str, kinds: tuple[Kind, ...]) -> set[str]:
        """Return every text in the Pod templates of what is of ``kinds``: the names of their Secrets and ConfigMaps are among them.

        A Job that has not ended well is passed over: a deployment without a state may have made it.
        """
        if (namespace, kinds) not in self._texts_of:
            found = (
                each for kind in kinds for each in self._list(kind, namespace) if kind != JOB or (each.get("status") or {}).get("succeeded")
            )
            self._texts_of[namespace, kinds] = {text for each in found for text in _texts(each.get("spec"))}
        return self._texts_of[namespace, kinds]

    def _list(self, kind: Kind, namespace: str) -> list[dict[str, Any]]:
        if (kind, namespace) not in self._listed:
            self._listed[kind, namespace] = self._cluster.list(kind, namespace)
        return self._listed[kind, namespace]


class Contents:
    """What the stack's own Secrets and ConfigMaps hold, by the logical name of the resource.

    Args:
        found: the live objects by URN.
        planned: the program's resources.
    """

    def __init__(self, planned: list[Resource], found: Mapping[str, Object]) -> None:
        self._planned = planned
        self._found = found

    def __call__(self, name: str, key: str) -> str | None:
        """Return the text at ``key`` of the Secret or ConfigMap ``name``; None where there is none."""
        live = self._by_name.get(name)
        text = None if live is None else (live.get("data") or {}).get(key)
        if live is None or text is None:
            return None
        return base64.b64decode(text).decode() if live["kind"] == SECRET.kind else str(text)

    @cached_property
    def _by_name(self) -> dict[str, Object]:
        kinds = {SECRET.kind, CONFIG_MAP.kind}
        ours = (each for each in self._planned if each["urn"] in self._found)
        return {name_of(each): self._found[each["urn"]] for each in ours if self._found[each["urn"]]["kind"] in kinds}


def as_deployed(resource: Resource, live: Object) -> dict[str, Any]:
    """Return id, inputs and outputs of a planned ``resource`` as the state notes its ``live`` object.

    The inputs are the program's where the object agrees with them, and the object's where it does not: so the next preview shows what
    was changed since. What a preview does not know or hides never agrees, and comes from the object.
    """
    planned = dict(resource["inputs"])
    secret = set(hidden(planned)) | (DATA if live["kind"] == SECRET.kind else set())
    inputs = marked(live_inputs(planned, live), secret)
    metadata = dict(live["metadata"])
    managers = [str(each.get("manager")) for each in metadata.pop("managedFields", None) or [] if not each.get("subresource")]
    manager = next((each for each in managers if MANAGER.fullmatch(each)), f"pulumi-kubernetes-{secrets.token_hex(4)}")
    outputs = {
        **marked({**live, "metadata": metadata}, secret),
        "__inputs": inputs,
        "__initialApiVersion": live["apiVersion"],
        "__fieldManager": manager,
    }
    namespace, name = metadata.get("namespace"), metadata["name"]
    return {"id": f"{namespace}/{name}" if namespace else name, "inputs": inputs, "outputs": outputs}


def _is_autonamed(found: Object) -> bool:
    return (found["metadata"].get("annotations") or {}).get(AUTONAMED) == "true"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
