"""Broken values and objects end in a stack file or in a refusal, never in a traceback or half a result."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ops.adopt import support

HERE = Path(__file__).parent
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


def broken(text: str, chance: random.Random) -> str:
    """Return ``text`` with one to three parts replaced or removed."""
    documents = list(yaml.safe_load_all(text))
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
    for source in sorted((HERE / command).iterdir()):
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
    result = support.run(*command, file, "--stack", "prod", "--dir", tmp_path / "new", env=support.ENVIRONMENT)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exc_info
    assert "fix:" in result.output


@each_command
def test_a_file_that_is_no_text_is_refused(command: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "source.yaml"
    file.write_bytes(bytes(range(256)))
    result = support.run(*command, file, "--stack", "prod", "--dir", tmp_path / "new", env=support.ENVIRONMENT)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exc_info
