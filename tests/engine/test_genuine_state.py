"""The stand-ins write what Pulumi's own plugins write, so that a stack goes from one to the other and back without a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from ops.paths import ROOT
from tests.engine.genuine_state import by_type, genuine, reduced, type_of
from tests.engine.harness import Stack

pytestmark = pytest.mark.engine

PROGRAM = """
import sys, types
sys.path.insert(0, {root!r})
from components.settings.sections.tls import SelfSignedTls
from components.tls import SelfSignedCertificate
stack = types.SimpleNamespace(protect=False)
SelfSignedCertificate("tls", stack=stack, settings=SelfSignedTls(), hosts=["portus.example.com", "registry.example.com"])
random.RandomPassword("letters", length=40, special=False, numeric=False)
random.RandomBytes("bytes", length=64)
"""


def test_random_and_tls_resources_are_noted_as_pulumis_own_plugins_note_them(stack: Stack) -> None:
    stack.program(PROGRAM.format(root=str(ROOT)))
    stack.up()
    record = by_type(genuine())
    found = [reduced(each) for each in stack.export()["deployment"]["resources"] if each["type"].partition(":")[0] in {"random", "tls"}]
    assert {type_of(each) for each in found} == {kind for kind in record if kind.partition(":")[0] in {"random", "tls"}}
    assert {type_of(each) for each in found} >= {"tls:index/locallySignedCert:LocallySignedCert", "random:index/randomBytes:RandomBytes"}
    wanted = {type_of(each): each for each in genuine() if not each["urn"].endswith(("::tls-ca-key", "::tls-key"))} | record
    for each in found:
        assert {**each, "urn": ""} == {**wanted[type_of(each)], "urn": ""}


def test_a_refresh_and_an_update_leave_the_notes_as_they_are(stack: Stack) -> None:
    stack.program(PROGRAM.format(root=str(ROOT)))
    stack.up()
    before = [reduced(each) for each in stack.export()["deployment"]["resources"]]
    stack.refresh("--expect-no-changes")
    assert [reduced(each) for each in stack.export()["deployment"]["resources"]] == before
    stack.program(PROGRAM.format(root=str(ROOT)).replace("SelfSignedTls()", "SelfSignedTls(renewalDays=30)"))
    assert stack.up().count("updated") == 1
    assert _outputs(reduced(each) for each in stack.export()["deployment"]["resources"]) == _outputs(before)


def _outputs(resources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {str(each["urn"]): each.get("outputs") for each in resources}
