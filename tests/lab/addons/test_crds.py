"""The definitions of other projects are what their modules hold, or nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lab.addons import crds
from ops.errors import OpsError

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("each", crds.EVERY, ids=lambda each: each.module)
def test_every_file_of_a_project_defines_kinds(each: crds.Definitions) -> None:
    folder = crds.fetched(each)
    for file in each.files:
        kinds = [document["kind"] for document in yaml.safe_load_all((folder / file).read_text(encoding="utf-8"))]
        assert set(kinds) == {"CustomResourceDefinition"}, file


def test_a_module_of_another_content_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PORTUS_LAB_CACHE", str(tmp_path))
    with pytest.raises(OpsError, match=r"is h1:mock6\S+, not h1:other"):
        crds.fetched(replace(crds.GATEWAY_API, digest="h1:other"))
