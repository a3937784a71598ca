"""The regions that the registry's S3 driver knows; with any other one and no ``regionendpoint`` it ends in a panic at its start.

Source: ``registry/storage/driver/s3-aws/s3.go`` takes every region of ``endpoints.DefaultPartitions()``, so the tables are those of the
vendored ``github.com/aws/aws-sdk-go/aws/endpoints/defaults.go``: v1.15.11 of 2018 in distribution v2.8.3, v1.55.5 in v3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from components.common.versions import RegistryVersion

_OF_2018: Final = (
    "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "cn-north-1", "cn-northwest-1",
    "eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-gov-west-1", "us-west-1", "us-west-2",
)  # fmt: skip
_SINCE: Final = (
    "af-south-1", "ap-east-1", "ap-northeast-3", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ca-west-1", "eu-central-2",
    "eu-isoe-west-1", "eu-north-1", "eu-south-1", "eu-south-2", "il-central-1", "me-central-1", "me-south-1", "us-gov-east-1",
    "us-iso-east-1", "us-iso-west-1", "us-isob-east-1",
)  # fmt: skip

REGIONS: Final[Mapping[RegistryVersion, frozenset[str]]] = {
    RegistryVersion.V2_8: frozenset(_OF_2018),
    RegistryVersion.V3_1: frozenset((*_OF_2018, *_SINCE)),
}
"""Registry version -> region names."""
