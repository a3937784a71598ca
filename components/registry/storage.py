"""The storage driver's part of config.yml, and the secrets that reach it another way; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, assert_never

from components.common.versions import RegistryVersion
from components.settings.sections.registry_storage import (
    AzureStorage,
    FilesystemStorage,
    GcsStorage,
    OssStorage,
    S3Storage,
    SwiftStorage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from components.settings.sections.registry import RegistrySettings
    from components.settings.sections.registry_storage import StorageSettings
    from components.settings.types.secrets import ExistingSecret

DATA: Final = "/var/lib/registry"
KEY_FILES: Final = "/run/secrets/registry-storage"
GCS_KEY_FILE: Final = "gcs-keyfile.json"

NOT_PARAMETERS: Final = {"driver", "claim", "existing_claim", "node_role"}
"""Fields of the settings that are not the driver's own."""

_SECRETS: Final = {
    "accesskey": "AWS_ACCESS_KEY_ID",
    "secretkey": "AWS_SECRET_ACCESS_KEY",
    "accountkey": "REGISTRY_STORAGE_AZURE_ACCOUNTKEY",
    "accesskeyid": "REGISTRY_STORAGE_OSS_ACCESSKEYID",
    "accesskeysecret": "REGISTRY_STORAGE_OSS_ACCESSKEYSECRET",
    "password": "REGISTRY_STORAGE_SWIFT_PASSWORD",
}
"""Secret setting -> variable. AWS_*: both registry series ask the SDK's environment, which takes a key as it is."""


def parameters(storage: StorageSettings, version: RegistryVersion) -> dict[str, Any]:
    """Return the content of ``storage.<driver>``: everything set, without secrets."""
    said = storage.model_dump(exclude_none=True, exclude={*NOT_PARAMETERS, *_SECRETS, "keyfile", "credentials"})
    match storage:
        case FilesystemStorage():
            return {"rootdirectory": DATA, **said}
        case S3Storage():
            with_path = version is RegistryVersion.V3_1 and storage.regionendpoint is not None and storage.forcepathstyle is None
            return {**said, "forcepathstyle": True} if with_path else said
        case GcsStorage():
            return said if storage.keyfile is None else {**said, "keyfile": f"{KEY_FILES}/{GCS_KEY_FILE}"}
        case AzureStorage():
            if version is RegistryVersion.V2_8:
                return said
            # A secret cannot reach ``credentials`` by a variable; the SDK's default credentials read AZURE_CLIENT_SECRET and its kin.
            return {**said, "credentials": {"type": "shared_key" if storage.accountkey else "default_credentials"}}
        case SwiftStorage() | OssStorage():
            return said
        case _:
            assert_never(storage)


def secret_variables(settings: RegistrySettings) -> Mapping[str, SecretStr | ExistingSecret]:
    """Return variable -> secret of the driver, and of an external Redis."""
    storage, redis = settings.storage, settings.redis
    found = {variable: value for name, variable in _SECRETS.items() if (value := getattr(storage, name, None)) is not None}
    if isinstance(storage, AzureStorage) and storage.credentials and storage.credentials.secret is not None:
        found["AZURE_CLIENT_SECRET"] = storage.credentials.secret
    if redis is not None and redis.kind == "external" and redis.password is not None:
        found["REGISTRY_REDIS_PASSWORD"] = redis.password
    return found


def plain_variables(storage: StorageSettings) -> Mapping[str, str]:
    """Return the driver's variables that are no secret."""
    credentials = storage.credentials if isinstance(storage, AzureStorage) else None
    said = {} if credentials is None else {"AZURE_CLIENT_ID": credentials.clientid, "AZURE_TENANT_ID": credentials.tenantid}
    return {name: value for name, value in said.items() if value is not None}


def secret_files(storage: StorageSettings) -> Mapping[str, SecretStr | ExistingSecret]:
    """Return file in `KEY_FILES` -> its content."""
    return {GCS_KEY_FILE: storage.keyfile} if isinstance(storage, GcsStorage) and storage.keyfile is not None else {}


def is_shared(storage: StorageSettings) -> bool:
    """Whether several registries can write it at once."""
    return not isinstance(storage, FilesystemStorage) or "ReadWriteMany" in access_modes(storage)


def access_modes(storage: FilesystemStorage) -> tuple[str, ...]:
    """Return the access modes of the claim that holds the blobs."""
    return storage.claim.access_modes if storage.existing_claim is None else storage.existing_claim.access_modes
