from __future__ import annotations

import pytest

from lab.manifests.objects import Objects
from tests.recorder import STACKS, run_program


@pytest.fixture(scope="session")
def stacks() -> dict[str, Objects]:
    """The objects of every stack, as a render shows them."""
    return {stack: Objects([r.manifest for r in run_program(stack, preview=True).resources if r.manifest]) for stack in STACKS}
