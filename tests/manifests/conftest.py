from __future__ import annotations

import json
import os
from pathlib import Path
from unittest import mock

import pytest

from lab.manifests.objects import Objects
from tests.recorder import STACKS, Program, run_program
from tests.settings.corpus import SAMPLES, StackFile

"""Stack files that set what no stack does."""


def _sample(path: Path) -> Program:
    file = StackFile(path)
    sections = [f"portus:{place[0]}" for place in file.secrets]
    with mock.patch.dict(os.environ, {"PULUMI_CONFIG_SECRET_KEYS": json.dumps(sections)}):
        return run_program("sample", file.configuration, preview=True)


@pytest.fixture(scope="session")
def stacks() -> dict[str, Objects]:
    """The objects of every stack and sample, as a render shows them."""
    previews = {stack: run_program(stack, preview=True) for stack in STACKS}
    previews |= {f"sample {path.stem}": _sample(path) for path in SAMPLES}
    return {name: Objects([r.manifest for r in program.resources if r.manifest]) for name, program in previews.items()}
