"""Which notifications are kept, and which are an error for ever."""

from __future__ import annotations

from typing import Any

import pytest

from lab.portus_double.errors import ApplicationError
from lab.portus_double.events import rails_json, relevant
from lab.portus_double.generation import GENERATIONS

DOCKER = "application/vnd.docker.distribution.manifest"


def event(action: Any = "push", media_type: Any = f"{DOCKER}.v2+json") -> dict[str, Any]:
    return {"id": "e", "action": action, "target": {"mediaType": media_type}}


def kept(content: Any, version: str = "2.5") -> bool:
    return relevant(GENERATIONS[version], content)


@pytest.mark.parametrize("kind", [f"{DOCKER}.v2+json", f"{DOCKER}.list.v2+json", f"{DOCKER}.v1+prettyjws"])
def test_docker_manifests_are_kept(kind: str) -> None:
    assert kept(event(media_type=kind))


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"]
)
def test_blobs_and_oci_manifests_are_dropped(kind: str) -> None:
    assert not kept(event(media_type=kind))


def test_deletes_are_kept_whatever_their_type() -> None:
    assert kept({"action": "delete", "target": {}})


@pytest.mark.parametrize("action", ["mount", None, 5])
def test_other_actions_are_dropped(action: Any) -> None:
    assert not kept(event(action))


def test_pulls_are_kept_since_2_5() -> None:
    assert kept(event("pull"))
    assert not kept(event("pull"), "2.4")


@pytest.mark.parametrize("target", [None, "text", []])
def test_a_target_that_is_no_object_is_dropped(target: Any) -> None:
    assert not kept({"action": "push", "target": target})


@pytest.mark.parametrize("content", [event(media_type=None), event(media_type=7), None, 5, [], True])
def test_what_the_genuine_code_takes_for_granted_is_an_error(content: Any) -> None:
    with pytest.raises(ApplicationError):
        kept(content)


def test_rows_are_measured_with_rails_escapes() -> None:
    assert rails_json({"a": "<&>ä"}) == '{"a":"\\u003c\\u0026\\u003eä"}'
