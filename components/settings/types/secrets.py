"""Where a secret comes from: encrypted text in the stack file, or a key of an existing Secret.

A stack file says ``password: {secure: ...}`` (written by ``pulumi config set --secret --path``), or
``password: {secret: mail, key: password}``. The second form cannot be checked here, and a change of that Secret restarts no Pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import Discriminator, SecretStr, Tag

from components.settings.types.base import Matching, Section
from components.settings.types.values import ObjectName, SafeSecret, UnquotedSecret

TEXT: Final = "<text>"
EXISTING: Final = "<existing>"
"""pydantic's names of the two forms; the text in angle brackets is not a key of a stack file."""


class ExistingSecret(Section):
    """One key of a Secret in the stack's namespace that this stack does not make."""

    synonyms: ClassVar[Mapping[str, str]] = {"name": "secret", "secretName": "secret"}
    moved_keys: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("valueFrom", "secretKeyRef"), "write only {secret: <name>, key: <key>}"),
        **dict.fromkeys(
            ("secure", "Secure", "encrypted"), "write {secure: <encrypted text>} without another key, or {secret: <name>, key: <key>}"
        ),
    }

    secret: ObjectName
    """Name of the Secret."""
    key: Annotated[
        str,
        Matching(
            r"(?!\.\.|\.$)[-._a-zA-Z0-9]{1,253}", "must be a key of a Secret: letters, digits, '-', '_' and '.'", "write e.g. tls.key"
        ),
    ]
    """Key inside it."""


def _form(value: Any) -> str:
    return EXISTING if isinstance(value, dict | ExistingSecret) else TEXT


BY_FORM: Final = Discriminator(_form)

SecretSource = Annotated[Annotated[SecretStr, Tag(TEXT)] | Annotated[ExistingSecret, Tag(EXISTING)], BY_FORM]
"""A secret of free form."""

UnquotedSecretSource = Annotated[Annotated[UnquotedSecret, Tag(TEXT)] | Annotated[ExistingSecret, Tag(EXISTING)], BY_FORM]
"""A secret that was made elsewhere and ends in an unquoted YAML file of Portus."""

SafeSecretSource = Annotated[Annotated[SafeSecret, Tag(TEXT)] | Annotated[ExistingSecret, Tag(EXISTING)], BY_FORM]
"""A secret that ends in an unquoted YAML file of Portus."""
