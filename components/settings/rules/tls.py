"""The certificate."""

from __future__ import annotations

from collections.abc import Iterator

from components.settings.certificates import certificate_problems
from components.settings.report import Problem
from components.settings.rules.foundations import rests_on
from components.settings.stack import StackSettings
from components.settings.tls import ProvidedTls, SelfSignedTls


def renewal_lies_within_validity(stack: StackSettings) -> Iterator[Problem]:
    """A window as long as the validity would make a new certificate at each run."""
    tls = stack.tls
    if isinstance(tls, SelfSignedTls) and tls.renewal_days >= tls.validity_days:
        yield Problem(
            key="tls.renewal_days",
            value=str(tls.renewal_days),
            rule=f"is less than tls.validity_days ({tls.validity_days})",
            remedy="lower it",
        )


@rests_on("host", "registry.host")
def provided_certificate_serves_the_stack(stack: StackSettings) -> Iterator[Problem]:
    """RSA, pair, names, validity, chain order: told at preview, not by a client."""
    if isinstance(stack.tls, ProvidedTls):
        yield from certificate_problems(stack.tls, hosts=(stack.host, stack.registry_name))
