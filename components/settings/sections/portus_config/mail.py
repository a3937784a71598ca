"""``email``: what Portus sends, and through which server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from components.settings.sections.portus_config.shapes import Feature
from components.settings.types.base import Checked, UpstreamSection
from components.settings.types.hosts import Fqdn, NetworkHost
from components.settings.types.known_by import Since
from components.settings.types.secrets import SecretSource
from components.settings.types.values import ContainerPath, Email, Port, Text

SenderName = Annotated[
    Text,
    Checked(
        lambda v: not set(v) & set('<>()[]:;@\\,."'),
        "must be a name without the special characters of a mail's header (< > ( ) [ ] : ; @ \\ , . \")",
        "leave them out: Portus does not quote the name",
    ),
]


class Smtp(Feature):
    """Delivery by SMTP. Without it Portus looks for sendmail, which its images do not have: no mail leaves."""

    synonyms: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("host", "hostname", "server"), "address"),
        **dict.fromkeys(("starttls", "start_tls", "starttls_auto", "enable_starttls"), "enable_starttls_auto"),
    }
    needs: ClassVar[tuple[str, ...]] = ("address",)

    address: NetworkHost | None = None
    """The mail server."""
    port: Port | None = None
    """Unset: 587 once SMTP is on. It is then always exported, because Portus ships the text "587," with a stray comma."""
    domain: Fqdn | None = None
    """Name by which Portus greets the server. Unset: the stack's host; Portus' own default is example.com."""
    user_name: Text | None = None
    """Account. From 2.4 on, without it there is no login. Before 2.4 it is required: Portus would send the placeholder that it ships."""
    password: SecretSource | None = None
    """Its password."""
    authentication: Annotated[Literal["plain", "login", "cram_md5"] | None, Since("2.4")] = None
    """Portus' default: login, as always before 2.4."""
    ssl_tls: Annotated[Literal["ssl", "tls"] | None, Since("2.4")] = None
    """Encrypt from the first byte on (port 465). Unset: off."""
    enable_starttls_auto: Annotated[bool | None, Since("2.4")] = None
    """Encrypt when the server offers STARTTLS (port 587). Portus' default: off; before 2.4 on if there is an account."""
    openssl_verify_mode: Annotated[Literal["none", "peer", "client_once", "fail_if_no_peer_cert"] | None, Since("2.4")] = None
    """Whether the server's certificate is checked. Portus' default: none, so set peer, with ``ca_path`` or ``ca_file``."""
    ca_path: Annotated[ContainerPath | None, Since("2.4")] = None
    """Folder of the CAs that the certificate is checked against. /etc/ssl/certs: the image's, and ``tls.extraCaCertificates``."""
    ca_file: Annotated[ContainerPath | None, Since("2.4")] = None
    """The same as a file; the stack's own CA is /certificates/portus-stack-ca.crt."""


class Mail(UpstreamSection):
    """Sender and delivery."""

    from_: Email | None = Field(default=None, alias="from")
    """Sender of every mail. Portus' default: portus@example.com, so required once SMTP is on."""
    name: SenderName | None = None
    """The sender's name. Portus' default: Portus."""
    reply_to: Email | None = None
    """Where answers go. Unset: to the sender; before 2.4 that is exported, because Portus ships no-reply@example.com."""
    smtp: Smtp = Smtp()
