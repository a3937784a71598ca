"""The rules that span settings: each a named function over the whole stack, in a module by section.

A rule yields problems; it never raises, so that everything wrong is told at once. ``tests/settings/bad`` holds a stack file that breaks
each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from components.settings.report import Problem
from components.settings.rules.database import (
    database_users_differ,
    old_generation_uses_port_3306,
)
from components.settings.rules.first_set_up import (
    bootstrap_can_be_done,
)
from components.settings.rules.hosts import (
    host_is_not_the_upstream_placeholder,
    node_ports_differ,
)
from components.settings.rules.production import (
    production_has_a_trusted_certificate,
    production_is_protected,
    production_pins_its_images,
)
from components.settings.rules.registry import (
    catalog_holds_a_page,
)
from components.settings.rules.tls import (
    provided_certificate_serves_the_stack,
    renewal_lies_within_validity,
)
from components.settings.rules.versions import (
    old_generation_names_its_image,
    puma_settings_need_puma,
    version_knows_each_setting,
)
from components.settings.stack import StackSettings

Rule = Callable[[StackSettings], Iterator[Problem]]

RULES: Final[tuple[Rule, ...]] = (
    host_is_not_the_upstream_placeholder,
    version_knows_each_setting,
    puma_settings_need_puma,
    old_generation_names_its_image,
    old_generation_uses_port_3306,
    database_users_differ,
    bootstrap_can_be_done,
    catalog_holds_a_page,
    node_ports_differ,
    renewal_lies_within_validity,
    provided_certificate_serves_the_stack,
    production_is_protected,
    production_has_a_trusted_certificate,
    production_pins_its_images,
)
