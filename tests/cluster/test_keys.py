"""Portus' and the registry's secrets and the key of tokens change while clients work, and may stand in a Secret of another owner."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from components.settings.sections.credentials import ExistingCredentials
from components.settings.types.base import names_and_keys
from ops.deployment import Deployment
from tests.cluster.own_stack import OwnStack, deployment, make_secret, registry_api
from tests.cluster.rotating import ACCEPT, enters, push, rotate, rotating, secret, working

pytestmark = pytest.mark.cluster

ADDRESS = "127.88.0.102"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    with rotating("keys", tmp_path_factory.mktemp("keys"), address=ADDRESS, node_port=30833) as deployed:
        yield deployed


@pytest.fixture
def reached(stack: OwnStack) -> Deployment:
    return deployment(stack)


def test_the_secrets_of_portus_the_registry_and_the_cache_change_under_load(stack: OwnStack, reached: Deployment) -> None:
    rotate(stack, secretKeyBase=2, portusPassword=2, httpSecret=2, registryCache=2)
    with working(reached) as seen:
        stack.up()
    assert seen.lost == []
    push(reached)


def test_the_signing_key_changes_under_load_and_the_previous_one_is_removed_later(stack: OwnStack, reached: Deployment) -> None:
    """Earlier tokens open the registry until the deployment that removes their key."""
    with registry_api(reached, "admin/kept", "pull") as http:
        _sign(stack, signingKeyVersion=2)
        with working(reached) as seen:
            stack.up()
        assert seen.lost == []
        assert deployment(stack).outputs["token_key_id"] != reached.outputs["token_key_id"]
        assert http.get("/manifests/1", headers=ACCEPT).status_code == httpx.codes.OK
        with registry_api(reached, "admin/kept", "pull") as signed_by_the_new_key:
            _sign(stack, minSigningKeyVersion=2)
            with working(reached) as seen:
                stack.up()
            assert seen.lost == []
            assert signed_by_the_new_key.get("/manifests/1", headers=ACCEPT).status_code == httpx.codes.OK
        assert http.get("/manifests/1", headers=ACCEPT).status_code == httpx.codes.UNAUTHORIZED
    stack.up("--expect-no-changes")


def _sign(stack: OwnStack, **counters: int) -> None:
    said = stack.said()
    said["portus:tls"] |= counters
    stack.say(said)


def test_a_server_that_starts_with_an_empty_claim_takes_the_passwords_of_the_day(stack: OwnStack) -> None:
    stack.destroy()
    stack.up()
    reached = deployment(stack)
    for user, key in {"portus": "password", "portus_backup": "backup-password", "root": "root-password"}.items():
        assert enters(reached, user, secret(reached, "mariadb-credentials", key)), user
    push(reached)
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    stack.up("--expect-no-changes")


def test_every_secret_may_stand_in_a_secret_of_another_owner(stack: OwnStack, reached: Deployment) -> None:
    """The database's hold what SQL, the shell and YAML would not take apart; nothing of them is in the state."""
    texts = {name: f"another{number}" + "x" * 32 for number, name in enumerate(key for _, key in names_and_keys(ExistingCredentials))}
    make_secret(reached.api(), reached.namespace, "of-another-owner", texts)
    stack.destroy()
    said = stack.said()
    said["portus:credentials"] = {"existing": {name: {"secret": "of-another-owner", "key": name} for name in texts}}
    stack.say(said)
    stack.up()
    deployed = deployment(stack)
    assert deployed.administrator_password == texts["administrator"]
    push(deployed)
    users = {"root": "databaseRoot", "portus": "databaseApplication", "portus_backup": "databaseBackup"}
    assert [user for user, name in users.items() if not enters(deployed, user, texts[name])] == []
    assert not [text for text in texts.values() if text in json.dumps(stack.export())]
    stack.up("--expect-no-changes")
