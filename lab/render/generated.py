"""What the random and tls plugins would make, as marks: a preview does not know it, and then hides everything that is made of it.

With a mark in each place the keys of a Secret and the text around a certificate can be read.
"""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from lab.engine.plugins.codec import UNKNOWN, Properties, Secret
from lab.engine.plugins.generated import GeneratedProvider
from lab.engine.plugins.provider import ChangeCall, CheckCall, Checked
from lab.render.objects import KNOWN_LATER

TEXTS: Final = frozenset({"base64", "hex", "result", "privateKeyPem", "certPem", "certRequestPem"})
"""Outputs that programs pass on as they are. Others, such as the public key, are computed with and stay unknown."""


class MarkingProvider(GeneratedProvider):
    """Serves previews of a table of kinds."""

    @override
    def check(self, call: CheckCall) -> Checked:
        return Checked(call.new)  # a mark is no key and no certificate

    @override
    def create(self, call: ChangeCall) -> tuple[str, Properties]:
        resource_id, outputs = super().create(call)
        return resource_id, {name: _marked(value) if name in TEXTS else value for name, value in outputs.items()}


def _marked(value: object) -> object:
    if isinstance(value, Secret):
        return Secret(_marked(value.value))
    return KNOWN_LATER if value is UNKNOWN else value
