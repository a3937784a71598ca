"""What the registry itself holds, asked as Portus' own account: every repository, tag and digest, whether Portus knows it or not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpx

from ops.errors import OpsError
from ops.export.model import SYSTEM_USER

MANIFEST_TYPES: Final = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.distribution.manifest.v1+json",
)
"""A registry answers with what it has only where all of these are accepted; else it converts."""

AT_ONCE: Final = 4
"""Repositories asked for at the same time: each costs Portus a login."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A tag as the registry has it."""

    repository: str
    tag: str
    digest: str
    media_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """What the registry holds.

    Args:
        images: sorted.
        empty: repositories without a tag.
        unread: repository -> why its tags could not be listed.
    """

    images: tuple[Image, ...] = ()
    empty: tuple[str, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)


class _UnreadError(Exception):
    """A repository's tags cannot be listed; the rest can."""


class RegistryClient:
    """Asks a registry with tokens of its Portus.

    Args:
        registry: its public host, with the port where it is not 443.
        password: of Portus' own account.
        http: trusts both servers; used by several threads, and closed by the caller.
    """

    def __init__(self, *, registry: str, portus_url: str, password: str, http: httpx.Client) -> None:
        self._registry = registry
        self._portus_url = portus_url
        self._login = (SYSTEM_USER, password)
        self._http = http

    def inventory(self, say: Callable[[str], None]) -> Inventory:
        """Return what the registry holds; the manifests are asked for by HEAD, which a registry that reports pulls counts as pulls.

        Args:
            say: told how far it is.

        Raises:
            OpsError: Portus or the registry does not answer, or refuses Portus' own account.
        """
        repositories = sorted(set(self.catalog()))
        images: list[Image] = []
        empty, unread = [], {}
        over = threading.Event()
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            futures = {pool.submit(self._images, name, over): name for name in repositories}
            for done, future in enumerate(as_completed(futures), start=1):
                name = futures[future]
                try:
                    found = future.result()
                except _UnreadError as error:
                    unread[name] = str(error)
                else:
                    images += found
                    empty += [] if found else [name]
                say(f"{done} of {len(repositories)} repositories, {len(images)} tags")
        finally:
            over.set()
            pool.shutdown(cancel_futures=True)
        ordered = sorted(images, key=lambda image: (image.repository, image.tag))
        return Inventory(images=tuple(ordered), empty=tuple(sorted(empty)), unread=dict(sorted(unread.items())))

    def catalog(self) -> Iterator[str]:
        """Give the name of every repository."""
        token = self._token("registry:catalog:*")
        for page in self._pages("/v2/_catalog", token):  # a number of ours might be more than the registry allows
            yield from page["repositories"] or ()

    def _images(self, repository: str, over: threading.Event) -> list[Image]:
        token = self._token(f"repository:{repository}:pull")
        tags = [tag for page in self._pages(f"/v2/{repository}/tags/list", token) for tag in page.get("tags") or ()]
        found = []
        for tag in tags:
            if over.is_set():
                break
            answer = self._ask("HEAD", f"/v2/{repository}/manifests/{tag}", token)
            if answer.status_code == HTTPStatus.UNAUTHORIZED:  # a repository of many tags outlives its token
                token = self._token(f"repository:{repository}:pull")
                answer = self._ask("HEAD", f"/v2/{repository}/manifests/{tag}", token)
            if answer.status_code == HTTPStatus.NOT_FOUND:  # deleted meanwhile, or only its link is left
                continue
            _expect(answer, f"the manifest of {repository}:{tag}")
            digest = answer.headers["Docker-Content-Digest"]
            found.append(Image(repository=repository, tag=tag, digest=digest, media_type=answer.headers["Content-Type"]))
        return found

    def lacks(self, repository: str, reference: str) -> tuple[str, ...]:
        """Return the digests (or tag) that the registry lacks of an image: its manifest, the manifests of a list, configuration, layers.

        Args:
            reference: digest or tag.

        Raises:
            OpsError: as `inventory`.
        """
        token = self._token(f"repository:{repository}:pull")
        return tuple(dict.fromkeys(self._lacking(repository, reference, token)))

    def _lacking(self, repository: str, reference: str, token: str) -> Iterator[str]:
        answer = self._ask("GET", f"/v2/{repository}/manifests/{reference}", token)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            yield reference
            return
        _expect(answer, f"the manifest {reference} of {repository}")
        manifest = answer.json()
        for part in manifest.get("manifests", ()):
            yield from self._lacking(repository, part["digest"], token)
        blobs = [blob["digest"] for blob in (manifest.get("config"), *manifest.get("layers", ())) if blob and not blob.get("urls")]
        blobs += [blob["blobSum"] for blob in manifest.get("fsLayers", ())]  # of schema 1
        for digest in dict.fromkeys(blobs):
            found = self._ask("HEAD", f"/v2/{repository}/blobs/{digest}", token)
            if found.status_code == HTTPStatus.NOT_FOUND:
                yield digest
            else:
                _expect(found, f"the blob {digest} of {repository}")

    def _pages(self, path: str, token: str) -> Iterator[Mapping[str, Any]]:
        following: str | None = path
        while following:
            answer = self._ask("GET", following, token)
            if answer.status_code == HTTPStatus.UNAUTHORIZED:
                raise _UnreadError("Portus gives its own account no right to pull from it: it has no such namespace")
            if answer.status_code == HTTPStatus.NOT_FOUND:  # everything in it was deleted; the catalog keeps its name
                return
            _expect(answer, path)
            yield answer.json()
            following = answer.links.get("next", {}).get("url")

    def _ask(self, method: str, path: str, token: str) -> httpx.Response:
        url = httpx.URL(f"https://{self._registry}").join(path)
        try:
            return self._http.request(
                method, url, headers={"Authorization": f"Bearer {token}", "Accept": ", ".join(MANIFEST_TYPES)}, follow_redirects=True
            )
        except httpx.TransportError as error:
            raise _away(f"the registry {self._registry}", error) from error

    def _token(self, scope: str) -> str:
        asked = {"service": self._registry, "account": SYSTEM_USER, "scope": scope}
        try:
            answer = self._http.get(f"{self._portus_url}/v2/token", params=asked, auth=self._login)
        except httpx.TransportError as error:
            raise _away(self._portus_url, error) from error
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            raise OpsError(
                f"Portus refuses its own account '{SYSTEM_USER}' at {self._portus_url}.",
                "wait 10 minutes, because ten wrong logins lock it; or restart the web server, which sets the password again.",
            )
        _expect(answer, "a token")
        try:
            return str(answer.json()["token"])
        except (json.JSONDecodeError, KeyError) as error:
            raise OpsError(f"{self._portus_url}/v2/token answers without a token.", "check that this is Portus: make doctor") from error


def _expect(answer: httpx.Response, what: str) -> None:
    if not answer.is_success:
        raise OpsError(f"{answer.request.url.host} answers {answer.status_code} when asked for {what}.", "read its log.", answer.text[:500])


def _away(what: str, error: httpx.TransportError) -> OpsError:
    return OpsError(
        f"{what} does not answer: {error}",
        "run this on a machine that resolves and reaches the public names; make doctor names the failed check.",
    )
