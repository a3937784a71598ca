"""Every image that Portus' database names is looked for in the registry, whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import pytest

from ops.errors import OpsError
from ops.export.model import Namespace, Portus, Registry, Repository, Tag, Visibility
from ops.export.registry_client import RegistryClient
from ops.imports.images import SHOWN, Named, missing, named, refusal
from tests.ops.export.sample import digest

REGISTRY, PORTUS = "registry.example.com", "https://portus.example.com"
APP = "team/app"
T = TypeVar("T")


def _image(*layers: str, config: str = "c") -> dict[str, Any]:
    return {"config": {"digest": digest(config)}, "layers": [{"digest": digest(layer)} for layer in layers]}


def _lacks(manifests: dict[str, Any], blobs: str, reference: str) -> tuple[str, ...]:
    return _asked(_registry(manifests, blobs), lambda client: client.lacks(APP, reference))


def _registry(manifests: dict[str, Any], blobs: str) -> Callable[[httpx.Request], httpx.Response]:
    held = {digest(letter) for letter in blobs}

    def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url).startswith(PORTUS):
            return httpx.Response(200, json={"token": request.url.params["scope"]})
        repository, kind, name = request.url.path.removeprefix("/v2/").rsplit("/", 2)
        assert request.headers["Authorization"] == f"Bearer repository:{repository}:pull"
        if kind == "blobs":
            assert request.method == "HEAD"
            return httpx.Response(200 if name in held else 404)
        return httpx.Response(200, json=manifests[name]) if name in manifests else httpx.Response(404)

    return answer


def _asked(handler: Callable[[httpx.Request], httpx.Response], ask: Callable[[RegistryClient], T]) -> T:
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        return ask(RegistryClient(registry=REGISTRY, portus_url=PORTUS, password="of portus", http=http))


@pytest.mark.parametrize(
    ("manifest", "blobs", "lacks"),
    [
        (_image("1", "2"), "c12", ""),
        (_image("1", "2"), "c2", "1"),
        (_image("1", "1"), "", "c1"),
        ({"fsLayers": [{"blobSum": digest("1")}, {"blobSum": digest("2")}]}, "1", "2"),
        ({"layers": [{"digest": digest("1"), "urls": ["https://elsewhere.example.com/1"]}]}, "", ""),
    ],
    ids=["whole", "a layer", "a layer twice and the configuration", "schema 1", "a layer that is elsewhere"],
)
def test_what_an_image_lacks_is_reported_once(manifest: dict[str, Any], blobs: str, lacks: str) -> None:
    assert _lacks({digest("a"): manifest}, blobs, digest("a")) == tuple(digest(letter) for letter in lacks)


def test_an_image_without_its_manifest_lacks_that() -> None:
    assert _lacks({}, "", digest("a")) == (digest("a"),)
    assert _lacks({}, "", "1.0") == ("1.0",)


def test_a_list_lacks_what_its_images_lack() -> None:
    many = {"manifests": [{"digest": digest("b")}, {"digest": digest("d")}]}
    assert _lacks({digest("a"): many, digest("b"): _image("1")}, "c", digest("a")) == (digest("1"), digest("d"))


def test_an_image_of_several_tags_is_asked_for_once_and_by_its_tag_where_portus_knows_no_digest() -> None:
    tags = (Tag(name="1", digest=digest("a")), Tag(name="latest", digest=digest("a")), Tag(name="old", digest=None))
    space = Namespace(
        name="team", is_global=False, visibility=Visibility.PRIVATE, team="team", repositories=(Repository(name=APP, tags=tags),)
    )
    record = Registry(name="registry", hostname=REGISTRY, external_hostname=None, use_ssl=True)
    found = named(Portus(migration="1", registry=record, namespaces=(space,)))
    assert found == {Named(APP, digest("a")): ["1", "latest"], Named(APP, "old"): ["old"]}
    lacking = _asked(_registry({"old": _image("1")}, "c1"), lambda client: missing(client, found, lambda _: None))
    assert lacking == {Named(APP, digest("a")): (digest("a"),)}
    assert f"{APP}:1, latest lacks {digest('a')}" in refusal(lacking, found).excerpt


def test_a_registry_that_fails_is_no_registry_that_lacks() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"token": "t"}) if str(request.url).startswith(PORTUS) else httpx.Response(503)

    with pytest.raises(OpsError, match="answers 503"):
        _asked(answer, lambda client: missing(client, {Named(APP, digest("a")): ["1"]}, lambda _: None))


def test_an_error_has_a_page_of_images_at_most() -> None:
    lacking = {Named(APP, f"{number:03}"): ("x",) for number in range(SHOWN + 5)}
    error = refusal(lacking, {image: [image.reference] for image in lacking})
    assert len(error.excerpt.splitlines()) == SHOWN + 1
    assert error.excerpt.endswith("and 5 more images")
