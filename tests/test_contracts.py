"""Rules over the code itself: who imports whom, who reads configuration, who makes options."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
COMPONENTS = ROOT / "components"
FILES = sorted(COMPONENTS.rglob("*.py"))

ALLOWED = {
    "common": set(),
    "settings": {"common"},
    "credentials": {"common", "settings"},
    "tls": {"common", "settings"},
    "network": {"common", "settings"},
    "mariadb": {"common", "settings", "credentials"},
    "portus": {"common", "settings", "credentials", "mariadb", "images"},
    "registry": {"common", "settings", "tls"},
    "exposure": {"common", "settings", "tls"},
    "observability": {"common", "settings"},
    "backup": {"common", "settings", "credentials", "mariadb", "images"},
    "cluster": {"common", "settings"},
    "outputs": {"common", "settings", "tls", "images"},
    "images": {"common", "settings"},
}
"""One direction: a package imports the ones named, itself, and nothing else of components."""


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return every node of the module's syntax tree."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def _imports(path: Path) -> tuple[str, ...]:
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in _nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name


def _package(path: Path) -> str:
    first = path.relative_to(COMPONENTS).parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    package = _package(path)
    if package in {"__init__", "stack"}:  # the stack is made of all of them
        return
    seen = {name.split(".")[1] for name in _imports(path) if name.startswith("components.") and name.count(".") >= 1}
    assert seen - {package} <= ALLOWED[package]
    assert not any(name.split(".")[0] in {"ops", "lab", "tests"} for name in _imports(path))


TAKEN_FROM_COMPONENTS = {"components.common.names", "components.common.versions"}
"""What an operator's command may take from the program: names and versions."""


def _outside(package: str) -> Iterator[tuple[Path, str]]:
    """Give file and name of each import of this repository's other packages."""
    for path in sorted((ROOT / package).rglob("*.py")):
        yield from ((path, name) for name in _imports(path) if name.split(".")[0] in {"components", "ops", "lab", "tests"} - {package})


def test_the_lab_imports_the_operators_commands_and_nothing_of_the_components() -> None:
    assert [(path, name) for path, name in _outside("lab") if name.split(".")[0] != "ops"] == []


def test_the_operators_commands_import_names_and_versions_of_the_components_and_nothing_of_the_lab() -> None:
    taken = [(path, name) for path, name in _outside("ops") if not any(f"{name}.".startswith(f"{each}.") for each in TAKEN_FROM_COMPONENTS)]
    assert [(path, name) for path, name in taken if name not in {"components", "components.common"}] == []


def _installed(file: str) -> set[str]:
    """Return the distributions that ``pip install -r file`` brings, with what they need themselves."""
    found: set[str] = set()
    waiting = [line for line in (ROOT / file).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    while waiting:
        line = waiting.pop()
        name = canonicalize_name(re.split(r"[^\w.-]", line, maxsplit=1)[0])
        if line.startswith("-r "):
            found |= _installed(line.removeprefix("-r "))
        elif name not in found and "extra ==" not in line:
            found.add(name)
            with contextlib.suppress(PackageNotFoundError):  # for another system, or another Python
                waiting += requires(name) or []
    return found


@pytest.mark.parametrize(
    ("package", "file"), [("components", "requirements.txt"), ("ops", "requirements-ops.txt"), ("lab", "requirements-dev.txt")]
)
def test_what_a_package_imports_is_in_its_requirements(package: str, file: str) -> None:
    """Who deploys installs no linter, and who runs a command has all that it imports."""
    providers, own = packages_distributions(), _installed(file)
    imported = {name.split(".")[0] for path in (ROOT / package).rglob("*.py") for name in _imports(path)} & set(providers)
    assert {name for name in imported if own.isdisjoint(map(canonicalize_name, providers[name]))} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_load_reads_configuration_environment_or_the_stacks_name(path: Path) -> None:
    if path == COMPONENTS / "settings" / "load.py":
        return
    source = path.read_text(encoding="utf-8")
    for forbidden in ("pulumi.Config", "get_stack", "get_project", "os.environ", "getenv", "get_config"):
        assert forbidden not in source, forbidden


def test_only_the_base_component_makes_resource_options() -> None:
    for path in FILES:
        made = [
            node
            for node in _nodes(path)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "ResourceOptions"
        ]
        assert not made or path == COMPONENTS / "common" / "base.py", path


def _checked_for_length() -> list[Path]:
    return [*FILES, *sorted((ROOT / "ops").rglob("*.py")), *sorted((ROOT / "lab").rglob("*.py"))]


def test_no_file_grows_past_four_hundred_lines() -> None:
    for path in [*_checked_for_length(), *sorted((ROOT / "tests").rglob("*.py"))]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def test_no_function_grows_past_sixty_lines() -> None:
    for path in _checked_for_length():
        for node in _nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or node.lineno) - node.lineno < 60, f"{path}: {node.name}"


def test_the_program_only_loads_makes_and_exports() -> None:
    assert len((ROOT / "__main__.py").read_text(encoding="utf-8").splitlines()) <= 30


def test_nothing_imports_the_whole_stack() -> None:
    for path in FILES:
        assert "components.stack" not in set(_imports(path)), path


def test_no_component_is_named_after_an_environment() -> None:
    for path in [*FILES, ROOT / "__main__.py"]:
        for node in _nodes(path):
            if isinstance(node, ast.Compare):
                values = [c.value for c in node.comparators if isinstance(c, ast.Constant)]
                assert not {"prod", "dev", "staging", "lab"} & set(values), path


# A new kind of exposure, store or database is never passed over in silence.


OPEN = {"components/settings/report/explain.py"}
"""Here a text is matched: pydantic's kinds of errors."""


def _matches() -> Iterator[tuple[str, ast.Match]]:
    for path in FILES:
        for node in _nodes(path):
            if isinstance(node, ast.Match):
                yield str(path.relative_to(ROOT)), node


def test_every_match_over_a_union_ends_in_assert_never() -> None:
    found = [(path, node) for path, node in _matches() if path not in OPEN]
    assert len(found) > 7
    silent = [f"{path}:{node.lineno}" for path, node in found if "assert_never" not in ast.unparse(node.cases[-1])]
    assert silent == []


def _is_frozen(model: ast.ClassDef) -> bool:
    calls = [each for each in model.decorator_list if isinstance(each, ast.Call) and ast.unparse(each.func) == "dataclass"]
    return all(any(word.arg == "frozen" and ast.unparse(word.value) == "True" for word in call.keywords) for call in calls)


def test_what_components_hand_to_each_other_cannot_be_changed() -> None:
    classes = [(path, node) for path in FILES for node in _nodes(path) if isinstance(node, ast.ClassDef)]
    assert [f"{path.relative_to(ROOT)}:{node.name}" for path, node in classes if not _is_frozen(node)] == []
