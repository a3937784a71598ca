"""Which path leads where, and which leads nowhere; one table for every kind of exposure.

``/v2/webhooks`` is Portus' unauthenticated event endpoint: whoever reaches it can make and delete what Portus shows. The application
tokens' paths let any user act as any other, administrators included (contract.md, "Surprises", Hole).

The patterns match paths that are decoded once and in lower case, in extended regular expressions, without regard to doubled slashes,
which Portus' router folds. ``TWISTED`` is asked first, of the path as it came: what it lets through, the front proxy and every server
behind it read the same way.
"""

from __future__ import annotations

from typing import Final

TWISTED: Final = r"%([^0-9a-f]|.[^0-9a-f]|.?$|2f|5c|3b|25|[01][0-9a-f]|7f)|[\\;]|/(\.|%2e)(\.|%2e)?(/|$)"
"""Refused: broken or doubled encodings, encoded slashes and controls, parameters, backslashes, ``.`` and ``..`` however written.
No path of a registry client or of Portus' pages holds any of them; the servers behind would each read them in their own way."""

EVENTS: Final = r"^/+v2/+webhooks(/|$)"
"""Refused always."""

APPLICATION_TOKENS: Final = r"^/+api/+v1/+users/+([^/]+/+)?application_tokens"
"""Refused unless the stack file lifts the shield: making and listing tokens of a user by id, and deleting one by id."""

TOKEN: Final = r"^/v2/token/?$"  # noqa: S105 - a path
"""Portus' token endpoint; what lies below it belongs to a repository of that name."""

REGISTRY: Final = r"^/+v2(/|$)"
"""The registry, but for the above."""
