"""A storage driver is one class: what it says of itself is whole, for every driver of the union."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from components.common.versions import RegistryVersion
from components.registry.configuration import configuration
from components.settings.derived.egress import destinations
from components.settings.derived.proxies import own_hosts
from components.settings.rules.workloads import RESERVED
from components.settings.sections.storage import DRIVERS
from components.settings.sections.storage.driver import Connections, Identity, StorageDriver, Unverified
from components.settings.stack import StackSettings
from components.settings.types.base import Section
from components.settings.types.known_by import KnownBy
from components.settings.types.secrets import ExistingSecret, SecretSource
from components.settings.types.values import Text
from tests.components.registry.stage import WIRING
from tests.recorder import ROOT
from tests.settings.corpus import SAMPLES, StackFile
from tests.settings.tables import BASE, GCS, S3, accepted, merged, storage

PAGE = (ROOT / "docs" / "deploy" / "registry.md").read_text(encoding="utf-8")
EVERY_DRIVER = pytest.mark.parametrize("driver", DRIVERS)


@cache
def samples(driver: str) -> tuple[StackSettings, ...]:
    """Return the sample stacks whose registry has the driver."""
    found = (StackFile(path).parse() for path in SAMPLES)
    return tuple(stack for stack in found if stack.registry.storage.driver == driver)


def secrets(section: Section) -> Iterator[SecretStr | ExistingSecret]:
    """Yield each secret that is set in ``section``, at any depth."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, SecretStr | ExistingSecret):
            yield value
        elif isinstance(value, Section):
            yield from secrets(value)


def _identity(secret: SecretStr | ExistingSecret) -> object:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else (secret.secret, secret.key)


def delivered(driver: StorageDriver) -> list[SecretStr | ExistingSecret]:
    """Return the secrets that reach the registry."""
    return [*driver.secret_variables().values(), *driver.secret_files().values()]


@EVERY_DRIVER
def test_mypy_and_the_program_refuse_a_class_that_lacks_a_method(driver: str) -> None:
    """mypy reports the abstract methods of a final class alone; an object of it is never made."""
    assert issubclass(DRIVERS[driver], StorageDriver)
    assert getattr(DRIVERS[driver], "__final__", False), "write @final above the class"
    assert DRIVERS[driver].__abstractmethods__ == frozenset()


@EVERY_DRIVER
def test_each_driver_has_a_sample(driver: str) -> None:
    assert samples(driver), "add registry_<driver> to tests/settings/samples/registries.yaml"


@EVERY_DRIVER
def test_each_setting_of_a_driver_is_a_parameter_a_secret_or_the_programs_own(driver: str) -> None:
    model, own = DRIVERS[driver], {"driver", *DRIVERS[driver].not_parameters}
    assert own <= set(model.model_fields)
    for stack in samples(driver):
        said = stack.registry.storage
        parameters, held = said.parameters(stack.registry.version), delivered(said)
        lost = [name for name in said.model_fields_set - own if name not in parameters and getattr(said, name) not in held]
        assert lost == [], "return them by a method, or add them to not_parameters"


@EVERY_DRIVER
def test_each_secret_of_a_driver_reaches_the_registry_and_never_its_configuration(driver: str) -> None:
    for stack in samples(driver):
        said = stack.registry.storage
        found = list(secrets(said))
        assert Counter(map(_identity, found)) == Counter(map(_identity, delivered(said))), "return them by secret_variables or secret_files"
        text = json.dumps([said.parameters(stack.registry.version), dict(said.variables())])
        shown = [each.get_secret_value() for each in found if isinstance(each, SecretStr) and each.get_secret_value() in text]
        assert shown == []


@EVERY_DRIVER
def test_config_yml_names_each_driver_with_its_parameters(driver: str) -> None:
    for stack in samples(driver):
        said = stack.registry.storage
        document = configuration(stack.registry, WIRING)["storage"]
        assert document[driver] == said.parameters(stack.registry.version)
        assert set(document) - {driver} <= {"delete", "redirect", "maintenance", "cache"}


@EVERY_DRIVER
def test_a_driver_keeps_its_blobs_on_a_claim_or_opens_the_network_to_its_store(driver: str) -> None:
    for stack in samples(driver):
        opened = [each for each in destinations(stack) if each.name == "object_store"]
        assert (stack.registry.storage.volume is None) == bool(opened), "return its servers by connections"
        assert all(each.workloads == ("registry",) and each.ports for each in opened)


@EVERY_DRIVER
def test_no_extra_variable_of_the_stack_file_can_replace_one_of_a_driver(driver: str) -> None:
    for stack in samples(driver):
        said = stack.registry.storage
        free = [name for name in (*said.secret_variables(), *said.variables()) if not RESERVED["registry"].takes(name)]
        assert free == [], "add their beginning to RESERVED in components/settings/rules/workloads.py"


@EVERY_DRIVER
def test_a_setting_that_opens_or_uncovers_a_store_is_one_of_the_driver(driver: str) -> None:
    assert set(DRIVERS[driver].opened_by) <= set(DRIVERS[driver].model_fields)
    for stack in samples(driver):
        said = stack.registry.storage
        identity = said.identity()
        assert identity is None or identity.instead_of in said.opened_by
        assert {found.setting for found in said.unverified()} <= set(type(said).model_fields)


@EVERY_DRIVER
def test_the_page_on_storage_says_which_versions_have_a_driver(driver: str) -> None:
    known = [entry.version for entry in DRIVERS[driver].model_fields["driver"].metadata if isinstance(entry, KnownBy)]
    cells = " | ".join("yes" if version in (known or RegistryVersion) else "no" for version in RegistryVersion)
    assert f"| `{driver}` | {cells} |" in PAGE, "add a row to docs/deploy/registry.md"


CLASSES_KNOWN_BY = {
    "components/settings/sections/registry.py",
    "components/settings/rules/registry_storage.py",
}
"""The default, and the rules on the settings of a single driver."""


def test_all_other_code_asks_the_driver_and_knows_no_class_of_one() -> None:
    package = ROOT / "components" / "settings" / "sections" / "storage"
    modules = {path.stem for path in package.glob("*.py")} - {"__init__", "driver", "values"}
    assert len(modules) == len(DRIVERS)
    named = re.compile(rf"sections\.storage\.({'|'.join(modules)})\b|{'|'.join(model.__name__ for model in DRIVERS.values())}")
    files = [path for path in (ROOT / "components").rglob("*.py") if package not in path.parents]
    found = {str(path.relative_to(ROOT)) for path in files if named.search(path.read_text(encoding="utf-8"))}
    assert found == CLASSES_KNOWN_BY


class Incomplete(StorageDriver):
    """A new driver that says nothing of itself."""

    driver: Literal["incomplete"] = "incomplete"


class Complete(Incomplete):
    """A new driver that says what it must."""

    key: SecretSource
    note: Text

    def connections(self) -> Connections:
        return Connections(urls=("https://store",), ports=(8443,))

    def identity(self) -> Identity | None:
        return None

    def unverified(self) -> tuple[Unverified, ...]:
        return ()


def test_a_driver_that_lacks_a_method_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="abstract method"):
        Incomplete.model_validate_json("{}")


@pytest.mark.parametrize("key", ["a-secret-key", {"secret": "store", "key": "key"}])
def test_a_secret_is_no_parameter_even_if_its_driver_says_nothing_of_it(key: Any) -> None:
    made = Complete.model_validate_json(json.dumps({"key": key, "note": "shown"}))
    assert made.parameters(RegistryVersion.V3_1) == {"note": "shown"}


OSS = {"driver": "oss", "region": "oss-cn-beijing", "bucket": "images", "accesskeyid": "key-id", "accesskeysecret": "key-secret"}


@pytest.mark.parametrize(
    ("said", "ports", "inside", "metadata"),
    [
        (S3, [443], False, False),
        (S3 | {"secure": False}, [80], False, False),
        (S3 | {"regionendpoint": "http://minio:9000", "secure": False}, [9000], True, False),
        (
            {"driver": "s3", "region": "us-east-1", "bucket": "images", "nodeRole": True, "regionendpoint": "http://minio"},
            [80, 443],
            True,
            True,
        ),
        (GCS, [443], False, False),
        (OSS, [443], False, False),
        (OSS | {"endpoint": "minio:9000", "secure": False}, [9000], True, False),
        (OSS | {"endpoint": "minio"}, [443], True, False),
    ],
)
def test_ports_and_proxies_follow_what_a_driver_says_of_its_servers(
    said: Mapping[str, Any], ports: list[int], *, inside: bool, metadata: bool
) -> None:
    stack = accepted(merged(BASE, storage(dict(said))))
    store, *others = [each for each in destinations(stack) if each.name == "object_store"]
    assert list(store.ports) == ports
    assert bool(others) == metadata
    assert ("minio" in own_hosts(stack)) == inside
    assert ("169.254.169.254" in own_hosts(stack)) == metadata
