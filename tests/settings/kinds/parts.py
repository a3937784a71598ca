"""Parts of stack files that the rows share."""

from __future__ import annotations

import json
from typing import Any

from tests.settings.tables import below, merged

LDAP = {"enabled": True, "hostname": "dc1.corp.example.com", "base": "dc=corp,dc=example,dc=com"}
S3 = {"driver": "s3", "region": "us-east-1", "bucket": "images", "accesskey": "AKIAEXAMPLE", "secretkey": "abc/def+ghi"}
AZURE = {"driver": "azure", "accountname": "company", "container": "images", "accountkey": "YWNjb3VudC1rZXk="}
GOOGLE = {"type": "service_account", "client_email": "registry@example.com", "private_key": "of-google-cloud"}
GCS = {"driver": "gcs", "bucket": "images", "keyfile": json.dumps(GOOGLE)}
MAIL = {"enabled": True, "address": "smtp.example.com"}
PROXY = "http://proxy.corp.example.com:3128"
LOCAL = "localhost,127.0.0.1,svc,cluster.local"
OWN = f"{LOCAL},portus.example.com,registry.example.com"


def ldap(**settings: Any) -> dict[str, Any]:
    """Return a stack file's part with a directory."""
    return below("portus.config.ldap", merged(LDAP, settings))


def mail(version: str = "2.5", /, **smtp: Any) -> dict[str, Any]:
    """Return a stack file's part with a mail server."""
    return {"portus": {"version": version, "config": {"email": {"from": "portus@corp.example.com", "smtp": merged(MAIL, smtp)}}}}


def storage(base: dict[str, Any], version: str = "2.8", /, **settings: Any) -> dict[str, Any]:
    """Return a stack file's part with an object store."""
    return {"registry": {"version": version, "storage": merged(base, settings)}}


def env(workload: str, *variables: tuple[str, str]) -> dict[str, Any]:
    """Return a stack file's part with variables."""
    return below(f"workloads.{workload}.env", [{"name": name, "value": value} for name, value in variables])
