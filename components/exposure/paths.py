"""Which path leads where, and which leads nowhere; one table for every kind of exposure.

``/v2/webhooks`` is Portus' unauthenticated event endpoint: every client that reaches it can make and delete what Portus shows.
The application tokens' paths let any user act as any other, administrators included (portus-images.md).

The patterns match paths that are decoded once and in lower case, in extended regular expressions, without regard to doubled slashes,
which Portus' router folds. ``TWISTED`` is matched first, against the path as it came: the front proxy and every server behind it read
the same way what it does not match.
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
"""Portus' token endpoint; what is below it belongs to a repository of that name."""

TOKEN_REQUEST: Final = r"^/+v2/+token"  # noqa: S105 - a path
"""Whatever Portus' router could take for its token endpoint, ``/v2/token.json`` included: the scopes asked for there are looked at."""

BROKEN_QUERY: Final = r"%([^0-9a-fA-F]|.[^0-9a-fA-F]|.?$)"
"""Refused with a token request: what cannot be decoded cannot be looked at."""

MIXED_WILDCARD: Final = r"(^|[^:])\*|\*[^&]"
"""Refused, of a token request's decoded query: a ``*`` that is not the whole list of a scope's actions. Portus checks only the
first action of such a list. ``repository:other/app:*,push,pull`` loses its ``*`` and keeps push and pull in any user's namespace, and
``registry:catalog:pull,*`` is not checked at all (app/controllers/api/v2/tokens_controller.rb, app/models/*/auth_scope.rb, all versions).
No client asks for either."""

REPOSITORY_WILDCARD: Final = r"repository:.*\*"
"""Refused for Portus 2.0, which checks ``*`` but then leaves it in the token: its owner could do everything everywhere."""

REGISTRY: Final = r"^/+v2(/|$)"
"""The registry, but for the above."""
