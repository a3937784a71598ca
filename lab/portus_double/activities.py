"""The rows of ``activities``: who did what, shown on the pages and the proof that a push was seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from .database import Database, Row, now


def note(
    db: Database,
    key: str,
    trackable: tuple[str, int],
    owner: Row | None,
    *,
    recipient: tuple[str, int] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> int:
    """Add an activity and return its id.

    Args:
        key: what happened (``repository.push``).
        trackable: type and id of what it happened to.
        recipient: type and id of what else took part.
        parameters: kept as YAML with symbols for keys, as the genuine application serialises them.
    """
    moment = now()
    kind, kind_id = recipient or (None, None)
    return db.insert(
        "activities",
        trackable_type=trackable[0],
        trackable_id=trackable[1],
        owner_type=None if owner is None else "User",
        owner_id=None if owner is None else owner["id"],
        key=key,
        parameters=symbols(parameters),
        recipient_type=kind,
        recipient_id=kind_id,
        created_at=moment,
        updated_at=moment,
    )


def symbols(parameters: Mapping[str, Any] | None) -> str | None:
    """Return a mapping as YAML with Ruby symbols for keys, None for none."""
    if parameters is None:
        return None
    return "---\n" + "".join(f":{name}: {_scalar(value)}\n" for name, value in parameters.items())


def _scalar(value: Any) -> str:
    text: str = yaml.safe_dump(value, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
