"""What differs between the versions is decided once, by version (docs/reference/portus-images.md, The two image families)."""

from __future__ import annotations

import pytest

from components.common.versions import PortusVersion
from components.portus.generation import generation
from components.portus.inputs import FirstSetUp


@pytest.mark.parametrize(
    ("version", "first_set_up", "rake", "worker", "judges_wildcards"),
    [
        ("2.0", FirstSetUp.BY_HAND, "portusctl rake", False, False),
        ("2.1", FirstSetUp.RAKE, "portusctl rake", False, True),
        ("2.2", FirstSetUp.RAKE, "portusctl rake", False, True),
        ("2.3", FirstSetUp.RAKE, "portusctl rake", True, True),
        ("2.4", FirstSetUp.API, "portusctl exec rake", True, True),
        ("2.5", FirstSetUp.API, "portusctl exec rake", True, True),
    ],
)
def test_each_version_is_set_up_and_guarded_as_it_needs(
    version: str,
    first_set_up: FirstSetUp,
    rake: str,
    *,
    worker: bool,
    judges_wildcards: bool,
) -> None:
    """2.0 has no task for a record, 2.4 brings the API; 2.0 grants ``*`` to anybody (tokens_controller.rb), so the edge must refuse it."""
    found = generation(PortusVersion(version))
    assert found.first_set_up is first_set_up
    assert " ".join(found.rake) == rake
    assert found.has_worker is worker
    assert found.judges_wildcards is judges_wildcards
