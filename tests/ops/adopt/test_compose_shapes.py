"""Every shape of compose project: each key has one fate, the stack file loads, no secret is written in clear."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from ops.adopt.classify import Answers, classify, items
from tests.ops.adopt import support

each_shape = pytest.mark.parametrize("shape", support.SHAPES)


@each_shape
def test_each_key_has_exactly_one_fate_by_a_rule_of_its_own(shape: str) -> None:
    source = support.read(shape)
    findings = classify(source, Answers())
    judged = Counter((verdict.item.place, verdict.item.key) for verdict in findings.verdicts)
    assert [key for key, count in judged.items() if count > 1] == []
    assert {(item.place, item.key) for item in items(source)} <= set(judged)
    assert [verdict for verdict in findings.verdicts if "no rule here knows" in verdict.text] == []


@each_shape
def test_each_key_of_each_service_and_each_variable_is_in_the_report(shape: str) -> None:
    findings = support.adopted(shape)
    judged = " ".join(verdict.item.key for verdict in findings.verdicts)
    content = yaml.safe_load((support.COMPOSE / shape / "docker-compose.yml").read_text())
    for name, service in content.get("services", content).items():
        for key in service:
            assert f"services.{name}.{key}" in judged, (name, key)
    files = [path for path in (support.COMPOSE / shape).iterdir() if path.name.endswith(".env")]
    variables = [line.partition("=")[0].removeprefix("export ") for path in files for line in path.read_text().splitlines()]
    assert [name for name in variables if name[:1] != "#" and name not in judged] == []


@each_shape
def test_the_stack_file_loads_or_names_what_is_missing(shape: str) -> None:
    findings = support.adopted(shape)
    missing = set(findings.missing)
    assert {complaint.partition(":")[0] for complaint in support.complaints(findings)} == missing
    if missing:
        answered = support.adopted(shape, host="portus.answer.test")
        assert support.complaints(answered) == []


@each_shape
def test_no_secret_is_written_in_clear(shape: str, tmp_path: Path) -> None:
    file = support.COMPOSE / shape / "docker-compose.yml"
    result = support.run("compose", "--file", file, "--stack", "prod", "--dir", tmp_path / "new", env=support.ENVIRONMENT)
    assert result.exit_code == 0, result.output
    written = {path.name: path.read_text() for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert {"Pulumi.prod.yaml", "report.md", "plan.md"} <= set(written)
    texts = [*written.values(), result.output]
    assert [secret for secret in support.SECRETS for text in texts if secret in text] == []


def test_a_compose_file_is_adopted_within_two_seconds(tmp_path: Path) -> None:
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    start = time.monotonic()
    assert support.run("compose", "--file", file, "--stack", "prod", "--dir", tmp_path / "new").exit_code == 0
    assert time.monotonic() - start < 2


def test_each_place_names_the_line_that_sets_the_key() -> None:
    findings = support.adopted("env-file-and-path")
    assert str(support.of(findings, "PORTUS_GRAVATAR_ENABLED").item.place) == "web.env:3"
    lines = (support.COMPOSE / "env-file-and-path" / "docker-compose.yml").read_text().splitlines()
    line = lines.index("      - PORTUS_KEY_PATH=/certificates/own.key") + 1
    assert support.of(findings, "PORTUS_KEY_PATH").item.place.line == line


def test_what_extends_brings_is_placed_in_the_file_that_it_comes_from() -> None:
    findings = support.adopted("extends")
    assert str(support.of(findings, "PORTUS_ANONYMOUS_BROWSING_ENABLED").item.place) == "base.yml:6"


def test_what_an_anchor_brings_is_placed_at_the_anchor() -> None:
    findings = support.adopted("anchors")
    assert support.of(findings, "services.web.environment.PORTUS_DISPLAY_NAME_ENABLED").item.place.line == 9
