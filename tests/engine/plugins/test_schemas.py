"""The stand-ins for random and tls have the properties of the genuine schemas, from which Pulumi makes the SDK's classes."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pulumi_random
import pulumi_tls
import pytest

from lab.engine.plugins import random_plugin, tls_plugin
from lab.engine.plugins.generated import Kind

KINDS: list[tuple[Any, str, Kind]] = [
    (sdk, token.rpartition(":")[2], kind)
    for sdk, kinds in ((pulumi_random, random_plugin.KINDS), (pulumi_tls, tls_plugin.KINDS))
    for token, kind in kinds.items()
]

NOT_SERVED = {"privateKeyPemWo", "privateKeyPemWoVersion", "caPrivateKeyPemWo", "caPrivateKeyPemWoVersion"}
"""Write-only keys: the stand-ins refuse them by name."""


def _properties(made: type) -> set[str]:
    """Return the names that the schema gives to the properties of an SDK's class."""
    found = {name: value.fget for name, value in vars(made).items() if isinstance(value, property)}
    return {getattr(getter, "_pulumi_name", name) for name, getter in found.items()}


@pytest.mark.parametrize(("sdk", "name", "kind"), KINDS, ids=[name for _, name, _ in KINDS])
def test_a_stand_in_has_the_inputs_outputs_and_secrets_of_the_schema(sdk: Any, name: str, kind: Kind) -> None:
    inputs, everything = _properties(getattr(sdk, f"{name}Args")), _properties(getattr(sdk, name))
    assert set(kind.inputs) == inputs - NOT_SERVED
    assert {*kind.inputs, *kind.outputs} == everything - NOT_SERVED
    said = re.search(r"additional_secret_outputs=\[([^\]]*)\]", inspect.getsource(getattr(sdk, name)._internal_init))
    secret = set(re.findall(r'"(\w+)"', said[1])) if said else set()
    assert set(kind.secret_outputs) == secret - NOT_SERVED - set(kind.inputs)
