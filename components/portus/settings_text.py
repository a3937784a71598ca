"""Portus' own settings as environment and as config-local.yml; pure.

cconfig names the variable of a setting ``PORTUS_`` and its path in upper case, and reads "true", "false" and whole numbers from text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import SecretStr

from components.common.pods import SecretKey
from components.settings.sections.portus_config.flatten import all_leaves
from components.settings.types.secrets import ExistingSecret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.common.pods import EnvironmentValue
    from components.settings.stack import StackSettings


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration file.

    Args:
        text: its content.
        secret: whether it must be in a Secret.
    """

    text: str
    secret: bool


def variable(path: tuple[str, ...]) -> str:
    """Return the name of a setting's variable."""
    return "PORTUS_" + "_".join(path).upper()


def secret_key(path: tuple[str, ...]) -> str:
    """Return the key under which the stack's own Secret holds a setting."""
    return "-".join(path).replace("_", "-")


def given_secrets(stack: StackSettings) -> Mapping[str, str]:
    """Return secret key -> text of every secret setting that the stack file holds itself."""
    return {secret_key(leaf.path): leaf.value.get_secret_value() for leaf in all_leaves(stack) if isinstance(leaf.value, SecretStr)}


def existing_secrets(stack: StackSettings) -> Mapping[str, SecretKey]:
    """Return secret key -> the existing Secret that holds the setting."""
    return {
        secret_key(leaf.path): SecretKey(leaf.value.secret, leaf.value.key)
        for leaf in all_leaves(stack)
        if isinstance(leaf.value, ExistingSecret)
    }


def as_environment(stack: StackSettings, secrets: Mapping[str, SecretKey]) -> dict[str, EnvironmentValue]:
    """Return the variables of every setting that has a value; a secret one only if ``secrets`` says where it is."""
    environment: dict[str, EnvironmentValue] = {}
    for leaf in all_leaves(stack):
        key = secret_key(leaf.path)
        if not isinstance(leaf.value, SecretStr | ExistingSecret):
            environment[variable(leaf.path)] = _text(leaf.value)
        elif key in secrets:
            environment[variable(leaf.path)] = secrets[key]
    return environment


def as_document(stack: StackSettings) -> Document:
    """Return config-local.yml with every setting that has a value, and Portus' own name."""
    document: dict[str, Any] = {"machine_fqdn": {"value": stack.host}}
    secret = False
    for leaf in all_leaves(stack):
        node = document
        for step in leaf.path[:-1]:
            node = node.setdefault(step, {})
        secret = secret or isinstance(leaf.value, SecretStr)
        node[leaf.path[-1]] = leaf.value.get_secret_value() if isinstance(leaf.value, SecretStr) else leaf.value
    return Document(yaml.safe_dump(document, sort_keys=True), secret)


def _text(value: object) -> str:
    """Return ``value`` as a variable; Kubernetes would replace ``$(NAME)`` and halve ``$$`` in it."""
    return str(value).lower() if isinstance(value, bool) else str(value).replace("$", "$$")
