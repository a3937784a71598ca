"""What ties the registry to Portus, computed from the stack's hosts and nowhere set twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.common import names
from components.registry.configuration import Wiring

if TYPE_CHECKING:
    from components.settings.stack import StackSettings


def wiring(stack: StackSettings, *, plain_events: bool, notification_timeout: str) -> Wiring:
    """Return the wiring.

    Args:
        plain_events: whether Portus takes events on port 80 of its Service (2.0-2.2), which needs no trust; else they go to its public
            name, which inside the registry's Pod leads to Portus' Service.
        notification_timeout: the Portus generation's.
    """
    events = f"http://{names.in_cluster(names.PORTUS, stack.cluster.namespace)}" if plain_events else stack.portus_url
    return Wiring(
        authority=stack.registry_authority,
        realm=f"{stack.portus_url}{names.TOKEN_PATH}",
        issuer=stack.host,
        events_url=f"{events}{names.EVENTS_PATH}",
        notification_timeout=notification_timeout,
        faces_clients=stack.passes_registry_through,
    )
