"""The rules that span settings, in a module by section. A rule registers itself by its decorator (``rule.py``)."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from components.settings.rules.rule import Rule


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return every rule, those that void others first. Imports the modules here: some of them are imported by the sections, too."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    from components.settings.rules.rule import REGISTERED  # noqa: PLC0415 - it imports the sections, which import modules beside it

    return tuple(sorted(REGISTERED, key=lambda rule: not rule.voids))
