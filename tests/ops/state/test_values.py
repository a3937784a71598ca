"""What of a state is a secret, and how it leaves the process."""

from __future__ import annotations

import json

from ops.state.values import HIDDEN, SECRET, SIGNATURE, Secret, encoded, hidden, marked


def test_a_secret_leaves_in_pulumis_own_form_and_shows_nothing_before() -> None:
    found = encoded({"data": Secret({"password": "abc"}), "list": [Secret("x"), 1]})
    assert found["data"] == {SIGNATURE: SECRET, "plaintext": json.dumps({"password": "abc"})}
    assert found["list"][1] == 1
    assert "abc" not in repr(Secret("abc"))


def test_a_list_that_holds_a_secret_is_secret_as_a_whole() -> None:
    shown = {"data": {"a": HIDDEN, "b": "1"}, "spec": {"env": [{"name": "a"}, {"value": HIDDEN}]}, "plain": [1]}
    assert set(hidden(shown)) == {("data", "a"), ("spec", "env")}


def test_marks_go_to_what_is_there() -> None:
    found = marked({"data": {"a": "1", "b": "2"}, "kind": "ConfigMap"}, {("data", "a"), ("spec", "x"), ("kind", "y")})
    assert found == {"data": {"a": Secret("1"), "b": "2"}, "kind": "ConfigMap"}
