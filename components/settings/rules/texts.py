"""What becomes of a text on its way into Portus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pydantic import SecretStr

from components.settings.report.problems import HIDDEN, Problem
from components.settings.rules.rule import rule
from components.settings.sections.portus_config.leaves import leaves
from components.settings.stack import StackSettings
from components.settings.types.secrets import ExistingSecret

RUBY_INTEGER: Final = re.compile(
    r"\s*[+-]?(0[xX][0-9a-fA-F]+(_[0-9a-fA-F]+)*|0[bB][01]+(_[01]+)*|0[oO]?[0-7]*(_[0-7]+)*|0[dD][0-9]+(_[0-9]+)*|[1-9][0-9]*(_[0-9]+)*)\s*"
)
"""What Ruby's ``Integer()`` takes; cconfig tries it on every variable (cconfig, hash_utils.rb)."""


def is_mangled(text: str) -> bool:
    """Whether cconfig would make something else of ``text`` than a text."""
    return text.strip().lower() in {"true", "false"} or RUBY_INTEGER.fullmatch(text) is not None


@rule(requires=("portus.version",))
def texts_survive_the_environment(stack: StackSettings) -> Iterator[Problem]:
    """A password of digits would reach the directory as a number, an octal one as another number."""
    if not stack.portus.version.is_puma:
        return
    for leaf in leaves(stack.portus.config):
        secret = isinstance(leaf.value, SecretStr)
        text = leaf.value.get_secret_value() if isinstance(leaf.value, SecretStr) else leaf.value
        if isinstance(text, str) and is_mangled(text):
            yield Problem(
                key=leaf.key,
                value=HIDDEN if secret else text,
                rule="must not be digits, 0x.., 0b.., 1_000, true or false: Portus reads these as numbers and booleans",
                remedy="choose another text, with a letter that is not part of a number",
            )


@rule()
def secrets_are_single_lines(stack: StackSettings) -> Iterator[Problem]:
    """The images read a secret's file by the shell, which drops line ends; an empty one would switch Portus' own default off."""
    for leaf in leaves(stack.portus.config):
        if isinstance(leaf.value, SecretStr):
            text = leaf.value.get_secret_value()
            if not text or text != text.strip() or not text.isprintable():
                yield Problem(
                    key=leaf.key,
                    value=HIDDEN,
                    rule="must be one line, not empty and without spaces around it",
                    remedy=f"set it again, e.g. from a file: tr -d '\\n' < file | pulumi config set --secret --path 'portus:{leaf.key}'",
                )


@rule(requires=("portus.version",))
def apache_writes_its_secrets_itself(stack: StackSettings) -> Iterator[Problem]:
    """2.0-2.2 read these from config-local.yml alone, which cannot quote an existing Secret."""
    if stack.portus.version.is_puma:
        return
    for leaf in leaves(stack.portus.config):
        if isinstance(leaf.value, ExistingSecret):
            yield Problem(
                key=leaf.key,
                value="",
                rule=f"must be text for Portus {stack.portus.version}: this program writes it into config-local.yml",
                remedy=f"pulumi config set --secret --path 'portus:{leaf.key}', or use Portus 2.3 or later",
            )
