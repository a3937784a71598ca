"""The sample stack files set every setting there is, and the program takes them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from functools import cache
from unittest import mock

import pytest

from components.settings.reference.entries import entries
from components.settings.report.locate import TAGS
from components.settings.rules.cluster import amount
from components.settings.types.base import KubernetesShape, Section
from components.settings.types.secrets import ExistingSecret
from tests.recorder import Program, run_program, texts
from tests.settings.corpus import SAMPLES, StackFile, sample_of


@pytest.fixture(params=SAMPLES, ids=lambda path: path.stem, scope="module")
def sample(request: pytest.FixtureRequest) -> StackFile:
    return StackFile(request.param)


@pytest.fixture(scope="module")
def program(sample: StackFile) -> Program:
    return run_sample(sample)


@cache
def run_sample(sample: StackFile, *, preview: bool = False) -> Program:
    """Run the program with ``sample``, whose secrets it is told of as Pulumi tells it; once for all tests of this process."""
    sections = [f"portus:{path[0]}" for path in sample.secrets]
    with mock.patch.dict(os.environ, {"PULUMI_CONFIG_SECRET_KEYS": json.dumps(sections)}):
        return run_program("sample", sample.configuration, preview=preview)


def said(section: Section, path: str = "", variant: str = "") -> Iterator[tuple[str, str]]:
    """Yield key and variant of every setting that a stack file says."""
    tag = next((name for name in TAGS if isinstance(getattr(section, name, None), str)), None)
    choice = f"{tag}: {getattr(section, tag)}" if tag else ""
    own = choice if choice and path and (f"{path}.{tag}", choice) in variants() else variant
    for name, field in type(section).model_fields.items():
        if name in section.model_fields_set:
            key, value = f"{path}.{field.alias or name}".lstrip("."), getattr(section, name)
            yield key, own
            for inner in value if isinstance(value, tuple) else (value,):
                if isinstance(inner, Section) and not isinstance(inner, ExistingSecret | KubernetesShape):
                    yield from said(inner, key, own)


@cache
def variants() -> frozenset[tuple[str, str]]:
    """Return key and variant of every setting there is."""
    return frozenset((entry.key, entry.variant) for entry in entries())


def test_the_samples_together_set_every_setting() -> None:
    told = {pair for path in SAMPLES for pair in said(StackFile(path).parse())}
    assert [pair for pair in sorted(variants()) if pair not in told] == [], "set them in tests/settings/samples"


def test_a_sample_is_deployed(program: Program) -> None:
    assert len(program.workloads()) >= 3


def test_each_container_of_a_sample_has_a_size_that_kubernetes_takes(program: Program) -> None:
    """Nothing can be left out by construction: what a stack file does not say keeps the default."""
    for workload in program.workloads():
        for container in workload.containers:
            requests, limits = container["resources"]["requests"], container["resources"]["limits"]
            assert set(requests) == {"cpu", "memory", "ephemeral-storage"}, workload.name
            assert {"memory", "ephemeral-storage"} <= set(limits) <= set(requests), workload.name
            assert all(amount(requests[kind]) <= amount(limit) for kind, limit in limits.items()), workload.name


def test_no_secret_of_a_sample_stands_outside_a_secret(sample: StackFile, program: Program) -> None:
    hidden = [text for text in sample.secrets.values() if len(text) > 8]
    assert hidden
    encoded = [base64.b64encode(text.encode()).decode() for text in hidden]
    for resource in program.resources:
        if resource.type != "kubernetes:core/v1:Secret":
            assert not [text for text in texts(resource.inputs) for secret in (*hidden, *encoded) if secret in text], resource.name


def test_a_secret_of_somebody_else_is_mounted_or_referred_to_and_never_copied() -> None:
    program = run_sample(sample_of("alternatives"))
    web = program.one("Deployment", "portus-web")
    sources = next(v for v in web.pod["volumes"] if v["name"] == "credentials")["projected"]["sources"]
    files = {source["secret"]["items"][0]["path"]: source["secret"]["name"] for source in sources}
    assert files["database-password"] == "portus-database"
    assert files["email-smtp-password"] == "portus-mail"
    assert files["secret-key-base"].startswith("portus-credentials")
    assert set(program.one("Secret", "portus-credentials").inputs["data"]) == {
        "secret-key-base",
        "portus-password",
        "administrator-password",
    }


def test_the_configuration_file_of_apache_lives_in_a_secret_once_it_holds_one(program: Program, sample: StackFile) -> None:
    if sample.path.stem != "oldest":
        return
    volumes = program.one("Deployment", "portus-web").pod["volumes"]
    assert "secret" in next(v for v in volumes if v["name"] == "local-config")
    assert not [r.name for r in program.all("ConfigMap") if "config-local.yml" in r.inputs["data"]]
