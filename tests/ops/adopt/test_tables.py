"""The tables of adoption agree with the program that it writes for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.settings.stack import Accepted, StackSettings
from ops.adopt import keys
from ops.adopt.classify.registry import DRIVERS
from ops.adopt.portus_keys import KEYS

MANUAL = Path("docs/reference/settings.md").read_text()


def documented(heading: str) -> dict[str, list[str]]:
    """Return the table below a heading of the manual: key -> cells."""
    section = MANUAL.split(f"{heading}\n", 1)[1]
    section = re.split(r"^#{2,3} ", section, maxsplit=1, flags=re.MULTILINE)[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row] for row in rows}


def test_portus_keys_and_their_releases_are_those_of_the_manual() -> None:
    rows = {key: cells for key, cells in documented("### `portus:portus.config`").items() if cells[1]}
    assert {key: (known.first, known.last) for key, known in KEYS.items()} == {
        key: (cells[3].split(" to ")[0], cells[3].split(" to ")[-1]) for key, cells in rows.items()
    }


def test_secret_keys_are_those_that_the_manual_calls_secret() -> None:
    rows = documented("### `portus:portus.config`")
    assert {key for key, known in KEYS.items() if known.kind == "secret"} == {key for key, cells in rows.items() if "secret" in cells[1]}


@pytest.mark.parametrize("driver", DRIVERS)
def test_parameters_of_storage_drivers_exist(driver: str) -> None:
    rows = documented(f"### `driver: {driver}`")
    assert {f"storage.{name}" for name in DRIVERS[driver]} <= set(rows)


WAIVERS = {keys.SELF_SIGNED, keys.CLEAR_TEXT, keys.FLOATING_TAGS, keys.SHARED_PASSWORDS, keys.UNRECORDED_PUSHES}
NAMED = {name: value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str) and name != "PREFIX"}


@pytest.mark.parametrize("name", sorted(name for name, value in NAMED.items() if value not in WAIVERS))
def test_every_key_that_adoption_names_is_in_the_manual(name: str) -> None:
    section, _, rest = NAMED[name].partition(".")
    text = re.split(r"^## ", MANUAL.split(f"## `{keys.PREFIX}{section}`\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    assert not rest or f"`{rest}`" in text or f"`{keys.PREFIX}{NAMED[name]}`" in text, NAMED[name]


def test_every_waiver_exists() -> None:
    assert {waiver.value for waiver in Accepted} >= WAIVERS


def test_the_sections_of_the_file_exist() -> None:
    assert set(keys.SECTIONS) <= {field.alias or name for name, field in StackSettings.model_fields.items()}


def test_no_other_module_spells_a_key_of_the_stack_file() -> None:
    sections = "|".join(keys.SECTIONS)
    for path in Path("ops/adopt").rglob("*.py"):
        if path.name != "keys.py":
            assert re.findall(rf"portus:(?:{sections})\.\w+", path.read_text()) == [], path
