"""The running registry: whether it is safe to collect beside it, and what a collection needs to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from ops.doctor import mounted
from ops.errors import OpsError
from ops.kube.client import CLAIM, CONFIG_MAP, DEPLOYMENT, POD, SECRET, Kube, Object
from ops.kube.pods import selected

BLOBS: Final = "docker/registry/v2/blobs/sha256"
"""Below the driver's ``rootdirectory``, in both series."""

REDIS: Final = "redis"
ONE_POD: Final = "ReadWriteOncePod"


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """What the cluster says of it.

    Args:
        deployment: as the cluster has it.
        pods: every Pod of it, those on their way out included: they finish uploads.
        config_path: where its container has config.yml.
        config: its content; the Pods cannot have another, since a ConfigMap or Secret of the stack never changes.
        claim: that holds the blobs; empty for an object store.
        has_own_redis: whether the stack runs one.
        redis_pods: of that one. It keeps nothing on disk: without a Pod there is nothing to delete.
    """

    deployment: Object = field(repr=False)
    pods: tuple[Object, ...] = field(repr=False)
    config_path: str
    config: Mapping[str, Any] = field(repr=False)
    claim: Object = field(default_factory=dict, repr=False)
    has_own_redis: bool = False
    redis_pods: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        """Where it runs."""
        return str(self.deployment["metadata"]["namespace"])

    @property
    def is_read_only(self) -> bool:
        """Whether its configuration refuses pushes and deletions."""
        maintenance = (self.config.get("storage") or {}).get("maintenance") or {}
        return (maintenance.get("readonly") or {}).get("enabled") is True

    @property
    def unsettled(self) -> str:
        """Why some Pod may run another configuration than `config`, in words; '' when none does."""
        spec, status = self.deployment["spec"], self.deployment.get("status") or {}
        replicas = spec.get("replicas", 1)
        if status.get("observedGeneration", 0) < self.deployment["metadata"]["generation"]:
            return "its rollout has not begun"
        if leaving := [each["metadata"]["name"] for each in self.pods if each["metadata"].get("deletionTimestamp")]:
            return f"Pod {leaving[0]} is on its way out and may finish uploads"
        counts = {name: status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas")}
        if replicas == 0 or set(counts.values()) != {replicas}:
            return f"of {replicas} Pods {counts['updatedReplicas']} have the newest configuration and {counts['readyReplicas']} are ready"
        return ""

    @property
    def grace_seconds(self) -> float:
        """How long a Pod that must stop may go on."""
        return float(self.deployment["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30))

    @property
    def blobs(self) -> str:
        """Where the blobs are as files in its container; '' for an object store."""
        driver = (self.config.get("storage") or {}).get("filesystem")
        return "" if driver is None else f"{(driver or {}).get('rootdirectory', '/var/lib/registry').rstrip('/')}/{BLOBS}"

    @property
    def access_modes(self) -> Sequence[str]:
        """Of the claim."""
        return tuple((self.claim.get("spec") or {}).get("accessModes") or ())

    @property
    def node(self) -> str:
        """Where a further Pod has to run to mount the claim; '' for anywhere."""
        return str(self.pods[0]["spec"].get("nodeName", "")) if self.claim and "ReadWriteMany" not in self.access_modes else ""

    @property
    def cache(self) -> str:
        """What holds descriptors of blobs: ``inmemory``, ``redis`` or ''."""
        return str(((self.config.get("storage") or {}).get("cache") or {}).get("blobdescriptor", ""))

    @property
    def has_foreign_redis(self) -> bool:
        """Whether descriptors are in a Redis that is not the stack's own."""
        return self.cache == REDIS and not self.has_own_redis

    @property
    def redis_address(self) -> str:
        """Server and port of Redis."""
        redis = self.config.get("redis") or {}
        return str(redis.get("addr") or ", ".join(redis.get("addrs") or ()))


def registry_of(kube: Kube, namespace: str, stack: str) -> Registry:
    """Return the registry of ``stack`` as it runs now.

    Raises:
        OpsError: there is none, or its config.yml cannot be read.
    """
    labels = f"app.kubernetes.io/instance={stack},app.kubernetes.io/component="
    deployments = kube.list(DEPLOYMENT, namespace, labels=f"{labels}registry")
    if len(deployments) != 1:
        raise OpsError(f"namespace {namespace} has {len(deployments)} registries of stack {stack}.", f"deploy it: make up STACK={stack}")
    deployment = deployments[0]
    template = deployment["spec"]["template"]
    path = str((template["spec"]["containers"][0].get("args") or [""])[-1])
    text = mounted.files(template, dict(_texts(kube, namespace, template))).get(path)
    if text is None:
        raise OpsError(
            f"config.yml of Deployment {deployment['metadata']['name']} cannot be found.", f"deploy it again: make up STACK={stack}"
        )
    claims = [kube.get(CLAIM, namespace, name) for name in mounted.claims(template)]
    return Registry(
        deployment=deployment,
        pods=tuple(each for each in selected(kube, deployment) if each["status"].get("phase") not in ("Failed", "Succeeded")),
        config_path=path,
        config=dict(yaml.safe_load(text) or {}),
        claim=next((each for each in claims if each), {}),
        has_own_redis=bool(kube.list(DEPLOYMENT, namespace, labels=f"{labels}cache")),
        redis_pods=tuple(
            each["metadata"]["name"]
            for each in kube.list(POD, namespace, labels=f"{labels}cache")
            if each["status"].get("phase") == "Running" and not each["metadata"].get("deletionTimestamp")
        ),
    )


def _texts(kube: Kube, namespace: str, template: Object) -> Iterator[tuple[tuple[str, str], Mapping[str, str]]]:
    """Give the content of the ConfigMaps and Secrets that the Pods mount as files."""
    for volume in template["spec"].get("volumes") or ():
        if (name := (volume.get("configMap") or {}).get("name")) and (found := kube.get(CONFIG_MAP, namespace, name)):
            yield from mounted.texts([], [found]).items()
        if (name := (volume.get("secret") or {}).get("secretName")) and (found := kube.get(SECRET, namespace, name)):
            yield from mounted.texts([found], []).items()


READ_ONLY_LINES: Final = """\
    maintenance:
      readonly:
        enabled: true"""
"""As they are in a stack file below the key of the registry's section, which every one has: a second such key would take its place."""


def require_read_only(registry: Registry, stack: str) -> None:
    """Make sure that no Pod of the registry takes a push.

    Raises:
        OpsError: one does, or may.
    """
    if not registry.is_read_only:
        raise OpsError(
            f"the registry of stack {stack} must be read-only: a collection deletes layers that a concurrent push has just stored.",
            f"add this below portus:registry in stacks/Pulumi.{stack}.yaml, run 'make up STACK={stack}', and "
            "repeat this command; pulls continue.",
            READ_ONLY_LINES,
        )
    if why := registry.unsettled:
        raise OpsError(
            f"the registry of stack {stack} is not read-only in every Pod yet: {why}.",
            f"find the cause, then repeat this command: kubectl get pods -n {registry.namespace}",
        )


def require_mountable(registry: Registry) -> None:
    """Make sure that a second Pod can mount the claim.

    Raises:
        OpsError: its access mode lets in one Pod.
    """
    if registry.claim and set(registry.access_modes) == {ONE_POD}:
        raise OpsError(
            f"the claim {registry.claim['metadata']['name']} is {ONE_POD}: the registry's Pod uses it, so no Job can.",
            f"collect inside that Pod: kubectl exec -n {registry.namespace} deployment/{registry.deployment['metadata']['name']} -- "
            f"registry garbage-collect --dry-run {registry.config_path}; without --dry-run it deletes. Flush a Redis of the registry "
            "before and after (redis-cli flushall), and restart the registry before it accepts pushes: they would leave out layers.",
        )
