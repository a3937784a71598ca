"""The registry's config.yml as types, under the names of its own documentation (distribution 2.8, "Configuring a registry")."""

from __future__ import annotations

from typing import TypedDict


class Log(TypedDict):
    """``log``."""

    level: str
    formatter: str


class Delete(TypedDict):
    """``storage.delete``."""

    enabled: bool


class Filesystem(TypedDict):
    """``storage.filesystem``."""

    rootdirectory: str


class Cache(TypedDict):
    """``storage.cache``."""

    blobdescriptor: str


class Storage(TypedDict):
    """``storage``."""

    filesystem: Filesystem
    delete: Delete
    cache: Cache


class ServerTls(TypedDict):
    """``http.tls``."""

    certificate: str
    key: str
    minimumtls: str


class Prometheus(TypedDict):
    """``http.debug.prometheus``."""

    enabled: bool
    path: str


class Debug(TypedDict):
    """``http.debug``."""

    addr: str
    prometheus: Prometheus


class Http(TypedDict):
    """``http``."""

    addr: str
    host: str
    tls: ServerTls
    headers: dict[str, list[str]]
    debug: Debug


class Token(TypedDict):
    """``auth.token``."""

    realm: str
    service: str
    issuer: str
    rootcertbundle: str


class Auth(TypedDict):
    """``auth``."""

    token: Token


class Endpoint(TypedDict):
    """One of notifications.endpoints."""

    name: str
    url: str
    timeout: str
    threshold: int
    backoff: str
    ignoredmediatypes: list[str]


class Notifications(TypedDict):
    """``notifications``."""

    endpoints: list[Endpoint]


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
    health: Health
    catalog: Catalog
