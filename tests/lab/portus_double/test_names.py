"""User names, namespace names, passwords, and activities' parameters."""

from __future__ import annotations

import pytest

from lab.portus_double.activities import symbols
from lab.portus_double.users import BAD_NAMESPACE, namespace_name, namespace_problems, password_problems


@pytest.mark.parametrize(
    ("username", "name"),
    [
        ("alice", "alice"),
        ("Dave.Smith", "dave.smith"),
        ("_x_", "x"),
        ("a b", "a_b"),
        ("a--b", "a_b"),
        ("a__.b", "a_b"),
        ("a@b.c", "a_b.c"),
        ("a", "a"),
        ("___", None),
        ("", None),
        ("é", None),
    ],
)
def test_a_user_name_becomes_a_namespace_name(username: str, name: str | None) -> None:
    assert namespace_name(username) == name


def test_a_taken_name_gets_the_first_free_number() -> None:
    assert namespace_name("alice", {"alice", "alice0"}.__contains__) == "alice1"


@pytest.mark.parametrize(
    ("name", "problem"), [("Bad Name", BAD_NAMESPACE), ("a_", BAD_NAMESPACE), ("-a", BAD_NAMESPACE), ("a..b", BAD_NAMESPACE)]
)
def test_a_namespace_is_lower_case_with_single_separators_inside(name: str, problem: str) -> None:
    assert namespace_problems(name) == [problem]
    assert namespace_problems("a-b_c.d") == []


def test_a_password_has_8_to_128_characters() -> None:
    assert password_problems("1234567") == ["is too short (minimum is 8 characters)"]
    assert password_problems("x" * 129) == ["is too long (maximum is 128 characters)"]
    assert password_problems("") == ["can't be blank"]
    assert password_problems("12345678") == []


def test_parameters_are_yaml_with_symbols() -> None:
    parameters = {"repository_name": "hello", "namespace_id": 4, "tag_name": "1.0"}
    assert symbols(parameters) == "---\n:repository_name: hello\n:namespace_id: 4\n:tag_name: '1.0'\n"
    assert symbols(None) is None
