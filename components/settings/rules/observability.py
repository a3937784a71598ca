"""Settings of monitoring must have an effect."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.stack import StackSettings
from components.settings.types.base import key_of


@rule(requires=("observability.monitor", "observability.rules", "observability.dashboard"))
def monitoring_details_have_their_object(stack: StackSettings) -> Iterator[Problem]:
    """A user who sets an interval expects monitoring."""
    settings = stack.observability
    monitor, rules = settings.monitor != "none", settings.rules
    needs = {
        "interval": (monitor, "monitor"),
        "prometheus_namespace": (monitor, "monitor"),
        "certificate_days": (rules, "rules"),
        "runbook_base": (rules, "rules"),
        "labels": (monitor or rules, "monitor or rules"),
        "dashboard_labels": (settings.dashboard, "dashboard"),
    }
    for name, (there, switch) in needs.items():
        if name in settings.model_fields_set and not there:
            yield Problem(
                key=f"observability.{key_of(type(settings), name)}",
                value="",
                rule=f"has no effect without {switch}",
                remedy=f"configure {switch}, or remove it",
            )
