"""Where the registry keeps its blobs: one class for each driver, with everything that other code needs to know of it.

Rules on the settings of a single driver are in ``components/settings/rules/registry_storage.py``.
Settings have the names of the registry's own documentation. Sources: distribution v2.8.3 and v3.1.2, docs/configuration.md and each
driver's ``FromParameters``. What is unset keeps the driver's default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, get_args

from pydantic import Field

from components.settings.sections.storage.azure import AzureStorage
from components.settings.sections.storage.driver import StorageDriver
from components.settings.sections.storage.filesystem import FilesystemStorage
from components.settings.sections.storage.gcs import GcsStorage
from components.settings.sections.storage.oss import OssStorage
from components.settings.sections.storage.s3 import S3Storage
from components.settings.sections.storage.swift import SwiftStorage

StorageSettings = Annotated[
    FilesystemStorage | S3Storage | GcsStorage | AzureStorage | SwiftStorage | OssStorage, Field(discriminator="driver")
]

DRIVERS: Final[Mapping[str, type[StorageDriver]]] = {
    get_args(driver.model_fields["driver"].annotation)[0]: driver for driver in get_args(get_args(StorageSettings)[0])
}
"""Name in ``storage`` -> class, of each member of `StorageSettings`."""
