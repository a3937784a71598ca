from __future__ import annotations

import pytest

from lab.manifests.objects import Objects
from tests.recorder import STACKS, run_program
from tests.settings.corpus import SAMPLES, StackFile
from tests.settings.test_samples import run_sample


@pytest.fixture(scope="session")
def stacks() -> dict[str, Objects]:
    """The objects of every stack and sample, as a render shows them."""
    previews = {stack: run_program(stack, preview=True) for stack in STACKS}
    previews |= {f"sample {path.stem}": run_sample(StackFile(path), preview=True) for path in SAMPLES}
    return {name: Objects([r.manifest for r in program.resources if r.manifest]) for name, program in previews.items()}
