"""Where the registry keeps its blobs: one section for each driver, under the names of the registry's own documentation.

Sources: distribution v2.8.3 and v3.1.2, docs/configuration.md and each driver's ``FromParameters``. What is unset keeps the driver's
default.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from components.common.versions import RegistryVersion
from components.settings.sections.cluster import ClaimSettings
from components.settings.types.base import ChangeImpact, Matching, Section, broken
from components.settings.types.cloud_keys import AzureKeySource, GoogleKeySource
from components.settings.types.known_by import KnownBy
from components.settings.types.secrets import SecretSource
from components.settings.types.urls import Url
from components.settings.types.values import Duration, ObjectName, Text, is_object_name

MIB: Final = 1024 * 1024

OTHER_STORE: Final = ChangeImpact("another, empty store: copy the blobs first, and unprotect the claim (docs/operate/protection.md)")
ONLY_2_8: Final = KnownBy(RegistryVersion.V2_8)
ONLY_3_1: Final = KnownBy(RegistryVersion.V3_1)

ChunkSize = Annotated[int, Field(ge=5 * MIB, le=5 * 1024 * MIB)]
"""Bytes of one part of an upload; object stores take parts from 5 MiB to 5 GiB."""


def _gcs_chunk(value: int) -> int:
    """Bytes, a multiple of 262144 (256 KiB)."""
    if value <= 0 or value % (256 * 1024):
        raise broken("must be a multiple of 262144 bytes (256 KiB)", "write e.g. 5242880")
    return value


GcsChunkSize = Annotated[int, AfterValidator(_gcs_chunk)]


def _bucket(value: str) -> str:
    """A bucket's name: letters, digits, '.', '-' and '_'."""
    rule = "must be a bucket's name: letters, digits, '.', '-' and '_'"
    if not re.fullmatch(_BUCKET, value):
        near = re.split("[/?]", re.sub(r"^[a-z0-9]+://", "", value.strip()))[0]
        raise broken(rule, f"write {near}" if re.fullmatch(_BUCKET, near) else "write only the bucket's name, e.g. registry-images")
    return value


_BUCKET: Final = r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,221}"
Bucket = Annotated[str, AfterValidator(_bucket)]
Prefix = Annotated[
    str,
    Matching(
        r"/|/?[\w.-]+(/[\w.-]+)*/?", "must be a path inside the bucket, of letters, digits, '.', '-', '_' and '/'", "write e.g. /registry"
    ),
]
"""The drivers read ``/`` and a '/' at either end as if it was not there; Swift's keeps one at the end."""
SwiftPrefix = Annotated[
    str,
    Matching(
        r"/?[\w.-]+(/[\w.-]+)*", "must be a path inside the container without '/' at its end: Swift keeps that '/'", "remove the last '/'"
    ),
]
S3Region = Annotated[str, Matching(r"[^\s/]+", "must be a region's name, without spaces and '/'", "write e.g. eu-west-1")]


def _realm(value: str) -> str:
    """Domain of an Azure cloud."""
    name = re.sub(r"^[a-z]+://|/.*$", "", value.strip().lower())
    domain = name.partition(".blob.")[2] or name.removeprefix("blob.")
    if domain != value or not is_object_name(domain):
        wanted = domain if is_object_name(domain) else "core.windows.net"
        fix = "remove it: that is the default" if wanted == "core.windows.net" else f"write {wanted}"
        raise broken("must be only the domain: the registry adds https://<accountname>.blob. before it", fix)
    return value


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


def _readable_at_once(value: object) -> object:
    if isinstance(value, str) and re.fullmatch("glacier|deep_archive", re.sub("[ -]", "_", value.lower())):
        raise broken(
            "must be a class whose objects can be read at once: the registry does not restore objects", "remove it: the default is STANDARD"
        )
    return value


_STORAGE_CLASSES = Literal[
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "NONE",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "OUTPOSTS",
    "GLACIER_IR",
    "EXPRESS_ONEZONE",
]
StorageClass = Annotated[_STORAGE_CLASSES, BeforeValidator(_readable_at_once)]
STORAGE_CLASSES_OF_2_8: Final = ("STANDARD", "REDUCED_REDUNDANCY", "NONE")


class Redirect(Section):
    """``storage.redirect``."""

    disable: bool = False
    """Off, the registry sends clients to the object store for each blob by a signed URL: they have to reach and trust it. On, every byte
    passes through the registry. Without meaning for ``filesystem``."""


class UploadPurging(Section):
    """``storage.maintenance.uploadpurging``: the remains of broken uploads are removed."""

    enabled: bool = True
    """The registry's default."""
    age: Duration = "168h"
    """Uploads older than this go; longer than any push lasts."""
    interval: Duration = "24h"
    """Between two rounds; the first comes at a random minute of the first hour."""
    dryrun: bool = False
    """Only tell in the log."""


class ReadOnly(Section):
    """``storage.maintenance.readonly``."""

    enabled: bool = False
    """Pulls go on, pushes and deletions get 405: for garbage collection, a move of the store, a restore."""


class Maintenance(Section):
    """``storage.maintenance``."""

    uploadpurging: UploadPurging = UploadPurging()
    readonly: ReadOnly = ReadOnly()


class ExistingClaim(Section):
    """A PersistentVolumeClaim of the stack's namespace that this stack neither makes nor removes."""

    name: ObjectName
    """Its name."""
    access_modes: Annotated[tuple[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"], ...], Field(min_length=1)] = (
        "ReadWriteOnce",
    )
    """As it has them: what more than one replica rests on."""


class FilesystemStorage(Section):
    """Blobs on a claim: of this stack, or one that exists."""

    driver: Annotated[Literal["filesystem"], OTHER_STORE] = "filesystem"
    """``storage``'s own word."""
    claim: ClaimSettings = ClaimSettings(size="50Gi")
    existing_claim: Annotated[ExistingClaim | None, OTHER_STORE] = None
    """Instead of ``claim``."""
    maxthreads: Annotated[int, Field(ge=25, le=1000)] | None = None
    """Files open at once; the driver's default is 100."""


class S3Storage(Section):
    """S3, or a server that speaks it.

    Keys: in the stack file or in a Secret, both or neither. Without keys the registry proves itself by its service account
    (``registry.serviceAccount``), which 2.8 cannot, or by the node's role.
    """

    driver: Annotated[Literal["s3"], OTHER_STORE]
    """``storage``'s own word."""
    region: S3Region
    """A region that the registry's version knows; with ``regionendpoint`` any text, which is still required, as part of each signature.
    Most other servers want us-east-1."""
    bucket: Annotated[Bucket, OTHER_STORE]
    """Exists already."""
    regionendpoint: Annotated[Url | None, OTHER_STORE] = None
    """A server other than Amazon's. Its private CA goes to ``tls.extraCaCertificates``."""
    accesskey: SecretSource | None = None
    """Reaches the registry as AWS_ACCESS_KEY_ID: a REGISTRY_STORAGE_... variable would be read as YAML, and some keys would change."""
    secretkey: SecretSource | None = None
    """Reaches the registry as AWS_SECRET_ACCESS_KEY."""
    node_role: bool = False
    """Without keys: take the node's own role from the instance's metadata service."""
    forcepathstyle: Annotated[bool | None, ONLY_3_1] = None
    """The bucket in the path instead of in the host's name. Unset: on with ``regionendpoint``, as 2.8 always has it, else off."""
    accelerate: Annotated[bool | None, ONLY_3_1] = None
    """Transfer acceleration."""
    usedualstack: Annotated[bool | None, ONLY_3_1] = None
    """Amazon's endpoints for IPv4 and IPv6."""
    usefipsendpoint: Annotated[bool | None, ONLY_3_1] = None
    """Amazon's FIPS endpoints."""
    redirectendpoint: Annotated[Url | None, ONLY_3_1] = None
    """Public address of the store, for redirects, where ``regionendpoint`` is an inner one; no path in it."""
    encrypt: bool = False
    """Ask the store to encrypt what it keeps."""
    keyid: Text | None = None
    """KMS key to encrypt with; needs ``encrypt``."""
    secure: bool = True
    """HTTPS where the endpoint names no scheme."""
    skipverify: bool = False
    """Take any certificate of the store's."""
    v4auth: bool = True
    """Signatures of version 4; version 2 only for old servers, never for Amazon."""
    chunksize: ChunkSize | None = None
    """Bytes of a part of an upload; default 10 MiB. Also the memory that each upload takes."""
    multipartcopychunksize: ChunkSize | None = None
    """Bytes of a part of a copy; default 32 MiB."""
    multipartcopymaxconcurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Parts copied at once; default 100."""
    multipartcopythresholdsize: Annotated[int, Field(ge=0, le=5 * 1024 * MIB)] | None = None
    """Bytes from which on a copy is made in parts; default 32 MiB."""
    rootdirectory: Annotated[Prefix | None, OTHER_STORE] = None
    """Path inside the bucket."""
    storageclass: StorageClass | None = None
    """Of each object; NONE sends none, which some servers want. 2.8 knows STANDARD, REDUCED_REDUNDANCY and NONE."""
    objectacl: (
        Literal[
            "private",
            "public-read",
            "public-read-write",
            "authenticated-read",
            "aws-exec-read",
            "bucket-owner-read",
            "bucket-owner-full-control",
        ]
        | None
    ) = None
    """Canned ACL; default private."""


class GcsStorage(Section):
    """Google Cloud Storage."""

    driver: Annotated[Literal["gcs"], OTHER_STORE]
    """``storage``'s own word."""
    bucket: Annotated[Bucket, OTHER_STORE]
    """Exists already."""
    keyfile: GoogleKeySource | None = None
    """A service account's key as Google's JSON. Unset: workload identity by ``registry.serviceAccount``."""
    rootdirectory: Annotated[Prefix | None, OTHER_STORE] = None
    """Path inside the bucket."""
    chunksize: GcsChunkSize | None = None
    """Of a part of an upload. The driver's default: 5242880 in 2.8, 16777216 in 3.1."""
    maxconcurrency: Annotated[int, Field(ge=25, le=1000)] | None = None
    """Requests at once; default 50."""


class AzureCredentials(Section):
    """``credentials``; the shared key is ``accountkey``."""

    type: Literal["client_secret", "default_credentials"]
    """``default_credentials`` is workload identity by ``registry.serviceAccount``."""
    clientid: Text | None = None
    """For client_secret."""
    tenantid: Text | None = None
    """For client_secret."""
    secret: SecretSource | None = None
    """For client_secret."""


class AzureStorage(Section):
    """Azure Blob Storage."""

    driver: Annotated[Literal["azure"], OTHER_STORE]
    """``storage``'s own word."""
    accountname: Annotated[AzureAccount, OTHER_STORE]
    """Of the storage account."""
    accountkey: AzureKeySource | None = None
    """Of the storage account; 2.8 knows no other way."""
    container: Annotated[Bucket, OTHER_STORE]
    """Exists already."""
    realm: AzureRealm | None = None
    """Domain of another cloud; default core.windows.net."""
    credentials: Annotated[AzureCredentials | None, ONLY_3_1] = None
    """Instead of ``accountkey``."""
    rootdirectory: Annotated[Prefix | None, ONLY_3_1, OTHER_STORE] = None
    """Path inside the container."""
    max_retries: Annotated[Annotated[int, Field(ge=-1, le=100)] | None, Field(alias="max_retries"), ONLY_3_1] = None
    """Looks at a copy under way; default 5."""
    retry_delay: Annotated[Duration | None, Field(alias="retry_delay"), ONLY_3_1] = None
    """Times the number of the look; default 100ms."""


class SwiftStorage(Section):
    """OpenStack Swift."""

    driver: Annotated[Literal["swift"], OTHER_STORE, ONLY_2_8]
    """``storage``'s own word."""
    authurl: Url
    """Keystone's URL, with its version."""
    username: Text
    """Who asks."""
    password: SecretSource
    """A Secret's text is read as YAML: quote what is no plain word there."""
    container: Annotated[Bucket, OTHER_STORE]
    """Made when it is missing."""
    tenant: Text | None = None
    """Name of the project."""
    tenantid: Text | None = None
    """Id of the project."""
    domain: Text | None = None
    """Name of the user's domain (identity v3)."""
    domainid: Text | None = None
    """Id of the user's domain."""
    tenantdomain: Text | None = None
    """Name of the project's domain, where it is another."""
    tenantdomainid: Text | None = None
    """Id of the project's domain."""
    trustid: Text | None = None
    """Keystone trust."""
    region: Text | None = None
    """Where there are several."""
    endpointtype: Literal["public", "internal", "admin"] | None = None
    """Which of the store's addresses; default public."""
    authversion: Annotated[int, Field(ge=1, le=3)] | None = None
    """Of identity; default by the URL."""
    chunksize: ChunkSize | None = None
    """Bytes of a segment; default 20 MiB."""
    rootdirectory: Annotated[SwiftPrefix | None, OTHER_STORE] = None
    """Path inside the container."""
    insecureskipverify: bool = False
    """Take any certificate."""


class OssStorage(Section):
    """Alibaba Cloud OSS."""

    driver: Annotated[Literal["oss"], OTHER_STORE, ONLY_2_8]
    """``storage``'s own word."""
    accesskeyid: SecretSource
    """A Secret's text is read as YAML: quote what is no plain word there."""
    accesskeysecret: SecretSource
    """A Secret's text is read as YAML: quote what is no plain word there."""
    region: Text
    """OSS' name for it, e.g. oss-cn-beijing."""
    bucket: Annotated[Bucket, OTHER_STORE]
    """Exists already."""
    endpoint: Annotated[Text | None, OTHER_STORE] = None
    """Default: bucket.region.aliyuncs.com."""
    internal: bool = False
    """The endpoint inside Alibaba's network."""
    encrypt: bool = False
    """Ask the store to encrypt."""
    secure: bool = True
    """HTTPS."""
    chunksize: ChunkSize | None = None
    """Bytes of a part of an upload; default 10 MiB."""
    rootdirectory: Annotated[Prefix | None, OTHER_STORE] = None
    """Path inside the bucket."""


StorageSettings = Annotated[
    FilesystemStorage | S3Storage | GcsStorage | AzureStorage | SwiftStorage | OssStorage, Field(discriminator="driver")
]
