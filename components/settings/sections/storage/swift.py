"""``storage.swift``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, final

from pydantic import Field, SecretStr

from components.common import names
from components.settings.sections.storage.driver import USE_A_CA, USE_HTTPS, Connections, Identity, StorageDriver, Unverified
from components.settings.sections.storage.values import OTHER_STORE, ChunkSize, SwiftContainer
from components.settings.types.base import Matching
from components.settings.types.known_by import ONLY_2_8
from components.settings.types.secrets import ExistingSecret, SecretSource
from components.settings.types.urls import DriverUrl
from components.settings.types.values import Text

SwiftPrefix = Annotated[
    str,
    Matching(
        r"/?[\w.-]+(/[\w.-]+)*", "must be a path inside the container without '/' at its end: Swift keeps that '/'", "remove the last '/'"
    ),
]


@final
class SwiftStorage(StorageDriver):
    """OpenStack Swift."""

    driver: Annotated[Literal["swift"], OTHER_STORE, ONLY_2_8]
    """The driver's name."""
    authurl: DriverUrl
    """Keystone's URL, with its version."""
    username: Text
    """Name of the user."""
    password: SecretSource
    """A Secret's text is read as YAML: quote it unless it is a plain word."""
    container: Annotated[SwiftContainer, OTHER_STORE]
    """Name of the container. The driver creates it if it is missing."""
    tenant: Text | None = None
    """Name of the project."""
    tenantid: Text | None = None
    """Id of the project."""
    domain: Text | None = None
    """Name of the user's domain (identity v3)."""
    domainid: Text | None = None
    """Id of the user's domain."""
    tenantdomain: Text | None = None
    """Name of the project's domain, if it is another."""
    tenantdomainid: Text | None = None
    """Id of the project's domain."""
    trustid: Text | None = None
    """Keystone trust."""
    region: Text | None = None
    """Region, if there are several."""
    endpointtype: Literal["public", "internal", "admin"] | None = None
    """Which of the store's addresses; default public."""
    authversion: Annotated[int, Field(ge=1, le=3)] | None = None
    """Version of the identity API; by default that of the URL."""
    chunksize: ChunkSize | None = None
    """Bytes of a segment; default 20 MiB."""
    rootdirectory: Annotated[SwiftPrefix | None, OTHER_STORE] = None
    """Path inside the container."""
    insecureskipverify: bool = False
    """Accept any certificate."""

    def connections(self) -> Connections:
        """Return Keystone, and the store that it names."""
        return Connections(urls=(self.authurl,), ports=(names.HTTPS_PORT,))

    def identity(self) -> Identity | None:
        """Return none: the password is required."""
        return None

    def unverified(self) -> tuple[Unverified, ...]:
        """Return what accepts any certificate, or sends the password without TLS."""
        found = {"insecureskipverify": USE_A_CA} if self.insecureskipverify else {}
        found |= {"authurl": USE_HTTPS} if self.authurl.startswith("http://") else {}
        return tuple(Unverified(setting=setting, fix=fix) for setting, fix in found.items())

    def secret_variables(self) -> Mapping[str, SecretStr | ExistingSecret]:
        """Return the password."""
        return {"REGISTRY_STORAGE_SWIFT_PASSWORD": self.password}
