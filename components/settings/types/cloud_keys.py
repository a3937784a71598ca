"""What opens a cloud's object store: keys whose form is known, so that a wrong one is refused before the registry fails to start."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated

from pydantic import AfterValidator, SecretStr, Tag

from components.settings.types.base import broken
from components.settings.types.sealed import is_sealed
from components.settings.types.secrets import BY_FORM, EXISTING, TEXT, ExistingSecret

GOOGLE_FIELDS = ("client_email", "private_key")
"""What the driver reads of a service account's key (``google.JWTConfigFromJSON``), beside ``type``."""


def _azure_key(value: SecretStr) -> SecretStr:
    """Key1 or key2 of a storage account."""
    text, rule = value.get_secret_value(), "must be an access key of the storage account, in base64"
    if is_sealed(value):
        return value
    if "accountkey=" in text.lower():
        raise broken(rule, "give only what follows 'AccountKey=' in the connection string, up to the next ';'")
    if "sig=" in text.lower() or "sharedaccesssignature" in text.lower():
        raise broken(rule, "give key1 or key2 of 'az storage account keys list'; the registry does not support SAS tokens")
    if _decoded(text) is None:
        raise broken(rule, "give key1 or key2 as 'az storage account keys list' shows it, whole and in one line")
    return value


def _google_key(value: SecretStr) -> SecretStr:
    """The key file of a service account."""
    text = value.get_secret_value().removeprefix("\ufeff")  # of an editor: Go's JSON does not read it
    rule = "must be the key file of a service account: JSON with type, client_email and private_key"
    if is_sealed(value):
        return value
    found = _json(text)
    if found is None:
        decoded = _decoded(text)
        if decoded is not None and _json(decoded.decode(errors="replace")) is not None:
            raise broken(rule, "decode this base64, because the registry reads plain JSON: base64 -d")
        raise broken(rule, "give the whole content of the file that 'gcloud iam service-accounts keys create' writes")
    kind = found.get("type")
    if kind != "service_account":
        raise broken(rule, f"create a key of a service account; this one has type {json.dumps(kind)}, which the registry cannot use")
    missing = [name for name in GOOGLE_FIELDS if not isinstance(found.get(name), str) or not found[name]]
    if missing:
        raise broken(rule, f"give the whole file; {' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing")
    return SecretStr(text)


def _json(text: str) -> dict[str, object] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None


AzureKey = Annotated[SecretStr, AfterValidator(_azure_key)]
GoogleKey = Annotated[SecretStr, AfterValidator(_google_key)]

AzureKeySource = Annotated[Annotated[AzureKey, Tag(TEXT)] | Annotated[ExistingSecret, Tag(EXISTING)], BY_FORM]
"""An access key of an Azure storage account, or the Secret that holds it."""

GoogleKeySource = Annotated[Annotated[GoogleKey, Tag(TEXT)] | Annotated[ExistingSecret, Tag(EXISTING)], BY_FORM]
"""The key file of a Google service account, or the Secret that holds it."""
