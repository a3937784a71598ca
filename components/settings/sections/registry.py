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
    """In the log and in the metrics."""
    url: Url
    """Where the events are posted."""
    disabled: bool = False
    """Keeps the settings for later."""
    headers: Headers = Field(default_factory=dict)
    """Of each request; no secret: they are in a ConfigMap. Give one as ``authorization``."""
    authorization: SecretStr | None = None
    """Value of the header Authorization, e.g. Bearer and a token. Encrypted in the stack file, in no existing Secret: it is
    inside config.yml, which this program writes; that is then a Secret itself."""
    timeout: Duration = "2s"
    """Of one request."""
    threshold: Annotated[int, Field(ge=1, le=100)] = 5
    """Failures in a row before the registry backs off."""
    backoff: Duration = "1s"
    """How long it then waits."""
    ignoredmediatypes: tuple[Text, ...] = ()
    """Events of these media types are not sent."""
    ignoredactions: tuple[Literal["pull", "push", "mount", "delete"], ...] = ()
    """``ignore.actions``: events of these actions are not sent."""


class NotificationSettings(Section):
    """How the registry tells Portus of a push.

    A failing event is sent again without end and blocks the later ones; the queue is in memory.
    """

    timeout: Duration | None = None
    """Of one request. None: 2000ms, and 10s for Portus 2.0-2.2, which handles the event inside the request."""
    threshold: Annotated[int, Field(ge=1, le=100)] = 5
    """Failures in a row before the registry backs off."""
    backoff: Duration = "1s"
    """How long it then waits."""
    extra_endpoints: tuple[ExtraEndpoint, ...] = ()
    """Further receivers; each has a queue of its own, so none delays Portus."""


class Http2(Section):
    """``http.http2``."""

    disabled: bool = False
    """Speak HTTP/1.1 alone; so it does in any case where clients reach it directly (``exposure.edge.registryPassthrough``)."""


class HttpSettings(Section):
    """``http``: what the stack's hosts and certificates leave to say."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "secret": "remove it: it is generated; portus:credentials counts its rotations",
        "addr": "remove it: this program sets the port",
        "host": "remove it: it follows from portus:registry.host and portus:exposure",
        "tls": "remove it: it follows from portus:tls",
        "debug": "remove it: it is always on, only inside the cluster",
    }

    draintimeout: DurationOrZero = "45s"
    """How long a Pod that must stop continues its uploads. 0s would break them off, as the registry's own default does. The Pod's grace
    period is this and 50 s more: 5 s until the nodes have removed its address, up to 30 s for notifications that wait, 15 s to end."""
    headers: Headers = Field(default_factory=dict)
    """Further headers of each answer."""
    http2: Http2 = Http2()


class RedisTls(Section):
    """``redis.tls``."""

    rootcas: Pem
    """What signed the server's certificate."""


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

    kind: Literal["external"]
    """Who runs it."""
    addr: RedisAddress
    """Server and port."""
    db: Annotated[int, Field(ge=0, le=15)] = 0
    """Number of the database."""
    username: Annotated[Text | None, ONLY_3_1] = None
    """Of the ACL."""
    password: SecretSource | None = None
    """A Secret's text is read as YAML: quote what is no plain word there."""
    tls: Annotated[RedisTls | None, ONLY_3_1] = None
    """2.8 cannot."""


class InClusterRedis(Section):
    """A small Redis of the stack's own: no persistence, a generated password."""

    kind: Literal["in_cluster"]
    """Who runs it."""
    max_memory_mb: Annotated[int, Field(ge=16, le=4096)] = 64
    """MiB of entries before the least used go; an entry is about 300 bytes."""
    resources: WorkloadResources = WorkloadResources()


RedisSettings = Annotated[InClusterRedis | ExternalRedis, Field(discriminator="kind")]


class Redirect(Section):
    """``storage.redirect``."""

    disable: bool = False
    """Off, the registry sends clients to the object store for each blob by a signed URL: they have to reach and trust it. On, every byte
    passes through the registry. Without meaning for ``filesystem``."""


class UploadPurging(Section):
    """``storage.maintenance.uploadpurging``: the remains of broken uploads are removed."""

    enabled: bool = True
    """The registry's default."""
    age: Duration = "168h"
    """Uploads older than this go; longer than any push lasts."""
    interval: Duration = "24h"
    """Between two rounds; the first comes at a random minute of the first hour."""
    dryrun: bool = False
    """Only tell in the log."""


class ReadOnly(Section):
    """``storage.maintenance.readonly``."""

    enabled: bool = False
    """Pulls go on, pushes and deletions get 405: for garbage collection, a move of the store, a restore."""


class Maintenance(Section):
    """``storage.maintenance``."""

    uploadpurging: UploadPurging = UploadPurging()
    readonly: ReadOnly = ReadOnly()


class ServiceAccountSettings(Section):
    """The registry's ServiceAccount, by which clouds know it (workload identity). Its Kubernetes token is not mounted."""

    name: ObjectName | None = None
    """One that exists, and whose annotations are its maker's. Unset: this stack makes one, called registry, with ``annotations``."""
    annotations: AnnotationMap = Field(default_factory=dict)
    """Of the one that is made, e.g. eks.amazonaws.com/role-arn, iam.gke.io/gcp-service-account, azure.workload.identity/client-id; none
    for a cloud that knows an account by namespace and name."""


class RegistrySettings(ScaledSection):
    """The registry (distribution)."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "delete": "write deleteEnabled",
        "auth": "remove it: it follows from portus:host and portus:tls",
        "cache": "write registry.redis; without it the registry keeps descriptors in memory",
        "catalog": "write catalogMaxEntries",
        "log": "write logLevel; the rest under extraConfig",
        "image": "write it under portus:images",
    }

    version: Annotated[RegistryVersion, ChangeImpact("the registry restarts; its data stays")] = RegistryVersion.V2_8
    """2.8: the series that Portus was written for. 3.1: its configuration, its check of Portus' tokens by JWKS and its image follow."""
    host: Annotated[Fqdn | None, ChangeImpact("renames every image; Portus' record of the registry has to be renamed by hand")] = None
    """Public name. None: the same as ``host``; then one name serves both by path. Part of every image's name: a later change
    renames all."""
    replicas: Annotated[int, Field(ge=1, le=20)] = 1
    """More than one only on storage that all can write: an object store or a ReadWriteMany claim."""
    log_level: Literal["error", "warn", "info", "debug"] = "info"
    """``log.level``."""
    storage: StorageSettings = FilesystemStorage()
    redirect: Redirect = Redirect()
    maintenance: Maintenance = Maintenance()
    redis: Annotated[RedisSettings | None, ChangeImpact("the registry restarts; the cache fills again")] = None
    """Cache of blob descriptors that all replicas share. Unset: each keeps its own in memory; with more than one, none does."""
    service_account: ServiceAccountSettings | None = None
    """Unset: the namespace's default one."""
    delete_enabled: bool = True
    """``storage.delete.enabled``: without it Portus cannot delete."""
    http: HttpSettings = HttpSettings()
    notifications: NotificationSettings = NotificationSettings()
    resources: WorkloadResources = WorkloadResources()
    catalog_max_entries: Annotated[int, Field(ge=100, le=100000)] = 1000
    """``catalog.maxentries``; at least Portus' ``registry.catalog_page``."""
    extra_config: dict[str, Any] = Field(default_factory=dict)
    """More of the registry's config.yml, merged into it: only keys that the version knows and that no setting here decides; no secrets."""
