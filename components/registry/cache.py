"""A small Redis that all replicas of the registry share as their cache of blob descriptors.

Owns: its password, its configuration, its Service and its Deployment. It keeps nothing: what is lost is read from the storage again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_random as random
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.common import names, pods, sizes
from components.common.base import ServiceComponent
from components.common.objects import secret
from components.common.versions import REDIS_VERSION

if TYPE_CHECKING:
    from components.common.stack_context import StackContext
    from components.settings.sections.registry import InClusterRedis

PASSWORD: Final = "password"  # noqa: S105 - a key's name
FILE: Final = "redis.conf"
FOLDER: Final = "/run/secrets/redis"
PASSWORD_LENGTH: Final = 40

PRIVILEGES: Final = pods.Privileges(user=10600, group=10600)
"""Redis needs no user of its own, and writes nothing."""


class RedisCache(ServiceComponent):
    """The cache; ``password`` is where its clients read their password, ``ready`` comes before them.

    Args:
        rotation: counter of the password. A new password restarts Redis, and then the registry. Until then Redis refuses the registry,
            which reads from its storage. No client keeps an old password, so the state has none.
    """

    password: pods.SecretKey
    ready: tuple[pulumi.Resource, ...]

    def __init__(
        self,
        name: str,
        *,
        settings: InClusterRedis,
        image: str,
        rotation: int,
        context: StackContext,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("registry:RedisCache", name, opts)
        self._name = name
        self._context = context
        self._labels = context.labels(name=names.REGISTRY_CACHE, component=names.CACHE, version=REDIS_VERSION)
        suffix = "" if rotation == 1 else f"-{rotation}"
        generated = random.RandomPassword(
            f"{name}-password{suffix}", length=PASSWORD_LENGTH, special=False, numeric=False, opts=self.child()
        )
        content: dict[str, pulumi.Input[str]] = {
            PASSWORD: generated.result,
            FILE: generated.result.apply(lambda password: configuration(password, settings.max_memory_mb)),
        }
        secret_name = secret(f"{name}-credentials", content, self._labels, context, self.child(after=context.after)).metadata.name
        self.password = pods.SecretKey(secret_name, PASSWORD)
        self._service()
        self.ready = (self._deployment(settings, image, secret_name),)
        self.register_outputs({})

    def _service(self) -> None:
        core.Service(
            f"{self._name}-service",
            metadata=self._context.metadata(self._labels, names.REGISTRY_CACHE, annotations=names.SKIP_AWAIT),
            spec=core.ServiceSpecArgs(
                selector=self._labels.selector,
                ports=[core.ServicePortArgs(name="redis", port=names.REGISTRY_CACHE_PORT, target_port="redis")],
            ),
            opts=self.child(after=self._context.after),
        )

    def _deployment(self, settings: InClusterRedis, image: str, secret_name: pulumi.Input[str]) -> apps.Deployment:
        container = pods.container(
            "redis",
            image,
            self._context,
            PRIVILEGES,
            resources=pods.merged(sizes.redis(settings.max_memory_mb), settings.resources),
            environment={"REDISCLI_AUTH": self.password},
            command=["redis-server", f"{FOLDER}/{FILE}"],  # not by the image's entrypoint, which has work for root alone
            ports={"redis": names.REGISTRY_CACHE_PORT},
            mounts=[pods.mount("configuration", FOLDER)],
            probes=pods.Probes(
                readiness=pods.exec_probe(["sh", "-c", "redis-cli ping | grep -q PONG"], period=5, failures=3),
                liveness=pods.tcp_probe("redis", period=20, failures=3),
            ),
        )
        template = pods.pod_template(
            self._labels,
            self._context,
            PRIVILEGES,
            containers=[container],
            volumes=[pods.secret_volume("configuration", secret_name, {FILE: FILE})],
            grace_seconds=10,
        )
        return apps.Deployment(
            f"{self._name}-deployment",
            metadata=self._context.metadata(self._labels, names.REGISTRY_CACHE),
            spec=apps.DeploymentSpecArgs(
                replicas=1,
                selector=meta.LabelSelectorArgs(match_labels=self._labels.selector),
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),  # two behind one Service would be two halves of a cache
                template=template,
            ),
            opts=self.child(after=self._context.after),
        )


def configuration(password: str, max_memory_mb: int) -> str:
    """Return redis.conf: no persistence, and the least used entries make room."""
    return f"""\
port {names.REGISTRY_CACHE_PORT}
bind * -::*
requirepass {password}
save ""
appendonly no
maxmemory {max_memory_mb}mb
maxmemory-policy allkeys-lru
"""
