"""Portus' own settings as environment and as config-local.yml; pure.

cconfig names the variable of a setting ``PORTUS_`` and its path in upper case, and reads "true", "false" and whole numbers from text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from components.settings.portus_config import leaves

if TYPE_CHECKING:
    from components.settings.portus_config import PortusConfig


def as_environment(config: PortusConfig) -> dict[str, str]:
    """Return the variables of every setting that has a value."""
    return {"PORTUS_" + "_".join(leaf.path).upper(): _text(leaf.value) for leaf in leaves(config)}


def as_document(config: PortusConfig, *, host: str) -> str:
    """Return config-local.yml with every setting that has a value, and Portus' own name."""
    document: dict[str, Any] = {"machine_fqdn": {"value": host}}
    for leaf in leaves(config):
        node = document
        for step in leaf.path[:-1]:
            node = node.setdefault(step, {})
        node[leaf.path[-1]] = leaf.value
    return yaml.safe_dump(document, sort_keys=True)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
