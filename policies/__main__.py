"""The policy pack: ``pulumi preview --policy-pack policies``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from invariants import RULES, Resource, Rule
from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy
from pulumi_policy.proxy import UnknownValueError


def known(value: Any) -> Any:
    """Return ``value`` as plain data, with None for what a preview does not know yet."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(value: Any, key: Any) -> Any:
    try:
        return known(value[key])
    except UnknownValueError:
        return None


def _validator(rule: Rule) -> Callable[[Any, Callable[[str, str | None], None]], None]:
    def validate(stack: Any, report: Callable[[str, str | None], None]) -> None:
        urns, resources = {}, []
        for each in stack.resources:
            resource = Resource(
                type=each.resource_type, name=each.name, props=known(each.props), protect=bool(each.opts and each.opts.protect)
            )
            urns[id(resource)] = each.urn
            resources.append(resource)
        for violation in rule(resources):
            report(f"{violation.resource.name}: {violation.problem}", urns[id(violation.resource)])

    return validate


PolicyPack(
    name="portus",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        StackValidationPolicy(name=name, description=(rule.__doc__ or name).splitlines()[0], validate=_validator(rule))
        for name, rule in RULES.items()
    ],
)
