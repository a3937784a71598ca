"""The registry's workload.

Owns: config.yml, the http secret, the trust files, the claim, the Deployment. The Service belongs to ``network.Addresses``, which
comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.meta import v1 as meta

from components.common import names, pods
from components.common.base import ServiceComponent
from components.common.claims import claim
from components.common.secrets import config_map, secret
from components.common.versions import REGISTRY_VERSION
from components.registry import configuration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi
    from pulumi_kubernetes.core import v1 as core

    from components.common.placement import Placement
    from components.registry.configuration import Wiring
    from components.settings.registry import RegistrySettings
    from components.tls import Certificate

HTTP_SECRET: Final = "http-secret"  # noqa: S105 - a key's name
SYSTEM_TRUST: Final = "/etc/ssl/certs"

PRIVILEGES: Final = pods.Privileges(user=10500, group=10500)
"""The binary needs no user of its own; above 10000 it belongs to no user of the node."""

RESOURCES: Final = pods.Resources(
    requests={"cpu": "100m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
    limits={"cpu": "2", "memory": "512Mi", "ephemeral-storage": "512Mi"},
)
"""Uploads are streamed; memory goes into descriptors and TLS."""

GRACE_SECONDS: Final = 60
"""Uploads under way may end (``http.draintimeout`` has no default: the registry stops at once, clients retry)."""


class Registry(ServiceComponent):
    """The registry; ``ready`` comes before who needs it to answer.

    Args:
        wiring: what ties it to Portus.
        certificate: what it serves, the token signer's bundle, and what the clients inside it have to trust.
        aliases: host aliases for Portus' public name.
        after: what has to be up first.
    """

    ready: tuple[pulumi.Resource, ...]

    def __init__(
        self,
        name: str,
        *,
        settings: RegistrySettings,
        wiring: Wiring,
        image: str,
        http_secret: pulumi.Output[str],
        certificate: Certificate,
        aliases: Mapping[str, pulumi.Input[str]],
        placement: Placement,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("registry:Registry", name, opts)
        self._name = name
        self._settings = settings
        self._placement = placement
        self._labels = placement.labels(name=names.REGISTRY, component=names.REGISTRY, version=REGISTRY_VERSION)
        in_namespace = self.child(after=placement.after)
        texts: dict[str, pulumi.Input[str]] = {
            "config.yml": configuration.as_yaml(configuration.configuration(settings, wiring)),
            "token-signers.crt": certificate.signing_bundle,
            **{f"authority-{number}.crt": text for number, text in enumerate(certificate.authorities, start=1)},
        }
        config = config_map(f"{name}-config", texts, self._labels, placement, in_namespace).metadata.name
        volumes = [
            pods.config_volume("config", config, {"config.yml": "config.yml"}),
            pods.config_volume("trust", config, {name: name for name in texts if name.endswith(".crt")}),
            pods.secret_volume("tls", certificate.files.secret, {"tls.crt": "tls.crt", "tls.key": "tls.key"}),
            self._storage(),
        ]
        held = secret(f"{name}-http", {HTTP_SECRET: http_secret}, self._labels, placement, in_namespace)
        self.ready = (self._deployment(image, held, volumes, aliases, after),)
        self.register_outputs({})

    def _storage(self) -> core.VolumeArgs:
        data = claim(
            f"{self._name}-data",
            names.REGISTRY_CLAIM,
            self._settings.storage.claim,
            labels=self._labels,
            placement=self._placement,
            parent=self,
        )
        return pods.claim_volume("data", data.metadata.name)

    def _deployment(
        self,
        image: str,
        held: core.Secret,
        volumes: Sequence[core.VolumeArgs],
        aliases: Mapping[str, pulumi.Input[str]],
        after: Sequence[pulumi.Resource],
    ) -> apps.Deployment:
        container = pods.container(
            "registry",
            image,
            self._placement,
            PRIVILEGES,
            resources=pods.merged(RESOURCES, self._settings.resources),
            environment={
                "REGISTRY_HTTP_SECRET": pods.SecretKey(held.metadata.name, HTTP_SECRET),
                "SSL_CERT_DIR": f"{SYSTEM_TRUST}:{configuration.TRUST}",
            },
            arguments=["serve", configuration.PATH],
            ports={"https": names.REGISTRY_PORT, "debug": names.REGISTRY_DEBUG_PORT},
            mounts=[
                pods.mount("config", configuration.PATH, sub_path="config.yml"),
                pods.mount("tls", configuration.TLS),
                pods.mount("trust", configuration.TRUST),
                pods.mount("data", configuration.DATA, read_only=False),
            ],
            probes=_probes(),
        )
        template = pods.pod_template(
            self._labels,
            self._placement,
            PRIVILEGES,
            containers=[container],
            volumes=volumes,
            grace_seconds=GRACE_SECONDS,
            host_aliases=aliases,
        )
        return apps.Deployment(
            f"{self._name}-deployment",
            metadata=self._placement.metadata(self._labels, names.REGISTRY),
            spec=apps.DeploymentSpecArgs(
                replicas=1,
                selector=meta.LabelSelectorArgs(match_labels=self._labels.selector),
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                template=template,
            ),
            opts=self.child(after=after),
        )


def _probes() -> pods.Probes:
    """Return probes that the 401 of ``/v2/`` cannot fool: ``/`` answers 200, and 503 when the storage does not.

    The liveness probe asks the process alone: a restart mends no storage.
    """
    return pods.Probes(
        startup=pods.http_probe("https", "/", scheme="HTTPS", period=1, failures=60),
        readiness=pods.http_probe("https", "/", scheme="HTTPS", period=5, failures=3),
        liveness=pods.http_probe("debug", "/debug/vars", scheme="HTTP", period=20, failures=6),
    )
