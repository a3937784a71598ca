"""Settings that follow from others, because what Portus ships in their place is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from components.common.versions import PortusVersion
from components.settings.sections.portus_config.leaves import Leaf, leaves

if TYPE_CHECKING:
    from components.settings.stack import StackSettings

SUBMISSION_PORT: Final = 587
"""Of mail submission (RFC 6409), and what the stray comma in Portus' "587," meant."""


def all_leaves(stack: StackSettings) -> Iterator[Leaf]:
    """Yield every setting that Portus gets: what the stack file says, and what follows from it."""
    yield from leaves(stack.portus.config)
    yield from _mail(stack)


def _mail(stack: StackSettings) -> Iterator[Leaf]:
    mail = stack.portus.config.email
    if not mail.smtp.enabled:
        return
    if mail.smtp.port is None:
        yield Leaf(("email", "smtp", "port"), SUBMISSION_PORT)
    if mail.smtp.domain is None:
        yield Leaf(("email", "smtp", "domain"), stack.host)
    if mail.reply_to is None and mail.from_ is not None and stack.portus.version < PortusVersion.V2_4:
        yield Leaf(("email", "reply_to"), mail.from_)
