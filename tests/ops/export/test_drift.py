"""No image is lost unseen: whatever one side has and the other has not, or has otherwise, is told."""

from __future__ import annotations

import dataclasses

from ops.export.images import drift
from ops.export.registry_client import Holdings
from tests.ops.export.sample import digest, holdings, portus


def test_every_difference_is_told_with_its_reason() -> None:
    found = drift(portus(), holdings())
    assert {(each["repository"], each["tag"]): each["why"] for each in found["only_in_registry"]} == {
        ("products/many", "2"): "Portus drops the events of OCI manifests",
        ("products/oci", "0o7"): "Portus drops the events of OCI manifests",
    }
    assert found["only_in_portus"] == [{"repository": "alice/app", "tag": "gone", "digest": digest("c")}]
    assert found["other_digest"] == [{"repository": "alice/app", "tag": "1.0", "portus": digest("b"), "registry": digest("e")}]
    assert found["not_readable"] == [{"repository": "nowhere/app", "why": "Portus gives its own account no right"}]
    assert found["without_tags"] == ["alice/emptied"]


def test_what_could_not_be_listed_is_not_taken_for_lost() -> None:
    unread = dataclasses.replace(holdings(), images=(), unread={"alice/app": "why", "alice/a/b": "why", "alice": "why"})
    assert drift(portus(), unread)["only_in_portus"] == []


def test_what_agrees_is_no_difference() -> None:
    same = Holdings(images=tuple(image for image in holdings().images if image.repository in {"alice", "alice/a/b"}))
    few = dataclasses.replace(portus(), namespaces=tuple(each for each in portus().namespaces if each.is_global))
    few_images = Holdings(images=tuple(image for image in same.images if image.repository == "alice"))
    assert not any(drift(few, few_images).values())


def test_a_digest_that_an_old_portus_never_recorded_is_no_difference() -> None:
    spaces = portus().namespaces[:1]
    (repository,) = spaces[0].repositories
    bare = dataclasses.replace(repository, tags=(dataclasses.replace(repository.tags[0], digest=None),))
    old = dataclasses.replace(portus(), namespaces=(dataclasses.replace(spaces[0], repositories=(bare,)),))
    assert drift(old, Holdings(images=holdings().images[:1]))["other_digest"] == []


def test_an_event_that_waits_explains_a_missing_record() -> None:
    waiting = dataclasses.replace(portus(), namespaces=(), events_waiting=3)
    found = drift(waiting, Holdings(images=holdings().images[:1]))
    assert found["events_waiting"] == 3
    assert found["only_in_registry"][0]["why"] == "its event may be among those that wait"
