"""Ways to break a deployed stack by hand, each undone when its block ends."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kubernetes import client, config

from ops.deployment import Deployment
from tests.cluster.conftest import until

Template = dict[str, Any]
NEEDLESS = ("resourceVersion", "uid", "creationTimestamp", "managedFields", "generation", "ownerReferences")


class Breaker:
    """Breaks one stack. The client's types know no object in plain JSON, so they are left out."""

    core: Any
    apps: Any
    network: Any

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        api = config.new_client_from_config(str(deployment.kubeconfig), deployment.context)  # type: ignore[no-untyped-call]
        self.core, self.apps, self.network = client.CoreV1Api(api), client.AppsV1Api(api), client.NetworkingV1Api(api)

    @property
    def namespace(self) -> str:
        return self.deployment.namespace

    def plain(self, found: Any) -> Any:
        return self.core.api_client.sanitize_for_serialization(found)

    def pod(self, component: str) -> str:
        pods = self.core.list_namespaced_pod(self.namespace, label_selector=f"app.kubernetes.io/component={component}").items
        return next(str(pod.metadata.name) for pod in pods if not pod.metadata.deletion_timestamp)

    @contextmanager
    def scaled(self, kind: str, name: str, *, back: int = 1) -> Iterator[None]:
        scale = getattr(self.apps, f"patch_namespaced_{kind}_scale")
        scale(name, self.namespace, {"spec": {"replicas": 0}})
        read = getattr(self.apps, f"read_namespaced_{kind}")
        until(lambda: not read(name, self.namespace).status.replicas, f"{name} ends", 120)
        try:
            yield
        finally:
            scale(name, self.namespace, {"spec": {"replicas": back}})
            until(lambda: read(name, self.namespace).status.ready_replicas == back, f"{name} is back", 180)

    @contextmanager
    def template(self, name: str, change: Callable[[Template], None], *, settles: bool = True) -> Iterator[None]:
        """Change the Pods of a Deployment; ``settles``: whether they get ready anyway."""
        found = self.plain(self.apps.read_namespaced_deployment(name, self.namespace))
        before, owners = found["spec"]["template"], found["metadata"]["managedFields"]
        after = copy.deepcopy(before)
        change(after)
        self._replace(name, after)
        if settles:
            self._rolled(name)
        try:
            yield
        finally:
            self._replace(name, before)
            self._own(name, owners)
            self._rolled(name)

    def _own(self, name: str, owners: list[Any]) -> None:
        """Give up what the changes took: Kubernetes keeps an entry that another manager owns (a host alias) whatever Pulumi applies."""
        self.apps.patch_namespaced_deployment(name, self.namespace, [{"op": "replace", "path": "/metadata/managedFields", "value": owners}])

    def _replace(self, name: str, template: Template) -> None:
        self.apps.patch_namespaced_deployment(name, self.namespace, [{"op": "replace", "path": "/spec/template", "value": template}])

    def _rolled(self, name: str) -> None:
        def done() -> bool:
            found = self.apps.read_namespaced_deployment(name, self.namespace)
            status, wanted = found.status, found.spec.replicas
            counts = (status.replicas, status.updated_replicas, status.ready_replicas)
            return status.observed_generation == found.metadata.generation and set(counts) == {wanted}

        until(done, f"{name} has rolled", 180)

    @contextmanager
    def registry_texts(self, change: Mapping[str, Callable[[str], str]]) -> Iterator[None]:
        """Let the registry mount a copy of its ConfigMap with some texts changed."""
        (mounted,) = {
            volume["configMap"]["name"]
            for volume in self.plain(self.apps.read_namespaced_deployment("registry", self.namespace))["spec"]["template"]["spec"][
                "volumes"
            ]
            if "configMap" in volume
        }
        data = dict(self.core.read_namespaced_config_map(mounted, self.namespace).data)
        data |= {key: edit(data[key]) for key, edit in change.items()}
        made = self.core.create_namespaced_config_map(self.namespace, {"metadata": {"generateName": "broken-"}, "data": data}).metadata.name

        def point(template: Template) -> None:
            for volume in template["spec"]["volumes"]:
                if "configMap" in volume:
                    volume["configMap"]["name"] = made

        try:
            with self.template("registry", point):
                yield
        finally:
            self.core.delete_namespaced_config_map(made, self.namespace)

    @contextmanager
    def without(self, api: Any, kind: str, name: str) -> Iterator[None]:
        """Delete an object, and make it again as it was."""
        before = self.plain(getattr(api, f"read_namespaced_{kind}")(name, self.namespace))
        for key in NEEDLESS:
            before["metadata"].pop(key, None)
        before.pop("status", None)
        getattr(api, f"delete_namespaced_{kind}")(name, self.namespace)
        try:
            yield
        finally:
            getattr(api, f"create_namespaced_{kind}")(self.namespace, before)

    @contextmanager
    def secret_data(self, name: str, data: Mapping[str, str]) -> Iterator[None]:
        """Put another Secret in the place of an immutable one."""
        before = self.plain(self.core.read_namespaced_secret(name, self.namespace))
        with self.without(self.core, "secret", name):
            other = {"metadata": {"name": name}, "type": before["type"], "stringData": dict(data), "immutable": True}
            self.core.create_namespaced_secret(self.namespace, other)
            try:
                yield
            finally:
                self.core.delete_namespaced_secret(name, self.namespace)

    @contextmanager
    def sql(self, broken: str, mended: str) -> Iterator[None]:
        self.deployment.sql(broken)
        try:
            yield
        finally:
            self.deployment.sql(mended)

    def account(self) -> str:
        """Return the statement that gives Portus' account the password that it has."""
        (row,) = self.deployment.sql("SHOW CREATE USER portus@'%'")
        return row[0].replace("CREATE USER", "ALTER USER", 1)

    @contextmanager
    def stopped_processes(self, component: str) -> Iterator[None]:
        """Stop the processes of a Pod without ending them: it hangs."""
        pod = self.pod(component)
        self.deployment.exec(pod, ["sh", "-c", "kill -STOP -1"])
        try:
            yield
        finally:
            self.deployment.exec(pod, ["sh", "-c", "kill -CONT -1"])
