"""Which path leads where, and which leads nowhere; one table for every kind of exposure.

``/v2/webhooks`` is Portus' unauthenticated event endpoint: whoever reaches it can make and delete what Portus shows. The application
tokens' paths let any user act as any other, administrators included (contract.md, "Surprises", Hole).
"""

from __future__ import annotations

from typing import Final

EVENTS: Final = r"^/+v2/+webhooks(/|$)"
"""Refused always. Anchored and tolerant of doubled slashes, which Portus' router folds."""

APPLICATION_TOKENS: Final = r"^/+api/+v1/+users/+([^/]+/+)?application_tokens"
"""Refused unless the stack file lifts the shield: making and listing tokens of a user by id, and deleting one by id."""

TOKEN: Final = r"^/+v2/+token(/|$)"  # noqa: S105 - a path
REGISTRY: Final = r"^/+v2(/|$)"
