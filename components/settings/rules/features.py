"""Features that need further settings, and settings that need their feature, monitoring included."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.sections.portus_config.flatten import leaves
from components.settings.sections.portus_config.shapes import Feature
from components.settings.stack import StackSettings
from components.settings.types.base import Section, key_of, names_and_keys_set


@rule()
def enabled_feature_is_complete(stack: StackSettings) -> Iterator[Problem]:
    """Portus would fill the gaps with its shipped samples (ldap_hostname, smtp.example.com) and fail at the first use."""
    for key, feature in _features(stack.portus.config, "portus.config"):
        if feature.enabled is not True:
            continue
        for name in feature.needs:
            if getattr(feature, name) is None:
                yield Problem(
                    key=f"{key}.{name}", value="", rule=f"must be set while {key}.enabled is true", fix="set it, or set enabled to false"
                )


@rule()
def settings_have_their_feature_switched(stack: StackSettings) -> Iterator[Problem]:
    """Settings of a feature that is off have no effect, although the user expects one."""
    for key, feature in _features(stack.portus.config, "portus.config"):
        if feature.enabled is None and any(leaf.path[-1] != "enabled" for leaf in leaves(feature)):
            yield Problem(
                key=f"{key}.enabled",
                value="",
                rule="must be set when other settings of the feature are set: Portus disables it by default",
                fix="set it to true; or to false, which keeps the other settings for later",
            )


def _features(section: Section, key: str) -> Iterator[tuple[str, Feature]]:
    for name, step in names_and_keys_set(section):
        value = getattr(section, name)
        if isinstance(value, Section):
            inner = f"{key}.{step}"
            if isinstance(value, Feature):
                yield inner, value
            yield from _features(value, inner)


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
                fix=f"configure {switch}, or remove it",
            )
