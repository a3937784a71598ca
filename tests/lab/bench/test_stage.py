"""The bench deploys the stacks' own settings; what must differ on its cluster, and nothing else, differs."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from components.settings.load import sections
from components.settings.parse import parse
from lab.bench.stage import SLOT, settings_of
from lab.render.stackfile import project_stacks


def written(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load(project_stacks()[name].read_text())["config"])


@pytest.mark.parametrize(
    ("name", "sections_changed"),
    [
        ("lab", {"portus:host", "portus:registry", "portus:cluster"}),
        ("prod", {"portus:cluster", "portus:images", "portus:exposure", "portus:tls", "portus:accept"}),
    ],
)
def test_only_the_place_of_the_deployment_differs(name: str, sections_changed: set[str]) -> None:
    before, after = written(name), settings_of(name)["config"]
    assert {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} == sections_changed
    assert {**before["portus:cluster"], "context": SLOT} == after["portus:cluster"]
    assert before.get("portus:profile") == after.get("portus:profile")


@pytest.mark.parametrize("name", ["lab", "prod"])
def test_the_changed_settings_are_still_right(name: str) -> None:
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings_of(name)["config"].items()}
    stack = parse(sections(text, "portus:"), file=name, encrypted=lambda _: True)
    assert stack.cluster.context == SLOT
    assert stack.images.pull_policy == "Never"
