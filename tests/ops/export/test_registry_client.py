"""Everything that a registry holds is found, over every page, with what it calls it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from lab.images.servers import fresh_registry
from ops.errors import OpsError
from ops.export.registry_client import MANIFEST_TYPES, Inventory, RegistryClient
from ops.sample_image import write_sample
from tests.ops.export.sample import DOCKER, INDEX, digest

REGISTRY, PORTUS = "registry.example.com:5000", "https://portus.example.com"
PASSWORD = "the password of portus"
PAGE = 100
"""What distribution gives when it is not told how many."""


@dataclass
class Servers:
    """A Portus and a registry by the rules of distribution and of portus-images.md, as far as listing goes.

    Args:
        tags: repository -> tag -> media type; None for a tag whose manifest is gone.
        unknown: repositories of a namespace that Portus does not have.
        token_uses: how many requests a token serves before it is too old.
    """

    tags: dict[str, dict[str, str | None]]
    unknown: tuple[str, ...] = ()
    token_uses: int = 10**6
    password: str = PASSWORD
    asked: Counter[str] = field(default_factory=Counter)
    _uses: Counter[str] = field(default_factory=Counter)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked[f"{request.method} {request.url.path}"] += 1
        if str(request.url).startswith(PORTUS):
            return self._token(request)
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self._uses[token] += 1
        _, scope = token.split(" ", 1)
        if self._uses[token] > self.token_uses:
            return httpx.Response(401)
        return self._answer(request, request.url.path.removeprefix("/v2/"), scope)

    def _answer(self, request: httpx.Request, path: str, scope: str) -> httpx.Response:
        if path == "_catalog":
            assert scope == "registry:catalog:*"
            return self._page(request, "repositories", sorted(self.tags))
        name, _, tag = path.removesuffix("/tags/list").partition("/manifests/")
        if scope != f"repository:{name}:pull" or name in self.unknown:
            return httpx.Response(401)
        if not tag:
            return self._page(request, "tags", sorted(self.tags[name])) if self.tags[name] else httpx.Response(404)
        if (media_type := self.tags[name][tag]) is None:
            return httpx.Response(404)
        assert set(MANIFEST_TYPES) == set(request.headers["Accept"].split(", "))
        return httpx.Response(200, headers={"Docker-Content-Digest": digest("a"), "Content-Type": media_type})

    def _token(self, request: httpx.Request) -> httpx.Response:
        login = base64.b64encode(f"portus:{self.password}".encode()).decode()
        if request.headers["Authorization"] != f"Basic {login}":
            return httpx.Response(401)
        assert request.url.params["service"] == REGISTRY
        return httpx.Response(200, json={"token": f"{sum(self.asked.values())} {request.url.params['scope']}"})

    def _page(self, request: httpx.Request, key: str, values: list[str]) -> httpx.Response:
        size, last = int(request.url.params.get("n", PAGE)), request.url.params.get("last", "")
        page = [value for value in values if value > last][:size]
        more = page and page[-1] != values[-1]
        link = {"Link": f'<{request.url.path}?last={page[-1]}&n={size}>; rel="next"'} if more else {}
        return httpx.Response(200, json={key: page}, headers=link)


def held(handler: Callable[[httpx.Request], httpx.Response]) -> Inventory:
    said: list[str] = []
    with httpx.Client(transport=httpx.MockTransport(handler)) as http:
        return RegistryClient(registry=REGISTRY, portus_url=PORTUS, password=PASSWORD, http=http).inventory(said.append)


def test_every_page_of_the_catalog_is_read() -> None:
    servers = Servers({f"team/app-{number:03}": {"1": DOCKER} for number in range(2 * PAGE + 1)})
    assert [image.repository for image in held(servers).images] == sorted(servers.tags)
    assert servers.asked["GET /v2/_catalog"] == 3


def test_a_tag_has_the_digest_and_type_that_the_registry_answers_with() -> None:
    found = held(Servers({"team/app": {"1": DOCKER, "2": INDEX}}))
    assert [(image.tag, image.digest, image.media_type) for image in found.images] == [
        ("1", digest("a"), DOCKER),
        ("2", digest("a"), INDEX),
    ]


def test_a_repository_without_a_reader_in_portus_is_reported_and_the_others_are_listed() -> None:
    found = held(Servers({"nowhere/app": {"1": DOCKER}, "team/app": {"1": DOCKER}}, unknown=("nowhere/app",)))
    assert list(found.unread) == ["nowhere/app"]
    assert [image.repository for image in found.images] == ["team/app"]


def test_an_emptied_repository_is_reported_and_a_tag_without_a_manifest_is_no_tag() -> None:
    found = held(Servers({"team/emptied": {}, "team/half": {"1": None}}))
    assert found.empty == ("team/emptied", "team/half")
    assert found.images == ()


def test_a_repository_whose_tags_outlive_a_token_is_listed_whole() -> None:
    servers = Servers({"team/app": {str(number): DOCKER for number in range(20)}}, token_uses=5)
    assert len(held(servers).images) == 20


def test_a_portus_that_refuses_its_own_account_is_one_line() -> None:
    with pytest.raises(OpsError, match="Portus refuses its own account 'portus'"):
        held(Servers({}, password="another"))


@pytest.mark.parametrize("away", [PORTUS, f"https://{REGISTRY}"])
def test_a_server_that_does_not_answer_is_one_line(away: str) -> None:
    servers = Servers({"team/app": {"1": DOCKER}})

    def handler(request: httpx.Request) -> httpx.Response:
        if str(request.url).startswith(away):
            raise httpx.ConnectError("Name or service not known")
        return servers(request)

    with pytest.raises(OpsError, match="does not answer: Name or service not known"):
        held(handler)


def test_a_server_that_fails_is_one_line_with_its_words() -> None:
    servers = Servers({"team/app": {"1": DOCKER}})

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, text="storage is away") if request.method == "HEAD" else servers(request)

    with pytest.raises(OpsError, match=r"registry.example.com answers 503 when asked for the manifest of team/app:1") as caught:
        held(handler)
    assert caught.value.excerpt == "storage is away"


@pytest.mark.images
def test_the_genuine_registry_is_read_whole(tmp_path: Path) -> None:
    """More repositories than a page of its catalog, several tags, an emptied repository, and the name of one that only had an upload."""
    names = [f"team/app-{number:03}" for number in range(PAGE + 2)]
    digest_of = write_sample(tmp_path, layers=1, layer_bytes=10)
    manifest = (tmp_path / "manifest.json").read_bytes()
    with fresh_registry() as address, httpx.Client(base_url=f"http://{address}/v2/") as direct:
        for name in names:
            for blob in (each for each in tmp_path.iterdir() if each.name not in {"manifest.json", "version"}):
                place = httpx.URL(direct.post(f"{name}/blobs/uploads/").headers["Location"])
                place = place.copy_merge_params({"digest": f"sha256:{blob.name}"})
                assert direct.put(place, content=blob.read_bytes()).status_code == 201
            for tag in ("1", "2") if name == names[0] else ("1",):
                answer = direct.put(f"{name}/manifests/{tag}", content=manifest, headers={"Content-Type": DOCKER})
                assert answer.headers["Docker-Content-Digest"] == digest_of
        assert direct.delete(f"{names[1]}/manifests/{digest_of}").status_code == 202

        def handler(request: httpx.Request) -> httpx.Response:
            if str(request.url).startswith(PORTUS):
                return httpx.Response(200, json={"token": "any"})
            headers = {name: value for name, value in request.headers.items() if name != "host"}
            answer = direct.request(request.method, f"http://{address}{request.url.raw_path.decode()}", headers=headers)
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

        found = held(handler)
    assert found.empty == (names[1],)
    assert {(image.repository, image.tag) for image in found.images} == {(name, "1") for name in names if name != names[1]} | {
        (names[0], "2")
    }
    assert {(image.digest, image.media_type) for image in found.images} == {(digest_of, DOCKER)}
