"""The registry's config.yml as types, under the names of its own documentation ("Configuring a registry", 2.8 and 3.1)."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Log(TypedDict):
    """``log``."""

    level: str
    formatter: str


class Enabled(TypedDict):
    """A switch."""

    enabled: bool


class Disable(TypedDict):
    """``storage.redirect``."""

    disable: bool


class Cache(TypedDict):
    """``storage.cache``."""

    blobdescriptor: str


class UploadPurging(TypedDict):
    """``storage.maintenance.uploadpurging``."""

    enabled: bool
    age: str
    interval: str
    dryrun: bool


class Maintenance(TypedDict):
    """``storage.maintenance``."""

    uploadpurging: UploadPurging
    readonly: Enabled


class StorageOptions(TypedDict):
    """``storage`` without driver and cache."""

    delete: Enabled
    redirect: Disable
    maintenance: Maintenance


Storage = dict[str, Any]
"""``storage``: `StorageOptions`, the parameters of exactly one driver under its name, `Cache`. The registry does not type a driver's
parameters either."""


class ServerTls(TypedDict):
    """``http.tls``."""

    certificate: str
    key: str
    minimumtls: str
    ciphersuites: list[str]


class Prometheus(TypedDict):
    """``http.debug.prometheus``."""

    enabled: bool
    path: str


class Debug(TypedDict):
    """``http.debug``."""

    addr: str
    prometheus: Prometheus


class Disabled(TypedDict):
    """A switch that is on by itself."""

    disabled: bool


class Http(TypedDict):
    """``http``."""

    addr: str
    host: str
    draintimeout: str
    tls: ServerTls
    headers: dict[str, list[str]]
    debug: Debug
    http2: NotRequired[Disabled]


class Token(TypedDict):
    """``auth.token``."""

    realm: str
    service: str
    issuer: str
    rootcertbundle: NotRequired[str]
    jwks: NotRequired[str]
    signingalgorithms: NotRequired[list[str]]


class Auth(TypedDict):
    """``auth``."""

    token: Token


class Ignore(TypedDict):
    """``notifications.endpoints[].ignore``."""

    actions: list[str]


class Endpoint(TypedDict):
    """One of notifications.endpoints."""

    name: str
    url: str
    disabled: NotRequired[bool]
    headers: NotRequired[dict[str, list[str]]]
    timeout: str
    threshold: int
    backoff: str
    ignoredmediatypes: list[str]
    ignore: NotRequired[Ignore]


class Notifications(TypedDict):
    """``notifications``."""

    endpoints: list[Endpoint]


class Pool(TypedDict):
    """``redis.pool`` of 2.8."""

    maxidle: int
    maxactive: int
    idletimeout: str


class RedisTls(TypedDict):
    """``redis.tls`` of 3.1."""

    rootcas: list[str]


class Redis(TypedDict):
    """``redis``: ``addr`` and ``pool`` in 2.8, the rest of the optional keys in 3.1."""

    db: int
    dialtimeout: str
    readtimeout: str
    writetimeout: str
    addr: NotRequired[str]
    pool: NotRequired[Pool]
    addrs: NotRequired[list[str]]
    username: NotRequired[str]
    poolsize: NotRequired[int]
    maxidleconns: NotRequired[int]
    connmaxidletime: NotRequired[str]
    tls: NotRequired[RedisTls]


class StorageDriver(TypedDict):
    """``health.storagedriver``."""

    enabled: bool
    interval: str
    threshold: int


class Health(TypedDict):
    """``health``."""

    storagedriver: StorageDriver


class Catalog(TypedDict):
    """``catalog``."""

    maxentries: int


class Configuration(TypedDict):
    """config.yml."""

    version: str
    log: Log
    storage: Storage
    http: Http
    auth: Auth
    notifications: Notifications
    redis: NotRequired[Redis]
    health: Health
    catalog: Catalog
