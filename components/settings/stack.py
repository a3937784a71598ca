"""The whole stack file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar

from components.common.names import HTTPS_PORT
from components.settings.sections.cluster import ClusterSettings, ImageSettings
from components.settings.sections.credentials import CredentialSettings
from components.settings.sections.database import BackupSettings, DatabaseSettings, InClusterDatabase
from components.settings.sections.exposure import ExposureSettings
from components.settings.sections.network import NetworkSettings
from components.settings.sections.observability import ObservabilitySettings
from components.settings.sections.portus import PortusSettings
from components.settings.sections.portus_config import PortusConfig
from components.settings.sections.registry import RegistrySettings
from components.settings.sections.tls import SelfSignedTls, TlsSettings
from components.settings.sections.workloads import WorkloadsSettings
from components.settings.types.base import ChangeImpact, Section
from components.settings.types.hosts import Fqdn


class Profile(StrEnum):
    """What is refused: ``production`` adds the rules of ``components/settings/rules`` that ``accept`` lifts."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


class Accepted(StrEnum):
    """What is refused unless the stack file accepts it by name: the first part by profile ``production``, the rest by every profile."""

    SELF_SIGNED_CERTIFICATE = "self_signed_certificate"
    UNPROTECTED_STATE = "unprotected_state"
    FLOATING_IMAGE_TAGS = "floating_image_tags"
    CLEAR_TEXT_PASSWORDS = "clear_text_passwords"
    SHARED_PASSWORDS = "shared_passwords"
    DELETING_SYNCHRONISATION = "deleting_synchronization"
    COLLECTION_OF_PULLED_IMAGES = "collection_of_pulled_images"
    UNRECORDED_PUSHES = "unrecorded_pushes"
    OPEN_NETWORK = "open_network"
    UNVERIFIED_STORAGE = "unverified_storage"
    NO_BACKUPS = "no_backups"
    OVERCOMMITTED_MEMORY = "overcommitted_memory"
    NEWER_DATABASE = "newer_database"


class StackSettings(Section):
    """One environment."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(PortusConfig.model_fields, "write it under portus:portus.config"),
        "mariadb": "the section is called 'database'",
        "ingress": "remove it: 'exposure' defines how clients reach Portus and the registry",
        "namespace": "write it under 'cluster'",
        "version": "write it under 'portus'",
        "mirror": "write it under 'images'",
    }

    profile: Annotated[Profile, ChangeImpact("nothing; other rules are checked")] = Profile.PRODUCTION
    """``production`` refuses what a production deployment must not do; ``development`` does not check it."""
    accept: Annotated[tuple[Accepted, ...], ChangeImpact("nothing; fewer rules are checked")] = ()
    """What this stack does on purpose although it would be refused."""
    host: Annotated[
        Fqdn,
        ChangeImpact(
            "every URL, the token issuer and the certificate; if it serves the registry too, every image's name. All Pods restart"
        ),
    ]
    """Public name of Portus. Token issuer, realm, PORTUS_MACHINE_FQDN_VALUE, exposure and certificate checks follow from it."""
    protect: Annotated[bool, ChangeImpact("nothing that runs changes; only what Pulumi may delete")] = True
    """Whether claims, generated secrets and keys refuse deletion and replacement. Deploy with ``false`` before
    ``pulumi destroy``. To remove a single object, keep ``true`` (docs/operate/protection.md)."""
    cluster: Annotated[ClusterSettings, ChangeImpact("a new deployment in another place")] = ClusterSettings()
    images: Annotated[ImageSettings, ChangeImpact("the Pods of that image restart")] = ImageSettings()
    credentials: Annotated[CredentialSettings, ChangeImpact("Pods that use the secret restart")] = CredentialSettings()
    tls: Annotated[TlsSettings, ChangeImpact("Portus, the registry and the front proxy restart")] = SelfSignedTls()
    database: Annotated[DatabaseSettings, ChangeImpact("Portus restarts and uses the other database")] = InClusterDatabase()
    portus: Annotated[PortusSettings, ChangeImpact("Portus' web server and worker restart")]
    registry: Annotated[RegistrySettings, ChangeImpact("the registry restarts; uploads in progress start again")] = RegistrySettings()
    exposure: Annotated[ExposureSettings, ChangeImpact("the front proxy restarts")]
    network: Annotated[NetworkSettings, ChangeImpact("at once, for new connections")] = NetworkSettings()
    workloads: Annotated[WorkloadsSettings, ChangeImpact("every Pod restarts")] = WorkloadsSettings()
    backup: Annotated[BackupSettings, ChangeImpact("from the next backup on")] = BackupSettings()
    observability: Annotated[ObservabilitySettings, ChangeImpact("nothing that runs changes")] = ObservabilitySettings()

    @property
    def registry_name(self) -> str:
        """Public host name of the registry."""
        return self.registry.host or self.host

    @property
    def hosts(self) -> tuple[str, ...]:
        """Public host names, Portus' first; one where the registry has none of its own."""
        return tuple(dict.fromkeys((self.host, self.registry_name)))

    @property
    def passes_registry_through(self) -> bool:
        """Whether clients of the registry speak TLS with the registry itself, and the front proxy hands their connections on."""
        return self.exposure.edge.registry_passthrough and not self.one_host and not self.exposure.behind_proxy

    @property
    def one_host(self) -> bool:
        """Whether one name serves Portus and the registry by path."""
        return self.registry_name == self.host

    @property
    def portus_authority(self) -> str:
        """Portus' host, with the port where it is not 443."""
        return _authority(self.host, self.exposure.https_port)

    @property
    def registry_authority(self) -> str:
        """The registry's host, with the port where it is not 443: the first part of every image's name and the token's service."""
        return _authority(self.registry_name, self.exposure.https_port)

    @property
    def portus_url(self) -> str:
        """Where browsers go."""
        return f"https://{self.portus_authority}"


def _authority(host: str, port: int) -> str:
    return host if port == HTTPS_PORT else f"{host}:{port}"
