"""Where the registry keeps its blobs."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from components.common.versions import RegistryVersion
from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.sections.storage import DRIVERS
from components.settings.sections.storage.azure import AzureStorage
from components.settings.sections.storage.filesystem import FilesystemStorage
from components.settings.sections.storage.s3 import STORAGE_CLASSES_OF_2_8, S3Storage
from components.settings.stack import Accepted, Profile, StackSettings
from components.settings.types.base import key_of

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
"""Registry version -> regions that its S3 driver knows; with any other one and no ``regionendpoint`` it ends in a panic at its start.

Source: ``registry/storage/driver/s3-aws/s3.go`` takes every region of ``endpoints.DefaultPartitions()``, so the tables are those of the
vendored ``github.com/aws/aws-sdk-go/aws/endpoints/defaults.go``: v1.15.11 of 2018 in distribution v2.8.3, v1.55.5 in v3.1.
"""


@rule(requires=("registry.storage",))
def replicas_share_their_storage(stack: StackSettings) -> Iterator[Problem]:
    """Two registries on two volumes are two registries; on one ReadWriteOnce volume the second never starts."""
    scaled = stack.registry.autoscaling is not None
    if stack.registry.most_replicas > 1 and not stack.registry.storage.is_shared:
        yield Problem(
            key="registry.autoscaling.maxReplicas" if scaled else "registry.replicas",
            value=str(stack.registry.most_replicas),
            rule="must be 1 unless all replicas can write to the storage: an object store, or a claim with ReadWriteMany",
            fix=f"{'remove autoscaling' if scaled else 'set it to 1'}, choose another storage.driver, or set "
            "accessModes: [ReadWriteMany] if the StorageClass supports it",
        )


@rule()
def storage_has_one_claim(stack: StackSettings) -> Iterator[Problem]:
    """A claim of the stack's own beside the existing one would stay empty."""
    storage = stack.registry.storage
    if isinstance(storage, FilesystemStorage) and storage.existing_claim is not None and "claim" in storage.model_fields_set:
        yield Problem(
            key="registry.storage.existingClaim", value="", rule="must not be set together with claim", fix="remove one of the two"
        )


@rule()
def s3_keys_are_whole(stack: StackSettings) -> Iterator[Problem]:
    """The driver takes half a pair for none."""
    storage = stack.registry.storage
    if isinstance(storage, S3Storage) and (storage.accesskey is None) != (storage.secretkey is None):
        given, missing = ("secretkey", "accesskey") if storage.accesskey is None else ("accesskey", "secretkey")
        yield Problem(
            key=f"registry.storage.{missing}",
            value="",
            rule=f"must be set together with {given}",
            fix="set both; or neither, to use the service account's identity",
        )
    if isinstance(storage, S3Storage) and storage.node_role and (storage.accesskey or storage.secretkey):
        yield Problem(key="registry.storage.nodeRole", value="true", rule="has no effect while keys are set", fix="remove it, or the keys")


_OPENING: Final = tuple(f"registry.storage.{key_of(driver, name)}" for driver in DRIVERS.values() for name in driver.opened_by)


@rule(requires=("registry.version", "registry.serviceAccount", *_OPENING))
def storage_is_opened_by_somebody(stack: StackSettings) -> Iterator[Problem]:
    """Without keys a cloud knows the registry by its service account, if the driver can use one."""
    registry, needed = stack.registry, stack.registry.storage.identity()
    if needed is None:
        return
    if registry.version not in needed.versions:
        can = " or ".join(needed.versions)
        yield Problem(
            key=f"registry.storage.{needed.instead_of}",
            value="",
            rule=f"must be set for registry {registry.version}, which cannot use a service account's identity; versions that can: {can}",
            fix=f"set it, or choose registry.version {can} and registry.serviceAccount",
        )
    elif registry.service_account is None:
        yield Problem(
            key=f"registry.storage.{needed.instead_of}",
            value="",
            rule="must be set unless registry.serviceAccount is set: the registry needs an identity at the cloud",
            fix="set it, or registry.serviceAccount",
        )


@rule()
def azure_credentials_are_whole(stack: StackSettings) -> Iterator[Problem]:
    """One way in, and all of it."""
    storage = stack.registry.storage
    if not isinstance(storage, AzureStorage) or storage.credentials is None:
        return
    credentials, key = storage.credentials, "registry.storage.credentials"
    if storage.accountkey is not None:
        yield Problem(key=key, value="", rule="must not be set together with accountkey", fix="remove one of the two")
    for name in ("clientid", "tenantid", "secret"):
        missing = getattr(credentials, name) is None
        if missing and credentials.type == "client_secret":
            yield Problem(
                key=f"{key}.{name}", value="", rule="must be set for type client_secret", fix="set it, or set type: default_credentials"
            )
        elif not missing and credentials.type == "default_credentials":
            yield Problem(
                key=f"{key}.{name}",
                value="",
                rule="has no effect while type is default_credentials",
                fix="remove it, or set type: client_secret",
            )


@rule(requires=("registry.version", "registry.storage.encrypt", "registry.storage.regionendpoint"))
def s3_says_what_its_driver_does(stack: StackSettings) -> Iterator[Problem]:
    """What the driver ignores or refuses when it starts."""
    storage = stack.registry.storage
    if not isinstance(storage, S3Storage):
        return
    if storage.keyid is not None and not storage.encrypt:
        yield Problem(
            key="registry.storage.keyid", value=json.dumps(storage.keyid), rule="has no effect without encrypt", fix="set encrypt: true"
        )
    if not storage.v4auth and storage.regionendpoint is None:
        yield Problem(
            key="registry.storage.v4auth",
            value="false",
            rule="must be true for Amazon S3: otherwise the registry does not start",
            fix="remove it",
        )
    endpoint = storage.redirectendpoint
    if endpoint is not None and endpoint.partition("://")[2].rstrip("/").find("/") >= 0:
        yield Problem(
            key="registry.storage.redirectendpoint",
            value=json.dumps(endpoint),
            rule="must be a scheme and a host without a path: otherwise the registry does not start",
            fix="remove the path",
        )


@rule(requires=("registry.version", "registry.storage.region", "registry.storage.regionendpoint"))
def s3_region_is_known(stack: StackSettings) -> Iterator[Problem]:
    """The registry ends in a panic at its start otherwise."""
    storage, version = stack.registry.storage, stack.registry.version
    if not isinstance(storage, S3Storage) or storage.regionendpoint is not None or storage.region in REGIONS[version]:
        return
    region = storage.region
    newer = next((str(other) for other, regions in REGIONS.items() if region in regions), None)
    spelled = region.lower().replace("_", "-")
    close = [each for each in sorted(REGIONS[version]) if re.fullmatch(rf"{re.escape(spelled)}-?[0-9]?", each)]
    close = close or difflib.get_close_matches(spelled, sorted(REGIONS[version]), n=1, cutoff=0.8)
    amazon = re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", region)
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    endpoint = f"set regionendpoint: https://s3.{region}.{domain}"
    if newer:
        fix = f'{endpoint}, or registry.version: "{newer}"'
    elif close and not amazon:
        fix = f"did you mean {' or '.join(map(repr, close))}?"
    elif amazon:
        fix = endpoint + (f"; or did you mean '{close[0]}'?" if close else "")
    else:
        fix = "set regionendpoint to the server's URL; for Amazon S3 write a region such as eu-west-1"
    yield Problem(
        key="registry.storage.region",
        value=json.dumps(region),
        rule=f"must be a region that registry {version} knows if regionendpoint is not set: otherwise the registry does not start",
        fix=fix,
    )


@rule(requires=("registry.version", "registry.storage.storageclass"))
def s3_storage_class_is_known(stack: StackSettings) -> Iterator[Problem]:
    """The registry does not start otherwise."""
    storage, version = stack.registry.storage, stack.registry.version
    old = isinstance(storage, S3Storage) and version is RegistryVersion.V2_8
    if isinstance(storage, S3Storage) and old and storage.storageclass not in {None, *STORAGE_CLASSES_OF_2_8}:
        yield Problem(
            key="registry.storage.storageclass",
            value=json.dumps(storage.storageclass),
            rule=f"must be one of {', '.join(STORAGE_CLASSES_OF_2_8)} in registry 2.8",
            fix='set registry.version: "3.1"; or remove it, and let a lifecycle rule of the bucket change the class',
        )


@rule(requires=("profile", "accept"))
def production_verifies_its_storage(stack: StackSettings) -> Iterator[Problem]:
    """A server in between could return other images."""
    storage = stack.registry.storage
    if stack.profile is not Profile.PRODUCTION or Accepted.UNVERIFIED_STORAGE in stack.accept:
        return
    for found in storage.unverified():
        yield Problem(
            key=f"registry.storage.{found.setting}",
            value=json.dumps(getattr(storage, found.setting)),
            rule="must keep TLS to the object store, with a verified certificate (profile production)",
            fix=f"{found.fix}; to accept the risk add '{Accepted.UNVERIFIED_STORAGE}' to portus:accept",
        )
