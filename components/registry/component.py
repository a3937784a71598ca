"""The registry's workload.

Owns: config.yml, its secrets, the trust files, the claim, the cache, the service account, the Deployment. The Service belongs to
``network.Addresses``, which comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.common import availability, names, pods, sizes
from components.common.base import ServiceComponent
from components.common.objects import claim, service_account
from components.common.versions import RegistryVersion
from components.registry import configuration
from components.registry.cache import RedisCache
from components.registry.inputs import registry_inputs
from components.settings.sections.registry import InClusterRedis
from components.settings.sections.storage.driver import DATA, KEY_FILES, ExistingClaim
from components.settings.types.values import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pulumi

    from components.common.pods import SecretInput
    from components.common.stack_context import StackContext
    from components.registry.configuration import Wiring
    from components.registry.inputs import RegistryInputs
    from components.settings.sections.registry import RegistrySettings
    from components.settings.stack import StackSettings
    from components.tls import Certificate

SYSTEM_TRUST: Final = "/etc/ssl/certs"

PRIVILEGES: Final = pods.Privileges(user=10500, group=10500)
"""The binary needs no user of its own; above 10000 it belongs to no user of the node."""

DELIVERY_SECONDS: Final = 30
"""How long a registry that is to stop waits for its notifications to be taken: their queue is in memory and goes with it."""

STOP: Final = (
    "/bin/sh",
    "-c",
    (
        f"sleep {availability.FORGET_SECONDS}; left={DELIVERY_SECONDS}; "
        f"while [ $left -gt 0 ] && wget -q -O - http://127.0.0.1:{names.REGISTRY_DEBUG_PORT}/debug/vars | grep -q '\"Pending\": *[1-9]'; "
        "do sleep 1; left=$((left-1)); done"
    ),
)
"""Serve on until every node has removed the address, then until no notification waits (``/debug/vars``, the only place where 2.8 counts
them). Both images have busybox' wget; without it the wait is left out."""

GRACE_BESIDE_DRAIN_SECONDS: Final = 15
"""Between the end of ``http.draintimeout`` and the kill."""

WITHOUT_TRACES: Final = {"OTEL_TRACES_EXPORTER": "none"}
"""3.x would else look for a collector on its own host, and log errors without end."""


class Registry(ServiceComponent):
    """The registry; what needs an answer of it follows ``ready``.

    Args:
        wiring: what ties it to Portus.
        cache_image: of Redis, where the stack runs one.
        http_secret: the registry reads it as YAML: letters and digits.
        certificate: what it serves, the token signer's bundle, and what the clients inside it must trust.
        aliases: host aliases for Portus' public name.
    """

    ready: tuple[pulumi.Resource, ...]

    def __init__(
        self,
        name: str,
        *,
        stack: StackSettings,
        wiring: Wiring,
        image: str,
        cache_image: str,
        http_secret: SecretInput,
        certificate: Certificate,
        aliases: Mapping[str, pulumi.Input[str]],
        context: StackContext,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("registry:Registry", name, opts)
        self._name = name
        self._settings = settings = stack.registry
        self._context = context
        self._host_aliases = aliases
        self._labels = context.labels(name=names.REGISTRY, component=names.REGISTRY, version=settings.version.value)
        in_namespace = self.child(after=context.after)
        inputs = registry_inputs(
            name,
            settings,
            wiring,
            signers=certificate.signing_bundle,
            authorities=certificate.authorities,
            http_secret=http_secret,
            labels=self._labels,
            context=context,
            opts=in_namespace,
        )
        variables: dict[str, pods.EnvironmentValue] = {**inputs.variables, **self._plain_variables()}
        before: Sequence[pulumi.Resource] = ()
        if isinstance(settings.redis, InClusterRedis):
            cache = RedisCache(
                f"{name}-cache",
                settings=settings.redis,
                image=cache_image,
                rotation=stack.credentials.rotation.registry_cache,
                context=context,
                opts=self.child(),
            )
            variables["REGISTRY_REDIS_PASSWORD"] = cache.password  # letters, which YAML leaves as they are
            before = cache.ready
        volumes = [
            inputs.config,
            inputs.trust,
            pods.secret_volume("tls", certificate.files.secret, {"tls.crt": "tls.crt", "tls.key": "tls.key"}),
            *self._storage_volumes(inputs),
        ]
        deployment = self._deployment(self._container(image, variables, inputs), volumes, before)
        availability.guard_copies(name, deployment, settings.autoscaling, labels=self._labels, context=context, parent=self)
        self.ready = (deployment,)
        self.register_outputs({})

    def _plain_variables(self) -> Mapping[str, str]:
        traces = {} if self._settings.version is RegistryVersion.V2_8 else WITHOUT_TRACES
        return {
            "SSL_CERT_DIR": f"{SYSTEM_TRUST}:{configuration.TRUST}",
            **self._settings.storage.variables(),
            **traces,
        }

    def _storage_volumes(self, inputs: RegistryInputs) -> Iterator[core.VolumeArgs]:
        if inputs.files:
            yield pods.secrets_volume("storage-keys", inputs.files)
        volume = self._settings.storage.volume
        if isinstance(volume, ExistingClaim):
            yield pods.claim_volume("data", volume.name)
        elif volume is not None:
            data = claim(f"{self._name}-data", names.REGISTRY_CLAIM, volume, labels=self._labels, context=self._context, parent=self)
            yield pods.claim_volume("data", data.metadata.name)

    def _container(self, image: str, variables: Mapping[str, pods.EnvironmentValue], inputs: RegistryInputs) -> core.ContainerArgs:
        path = configuration.PATHS[self._settings.version]
        mounts = [
            pods.mount("config", path, sub_path="config.yml"),
            pods.mount("tls", configuration.TLS),
            pods.mount("trust", configuration.TRUST),
        ]
        if self._settings.storage.volume is not None:
            mounts.append(pods.mount("data", DATA, read_only=False))
        if inputs.files:
            mounts.append(pods.mount("storage-keys", KEY_FILES))
        return pods.container(
            "registry",
            image,
            self._context,
            PRIVILEGES,
            resources=pods.merged(sizes.REGISTRY, self._settings.resources),
            environment=variables,
            arguments=["serve", path],
            ports={"https": names.REGISTRY_PORT, "debug": names.REGISTRY_DEBUG_PORT},
            mounts=mounts,
            probes=_probes(),
            pre_stop=STOP,
            extras=self._context.extras_of(names.REGISTRY),
        )

    def _deployment(
        self, container: core.ContainerArgs, volumes: Sequence[core.VolumeArgs], after: Sequence[pulumi.Resource]
    ) -> apps.Deployment:
        template = pods.pod_template(
            self._labels,
            self._context,
            PRIVILEGES,
            containers=[container],
            volumes=volumes,
            grace_seconds=availability.FORGET_SECONDS
            + DELIVERY_SECONDS
            + seconds(self._settings.http.draintimeout)
            + GRACE_BESIDE_DRAIN_SECONDS,
            host_aliases=self._host_aliases,
            service_account=self._service_account(),
            more_labels=self._settings.storage.identity_labels if self._settings.service_account is not None else {},
        )
        return apps.Deployment(
            f"{self._name}-deployment",
            metadata=self._context.metadata(self._labels, names.REGISTRY),
            spec=apps.DeploymentSpecArgs(
                replicas=self._settings.fixed_replicas,
                revision_history_limit=availability.REVISIONS,
                selector=meta.LabelSelectorArgs(match_labels=self._labels.selector),
                strategy=_strategy(self._settings),
                template=template,
            ),
            opts=self.child(after=after),
        )

    def _service_account(self) -> pulumi.Input[str] | None:
        settings = self._settings.service_account
        if settings is None or settings.name is not None:
            return None if settings is None else settings.name
        account = service_account(
            f"{self._name}-account",
            names.REGISTRY,
            self._labels,
            self._context,
            annotations=settings.annotations,
            opts=self.child(after=self._context.after),
        )
        return account.metadata.name


def _strategy(settings: RegistrySettings) -> apps.DeploymentStrategyArgs:
    """Return how Pods are replaced: one after the other where the storage allows two, else first the old one goes."""
    if not settings.storage.is_shared:
        return apps.DeploymentStrategyArgs(type="Recreate")
    return apps.DeploymentStrategyArgs(
        type="RollingUpdate", rolling_update=apps.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0)
    )


def _probes() -> pods.Probes:
    """Return probes that the 401 of ``/v2/`` cannot fool: ``/`` answers 200, and 503 when the storage does not.

    The liveness probe asks the process alone: a restart fixes no storage.
    """
    return pods.Probes(
        startup=pods.http_probe("https", "/", scheme="HTTPS", period=1, failures=60),
        readiness=pods.http_probe("https", "/", scheme="HTTPS", period=5, failures=3),
        liveness=pods.http_probe("debug", "/debug/vars", scheme="HTTP", period=20, failures=6),
    )
