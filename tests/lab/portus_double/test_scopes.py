"""How scopes are read, judged and merged."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.portus_double.tokens import Scope, ScopeNotHandledError, granted, merge, parse, requested


def allowing(*actions: str) -> Callable[[str], bool]:
    return lambda action: action in actions


@pytest.mark.parametrize(
    ("query", "scopes"),
    [
        ("service=r", []),
        ("scope", []),
        ("scope=", [""]),
        ("scope=a:b:c&scope=d:e:f", ["a:b:c", "d:e:f"]),
        ("scope=a:b:c;%20scope=d:e:f", ["a:b:c"]),
        ("scope=a:b:c; scope=d:e:f", ["a:b:c", "d:e:f"]),
        ("scope=repository%3Aa%2Fb%3Apull%2Cpush", ["repository:a/b:pull,push"]),
    ],
)
def test_scopes_come_from_the_raw_query_as_rack_reads_it(query: str, scopes: list[str]) -> None:
    assert requested(query) == scopes


@pytest.mark.parametrize("text", ["", "pull", "repository:alice", "plugin:alice/app:pull", "repository(plugin):alice/app:pull"])
def test_a_scope_of_another_form_or_type_is_not_handled(text: str) -> None:
    with pytest.raises(ScopeNotHandledError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("repository:alice/app:push,pull", Scope("repository", "alice/app", ("push", "pull"))),
        ("repository:alice/app:", Scope("repository", "alice/app", ())),
        ("repository:alice/app:pull,", Scope("repository", "alice/app", ("pull",))),
        ("repository:reg:5000/alice/app:pull", Scope("repository", "reg", ("5000/alice/app:pull",))),
        ("registry:catalog:*", Scope("registry", "catalog", ("*",))),
    ],
)
def test_the_name_ends_at_the_second_colon(text: str, scope: Scope) -> None:
    assert parse(text) == scope


@pytest.mark.parametrize(
    ("name", "namespace"), [("busybox", None), ("alice/app", "alice"), ("alice/a/b", "alice"), ("/app", None), ("app/", "app"), ("/", None)]
)
def test_the_namespace_is_what_stands_before_the_first_slash(name: str, namespace: str | None) -> None:
    assert Scope("repository", name, ()).namespace == namespace


def test_denied_actions_go_and_the_order_asked_for_stays() -> None:
    assert granted(parse("repository:a/b:push,fly,pull"), allowing("pull", "push")) == ["push", "pull"]


def test_a_star_is_judged_as_all() -> None:
    assert granted(parse("repository:a/b:*"), allowing("all")) == ["*"]
    assert granted(parse("repository:a/b:*"), allowing("pull", "push")) == []


def test_what_stands_behind_a_leading_star_is_not_judged_as_in_the_genuine_application() -> None:
    assert granted(parse("repository:a/b:*,push"), allowing()) == ["push"]


def test_of_the_registry_only_the_whole_catalogue_is_judged() -> None:
    assert granted(parse("registry:catalog:*"), allowing()) == []
    assert granted(parse("registry:catalog:pull"), allowing()) == ["pull"]
    assert granted(parse("registry:other:*"), allowing()) == ["*"]


def test_scopes_of_one_resource_are_merged_and_empty_ones_left_out() -> None:
    app, other = parse("repository:a/b:pull"), parse("repository:c/d:pull")
    assert merge([(app, ["pull"]), (other, []), (app, ["push", "pull"])]) == [
        {"type": "repository", "name": "a/b", "actions": ["pull", "push"]}
    ]
