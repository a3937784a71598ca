"""What a verb that ends with a push needs of the user's machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from lab.environment import Lab
from lab.images.debian import debian_sources
from ops import lifecycle
from ops.commands import check, restore
from ops.environment import Environment, Operator
from ops.errors import LabError


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder on PATH, and empty: neither skopeo nor what the lab builds its own with."""
    monkeypatch.setenv("PATH", str(tmp_path))
    debian_sources.cache_clear()
    return tmp_path


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("verb", [lifecycle.up, check, partial(restore, dump="20260101T000000Z", safety="yes")])
def test_a_machine_that_cannot_push_is_told_before_anything_is_deployed_or_restored(
    tmp_path: Path, verb: Callable[[str, Environment], None]
) -> None:
    with pytest.raises(LabError, match=r"skopeo must be on PATH: .* fix: install skopeo; or run this as root on Debian"):
        verb("dev", Lab(tmp_path / "kubeconfig"))


def test_the_machines_own_skopeo_is_enough(programs: Path) -> None:
    skopeo = programs / "skopeo"
    skopeo.touch(mode=0o755)
    Operator().require_client("dev")
    Lab().require_client("dev")
