"""``oauth``: login through other sites. Docker clients need a password or an application token then (docs/deploy/exposure.md).

The callback of each is https://<host>/users/auth/<provider>/callback.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator

from components.settings.sections.portus_config.shapes import Feature, Switch
from components.settings.types.base import UpstreamSection, broken
from components.settings.types.hosts import Fqdn
from components.settings.types.known_by import Since
from components.settings.types.secrets import SecretSource
from components.settings.types.urls import BaseUrl, Url
from components.settings.types.values import Text


class Provider(Feature):
    """A site that identifies users."""

    domain: Fqdn | None = None
    """Only addresses of this mail domain may sign up. Unset: all."""


class GoogleOptions(UpstreamSection):
    """Google's own options."""

    hd: Fqdn | None = None
    """Only members of this Google Workspace domain may log in. Unset: every Google account."""


class Google(Provider):
    """Google accounts."""

    synonyms: ClassVar[Mapping[str, str]] = {"client_id": "id", "clientId": "id", "client_secret": "secret", "clientSecret": "secret"}
    needs: ClassVar[tuple[str, ...]] = ("id", "secret")

    id: Text | None = None
    """Client id."""
    secret: SecretSource | None = None
    """Client secret."""
    options: GoogleOptions = GoogleOptions()


class OpenId(Provider):
    """OpenID 2.0."""

    identifier: Url | None = None
    """The provider. Unset: Portus asks each user for one, so any provider may identify any user."""


_ENDPOINT: Final = re.compile(r"/protocol/openid-connect(/[a-z]+)?/?$|(/oauth2?)?(/v[0-9]+)?/(authorize|userinfo|token|jwks(\.json)?)/?$")
"""Paths of Keycloak's endpoints, and of those that others share; Portus would look below it for the discovery document."""


def _issuer(value: str) -> str:
    """What the provider calls itself."""
    path = urlsplit(value).path
    if discovery := re.search("/+[.]well-known(/|$)", path):
        raise broken("must be the issuer, without the path of its discovery document", f"write {value.partition(discovery[0])[0]}")
    if endpoint := _ENDPOINT.search(path):
        rule = "must be the issuer, without the path of one of its endpoints"
        near = re.sub(r"/oauth2/v2[.]0$", "/v2.0", value.partition(endpoint[0])[0])  # as Entra ID has them
        raise broken(rule, f"write {near}")
    if "?" in value:
        raise broken("must be a URL without a query", f"write {value.partition('?')[0]}")
    return value


Issuer = Annotated[Url, AfterValidator(_issuer)]


class OpenIdConnect(Feature):
    """OpenID Connect (Keycloak, Dex, Azure AD ...) by discovery."""

    synonyms: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("client_id", "clientId", "id"), "identifier"),
        **dict.fromkeys(("client_secret", "clientSecret"), "secret"),
    }
    needs: ClassVar[tuple[str, ...]] = ("issuer", "identifier", "secret")

    issuer: Issuer | None = None
    """The issuer exactly as the provider writes it, including a '/' at the end."""
    identifier: Text | None = None
    """Client id."""
    secret: SecretSource | None = None
    """Client secret."""


class GitHub(Provider):
    """GitHub accounts."""

    synonyms: ClassVar[Mapping[str, str]] = {"id": "client_id", "key": "client_id", "secret": "client_secret"}
    needs: ClassVar[tuple[str, ...]] = ("client_id", "client_secret")

    client_id: Text | None = None
    """Of the OAuth application."""
    client_secret: SecretSource | None = None
    """Of the OAuth application."""
    organization: Text | None = None
    """Only its members may log in. Unset: every GitHub account."""
    team: Text | None = None
    """Only members of this team of the organization."""


class GitLab(Provider):
    """GitLab accounts."""

    synonyms: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("client_id", "clientId", "id", "app_id"), "application_id"),
        **dict.fromkeys(("client_secret", "clientSecret", "application_secret"), "secret"),
    }
    needs: ClassVar[tuple[str, ...]] = ("application_id", "secret")

    application_id: Text | None = None
    """Of the OAuth application."""
    secret: SecretSource | None = None
    """Of the OAuth application."""
    group: Text | None = None
    """Only its members may log in. Unset: every account of the server."""
    server: BaseUrl | None = None
    """URL of the server. Unset: https://gitlab.com."""


class BitbucketOptions(UpstreamSection):
    """Bitbucket's own options."""

    team: Text | None = None
    """Only members of this team may log in. Unset: every Bitbucket account."""


class Bitbucket(Provider):
    """Bitbucket accounts."""

    synonyms: ClassVar[Mapping[str, str]] = {"client_id": "key", "id": "key", "client_secret": "secret"}
    needs: ClassVar[tuple[str, ...]] = ("key", "secret")

    key: Text | None = None
    """Of the OAuth consumer."""
    secret: SecretSource | None = None
    """Of the OAuth consumer."""
    options: BitbucketOptions = BitbucketOptions()


class OAuth(UpstreamSection):
    """The sites that may identify users."""

    synonyms: ClassVar[Mapping[str, str]] = dict.fromkeys(("oidc", "keycloak"), "openid_connect")

    local_login: Annotated[Switch, Since("2.4")] = Switch()
    """Whether Portus' own accounts may log in on its page. Portus' default: on."""
    google_oauth2: Google = Google()
    open_id: OpenId = OpenId()
    openid_connect: Annotated[OpenIdConnect, Since("2.5")] = OpenIdConnect()
    github: GitHub = GitHub()
    gitlab: GitLab = GitLab()
    bitbucket: Bitbucket = Bitbucket()
