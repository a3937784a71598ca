"""Which backend the verbs ask: the one that the user's own ``pulumi`` asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.pulumi import backend

OWN = {"PULUMI_BACKEND_URL": f"file://{backend.OWN_STATE}", "PULUMI_CONFIG_PASSPHRASE_FILE": str(backend.PASSPHRASE)}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's home, in which nobody has logged in yet."""
    monkeypatch.setattr(backend, "_home", lambda: tmp_path)
    return tmp_path


def _log_in(folder: Path, current: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    document = {"current": current, "accessTokens": {current: "pul-of-the-test"}}
    (folder / "credentials.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def test_where_nothing_names_a_backend_the_state_is_kept_in_the_checkout() -> None:
    assert backend.variables({}) == OWN


def test_the_checkouts_state_takes_a_passphrase_that_the_user_names() -> None:
    assert backend.variables({"PULUMI_CONFIG_PASSPHRASE": "p"}) == {"PULUMI_BACKEND_URL": OWN["PULUMI_BACKEND_URL"]}


@pytest.mark.parametrize("url", ["s3://states", "file:///srv/states", "https://api.pulumi.com"])
def test_the_backend_that_the_user_has_logged_in_to_is_asked(home: Path, url: str) -> None:
    folder = _log_in(home / ".pulumi", url)
    assert backend.variables({}) == {"PULUMI_BACKEND_URL": url, "PULUMI_CREDENTIALS_PATH": str(folder)}


@pytest.mark.parametrize("variable", ["PULUMI_HOME", "PULUMI_CREDENTIALS_PATH"])
def test_the_login_is_looked_for_where_the_users_pulumi_keeps_it(home: Path, variable: str) -> None:
    _log_in(home / ".pulumi", "s3://not-this-one")
    folder = _log_in(home / "elsewhere", "s3://states")
    expected = {"PULUMI_BACKEND_URL": "s3://states", "PULUMI_CREDENTIALS_PATH": str(folder)}
    assert backend.variables({variable: str(folder)}) == expected


def test_a_backend_that_the_user_names_wins_over_the_login(home: Path) -> None:
    _log_in(home / ".pulumi", "s3://states")
    assert backend.variables({"PULUMI_BACKEND_URL": "gs://others"})["PULUMI_BACKEND_URL"] == "gs://others"


def test_a_backend_that_the_project_names_wins_over_the_login(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    _log_in(home / ".pulumi", "s3://states")
    monkeypatch.setattr("ops.paths.ROOT", home)
    (home / "Pulumi.yaml").write_text("name: portus\nbackend:\n  url: gs://others\n", encoding="utf-8")
    assert backend.variables({})["PULUMI_BACKEND_URL"] == "gs://others"


def test_a_token_alone_means_pulumis_own_cloud() -> None:
    assert backend.variables({"PULUMI_ACCESS_TOKEN": "pul-of-the-test"}) == {}


def test_a_user_who_has_logged_out_has_no_backend(home: Path) -> None:
    _log_in(home / ".pulumi", "")
    assert backend.variables({}) == OWN


def test_a_login_that_only_pulumi_can_read_is_left_to_pulumi(home: Path) -> None:
    folder = home / ".pulumi"
    folder.mkdir()
    (folder / "credentials.json").write_text('{"$pulumiSecureStore": 1, "data": "..."}', encoding="utf-8")
    assert backend.variables({}) == {"PULUMI_CREDENTIALS_PATH": str(folder)}


def test_no_token_is_handed_on(home: Path) -> None:
    _log_in(home / ".pulumi", "https://api.pulumi.com")
    assert "pul-of-the-test" not in str(backend.variables({}))


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgres://me:p@ss@db.example.com/states?sslmode=require", "postgres://db.example.com/states"),
        ("s3://states?region=eu-central-1", "s3://states"),
        ("file:///srv/states", "file:///srv/states"),
    ],
)
def test_a_backend_is_shown_without_its_password(url: str, text: str) -> None:
    assert backend.shown({"PULUMI_BACKEND_URL": url}) == text


def test_a_file_backend_is_found_as_pulumi_finds_it(home: Path) -> None:
    assert backend.folder_of("file://~") == home
    assert backend.folder_of("file:///srv/states?no_tmp_dir=true") == Path("/srv/states")
    assert backend.folder_of("s3://states") is None
