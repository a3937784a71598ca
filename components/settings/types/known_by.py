"""Which versions of Portus and of the registry know a setting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from components.common.versions import PortusVersion, RegistryVersion
from components.settings.types.base import Section


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


@dataclass(frozen=True, slots=True)
class KnownBy:
    """The only version that knows a setting; it is in a field's ``Annotated``. A union's driver has it on its ``driver`` key."""

    version: RegistryVersion


ONLY_2_8: Final = KnownBy(RegistryVersion.V2_8)
ONLY_3_1: Final = KnownBy(RegistryVersion.V3_1)


def unknown(section: Section, version: RegistryVersion, path: str = "") -> Iterator[tuple[str, object, RegistryVersion]]:
    """Yield (key, value, the version that knows it) of each setting that was written and that ``version`` does not know."""
    if not section.model_fields_set:
        return
    for name, field in type(section).model_fields.items():
        value, key = getattr(section, name), f"{path}.{field.alias or name}".lstrip(".")
        known = next((entry.version for entry in field.metadata if isinstance(entry, KnownBy)), version)
        if name in section.model_fields_set and value is not None and known != version:
            yield key, value, known
        elif isinstance(value, Section):
            yield from unknown(value, version, key)
