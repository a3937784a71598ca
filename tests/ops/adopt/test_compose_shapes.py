"""Every shape of compose project: each key has one fate, the stack file loads, configuration and images are found where they are."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.adopt.model import Fate, Findings
from tests.ops.adopt import support

each_shape = pytest.mark.parametrize("shape", support.SHAPES)


@each_shape
def test_each_key_has_exactly_one_fate_by_a_rule_of_its_own(shape: str) -> None:
    support.require_one_fate(support.read(shape))


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
    written = support.results(tmp_path / "new", "compose", "--file", file)
    assert {"Pulumi.prod.yaml", "report.md", "plan.md"} <= set(written)
    assert support.secrets_in(written.values()) == []


def test_a_compose_file_is_adopted_within_two_seconds(tmp_path: Path) -> None:
    file = support.COMPOSE / "tls-and-nginx" / "docker-compose.yml"
    start = time.monotonic()
    assert support.run("compose", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path / "new")).exit_code == 0
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


# Broken values and objects end in a stack file or in a refusal, never in a traceback or half a result.


ODD: tuple[Any, ...] = (None, [], {}, "", 3, "x", True, ["a"], {"a": 1}, "\u00e9\n", -1, float("inf"), [[1]], {"name": None})
STEPS = tuple[str | int, ...]
CASES = 25
"""For each file; the seed is fixed, so a failure comes again."""


def paths(tree: Any, above: STEPS = ()) -> Iterator[STEPS]:
    """Yield the path of everything inside ``tree``."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        yield (*above, key)
        yield from paths(value, (*above, key))


@cache
def documents_of(text: str) -> list[Any]:
    return list(yaml.safe_load_all(text))


def broken(text: str, chance: random.Random) -> str:
    """Return ``text`` with one to three parts replaced or removed."""
    documents = copy.deepcopy(documents_of(text))
    for _ in range(chance.randint(1, 3)):
        tree = chance.choice(documents)
        places = list(paths(tree))
        if not places:
            continue
        *above, last = chance.choice(places)
        for step in above:
            tree = tree[step]
        if chance.random() < 0.15:
            del tree[last]
        else:
            tree[last] = copy.deepcopy(chance.choice(ODD))
    return yaml.safe_dump_all(documents)


@pytest.mark.parametrize(("command", "option"), [("helm", "--values"), ("kubernetes", "--file")])
def test_broken_sources_are_adopted_or_refused(command: str, option: str, tmp_path: Path) -> None:
    for source in sorted((support.HELM if command == "helm" else support.KUBERNETES).iterdir()):
        for number in range(CASES):
            file, folder = tmp_path / source.name, tmp_path / f"{source.stem}-{number}"
            file.write_text(broken(source.read_text(), random.Random(f"{source.name} {number}")))  # noqa: S311 - repeatable
            result = support.run(command, option, file, "--stack", "prod", "--dir", folder, env=support.ENVIRONMENT)
            assert result.exception is None or isinstance(result.exception, SystemExit), (source.name, number, result.exc_info)
            assert (result.exit_code == 0) == folder.exists(), (source.name, number)
            assert (result.exit_code == 0) or "fix:" in result.output, (source.name, number)


each_command = pytest.mark.parametrize(
    "command", [("helm", "--values"), ("kubernetes", "--file"), ("compose", "--file")], ids=lambda words: words[0]
)
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n" for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
"""387 million texts, by anchors."""
HOSTILE = {
    "a billion laughs": LAUGHS,
    "a mapping inside itself": "portus: &a\n  config: *a\n",
    "a list inside itself": "a: &a [*a]\n",
    "a control character": "\x00\n",
    "an open bracket": "\u2028: {\n",
    "a Python object": "!!python/object:os.system {}\n",
    "nothing, twice": "--- \n---\n",
}


@each_command
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_yaml_is_refused(command: tuple[str, str], text: str, tmp_path: Path) -> None:
    file = tmp_path / "source.yaml"
    file.write_text(text)
    result = support.run(*command, file, "--stack", "prod", "--dir", support.program(tmp_path / "new"), env=support.ENVIRONMENT)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exc_info
    assert "fix:" in result.output


@each_command
def test_a_file_that_is_no_text_is_refused(command: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "source.yaml"
    file.write_bytes(bytes(range(256)))
    result = support.run(*command, file, "--stack", "prod", "--dir", support.program(tmp_path / "new"), env=support.ENVIRONMENT)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exc_info


def test_each_name_beside_the_services_and_each_variable_has_a_fate_though_no_service_uses_it(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: opensuse/portus:2.5\n    environment: [PORTUS_MACHINE_FQDN_VALUE]\n"
    text += "volumes: {spare: {}}\nnetworks: {default: {external: true}}\n"
    file = support.lay(tmp_path, {"docker-compose.yml": text, ".env": "PORTUS_MACHINE_FQDN_VALUE=portus.team.test\n"})
    findings = support.adopted(file)
    assert "its own claims" in support.of(findings, "volumes.spare").text
    assert "network" in support.of(findings, "networks.default").text
    named = [verdict.text for verdict in findings.verdicts if verdict.item.key == "PORTUS_MACHINE_FQDN_VALUE"]
    assert named == ["its value is written in the keys that use it"]


BOTH = """\
services:
  web:
    image: opensuse/portus:2.4
    environment: {PORTUS_MACHINE_FQDN_VALUE: portus.team.test}
    volumes: WEB
  jobs:
    image: opensuse/portus:2.4
    environment: {PORTUS_BACKGROUND: 'true'}
    volumes: JOBS
  images:
    image: registry:2.7
    command: START
    volumes: IMAGES
volumes: {etc: {}}
"""
START = "serve /etc/docker/registry/config.yml"
LEVEL = "version: 0.1\nlog: {level: warn}\n"
SIGN_UP = "signup: {enabled: false}\n"


def mounted(tmp_path: Path, files: dict[str, str], *, web: str = "[]", jobs: str = "[]", images: str = "[]", start: str = START) -> Path:
    """Return a compose file with these mounts, beside ``files``."""
    text = BOTH.replace("WEB", web).replace("JOBS", jobs).replace("IMAGES", images).replace("START", start)
    return support.lay(tmp_path / "old", {"docker-compose.yml": text, **files})


@pytest.mark.parametrize(
    ("images", "start"),
    [
        ("['./conf/config.yml:/etc/docker/registry/config.yml']", START),
        ("['./conf:/etc/docker/registry:ro']", START),
        ("['./conf:/etc/docker']", "serve /etc/docker/config.yml"),
        ("['./conf/config.yml:/own.yml']", "/own.yml"),
    ],
)
def test_the_registrys_configuration_is_read_wherever_the_registry_reads_it(images: str, start: str, tmp_path: Path) -> None:
    findings = support.adopted(mounted(tmp_path, {"conf/config.yml": LEVEL}, images=images, start=start))
    assert findings.settings["registry.logLevel"] == "warn"
    assert "read" in support.of(findings, "services.images.volumes[0]").text


@pytest.mark.parametrize("mounts", ["['./all:/a', './own:/b']", "['./own:/b', './all:/a']"])
def test_portus_own_configuration_wins_over_its_shipped_one_in_any_order_of_mounts(mounts: str, tmp_path: Path) -> None:
    web = mounts.replace("/a'", "/srv/Portus/config/config.yml'").replace("/b'", "/srv/Portus/config/config-local.yml'")
    findings = support.adopted(mounted(tmp_path, {"all": SIGN_UP.replace("false", "true"), "own": SIGN_UP}, web=web))
    assert findings.settings["portus.config.signup.enabled"] is False


@pytest.mark.parametrize(
    ("part", "mount", "option"),
    [
        ("images", "[etc:/etc/docker/registry]", "--registry-config"),
        ("images", "['./conf:/etc/docker/registry']", "--registry-config"),
        ("web", "['etc:/srv/Portus/config']", "--portus-config"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_asked_with_the_option_that_gives_it(
    part: str, mount: str, option: str, tmp_path: Path
) -> None:
    file = mounted(tmp_path, {"conf/other.yml": LEVEL}, **{part: mount, "jobs": mount if part == "web" else "[]"})
    verdict = support.of(support.adopted(file), f"services.{part}.volumes[0]")
    assert option in verdict.text, verdict
    assert support.fates(support.adopted(file), Fate.DECISION).count("services.jobs.volumes[0]") == 0, "it is asked once"
    given = support.lay(tmp_path / "given", {"config.yml": SIGN_UP if part == "web" else LEVEL})
    written = support.results(tmp_path / "new", "compose", "--file", file, option, given)
    assert ("enabled: false" if part == "web" else "logLevel: warn") in written["Pulumi.prod.yaml"]
    assert f"the file of {option} is read in its place" in written["report.md"]


@pytest.mark.parametrize(("option", "text", "right"), [("--registry-config", SIGN_UP, "portus"), ("--portus-config", LEVEL, "registry")])
def test_the_configuration_of_the_other_program_is_refused(option: str, text: str, right: str, tmp_path: Path) -> None:
    given = support.lay(tmp_path / "given", {"config.yml": text})
    words = ("--file", mounted(tmp_path, {}), option, given, "--stack", "prod", "--dir", support.program(tmp_path / "new"))
    result = support.run("compose", *words)
    assert result.exit_code == 1
    assert f"give it with --{right}-config" in result.output


def test_a_folder_of_the_registrys_configuration_that_is_not_here_is_refused(tmp_path: Path) -> None:
    file = mounted(tmp_path, {}, images="['./conf:/etc/docker/registry']")
    result = support.run("compose", "--file", file, "--stack", "prod", "--dir", support.program(tmp_path / "new"))
    assert result.exit_code == 1
    assert "the folder conf must exist" in result.output


@pytest.mark.parametrize(("web", "asked"), [("['./own:/srv/Portus/config/config-local.yml']", False), ("[]", True)])
def test_a_configuration_of_the_workers_own_is_asked(web: str, asked: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a case
    jobs = "['./own:/srv/Portus/config/config-local.yml']"
    findings = support.adopted(mounted(tmp_path, {"own": SIGN_UP}, web=web, jobs=jobs))
    assert ("of its own" in support.of(findings, "services.jobs.volumes[0]").text) is asked


def store(tmp_path: Path, variables: str, volumes: str = "[]") -> Findings:
    """Return what becomes of a registry with these variables and volumes."""
    more = f"  images:\n    image: registry:2.7\n    environment: {{{variables}}}\n    volumes: {volumes}\nvolumes: {{a: {{}}}}\n"
    head = BOTH[: BOTH.index("  images:")].replace("WEB", "[]").replace("JOBS", "[]")
    return support.adopted(support.lay(tmp_path, {"docker-compose.yml": head + more}))


S3 = ", ".join(f"REGISTRY_STORAGE_S3_{name}" for name in ("REGION: eu-central-1", "ACCESSKEY: zebra1", "SECRETKEY: zebra2"))
BUCKET = "REGISTRY_STORAGE_S3_BUCKET: images-1"


@pytest.mark.parametrize(
    ("variables", "driver", "missing"),
    [
        (f"REGISTRY_STORAGE: filesystem, {S3}, AWS_ACCESS_KEY_ID: zebra", "filesystem", []),
        (f"REGISTRY_STORAGE: s3, {S3}, {BUCKET}", "s3", []),
        (f"{S3}, REGISTRY_STORAGE_S3_BUCKET: ''", "s3", ["bucket"]),
        (f"{S3.partition(', ')[0]}, {BUCKET}", "s3", ["accesskey"]),
        (f"{S3.rpartition(', ')[0]}, {BUCKET}", "s3", ["secretkey"]),
        ("REGISTRY_STORAGE: s3, REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /x", "s3", ["accesskey", "bucket", "region"]),
        ("REGISTRY_STORAGE: azure, REGISTRY_STORAGE_AZURE_ACCOUNTNAME: team", "azure", ["accountkey", "container"]),
        ("REGISTRY_STORAGE: gcs, REGISTRY_STORAGE_GCS_BUCKET: images-1", "gcs", ["keyfile"]),
        ("REGISTRY_STORAGE: oss", "oss", ["accesskeyid", "accesskeysecret", "bucket", "region"]),
        ("REGISTRY_STORAGE: swift", "swift", ["authurl", "container", "password", "username"]),
    ],
)
def test_the_driver_that_is_named_decides_what_is_taken_and_what_is_missing(
    variables: str, driver: str, missing: list[str], tmp_path: Path
) -> None:
    findings = store(tmp_path, variables, "[a:/var/lib/registry]")
    assert findings.settings["registry.storage.driver"] == driver
    assert sorted(key.removeprefix("registry.storage.") for key in findings.missing) == missing
    complaints = {complaint.split(":")[0] for complaint in support.complaints(findings)}
    assert complaints <= set(findings.missing)
    assert bool(complaints) is bool(missing)
    assert ("copies" in support.of(findings, "services.images.volumes[0]").text) is (driver == "filesystem")


@pytest.mark.parametrize(
    ("variables", "volumes", "holds"),
    [
        ("", "['./conf.yml:/etc/docker/registry/other.yml', './data:/var/lib/docker-registry', './tls:/certs']", 1),
        ("", "['./auth:/auth', './data:/storage']", 1),
        ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /x/y", "['./auth:/registry', './data:/x']", 1),
        ("", "['./auth:/auth', './data:/mine']", None),
    ],
)
def test_the_volume_of_the_images_is_found_and_copied_from(variables: str, volumes: str, holds: int | None, tmp_path: Path) -> None:
    findings = store(tmp_path, variables, volumes)
    found = [verdict.item.key for verdict in findings.verdicts if "copies them" in verdict.text]
    assert found == ([] if holds is None else [f"services.images.volumes[{holds}]"])
