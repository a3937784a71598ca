"""``storage.oss``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, final

from pydantic import AfterValidator, SecretStr

from components.common import names
from components.settings.sections.storage.driver import Connections, Identity, StorageDriver, Unverified
from components.settings.sections.storage.values import OTHER_STORE, AlibabaBucket, ChunkSize, Prefix
from components.settings.types.base import broken
from components.settings.types.hosts import has_port, names_a_server
from components.settings.types.known_by import ONLY_2_8
from components.settings.types.secrets import ExistingSecret, SecretSource
from components.settings.types.values import Text


def _endpoint(value: str) -> str:
    """A host, with a port if it has one."""
    host = re.split("[/?#]", value.strip().rpartition("://")[2])[0].rpartition("@")[2].lower()
    if value not in {host, f"{host}/"} or not (names_a_server(host.partition(":")[0]) and has_port(host)):
        fix = f"write {host}" if names_a_server(host.partition(":")[0]) else "write e.g. images.oss-cn-beijing.aliyuncs.com"
        raise broken("must be a host, with a port if it has one, without scheme and path: 'secure' chooses HTTPS", fix)
    return value


AlibabaEndpoint = Annotated[str, AfterValidator(_endpoint)]


@final
class OssStorage(StorageDriver):
    """Alibaba Cloud OSS."""

    driver: Annotated[Literal["oss"], OTHER_STORE, ONLY_2_8]
    """The driver's name."""
    accesskeyid: SecretSource
    """A Secret's text is read as YAML: quote it unless it is a plain word."""
    accesskeysecret: SecretSource
    """A Secret's text is read as YAML: quote it unless it is a plain word."""
    region: Text
    """OSS' name for it, e.g. oss-cn-beijing."""
    bucket: Annotated[AlibabaBucket, OTHER_STORE]
    """Name of the bucket, which must exist."""
    endpoint: Annotated[AlibabaEndpoint | None, OTHER_STORE] = None
    """Endpoint of the bucket, to which the driver adds only the scheme. Default: bucket.region.aliyuncs.com."""
    internal: bool = False
    """Use the endpoint inside Alibaba's network."""
    encrypt: bool = False
    """Make the store encrypt the objects."""
    secure: bool = True
    """Use HTTPS."""
    chunksize: ChunkSize | None = None
    """Bytes of a part of an upload; default 10 MiB."""
    rootdirectory: Annotated[Prefix | None, OTHER_STORE] = None
    """Path inside the bucket."""

    def connections(self) -> Connections:
        """Return the store; an endpoint may be one inside."""
        if self.endpoint is not None:
            return Connections(urls=(f"{'https' if self.secure else 'http'}://{self.endpoint}",))
        return Connections(ports=(names.HTTPS_PORT if self.secure else names.HTTP_PORT,))

    def identity(self) -> Identity | None:
        """Return none: the keys are required."""
        return None

    def unverified(self) -> tuple[Unverified, ...]:
        """Return what sends no TLS; the driver has no setting that accepts any certificate."""
        return () if self.secure else (Unverified(setting="secure", fix="remove it"),)

    def secret_variables(self) -> Mapping[str, SecretStr | ExistingSecret]:
        """Return the keys."""
        return {"REGISTRY_STORAGE_OSS_ACCESSKEYID": self.accesskeyid, "REGISTRY_STORAGE_OSS_ACCESSKEYSECRET": self.accesskeysecret}
