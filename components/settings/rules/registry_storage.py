"""Where the registry keeps its blobs."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import SecretStr

from components.common.versions import RegistryVersion
from components.settings.report.problems import HIDDEN, Problem
from components.settings.rules.rule import rule
from components.settings.sections.storage import DRIVERS
from components.settings.sections.storage.azure import AzureStorage
from components.settings.sections.storage.filesystem import FilesystemStorage
from components.settings.sections.storage.oss import OssStorage
from components.settings.sections.storage.s3 import OLDEST_REGION, STORAGE_CLASSES_OF_2_8, S3Storage
from components.settings.sections.storage.swift import SwiftStorage
from components.settings.sections.storage.values import AMAZON_RULE, amazon_fix
from components.settings.stack import Accepted, Profile, StackSettings
from components.settings.types.base import Section, key_of, names_and_keys_set
from components.settings.types.sealed import is_sealed
from components.settings.types.secrets import ExistingSecret

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
def s3_keys_are_complete(stack: StackSettings) -> Iterator[Problem]:
    """The driver ignores one key without the other."""
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
def storage_has_a_key_or_an_identity(stack: StackSettings) -> Iterator[Problem]:
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
def azure_credentials_are_complete(stack: StackSettings) -> Iterator[Problem]:
    """One kind of credentials, and all parts of it."""
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


@rule(requires=("registry.version", "registry.storage.bucket", "registry.storage.encrypt", "registry.storage.regionendpoint"))
def s3_says_what_its_driver_does(stack: StackSettings) -> Iterator[Problem]:
    """What the driver ignores or refuses when it starts."""
    storage = stack.registry.storage
    if not isinstance(storage, S3Storage):
        return
    if storage.keyid is not None and not storage.encrypt:
        yield Problem(
            key="registry.storage.keyid", value=json.dumps(storage.keyid), rule="has no effect without encrypt", fix="set encrypt: true"
        )
    if storage.accelerate and "." in storage.bucket:
        yield Problem(
            key="registry.storage.accelerate",
            value="true",
            rule="must be false for a bucket with '.' in its name: Amazon accelerates only buckets that are one label of a host's name",
            fix="remove it",
        )
    if not storage.v4auth and (storage.regionendpoint is None or "s3.amazonaws.com" in storage.regionendpoint):
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


@rule(requires=("registry.storage.bucket", "registry.storage.region", "registry.storage.regionendpoint"))
def amazon_can_have_the_bucket(stack: StackSettings) -> Iterator[Problem]:
    """Other servers that speak S3 have rules of their own."""
    storage = stack.registry.storage
    if not isinstance(storage, S3Storage) or (storage.regionendpoint is not None and storage.amazon is None):
        return
    is_old = storage.region == OLDEST_REGION
    fix = amazon_fix(storage.bucket)
    if fix is not None and not (is_old and storage.amazon):
        old = f"; for a bucket of before 2018 that has this name set regionendpoint: https://s3.{OLDEST_REGION}.amazonaws.com"
        yield Problem(
            key="registry.storage.bucket", value=json.dumps(storage.bucket), rule=AMAZON_RULE, fix=f"{fix}{old if is_old else ''}"
        )


@rule(requires=("registry.storage.bucket", "registry.storage.region", "registry.storage.regionendpoint"))
def s3_endpoint_is_the_servers(stack: StackSettings) -> Iterator[Problem]:
    """The driver writes the bucket behind it, and Amazon takes a signature for its own region alone."""
    storage, key = stack.registry.storage, "registry.storage.regionendpoint"
    if not isinstance(storage, S3Storage) or storage.regionendpoint is None:
        return
    endpoint, amazon = storage.regionendpoint, storage.amazon
    without = re.sub(rf"/{re.escape(storage.bucket)}/?$", "", endpoint)
    if amazon and amazon["bucket"] == storage.bucket:
        without = endpoint.replace(f"//{storage.bucket}.", "//", 1)
    if without != endpoint:
        yield Problem(
            key=key, value=json.dumps(endpoint), rule="must not have the bucket in it: the driver appends it", fix=f"write {without}"
        )
    elif amazon and amazon["region"] not in {None, storage.region}:
        yield Problem(
            key="registry.storage.region",
            value=json.dumps(storage.region),
            rule=f"must be the region of regionendpoint, {amazon['region']}: Amazon refuses signatures for another one",
            fix=f"write {amazon['region']}, or remove regionendpoint",
        )


_KEY_PAIRS: Final = ((S3Storage, "accesskey", "secretkey"), (OssStorage, "accesskeyid", "accesskeysecret"))
_KEY_IDS: Final = re.compile("(AKIA|ASIA)[A-Z0-9]{16}|GOOG[A-Z0-9]{16,60}|LTAI[A-Za-z0-9]{12,20}")
"""Ids of access keys of Amazon, Google (for its S3 API) and Alibaba; none of their secrets has the form."""


@rule()
def storage_keys_are_in_their_places(stack: StackSettings) -> Iterator[Problem]:
    """The id of an access key is known by its form; the store would refuse each request."""
    storage = stack.registry.storage
    for driver, name, other in _KEY_PAIRS:
        if not isinstance(storage, driver):
            continue
        given, secret = (_text(getattr(storage, each)) for each in (name, other))
        key = f"registry.storage.{name}"
        if _KEY_IDS.fullmatch(secret) and given and not _KEY_IDS.fullmatch(given):
            rule = f"must be the id of the access key, and {other} its secret: they are swapped"
            yield Problem(key=key, value=HIDDEN, rule=rule, fix=f"swap {name} and {other}")
        elif _KEY_IDS.fullmatch(secret):
            rule = "must be the secret of the access key; this is the id of one"
            fix = f"give the secret that was shown when the key was made; if it is lost, make another key and set {name}, too"
            yield Problem(key=f"registry.storage.{other}", value=HIDDEN, rule=rule, fix=fix)
        elif given.startswith("ASIA") and _KEY_IDS.fullmatch(given):
            rule = "must be the id of a permanent access key (AKIA...): this one is temporary, and needs a session token"
            yield Problem(
                key=key, value=HIDDEN, rule=rule, fix=f"make an access key of an IAM user; or remove {name} and {other}, to use an identity"
            )
        elif isinstance(storage, S3Storage) and storage.regionendpoint is None and re.fullmatch(r".*[^A-Za-z0-9_\s].*", given):
            rule = "must be the id of the access key: letters and digits, such as AKIA..."
            yield Problem(key=key, value=HIDDEN, rule=rule, fix="give the id, as aws iam list-access-keys shows it")


@rule()
def secrets_of_the_registry_are_single_lines(stack: StackSettings) -> Iterator[Problem]:
    """What a copy or a file brings along is a part of the key: the store, Redis or the endpoint refuses it."""
    for key, secret in _secrets(stack):
        text = secret.get_secret_value()
        is_key = key.rpartition(".")[2] in {name for _, *names in _KEY_PAIRS for name in names}
        if is_sealed(secret) or (text.isprintable() and (re.fullmatch(r"[^\s\"']+", text) if is_key else text and text == text.strip())):
            continue
        remove = '[:space:]"' if is_key else "\\n" if re.search(r"\S\s+\S", text) else "[:space:]"
        yield Problem(
            key=key,
            value=HIDDEN,
            rule="must be one word, without spaces, line ends and quotes"
            if is_key
            else "must be one line, not empty and without spaces around it",
            fix=f"set it again, e.g. from a file: tr -d '{remove}' < file | pulumi config set --secret --path 'portus:{key}'",
        )


def _secrets(stack: StackSettings) -> Iterator[tuple[str, SecretStr]]:
    """Yield the registry's secrets that are texts of one line; the form of the others says whether they are whole."""
    registry = stack.registry
    sections: dict[str, Section] = {"storage": registry.storage}
    sections |= {} if registry.redis is None else {"redis": registry.redis}
    sections |= {f"notifications.extraEndpoints[{number}]": each for number, each in enumerate(registry.notifications.extra_endpoints)}
    if isinstance(registry.storage, AzureStorage) and registry.storage.credentials:
        sections["storage.credentials"] = registry.storage.credentials
    for path, section in sections.items():
        for name, key in names_and_keys_set(section):
            value = getattr(section, name)
            if isinstance(value, SecretStr) and name not in {"keyfile", "accountkey"}:
                yield f"registry.{path}.{key}", value


def _text(secret: SecretStr | ExistingSecret | None) -> str:
    return secret.get_secret_value().strip() if isinstance(secret, SecretStr) else ""


@rule(requires=("registry.storage.region", "registry.storage.endpoint", "registry.storage.bucket"))
def oss_is_found(stack: StackSettings) -> Iterator[Problem]:
    """The driver asks ``<bucket>.<region>.aliyuncs.com``, or the endpoint as it is."""
    storage = stack.registry.storage
    if not isinstance(storage, OssStorage):
        return
    if storage.endpoint is None and not re.fullmatch("oss-[a-z0-9-]+", storage.region):
        near = re.sub(r"^.*://|\.aliyuncs\.com.*$", "", storage.region.lower().replace("_", "-"))
        near = near if near.startswith("oss-") else f"oss-{near}"
        yield Problem(
            key="registry.storage.region",
            value=json.dumps(storage.region),
            rule="must be OSS' name of the region, which begins with 'oss-'",
            fix=f"write {near}" if re.fullmatch("oss-[a-z]+-[a-z0-9-]+", near) else "write e.g. oss-cn-beijing",
        )
    host = (storage.endpoint or "").partition(":")[0]
    if storage.endpoint is not None and host.endswith(".aliyuncs.com") and not host.startswith(f"{storage.bucket.lower()}."):
        yield Problem(
            key="registry.storage.endpoint",
            value=json.dumps(storage.endpoint),
            rule="must begin with the bucket's name: the driver adds nothing to it",
            fix=f"write {storage.bucket.lower()}.{re.sub(r'^.*[.](?=oss-)', '', storage.endpoint)}",
        )


@rule(requires=("registry.storage.authurl", "registry.storage.authversion"))
def swift_knows_its_identity_service(stack: StackSettings) -> Iterator[Problem]:
    """The driver takes the version from the URL, and appends the path of the tokens itself (github.com/ncw/swift, auth_v3.go)."""
    storage = stack.registry.storage
    if not isinstance(storage, SwiftStorage):
        return
    without = re.sub("(/auth)?/tokens/?$", "", storage.authurl)
    if without != storage.authurl:
        rule = "must end with the version: the driver appends the path of the tokens"
        yield Problem(key="registry.storage.authurl", value=json.dumps(storage.authurl), rule=rule, fix=f"write {without}")
    elif storage.authversion is None and not re.search("v[123]", storage.authurl):
        yield Problem(
            key="registry.storage.authurl",
            value=json.dumps(storage.authurl),
            rule="must have the version of the identity service in it, or authversion must be set: otherwise the registry does not start",
            fix=f"write {re.sub(r'/v[0-9.]+$', '', storage.authurl.rstrip('/'))}/v3",
        )


_DOMAINS: Final = {
    "cn-": "amazonaws.com.cn",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "eusc-": "amazonaws.eu",
}
"""How the regions of a partition of Amazon's begin -> domain of its endpoints (botocore, data/endpoints.json)."""


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
    domain = next((domain for prefix, domain in _DOMAINS.items() if region.startswith(prefix)), "amazonaws.com")
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
    """A server between the registry and its store could return other images."""
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
