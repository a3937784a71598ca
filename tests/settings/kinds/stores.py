"""Object stores."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from tests.settings.tables import AZURE, GCS, GOOGLE, REMOVED, S3, Wrong, below, merged, storage


def stores() -> Iterator[Wrong]:
    """Yield what the registry's drivers do not take."""
    unknown = "must be a region that registry {} knows if regionendpoint is not set: otherwise the registry does not start"
    endpoint = "https://s3.{}.amazonaws.com"
    rows: list[tuple[str, str, str, dict[str, Any] | None]] = [
        ("eu-north-1", "2.8", f'set regionendpoint: {endpoint.format("eu-north-1")}, or registry.version: "3.1"', storage(S3, "3.1")),
        ("mx-central-1", "3.1", f"set regionendpoint: {endpoint.format('mx-central-1')}; or did you mean 'me-central-1'?", None),
        ("eu-west1", "2.8", "did you mean 'eu-west-1'?", storage(S3, region="eu-west-1")),
        ("EU-WEST-1", "3.1", "did you mean 'eu-west-1'?", storage(S3, "3.1", region="eu-west-1")),
        (
            "RegionOne",
            "2.8",
            "set regionendpoint to the server's URL; for Amazon S3 write a region such as eu-west-1",
            storage(S3, regionendpoint="https://s3.corp.example.com"),
        ),
    ]
    for region, version, fix, fixed in rows:
        given = storage(S3, version, region=region)
        yield Wrong(
            name=f"region {region} of {version}",
            change=given,
            key="registry.storage.region",
            rule=unknown.format(version),
            fix=fix,
            fixed=merged(given, {"registry": {"version": "3.1"}})
            if region == "eu-north-1"
            else fixed or merged(given, storage(S3, version, region=region, regionendpoint=endpoint.format(region))),
        )
    yield Wrong(
        name="region with a space",
        change=storage(S3, region="eu west 1"),
        key="registry.storage.region",
        rule="must be a region's name, without spaces and '/'",
        fix="write e.g. eu-west-1",
        fixed=storage(S3, region="eu-west-1"),
    )
    yield Wrong(
        name="storage class of 3.1 on 2.8",
        change=storage(S3, storageclass="STANDARD_IA"),
        key="registry.storage.storageclass",
        rule="must be one of STANDARD, REDUCED_REDUNDANCY, NONE in registry 2.8",
        fix='set registry.version: "3.1"; or remove it, and let a lifecycle rule of the bucket change the class',
        fixed=storage(S3, "3.1", storageclass="STANDARD_IA"),
    )
    yield Wrong(
        name="root directory with a query",
        change=storage(S3, rootdirectory="/a?b"),
        key="registry.storage.rootdirectory",
        rule="must be a path inside the bucket, of letters, digits, '.', '-', '_' and '/'",
        fix="write e.g. /registry",
        fixed=storage(S3, rootdirectory="/registry"),
    )
    swift = {
        "driver": "swift",
        "authurl": "https://keystone.example.com/v3",
        "username": "u",
        "password": "secret-word",
        "container": "images",
    }
    yield Wrong(
        name="Swift's root directory with a slash at its end",
        change=storage(swift, rootdirectory="registry/"),
        key="registry.storage.rootdirectory",
        rule="must be a path inside the container without '/' at its end: Swift keeps that '/'",
        fix="remove the last '/'",
        fixed=storage(swift, rootdirectory="registry"),
    )
    key = "must be an access key of the storage account, in base64"
    for name, text, fix in (
        (
            "connection string",
            "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=abcd==;EndpointSuffix=core.windows.net",
            "give only what follows 'AccountKey=' in the connection string, up to the next ';'",
        ),
        (
            "SAS token",
            "?sv=2022-11-02&ss=b&sig=abc%3D",
            "give key1 or key2 of 'az storage account keys list'; the registry does not support SAS tokens",
        ),
        ("word", "not base64", "give key1 or key2 as 'az storage account keys list' shows it, whole and in one line"),
    ):
        yield Wrong(
            name=f"Azure's key is a {name}",
            change=storage(AZURE, accountkey=text),
            key="registry.storage.accountkey",
            rule=key,
            fix=fix,
            fixed=storage(AZURE),
        )
    yield Wrong(
        name="Azure's account is a URL",
        change=storage(AZURE, accountname="https://company.blob.core.windows.net"),
        key="registry.storage.accountname",
        rule="must be a storage account's name: 3 to 24 lower case letters and digits",
        fix="write company",
        fixed=storage(AZURE, accountname="company"),
    )
    realms: list[tuple[str, str, Any]] = [
        ("https://company.blob.core.windows.net", "remove it: that is the default", REMOVED),
        ("https://company.blob.core.chinacloudapi.cn/", "write core.chinacloudapi.cn", "core.chinacloudapi.cn"),
        ("blob.core.usgovcloudapi.net", "write core.usgovcloudapi.net", "core.usgovcloudapi.net"),
    ]
    for realm, fix, fixed_realm in realms:
        yield Wrong(
            name=f"realm {realm}",
            change=storage(AZURE, realm=realm),
            key="registry.storage.realm",
            rule="must be only the domain: the registry adds https://<accountname>.blob. before it",
            fix=fix,
            fixed=below("registry.storage.realm", fixed_realm),
        )
    file = "must be the key file of a service account: JSON with type, client_email and private_key"
    whole = "give the whole content of the file that 'gcloud iam service-accounts keys create' writes"
    for name, text, fix in (
        (
            "base64",
            base64.b64encode(json.dumps(GOOGLE).encode()).decode(),
            "decode this base64, because the registry reads plain JSON: base64 -d",
        ),
        ("a word", "not json", whole),
        ("a list", "[]", whole),
        ("cut off", json.dumps({"type": "service_account"}), "give the whole file; client_email and private_key are missing"),
        ("without its key", json.dumps(GOOGLE | {"private_key": None}), "give the whole file; private_key is missing"),
        (
            "an account of a person",
            json.dumps(GOOGLE | {"type": "authorized_user"}),
            'create a key of a service account; this one has type "authorized_user", which the registry cannot use',
        ),
    ):
        yield Wrong(
            name=f"Google's key file is {name}",
            change=storage(GCS, keyfile=text),
            key="registry.storage.keyfile",
            rule=file,
            fix=fix,
            fixed=storage(GCS),
        )
