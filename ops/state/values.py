"""Property values in the form of Pulumi's state, and what a preview shows in place of those that it hides or does not know."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Resource = dict[str, Any]
"""A resource as ``pulumi stack export`` and ``pulumi preview --json`` write it."""

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""In place of a value, or of a provider's id, that is known after an update only."""
HIDDEN: Final = "[secret]"
"""In place of a secret value in ``pulumi preview --json``."""

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - Pulumi's mark for a secret, not one

Path = tuple[str, ...]
"""Keys from the top of an object to one of its values."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that only Pulumi's encrypted form may leave this process in. Its ``repr`` shows nothing of it."""

    value: Any = field(repr=False)


def encoded(value: Any) -> Any:
    """Return ``value`` as ``pulumi stack import`` reads it. It encrypts what is marked as secret before it writes anything."""
    match value:
        case Secret():
            return {SIGNATURE: SECRET, "plaintext": json.dumps(value.value)}
        case Mapping():
            return {key: encoded(item) for key, item in value.items()}
        case list() | tuple():
            return [encoded(item) for item in value]
    return value


def hidden(value: Any, above: Path = ()) -> Iterator[Path]:
    """Give the path of each secret in what a preview shows. A list that holds one counts as a whole: the server may reorder it."""
    if value == HIDDEN or (isinstance(value, list) and any(True for item in value for _ in hidden(item))):
        yield above
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from hidden(item, (*above, key))


def marked(value: Mapping[str, Any], paths: set[Path]) -> dict[str, Any]:
    """Return ``value`` with its values at ``paths`` marked as secret; a path that it does not have is passed over."""
    result = dict(value)
    for key in {path[0] for path in paths if path} & set(result):
        below = {path[1:] for path in paths if path and path[0] == key}
        if () in below:
            result[key] = Secret(result[key])
        elif isinstance(result[key], Mapping):
            result[key] = marked(result[key], below)
    return result


def name_of(resource: Resource) -> str:
    """Return a resource's logical name."""
    return str(resource["urn"]).split("::", 3)[3]


def provider_of(resource: Resource) -> str:
    """Return the plugin that a resource's type belongs to; '' for a component."""
    return str(resource["type"]).partition(":")[0] if resource.get("custom") else ""
