"""``user_permission``: what users may do that are not administrators."""

from __future__ import annotations

from typing import Annotated, Literal

from components.settings.sections.portus_config.kinds import Switch
from components.settings.sections.portus_config.versions import Since
from components.settings.types.base import UpstreamSection


class PushPolicy(UpstreamSection):
    """Who may push."""

    policy: Literal["allow-teams", "allow-personal", "admin-only"] | None = None
    """allow-teams: owners and contributors of the team; allow-personal: users into their own namespace, administrators everywhere;
    admin-only: administrators. Portus' default: allow-teams."""


class UserPermission(UpstreamSection):
    """What users may do that are not administrators. Portus' default: everything."""

    change_visibility: Switch = Switch()
    """The visibility of their own namespace."""
    create_team: Annotated[Switch, Since("2.3")] = Switch()
    """Make teams."""
    manage_team: Switch = Switch()
    """Change the teams they own; before 2.3 also make some."""
    create_namespace: Annotated[Switch, Since("2.3")] = Switch()
    """Make namespaces."""
    manage_namespace: Switch = Switch()
    """Change the namespaces they own; before 2.3 also make some."""
    create_webhook: Annotated[Switch, Since("2.4")] = Switch()
    """Make webhooks in the namespaces they own."""
    manage_webhook: Annotated[Switch, Since("2.4")] = Switch()
    """Change the webhooks of the namespaces they own."""
    push_images: Annotated[PushPolicy, Since("2.4")] = PushPolicy()
