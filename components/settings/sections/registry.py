"""The registry: its version, public name, storage, cache and notifications."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema

from components.common.versions import RegistryVersion
from components.settings.sections.cluster import ScaledSection, WorkloadResources
from components.settings.sections.kubernetes import AnnotationMap
from components.settings.sections.storage import StorageSettings
from components.settings.sections.storage.filesystem import FilesystemStorage
from components.settings.types.base import ChangeImpact, Matching, Section, broken
from components.settings.types.hosts import Fqdn, has_port, names_a_server, refuse_own_pod
from components.settings.types.known_by import ONLY_3_1
from components.settings.types.pem_types import Pem
from components.settings.types.secrets import SecretSource
from components.settings.types.urls import Url
from components.settings.types.values import Duration, DurationOrZero, ObjectName, Text

HeaderName = Annotated[
    str,
    Matching(
        r"[A-Za-z0-9!#$%&'*+.^_`|~-]+",
        "must be the name of an HTTP header, without spaces and without ':'",
        "write e.g. X-Team",
    ),
]
Headers = dict[HeaderName, tuple[Text, ...]]
"""HTTP headers; each has a list of values, as in the registry's own file."""


class ExtraEndpoint(Section):
    """A further receiver of the registry's notifications."""

    name: Annotated[
        str,
        Matching(
            r"(?!portus$)[a-z0-9]+(-[a-z0-9]+)*",
            "must be lower case letters, digits and '-', and must not be 'portus'",
            "choose another name, e.g. ci",
        ),
    ]
    """Its name in the log and in the metrics."""
    url: Url
    """Where the events are posted."""
    disabled: bool = False
    """On: no event is sent there; the settings stay for later."""
    headers: Headers = Field(default_factory=dict)
    """Headers of each request. No secret: they are in a ConfigMap. Write a secret as ``authorization``."""
    authorization: SecretStr | None = None
    """Value of the header Authorization, e.g. Bearer and a token. Encrypted in the stack file. It cannot be in an existing Secret,
    because it is inside config.yml, which this program writes; config.yml is then in a Secret."""
    timeout: Duration = "2s"
    """How long one request may take."""
    threshold: Annotated[int, Field(ge=1, le=100)] = 5
    """Failures in a row before the registry backs off."""
    backoff: Duration = "1s"
    """How long the registry then waits."""
    ignoredmediatypes: tuple[Text, ...] = ()
    """Events of these media types are not sent."""
    ignoredactions: tuple[Literal["pull", "push", "mount", "delete"], ...] = ()
    """``ignore.actions``: events of these actions are not sent."""


class NotificationSettings(Section):
    """How the registry reports a push to Portus.

    An event that fails is sent again without end and blocks the later ones. The queue is in memory.
    """

    timeout: Duration | None = None
    """How long one request may take. Unset: 2000ms, and 10s for Portus 2.0-2.2, which handles the event inside the request."""
    threshold: Annotated[int, Field(ge=1, le=100)] = 5
    """Failures in a row before the registry backs off."""
    backoff: Duration = "1s"
    """How long the registry then waits."""
    extra_endpoints: tuple[ExtraEndpoint, ...] = ()
    """Further receivers; each has a queue of its own, so none delays Portus."""


class Http2(Section):
    """``http.http2``."""

    disabled: bool = False
    """Speak HTTP/1.1 only. The registry always does if clients reach it directly (``exposure.edge.registryPassthrough``)."""


class HttpSettings(Section):
    """``http``: what does not follow from the stack's hosts and certificates."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "secret": "remove it: it is generated; portus:credentials counts its rotations",
        "addr": "remove it: this program sets the port",
        "host": "remove it: it follows from portus:registry.host and portus:exposure",
        "tls": "remove it: it follows from portus:tls",
        "debug": "remove it: it is always on, only inside the cluster",
    }

    draintimeout: DurationOrZero = "45s"
    """How long a Pod that must stop continues its uploads. 0s would abort them, as the registry's own default does. The Pod's grace
    period is this and 50 s more: 5 s until the nodes have removed its address, up to 30 s for notifications that wait, 15 s to end."""
    headers: Headers = Field(default_factory=dict)
    """Further headers of each answer."""
    http2: Http2 = Http2()


class RedisTls(Section):
    """``redis.tls``."""

    rootcas: Pem
    """The CA of the server's certificate."""


_ADDRESS: Final = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?:[0-9]{2,5}"


def _address(value: str) -> str:
    """A host and a port, without scheme."""
    if not re.fullmatch(_ADDRESS, value) or not has_port(value) or not names_a_server(value.rpartition(":")[0]):
        near = re.split("[/?]", re.sub(r"^[a-z]+://", "", value.strip().lower()))[0].rpartition("@")[2]
        near = near if ":" in near else f"{near}:6379"
        fix = f"write {near}" if re.fullmatch(_ADDRESS, near) and near != value else "write e.g. redis.example.com:6379"
        raise broken("must be a host and a port, without scheme", fix)
    refuse_own_pod(value.rpartition(":")[0])
    return value


RedisAddress = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "pattern": f"^({_ADDRESS})$"})]


class ExternalRedis(Section):
    """A Redis that the stack does not run."""

    synonyms: ClassVar[Mapping[str, str]] = dict.fromkeys(("host", "hostname", "address", "url"), "addr")
    moved_keys: ClassVar[Mapping[str, str]] = {"port": "write it in addr, behind the host: redis.example.com:6379"}

    kind: Literal["external"]
    """Where Redis runs: in this stack or elsewhere."""
    addr: RedisAddress
    """Server and port."""
    db: Annotated[int, Field(ge=0, le=15)] = 0
    """Number of the database."""
    username: Annotated[Text | None, ONLY_3_1] = None
    """User of Redis' access control list."""
    password: SecretSource | None = None
    """A Secret's text is read as YAML: quote it unless it is a plain word."""
    tls: Annotated[RedisTls | None, ONLY_3_1] = None
    """TLS to Redis; 2.8 does not support it."""


class InClusterRedis(Section):
    """A small Redis of the stack's own: no persistence, a generated password."""

    kind: Literal["in_cluster"]
    """Where Redis runs: in this stack or elsewhere."""
    max_memory_mb: Annotated[int, Field(ge=16, le=4096)] = 64
    """MiB of entries. Beyond that the least used are deleted; an entry takes about 300 bytes."""
    resources: WorkloadResources = WorkloadResources()


RedisSettings = Annotated[InClusterRedis | ExternalRedis, Field(discriminator="kind")]


class Redirect(Section):
    """``storage.redirect``."""

    disable: bool = False
    """Off: the registry redirects clients to a signed URL of the object store for each blob; they must reach and trust it. On: every byte
    passes through the registry. No effect with ``filesystem``."""


class UploadPurging(Section):
    """``storage.maintenance.uploadpurging``: the remains of failed uploads are deleted."""

    enabled: bool = True
    """Whether they are deleted; the registry's default."""
    age: Duration = "168h"
    """Uploads older than this are deleted. It must be longer than any push lasts."""
    interval: Duration = "24h"
    """Time between two rounds. The first one comes at a random minute of the first hour."""
    dryrun: bool = False
    """Only report in the log what would be deleted."""


class ReadOnly(Section):
    """``storage.maintenance.readonly``."""

    enabled: bool = False
    """On: pulls work, pushes and deletions get 405. For garbage collection, a move of the store, or a restore."""


class Maintenance(Section):
    """``storage.maintenance``."""

    uploadpurging: UploadPurging = UploadPurging()
    readonly: ReadOnly = ReadOnly()


class ServiceAccountSettings(Section):
    """The registry's ServiceAccount, by which clouds know it (workload identity). Its Kubernetes token is not mounted."""

    name: ObjectName | None = None
    """Name of an existing account, with its own annotations. Unset: this stack creates one called registry, with ``annotations``."""
    annotations: AnnotationMap = Field(default_factory=dict)
    """Annotations of the account that this stack creates, e.g. eks.amazonaws.com/role-arn, iam.gke.io/gcp-service-account,
    azure.workload.identity/client-id; none for a cloud that knows an account by namespace and name."""


class RegistrySettings(ScaledSection):
    """The registry (distribution)."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "delete": "write deleteEnabled",
        "auth": "remove it: it follows from portus:host and portus:tls",
        "cache": "write registry.redis; without it the registry keeps descriptors in memory",
        "catalog": "write catalogMaxEntries",
        "log": "write logLevel; the rest under extraConfig",
        "image": "write it under portus:images",
        "health": "write it under extraConfig",
        "proxy": "remove it: a registry that mirrors another one accepts no push",
    }

    version: Annotated[RegistryVersion, ChangeImpact("the registry restarts; its data stays")] = RegistryVersion.V2_8
    """2.8 is the series that Portus was written for. With 3.1 this program writes its configuration, uses its image, and gives it Portus'
    keys as JWKS."""
    host: Annotated[Fqdn | None, ChangeImpact("renames every image; Portus' record of the registry has to be renamed by hand")] = None
    """Public name of the registry. Unset: ``host``, which then serves both by path. It is part of every image's name: a later change
    renames all images."""
    replicas: Annotated[int, Field(ge=1, le=20)] = 1
    """Number of copies. More than one needs storage that all can write: an object store or a ReadWriteMany claim."""
    log_level: Literal["error", "warn", "info", "debug"] = "info"
    """``log.level``."""
    storage: StorageSettings = FilesystemStorage()
    redirect: Redirect = Redirect()
    maintenance: Maintenance = Maintenance()
    redis: Annotated[RedisSettings | None, ChangeImpact("the registry restarts; the cache fills again")] = None
    """Cache of blob descriptors that all replicas share. Unset: a single replica has a cache in memory, several have none."""
    service_account: ServiceAccountSettings | None = None
    """Unset: the namespace's default account."""
    delete_enabled: bool = True
    """``storage.delete.enabled``: without it Portus cannot delete images."""
    http: HttpSettings = HttpSettings()
    notifications: NotificationSettings = NotificationSettings()
    resources: WorkloadResources = WorkloadResources()
    catalog_max_entries: Annotated[int, Field(ge=100, le=100000)] = 1000
    """``catalog.maxentries``; at least Portus' ``registry.catalog_page``."""
    extra_config: dict[str, Any] = Field(default_factory=dict)
    """Further keys of the registry's config.yml, merged into it. Only keys that the version knows and that no setting decides; no
    secrets."""
