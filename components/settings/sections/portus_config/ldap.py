"""``ldap``: users and groups from a directory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field

from components.settings.sections.portus_config.shapes import Feature, Switch
from components.settings.types.base import Matching, UpstreamSection, broken
from components.settings.types.hosts import NetworkHost
from components.settings.types.known_by import Since
from components.settings.types.ldap_syntax import LdapAccount, LdapFilter, LdapName
from components.settings.types.secrets import SecretSource
from components.settings.types.values import ContainerPath, Port, Text

_ATTRIBUTE: Final = r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+"


def _nearest_attribute(value: str) -> str:
    found = re.fullmatch(rf"\(?({_ATTRIBUTE})=.*", value.strip())
    return f"write {found[1]}" if found else "write e.g. uid, or mail"


Attribute = Annotated[
    Text,
    Matching(_ATTRIBUTE, "must be the name of one attribute of the directory", _nearest_attribute),
]


class LdapEncryptionOptions(UpstreamSection):
    """How the directory's certificate is checked."""

    ca_file: ContainerPath | None = None
    """CAs that the certificate is checked against: /certificates/extra-ca-1.crt is the first of tls.extraCaCertificates. Unset: those
    of the image, to which it adds the stack's own and tls.extraCaCertificates."""
    ssl_version: Literal["TLSv1_2", "TLSv1_1", "TLSv1", "SSLv23"] | None = None
    """Protocol, read only if ca_file is set. SSLv23 is OpenSSL's name for the newest that both support, TLS 1.2 at most.
    Portus' default: TLSv1_2."""


def _not_plain(value: object) -> object:
    if isinstance(value, str) and value.lower() in {"", "plain", "none"}:
        raise broken("must be one of simple_tls, start_tls", "remove it: without it Portus encrypts nothing")
    return value


class LdapEncryption(UpstreamSection):
    """Encryption of the connection. The certificate must be trusted and name the host."""

    method: Annotated[Literal["simple_tls", "start_tls"] | None, BeforeValidator(_not_plain)] = None
    """simple_tls from the first byte on (port 636), start_tls by the protocol's own command (port 389). Unset: none."""
    options: LdapEncryptionOptions = LdapEncryptionOptions()


class LdapAuthentication(Feature):
    """The account by which Portus searches, if the directory refuses anonymous searches."""

    needs: ClassVar[tuple[str, ...]] = ("bind_dn", "password")

    bind_dn: LdapAccount | None = None
    """The account: a distinguished name or, in Active Directory, also name@domain or DOMAIN\\name."""
    password: SecretSource | None = None
    """Its password."""


class LdapGroupSync(Switch):
    """Members of Portus' teams from the directory's groups (groupOfNames, groupOfUniqueNames). Portus' default: on with LDAP."""

    default_role: Literal["viewer", "contributor", "owner"] | None = None
    """Role of users that come in this way. Portus' default: viewer."""


class LdapGuessEmail(Feature):
    """Mail addresses from the directory, because Portus needs one of each user."""

    attr: Attribute | None = None
    """Attribute that holds it. Unset: user name and the domain components of ``base``."""


class Ldap(Feature):
    """Login against a directory; sign-up is then off, whatever ``signup`` says."""

    synonyms: ClassVar[Mapping[str, str]] = dict.fromkeys(("user_base", "users_base", "search_base", "userbase"), "base")
    needs: ClassVar[tuple[str, ...]] = ("hostname", "base")

    hostname: NetworkHost | None = None
    """The directory's server."""
    port: Port | None = None
    """Portus' default: 389, which is wrong for simple_tls."""
    timeout: Annotated[Annotated[int, Field(ge=1, le=300)] | None, Since("2.4")] = None
    """Has no effect: Portus gives it to net-ldap under a name that net-ldap does not read. It takes 5 seconds to connect."""
    method: Annotated[Literal["plain", "starttls", "simple_tls"] | None, Since("2.0", "2.2")] = None
    """Encryption, without any check of the server. 2.3 still lists it, but reads ``encryption.method`` alone. Portus' default: plain."""
    encryption: Annotated[LdapEncryption, Since("2.3")] = LdapEncryption()
    base: LdapName | None = None
    """Where the users are. Required: without it Portus would search below dc=com."""
    admin_base: Annotated[LdapName | None, Since("2.5")] = None
    """Where the users are that Portus makes administrators."""
    group_base: Annotated[LdapName | None, Since("2.5")] = None
    """Where the groups are. Unset: searched below dc=com, net-ldap's default."""
    filter: Annotated[LdapFilter | None, Since("2.1")] = None
    """Which of the users may log in."""
    uid: Attribute | None = None
    """Attribute that holds the user name. Portus' default: uid."""
    authentication: LdapAuthentication = LdapAuthentication()
    group_sync: Annotated[LdapGroupSync, Since("2.5")] = LdapGroupSync()
    guess_email: LdapGuessEmail = LdapGuessEmail()
