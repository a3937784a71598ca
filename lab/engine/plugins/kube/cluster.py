"""One cluster: connection, discovery and the few requests that a provider makes, on the official client."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException, incluster_config, load_kube_config_from_dict

from lab.engine.plugins.codec import Properties
from lab.engine.plugins.kube.objects import ObjectKind
from lab.engine.plugins.kube.settings import Settings, load_kubeconfig
from lab.engine.plugins.provider import ProviderError

Answer = tuple[int, Mapping[str, str], Properties]
"""Status, headers and content."""

CANCEL_SECONDS: Final = 0.2
"""How soon a request ends after the engine has cancelled."""

CONNECT_SECONDS: Final = 3.0
"""How long a connection may take: a preview against a dead cluster must not hang (pulumi-kubernetes#349)."""

REQUEST_SECONDS: Final = 60.0
"""How long one request may take: the API server's own limit."""

BUSY_RETRIES: Final = 5
"""How often a request is repeated that the server turned away because it is busy."""

CONNECTIONS: Final = 32
"""Connections kept open; more calls than that wait for one another."""

_BUSY: Final = (429, 503)
_ERROR: Final = 400


class UnreachableError(ProviderError):
    """The cluster cannot be reached, or the kubeconfig does not name one."""


class ApiError(ProviderError):
    """The API server refused a request."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


class UnknownKindError(ProviderError):
    """The API server does not know the kind: usually a custom resource whose definition is missing."""

    def __init__(self, kind: ObjectKind) -> None:
        super().__init__(
            f"the Kubernetes API server knows no kind '{kind.kind}' in apiVersion '{kind.api_version}'. "
            "Verify that any required CustomResourceDefinitions have been created."
        )


@dataclass(frozen=True, slots=True)
class Api:
    """Where the objects of a kind live."""

    kind: ObjectKind
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """Return the request path of one object, or of all in a namespace."""
        root = f"/apis/{self.kind.api_version}" if self.kind.group else f"/api/{self.kind.api_version}"
        place = f"/namespaces/{quote(namespace)}" if self.namespaced and namespace else ""
        return f"{root}{place}/{self.plural}" + (f"/{quote(name)}" if name else "")


class Cluster:
    """A connection that is made when it is first needed, and shared by all threads."""

    def __init__(self, settings: Settings, cancelled: threading.Event) -> None:
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._apis: dict[str, Mapping[str, Api]] = {}
        self._problem = ""
        self.namespace = settings.namespace or "default"
        try:
            configuration, namespace = _configuration(settings)
            self.namespace = settings.namespace or namespace or "default"
            self._client = ApiClient(configuration)
            self._client.user_agent = "portus-lab-pulumi-kubernetes"
            self.request("GET", "/version")
        except UnreachableError as error:
            self._problem = str(error)
        except ApiError:
            pass  # a server that refuses /version has answered; what it refuses later it says itself

    @property
    def problem(self) -> str:
        """Why the cluster cannot be used; '' when it can."""
        return self._problem

    def api(self, kind: ObjectKind) -> Api:
        """Return where the objects of ``kind`` live.

        Raises:
            UnknownKindError: the server does not serve it.
        """
        with self._lock:
            found = self._apis.get(kind.api_version, {}).get(kind.kind)
        if found is None:
            served = self._discover(kind.api_version)
            with self._lock:
                self._apis[kind.api_version] = served
            found = served.get(kind.kind)
        if found is None:
            raise UnknownKindError(kind)
        return found

    def _discover(self, api_version: str) -> Mapping[str, Api]:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            resources: Sequence[Mapping[str, Any]] = self.request("GET", root).get("resources", [])
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return {}
        return {
            entry["kind"]: Api(ObjectKind(api_version, entry["kind"]), entry["name"], entry["namespaced"])
            for entry in resources
            if "/" not in entry["name"]
        }

    def get(self, kind: ObjectKind, namespace: str, name: str) -> Properties | None:
        """Return an object, None when there is none."""
        try:
            return self.request("GET", self.api(kind).path(namespace, name))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def list(self, kind: ObjectKind, namespace: str, *, labels: str = "", fields: str = "") -> list[Properties]:
        """Return the objects that match the selectors."""
        query = {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
        items: list[Properties] = self.request("GET", self.api(kind).path(namespace), query=query).get("items", [])
        return items

    def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None, content_type: str = "application/json"
    ) -> Properties:
        """Make one request and return the object that it answers with; a busy server is asked again.

        Raises:
            UnreachableError: no answer.
            ApiError: the server refused.
        """
        if self._problem:
            raise UnreachableError(self._problem)
        for attempt in range(BUSY_RETRIES):
            ask = partial(self._exchange, method, path, query or {}, body, content_type)
            status, headers, answer = self._unless_cancelled(ask) if method == "GET" or "dryRun" in (query or {}) else ask()
            if status not in _BUSY or attempt == BUSY_RETRIES - 1:
                break
            self._cancelled.wait(min(float(headers.get("Retry-After") or 2**attempt * 0.2), 5.0))
        if status >= _ERROR:
            raise ApiError(
                status, answer.get("reason") or "", answer.get("message") or f"the API server answered {status} to {method} {path}"
            )
        return answer

    def _unless_cancelled(self, ask: Callable[[], Answer]) -> Answer:
        """Return what ``ask`` returns, which changes nothing: a cancel by the engine ends the wait for it.

        Raises:
            UnreachableError: no answer, or the engine cancelled.
        """
        answer: Future[Answer] = Future()
        threading.Thread(target=_settle, args=(answer, ask), daemon=True).start()
        while True:
            try:
                return answer.result(timeout=CANCEL_SECONDS)
            except TimeoutError:
                if self._cancelled.is_set():
                    raise UnreachableError("the engine cancelled the request.") from None

    def _exchange(self, method: str, path: str, query: Mapping[str, str], body: Any, content_type: str) -> Answer:
        headers = {"Accept": "application/json", "Content-Type": content_type, "User-Agent": self._client.user_agent}
        self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = f"{self._client.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            response = self._client.call_api(method, url, headers, body, _request_timeout=(CONNECT_SECONDS, REQUEST_SECONDS))
            content = response.read()  # type: ignore[no-untyped-call]  # the client's own signature has no types
        except Exception as error:  # urllib3, ssl and the client each have their own; all mean that there was no answer
            if isinstance(error, (urllib3.exceptions.HTTPError, OSError)) or type(error).__module__.startswith("kubernetes"):
                raise UnreachableError(
                    f"the Kubernetes API at {self._client.configuration.host} cannot be reached: {_cause(error)}"
                ) from error
            raise
        try:
            answer = json.loads(content) if content else {}
        except ValueError:
            answer = {"message": f"{response.status}: {content[:200].decode(errors='replace')}"}
        return response.status, response.headers, answer


def _settle(answer: Future[Answer], ask: Callable[[], Answer]) -> None:
    try:
        answer.set_result(ask())
    except Exception as error:  # noqa: BLE001 - it is the caller's
        answer.set_exception(error)


def _cause(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return str(reason if isinstance(reason, Exception) else error).splitlines()[0]


def _configuration(settings: Settings) -> tuple[Configuration, str]:
    """Return the client's configuration and the namespace of its context ('' for none)."""
    configuration = Configuration()
    configuration.connection_pool_maxsize = CONNECTIONS
    configuration.retries = urllib3.Retry(total=2, connect=1, backoff_factor=0.1, status=0, raise_on_status=False)
    try:
        config = load_kubeconfig(settings.kubeconfig) or _ambient_kubeconfig()
        if config:
            context = _select(config, settings)
            load_kube_config_from_dict(config, context=None, client_configuration=configuration, persist_config=False)  # type: ignore[no-untyped-call]
            return configuration, str(context.get("namespace") or "")
        incluster_config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except ConfigException as error:
        advice = "Set the provider's 'kubeconfig', or KUBECONFIG."
        raise UnreachableError(f"no Kubernetes cluster is configured: {str(error).splitlines()[0]}. {advice}") from error
    except ProviderError as error:
        raise UnreachableError(str(error)) from error
    return configuration, ""


def _ambient_kubeconfig() -> Properties:
    """Return the user's kubeconfig: the files of ``KUBECONFIG``, merged as kubectl does, else ``~/.kube/config``; {} for none."""
    names = [name for name in os.environ.get("KUBECONFIG", "").split(os.pathsep) if name] or [str(Path.home() / ".kube" / "config")]
    merged: Properties = {}
    for content in (load_kubeconfig(name) for name in names if Path(name).is_file()):
        for section in ("clusters", "users", "contexts"):
            known = [*merged.get(section, ()), *(content.get(section) or ())]
            merged[section] = list({entry["name"]: entry for entry in reversed(known)}.values())
        merged["current-context"] = merged.get("current-context") or content.get("current-context") or ""
    return merged


def _select(config: Properties, settings: Settings) -> Mapping[str, Any]:
    """Make the context and cluster that ``settings`` ask for the current ones, and return the context."""
    name = settings.context or config.get("current-context") or ""
    for entry in config.get("contexts") or []:
        if entry.get("name") == name:
            if settings.cluster:
                entry["context"] = {**entry["context"], "cluster": settings.cluster}
            config["current-context"] = name
            found: Mapping[str, Any] = entry["context"]
            return found
    raise ProviderError(f"the kubeconfig has no context '{name}'.")
