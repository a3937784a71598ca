"""The JSON Schema and the manual are what the models say, and the schema is worth having."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from components.settings.reference.__main__ import MANUAL, SCHEMA, texts
from components.settings.reference.entries import entries
from components.settings.reference.schema import schema
from tests.recorder import FILES, ROOT, STACKS
from tests.settings.corpus import BAD, SAMPLES, Case, WrongFile

WRITE = "write them anew: make golden"
FIRST_LINE = f"# yaml-language-server: $schema={SCHEMA.name}\n"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    found = schema()
    jsonschema.Draft7Validator.check_schema(found)
    return jsonschema.Draft7Validator(found)


def _document(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def generated() -> dict[Path, str]:
    return texts()


@pytest.mark.parametrize("path", [SCHEMA, MANUAL], ids=str)
def test_the_generated_file_is_what_the_models_say(path: Path, generated: dict[Path, str]) -> None:
    assert set(generated) == {SCHEMA, MANUAL}
    assert (ROOT / path).read_text(encoding="utf-8") == generated[path], WRITE


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_names_the_schema_and_fits_it(stack: str, validator: jsonschema.Draft7Validator) -> None:
    path = FILES[stack]
    assert path.read_text(encoding="utf-8").startswith(FIRST_LINE)
    assert [error.message for error in validator.iter_errors(_document(path))] == []


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_fits_the_schema(path: Path, validator: jsonschema.Draft7Validator) -> None:
    assert [error.message for error in validator.iter_errors(_document(path))] == []


@pytest.mark.parametrize(
    "entry", [entry for entry in BAD if entry.kind in {"unknown_keys", "wrong_types", "missing"}], ids=lambda entry: entry.id
)
def test_an_editor_sees_what_a_key_or_a_type_gets_wrong(entry: WrongFile | Case, validator: jsonschema.Draft7Validator) -> None:
    assert list(validator.iter_errors(entry.content))


def test_a_secret_in_clear_does_not_fit_the_schema(validator: jsonschema.Draft7Validator) -> None:
    in_clear = [entry for entry in BAD if entry.kind == "secrets" and entry.id.endswith("_in_clear")]
    assert in_clear
    assert [entry.id for entry in in_clear if not list(validator.iter_errors(entry.content))] == []


def test_every_setting_says_what_it_is_and_what_a_later_change_does() -> None:
    found = list(entries())
    assert len(found) > 250
    assert [entry.key for entry in found if not entry.meaning] == []
    assert [entry.key for entry in found if not entry.later] == []


def test_every_default_that_is_not_empty_stands_in_the_manual(generated: dict[Path, str]) -> None:
    manual = generated[MANUAL]
    for entry in entries():
        if entry.default not in {None, "", "unset"}:
            assert f"`{entry.default}`" in manual, entry.key


def test_the_schema_is_json_that_says_whose_it_is() -> None:
    assert json.loads((ROOT / SCHEMA).read_text(encoding="utf-8"))["title"] == "Stack file of Portus on Kubernetes"


def test_a_type_in_the_manual_is_what_the_parser_takes() -> None:
    types = {(entry.key, entry.variant): entry.type for entry in entries()}
    assert types["registry.http.headers", ""] == "mapping of lists of texts"
    assert types["registry.extraConfig", ""] == "any keys of config.yml"
    assert types["registry.serviceAccount.annotations", ""] == "mapping of texts"
    assert types["registry.storage.chunksize", "driver: gcs"] == "bytes, a multiple of 262144 (256 KiB)"
    assert [key for key, words in types.items() if "None" in words] == []


def test_each_table_of_the_manual_follows_a_heading(generated: dict[Path, str]) -> None:
    lines = generated[MANUAL].splitlines()
    heads = [number for number, line in enumerate(lines) if line.startswith("| key |")]
    assert len(heads) > 30
    assert [lines[number - 1] for number in heads if lines[number - 1]] == []
    headings = [line for line in lines if line.startswith("### The rest of")]
    assert len(headings) == len(set(headings)) == 2
