"""Encrypted texts that were not decrypted: what a render without the stack's passphrase works with.

Pulumi decrypts a stack file before it starts the program, so a program that is deployed never sees ``{secure: ...}``. A render reads the
file as it is committed. Each ciphertext then becomes a placeholder, which every check of a secret's content accepts unseen.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

_MARK: Final = f"<encrypted {secrets.token_hex(8)}"
"""Begins every placeholder. It differs in each process, so no text of a stack file can be one."""


def is_ciphertext(value: Any) -> bool:
    """Return whether ``value`` is an encrypted text as a stack file holds it."""
    return isinstance(value, Mapping) and set(value) == {"secure"} and isinstance(value["secure"], str)


def seal(value: Any) -> Any:
    """Return ``value`` with a placeholder for each ciphertext; equal ciphertexts get equal placeholders."""
    if is_ciphertext(value):
        return f"{_MARK} {value['secure']}>"
    if isinstance(value, Mapping):
        return {key: seal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [seal(item) for item in value]
    return value


def is_sealed(value: SecretStr | str) -> bool:
    """Return whether ``value`` is a placeholder, whose content no check can see."""
    return (value.get_secret_value() if isinstance(value, SecretStr) else value).startswith(_MARK)
