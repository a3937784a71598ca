"""Which versions of Portus know a setting."""

from __future__ import annotations

from dataclasses import dataclass

from components.common.versions import PortusVersion


@dataclass(frozen=True, slots=True)
class Since:
    """The first (and last, if gone since) version that knows a setting; it is in a field's ``Annotated``, sections hand it down."""

    first: str
    last: str = PortusVersion.V2_5.value

    def knows(self, version: PortusVersion) -> bool:
        """Whether ``version`` reads the setting."""
        return self.first <= version.value <= self.last

    def within(self, outer: Since) -> Since:
        """Return what is left of this range inside ``outer``, the section's."""
        return Since(max(self.first, outer.first), min(self.last, outer.last))

    def __str__(self) -> str:
        """Return the range in words."""
        return f"{self.first} to {self.last}" if self.first != self.last else self.first


EVERY: Since = Since(PortusVersion.V2_0.value)
