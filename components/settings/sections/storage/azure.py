"""``storage.azure``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, final

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema

from components.common import names
from components.common.versions import RegistryVersion
from components.settings.sections.storage.driver import Connections, Identity, StorageDriver, Unverified, given
from components.settings.sections.storage.values import OTHER_STORE, AzureContainer, Prefix
from components.settings.types.base import Section, broken
from components.settings.types.cloud_keys import AzureKeySource
from components.settings.types.known_by import ONLY_3_1
from components.settings.types.secrets import ExistingSecret, SecretSource
from components.settings.types.values import Duration, Text, is_object_name


def _realm(value: str) -> str:
    """Domain of an Azure cloud."""
    name = re.sub(r"^[a-z]+://|/.*$", "", value.strip().lower())
    domain = re.sub(r"^(?:.+\.)?(?:blob|dfs|file|queue|table|web)\.", "", name)
    if domain != value or not is_object_name(domain):
        known = is_object_name(domain) and domain != DEFAULT_REALM
        other = "remove it for Azure's public cloud, or write the domain of another cloud, e.g. core.usgovcloudapi.net"
        fix = "remove it: that is the default" if domain == DEFAULT_REALM else f"write {domain}" if known else other
        raise broken("must be only the domain: the registry adds https://<accountname>.blob. before it", fix)
    return value


DEFAULT_REALM: Final = "core.windows.net"
_ACCOUNT: Final = "[a-z0-9]{3,24}"


def _account(value: str) -> str:
    """A storage account's name: 3 to 24 lower case letters and digits."""
    if not re.fullmatch(_ACCOUNT, value):
        near = re.sub(r"^[a-z]+://", "", value.strip().lower()).partition(".")[0]
        fix = f"write {near}" if re.fullmatch(_ACCOUNT, near) else "write the name as 'az storage account list' shows it"
        raise broken("must be a storage account's name: 3 to 24 lower case letters and digits", fix)
    return value


AzureAccount = Annotated[str, AfterValidator(_account), WithJsonSchema({"type": "string", "pattern": f"^({_ACCOUNT})$"})]
AzureRealm = Annotated[str, AfterValidator(_realm)]


class AzureCredentials(Section):
    """``credentials``; the shared key is ``accountkey``."""

    type: Literal["client_secret", "default_credentials"]
    """``default_credentials`` is workload identity by ``registry.serviceAccount``."""
    clientid: Text | None = None
    """Id of the client, with client_secret."""
    tenantid: Text | None = None
    """Id of the tenant, with client_secret."""
    secret: SecretSource | None = None
    """Secret of the client, with client_secret."""


@final
class AzureStorage(StorageDriver):
    """Azure Blob Storage."""

    driver: Annotated[Literal["azure"], OTHER_STORE]
    """The driver's name."""
    accountname: Annotated[AzureAccount, OTHER_STORE]
    """Name of the storage account."""
    accountkey: AzureKeySource | None = None
    """Key of the storage account; 2.8 supports no other way."""
    container: Annotated[AzureContainer, OTHER_STORE]
    """Name of the container, which must exist."""
    realm: AzureRealm | None = None
    """Domain of another cloud; default core.windows.net."""
    credentials: Annotated[AzureCredentials | None, ONLY_3_1] = None
    """In place of ``accountkey``."""
    rootdirectory: Annotated[Prefix | None, ONLY_3_1, OTHER_STORE] = None
    """Path inside the container."""
    max_retries: Annotated[Annotated[int, Field(ge=-1, le=100)] | None, Field(alias="max_retries"), ONLY_3_1] = None
    """How often a copy under way is checked; default 5."""
    retry_delay: Annotated[Duration | None, Field(alias="retry_delay"), ONLY_3_1] = None
    """Pause before the first of these checks; it grows with each one. Default 100ms."""

    not_parameters: ClassVar[frozenset[str]] = frozenset({"credentials"})
    opened_by: ClassVar[tuple[str, ...]] = ("accountkey", "credentials")
    identity_labels: ClassVar[Mapping[str, str]] = {"azure.workload.identity/use": "true"}

    def connections(self) -> Connections:
        """Return Azure's servers."""
        return Connections(ports=(names.HTTPS_PORT,))

    def identity(self) -> Identity | None:
        """Return the need of one without key and client secret; 2.8 knows no identity."""
        by_secret = self.credentials is not None and self.credentials.type == "client_secret"
        has_other = self.accountkey is not None or by_secret
        return None if has_other else Identity(instead_of="accountkey", versions=(RegistryVersion.V3_1,))

    def unverified(self) -> tuple[Unverified, ...]:
        """Return none: the driver has no setting that accepts any certificate."""
        return ()

    def parameters(self, version: RegistryVersion) -> dict[str, Any]:
        """Return them, for 3.1 with the kind of ``credentials``."""
        options = super().parameters(version)
        if version is RegistryVersion.V2_8:
            return options
        # A secret cannot reach ``credentials`` by a variable; the SDK's default credentials read AZURE_CLIENT_SECRET and its kin.
        return {**options, "credentials": {"type": "shared_key" if self.accountkey else "default_credentials"}}

    def secret_variables(self) -> Mapping[str, SecretStr | ExistingSecret]:
        """Return the account's key, and the client's secret."""
        secret = self.credentials.secret if self.credentials else None
        return given({"REGISTRY_STORAGE_AZURE_ACCOUNTKEY": self.accountkey, "AZURE_CLIENT_SECRET": secret})

    def variables(self) -> Mapping[str, str]:
        """Return the client's ids."""
        credentials = self.credentials
        return {} if credentials is None else given({"AZURE_CLIENT_ID": credentials.clientid, "AZURE_TENANT_ID": credentials.tenantid})
