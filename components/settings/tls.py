"""The certificate that Portus, the registry and the edge serve, and the key that signs tokens."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.settings.base import Later, Section
from components.settings.types import Pem, PemSecret


class ProvidedTls(Section):
    """Certificate and key from the stack file; checked at preview (RSA, pair, names, validity, chain order)."""

    source: Literal["provided"]
    """Where the certificate comes from."""
    certificate: Pem
    """Leaf first, then the intermediates."""
    private_key: PemSecret
    """RSA, 2048 bits or more, without passphrase; also signs the registry's tokens. Encrypted in the stack file."""
    ca_certificate: Pem | None = None
    """What clients have to trust; None when a public CA, which everybody trusts, has signed."""


class SelfSignedTls(Section):
    """A private CA and a leaf of its making, in Pulumi's state. Clients have to trust the CA (output ``ca_certificate``)."""

    source: Annotated[
        Literal["self_signed"], Later("another key and CA: clients have to trust the new one, tokens under way are refused for minutes")
    ] = "self_signed"
    """Where the certificate comes from."""
    key_bits: Annotated[Literal[2048, 3072, 4096], Later("would replace the key, which ``protect`` refuses")] = 2048
    """RSA; Portus cannot sign with other kinds."""
    ca_validity_days: Annotated[int, Field(ge=30, le=7300), Later("would replace the CA, which ``protect`` refuses")] = 3650
    """Of the CA: every client has to be given the next one, so ten years."""
    validity_days: Annotated[int, Field(ge=1, le=825)] = 397
    """Of the leaf. 397 is what browsers accept at most."""
    renewal_days: Annotated[int, Field(ge=0, le=365)] = 60
    """The first ``pulumi up`` within this many days before the end makes a new leaf with the same key."""


TlsSettings = Annotated[ProvidedTls | SelfSignedTls, Field(discriminator="source")]
