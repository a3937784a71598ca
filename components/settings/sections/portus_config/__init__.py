"""Portus' config.yml, key by key, with the versions that know each.

An unset key (None) is not exported, so Portus keeps its own default: nothing empty ever reaches the environment, where any
non-empty text counts as true. Sources: config/config.yml of SUSE/Portus' branches v2.0 to v2.5 and the code that reads each key
(portus-images.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from components.settings.sections.portus_config.behaviour import (
    Background,
    Delete,
    Pagination,
    RegistryClient,
    RubyMinutes,
    Security,
    UserPermission,
)
from components.settings.sections.portus_config.flatten import leaves
from components.settings.sections.portus_config.ldap import Ldap
from components.settings.sections.portus_config.mail import Mail
from components.settings.sections.portus_config.oauth import OAuth
from components.settings.sections.portus_config.shapes import Switch
from components.settings.types.base import UpstreamSection
from components.settings.types.known_by import Since

__all__ = ["PortusConfig", "Since", "leaves"]


class PortusConfig(UpstreamSection):
    """Portus' own settings."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "machine_fqdn": "remove it: it follows from portus:host, as do token issuer, realm and certificate checks",
    }

    email: Mail = Mail()
    gravatar: Switch = Switch()
    """Pictures from gravatar.com, which then learns the users of Portus. Portus' default: on."""
    delete: Annotated[Delete, Since("2.1")] = Delete()
    ldap: Ldap = Ldap()
    oauth: Annotated[OAuth, Since("2.3")] = OAuth()
    first_user_admin: Switch = Switch()
    """Whether the first user becomes an administrator. Portus' default: on; the first set-up needs it."""
    signup: Annotated[Switch, Since("2.1")] = Switch()
    """Whether visitors may make an account; with 2.0 they always may. Portus' default: on."""
    check_ssl_usage: Switch = Switch()
    """Whether Portus shows its pages only over TLS. Portus' default: on. Leave it: every
    exposure of this program offers TLS."""
    registry: Annotated[RegistryClient, Since("2.1")] = RegistryClient()
    jwt_expiration_time: Annotated[RubyMinutes, Since("2.0", "2.0")] = RubyMinutes()
    """``registry.jwt_expiration_time`` as 2.0 knew it."""
    display_name: Annotated[Switch, Since("2.1")] = Switch()
    """Whether users may show another name than the one they log in with. Portus' default: off."""
    user_permission: Annotated[UserPermission, Since("2.1")] = UserPermission()
    security: Annotated[Security, Since("2.3")] = Security()
    anonymous_browsing: Annotated[Switch, Since("2.3")] = Switch()
    """Whether visitors see the public images. Portus' default: on."""
    background: Annotated[Background, Since("2.3")] = Background()
    pagination: Annotated[Pagination, Since("2.4")] = Pagination()
