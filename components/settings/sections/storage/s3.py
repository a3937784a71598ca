"""``storage.s3``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, final
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr

from components.common import names
from components.common.versions import RegistryVersion
from components.settings.sections.storage.driver import USE_A_CA, USE_HTTPS, Connections, Identity, StorageDriver, Unverified, given
from components.settings.sections.storage.values import MIB, OTHER_STORE, Bucket, ChunkSize, Prefix
from components.settings.types.base import Matching, broken
from components.settings.types.known_by import ONLY_3_1
from components.settings.types.secrets import ExistingSecret, SecretSource
from components.settings.types.urls import DriverUrl, Url
from components.settings.types.values import Text

METADATA: Final = "169.254.169.254/32"
"""Where the instance's metadata service is."""

S3Region = Annotated[str, Matching(r"[^\s/]+", "must be a region's name, without spaces and '/'", "write e.g. eu-west-1")]


_AMAZON: Final = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3[.-](?:fips[.-])?(?:dualstack\.)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9])\.|external-1\.)?amazonaws\.com(?:\.cn)?"
)
OLDEST_REGION: Final = "us-east-1"
"""Buckets that were made there before 2018 may have names that Amazon no longer allows."""


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


@final
class S3Storage(StorageDriver):
    """S3, or a server that speaks it.

    Keys: in the stack file or in a Secret, both or neither. Without keys the registry proves itself by its service account
    (``registry.serviceAccount``), which 2.8 cannot, or by the node's role.
    """

    synonyms: ClassVar[Mapping[str, str]] = dict.fromkeys(("endpoint", "endpointUrl", "endpoint_url", "url", "host"), "regionendpoint")
    moved_keys: ClassVar[Mapping[str, str]] = {
        **StorageDriver.moved_keys,
        **dict.fromkeys(("insecure", "insecureskipverify"), "write skipverify: true to accept any certificate, or secure: false for HTTP"),
    }

    driver: Annotated[Literal["s3"], OTHER_STORE]
    """The driver's name."""
    region: S3Region
    """A region that the registry's version knows; with ``regionendpoint`` any text, which is still required, as part of each signature.
    Most other servers want us-east-1."""
    bucket: Annotated[Bucket, OTHER_STORE]
    """Name of the bucket, which must exist. Without ``regionendpoint`` Amazon's rules for names apply."""
    regionendpoint: Annotated[DriverUrl | None, OTHER_STORE] = None
    """A server other than Amazon's, with a path if it has one. Its private CA goes to ``tls.extraCaCertificates``."""
    accesskey: SecretSource | None = None
    """Reaches the registry as AWS_ACCESS_KEY_ID: a REGISTRY_STORAGE_... variable would be read as YAML, and some keys would change."""
    secretkey: SecretSource | None = None
    """Reaches the registry as AWS_SECRET_ACCESS_KEY."""
    node_role: bool = False
    """Without keys: use the node's own role, from the instance's metadata service."""
    forcepathstyle: Annotated[bool | None, ONLY_3_1] = None
    """The bucket in the path instead of in the host's name. Unset: on with ``regionendpoint``, as 2.8 always has it, else off."""
    accelerate: Annotated[bool | None, ONLY_3_1] = None
    """Use Amazon's transfer acceleration."""
    usedualstack: Annotated[bool | None, ONLY_3_1] = None
    """Use Amazon's endpoints for IPv4 and IPv6."""
    usefipsendpoint: Annotated[bool | None, ONLY_3_1] = None
    """Use Amazon's FIPS endpoints."""
    redirectendpoint: Annotated[Url | None, ONLY_3_1] = None
    """Public address of the store for redirects, if ``regionendpoint`` is an internal one. It must have no path."""
    encrypt: bool = False
    """Make the store encrypt the objects."""
    keyid: Text | None = None
    """KMS key to encrypt with; needs ``encrypt``."""
    secure: bool = True
    """Use HTTPS if the endpoint has no scheme."""
    skipverify: bool = False
    """Accept any certificate of the store."""
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
    """Storage class of each object. NONE sends none, which some servers need. 2.8 knows STANDARD, REDUCED_REDUNDANCY and NONE."""
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

    not_parameters: ClassVar[frozenset[str]] = frozenset({"node_role"})
    opened_by: ClassVar[tuple[str, ...]] = ("accesskey", "secretkey", "node_role")

    @property
    def amazon(self) -> re.Match[str] | None:
        """What the host of ``regionendpoint`` says, if it is Amazon's: ``bucket`` and ``region``."""
        return None if self.regionendpoint is None else _AMAZON.fullmatch(urlsplit(self.regionendpoint).hostname or "")

    def connections(self) -> Connections:
        """Return the store; without keys also the service that gives the registry some."""
        named = () if self.regionendpoint is None else (self.regionendpoint,)
        store = () if named else (names.HTTPS_PORT if self.secure else names.HTTP_PORT,)
        tokens = (names.HTTPS_PORT,) if self.accesskey is None else ()
        metadata = {METADATA: (names.HTTP_PORT,)} if self.node_role else {}
        return Connections(urls=named, ports=(*store, *tokens), metadata=metadata)

    def identity(self) -> Identity | None:
        """Return the need of one without keys and node role; 2.8 asks for it in vain."""
        has_other = self.accesskey is not None or self.secretkey is not None or self.node_role
        return None if has_other else Identity(instead_of="accesskey", versions=(RegistryVersion.V3_1,))

    def unverified(self) -> tuple[Unverified, ...]:
        """Return what accepts any certificate, or sends no TLS. The scheme of an endpoint wins over ``secure``."""
        found = {"skipverify": USE_A_CA} if self.skipverify else {}
        if self.regionendpoint is None:
            found |= {} if self.secure else {"secure": "remove it"}
        elif self.regionendpoint.startswith("http://"):
            found |= {"regionendpoint": USE_HTTPS}
        return tuple(Unverified(setting=setting, fix=fix) for setting, fix in found.items())

    def parameters(self, version: RegistryVersion) -> dict[str, Any]:
        """Return them; the bucket is in the path, as 2.8 always has it."""
        options = super().parameters(version)
        with_path = version is RegistryVersion.V3_1 and self.regionendpoint is not None and self.forcepathstyle is None
        return {**options, "forcepathstyle": True} if with_path else options

    def secret_variables(self) -> Mapping[str, SecretStr | ExistingSecret]:
        """Return the keys as AWS_*: both series of the registry ask the SDK's environment, which takes a key as it is."""
        return given({"AWS_ACCESS_KEY_ID": self.accesskey, "AWS_SECRET_ACCESS_KEY": self.secretkey})
