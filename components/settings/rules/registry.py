"""Portus and the registry together."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings.report import Problem
from components.settings.stack import StackSettings


def catalog_holds_a_page(stack: StackSettings) -> Iterator[Problem]:
    """The registry refuses a page larger than its maximum, and Portus' synchronisation dies of it."""
    page = stack.portus.config.registry.catalog_page.value
    if page is not None and page > stack.registry.catalog_max_entries:
        yield Problem(
            key="portus.config.registry.catalog_page.value",
            value=str(page),
            rule=f"is at most registry.catalog_max_entries ({stack.registry.catalog_max_entries})",
            remedy="lower it, or raise registry.catalog_max_entries",
        )
