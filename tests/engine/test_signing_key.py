"""The engine refuses to leave out a step of a signing key's rotation, for it knows what is deployed."""

from __future__ import annotations

import pytest

from ops.paths import ROOT
from tests.engine.harness import Stack

pytestmark = pytest.mark.engine

PROGRAM = """
import sys, types
sys.path.insert(0, {root!r})
from components.settings.sections.tls import SelfSignedTls
from components.tls import SelfSignedCertificate
settings = SelfSignedTls(signingKeyVersion={signs}, minSigningKeyVersion={oldest})
made = SelfSignedCertificate("tls", stack=types.SimpleNamespace(protect=True), settings=settings, hosts=["portus.example.com"])
pulumi.export("key_ids", [signer.key_id for signer in made.signers])
pulumi.export("trust", made.trust)
"""


def _say(stack: Stack, *, signs: int, oldest: int) -> None:
    stack.program(PROGRAM.format(root=str(ROOT), signs=signs, oldest=oldest))


def test_a_key_that_signs_goes_in_a_later_deployment_than_its_successor_comes(stack: Stack) -> None:
    _say(stack, signs=1, oldest=1)
    stack.up()
    first = stack.outputs()
    _say(stack, signs=2, oldest=2)
    assert "protected" in stack.preview(fails=True).text
    _say(stack, signs=2, oldest=1)
    stack.up()
    second = stack.outputs()
    assert second["key_ids"][1:] == first["key_ids"]
    assert second["trust"] == first["trust"], "clients keep their trust"
    _say(stack, signs=2, oldest=2)
    stack.up()
    assert stack.outputs()["key_ids"] == second["key_ids"][:1]
    assert {"tls-key-2", "tls-certificate-2"} <= stack.names()
    assert not {"tls-key", "tls-certificate", "tls-request"} & stack.names()
    stack.run("state", "unprotect", "--all", "--yes")
