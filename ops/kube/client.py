"""The one way to a cluster's API: the official Kubernetes client, imported when it is first needed, because that takes 0.3 s.

Known kinds are read through its typed classes (`Kube.core`, `Kube.apps`). What the state of a stack names by its type token alone is
read as plain dictionaries (`Kube.get`, `Kube.list`). The client's own dynamic classes are not used: they keep what they have
discovered in a file of the shared temporary folder, under a name that every user can predict.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ops.errors import OpsError
from ops.kube.errors import no_answer, no_api_server, refusal
from ops.kube.kubeconfig import ANOTHER, context_of, unusable

if TYPE_CHECKING:
    from kubernetes import client

CONNECT_SECONDS: Final = 3.0
REQUEST_SECONDS: Final = 60.0
"""How long a connection and an answer may take; the second is the API server's own limit."""
ANSWER_SECONDS: Final = 10
"""How long a cluster may take to say its version before it is taken for gone."""
FOLLOW: Final = (CONNECT_SECONDS, 86400.0)
"""Timeouts of a request whose answer comes bit by bit, such as a log that is followed."""

BUSY: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""Answers of a server that turns a request away because it is busy: it is asked again, unless that could do something twice."""

Object = Mapping[str, Any]
"""A Kubernetes object, as the API server writes it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """An API version and kind, for example ``apps/v1`` and ``Deployment``.

    Args:
        plural: its name in request paths; '' to ask the API server for it.
    """

    api_version: str
    kind: str
    plural: str = field(default="", compare=False)
    namespaced: bool = field(default=True, compare=False)

    @classmethod
    def of_token(cls, token: str) -> Kind:
        """Return the kind behind the type of a Pulumi resource: ``kubernetes:core/v1:Secret``."""
        _, api_version, kind = token.split(":")
        return cls(api_version.removeprefix("core/"), kind)

    @property
    def root(self) -> str:
        """Request path of its API version."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"


POD: Final = Kind("v1", "Pod", "pods")
SECRET: Final = Kind("v1", "Secret", "secrets")
CONFIG_MAP: Final = Kind("v1", "ConfigMap", "configmaps")
CLAIM: Final = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
EVENT: Final = Kind("v1", "Event", "events")
NAMESPACE: Final = Kind("v1", "Namespace", "namespaces", namespaced=False)
DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
STATEFUL_SET: Final = Kind("apps/v1", "StatefulSet", "statefulsets")
JOB: Final = Kind("batch/v1", "Job", "jobs")
CRON_JOB: Final = Kind("batch/v1", "CronJob", "cronjobs")


class UnknownKindError(LookupError):
    """The API server does not serve the kind: usually a custom resource whose definition is missing."""


@dataclass(frozen=True, kw_only=True)
class Kube:
    """The cluster that a kubeconfig names. Nothing is asked, nor is the file read, before it is needed.

    Requests raise `kubernetes.client.ApiException` where the server refuses, `urllib3.exceptions.HTTPError` where it does not answer, and
    `OpsError` where the kubeconfig cannot be used; `ops.kube.errors.cluster_errors` turns all of them into a `OpsError`.

    Args:
        context: of the kubeconfig, None for its current one.
    """

    kubeconfig: Path
    context: str | None = None

    @cached_property
    def api(self) -> client.ApiClient:
        """The official client, shared by all threads."""
        return connection(self.kubeconfig, self.context)

    @cached_property
    def apps(self) -> client.AppsV1Api:
        """Deployments and StatefulSets."""
        from kubernetes import client  # noqa: PLC0415 - heavy

        return client.AppsV1Api(self.api)

    def core(self) -> client.CoreV1Api:
        """Return a client of Pods, Secrets and Services on a connection of its own: a stream changes the one that it runs on."""
        from kubernetes import client  # noqa: PLC0415 - heavy

        return client.CoreV1Api(connection(self.kubeconfig, self.context))

    def version(self) -> str:
        """Return the server's version."""
        version = self._request("GET", "/version").get("gitVersion")
        if version is None:
            raise no_api_server(self.api.configuration.host)
        return str(version)

    def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        """Return an object; None where there is none.

        Raises:
            UnknownKindError: the server does not serve ``kind``.
        """
        path = f"{self._path(kind, namespace)}/{quote(name)}"
        return self._found("GET", path)

    def list(self, kind: Kind, namespace: str, *, labels: str = "", fields: str = "") -> list[dict[str, Any]]:
        """Return the objects that match the selectors; raises as `get`."""
        query = {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
        items: list[dict[str, Any]] = self._request("GET", self._path(kind, namespace), query=query).get("items", [])
        return items

    def create(self, kind: Kind, namespace: str, body: Object) -> dict[str, Any]:
        """Make an object and return it; raises as `get`."""
        return self._request("POST", self._path(kind, namespace), body=dict(body))

    def delete(self, kind: Kind, namespace: str, name: str, *, propagation: str = "Background") -> None:
        """Delete an object; one that is gone already is not an error. Raises as `get`."""
        self._found("DELETE", f"{self._path(kind, namespace)}/{quote(name)}", query={"propagationPolicy": propagation})

    @cached_property
    def _served(self) -> dict[str, dict[str, Kind]]:
        """What was discovered: API version -> name -> kind."""
        return {}

    def _path(self, kind: Kind, namespace: str) -> str:
        served = kind if kind.plural else self._discovered(kind)
        return f"{kind.root}/namespaces/{quote(namespace)}/{served.plural}" if served.namespaced else f"{kind.root}/{served.plural}"

    def _discovered(self, kind: Kind) -> Kind:
        if kind.api_version not in self._served:
            found = self._found("GET", kind.root) or {}
            resources = [each for each in found.get("resources") or () if "/" not in each["name"]]
            self._served[kind.api_version] = {
                each["kind"]: Kind(kind.api_version, each["kind"], each["name"], namespaced=each["namespaced"]) for each in resources
            }
        if kind.kind not in self._served[kind.api_version]:
            raise UnknownKindError(f"the cluster knows no kind '{kind.kind}' in apiVersion '{kind.api_version}'")
        return self._served[kind.api_version][kind.kind]

    def _found(self, method: str, path: str, *, query: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        from kubernetes import client  # noqa: PLC0415 - heavy

        try:
            return self._request(method, path, query=query)
        except client.ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def _request(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> dict[str, Any]:
        from kubernetes import client  # noqa: PLC0415 - heavy

        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        words = self.api.param_serialize(
            method, path, query_params=list((query or {}).items()), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        answer = self.api.call_api(*words)
        content: bytes = answer.read()  # type: ignore[no-untyped-call]  # the client's own signature has no types
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise client.ApiException.from_response(http_resp=answer, body=content.decode(errors="replace"), data=None)
        try:
            return dict(json.loads(content))
        except (ValueError, TypeError) as error:
            raise no_api_server(self.api.configuration.host) from error


def connection(kubeconfig: Path, context: str | None) -> client.ApiClient:
    """Return a client of a kubeconfig's cluster, which is not asked yet. Every request of it has an end.

    Raises:
        OpsError: the kubeconfig or its context is missing, or it is none.
    """
    from kubernetes import client, config  # noqa: PLC0415 - heavy
    from urllib3 import Retry  # noqa: PLC0415 - of the client

    chosen = context_of(kubeconfig, context)
    settings = client.Configuration()
    settings.retries = Retry(total=4, connect=1, read=2, other=1, backoff_factor=0.2, status_forcelist=BUSY, raise_on_status=False)
    try:
        with _login_errors(kubeconfig):
            api: client.ApiClient = config.new_client_from_config(str(kubeconfig), chosen, client_configuration=settings)  # type: ignore[no-untyped-call]
    except (config.ConfigException, ValueError, TypeError, AttributeError, LookupError, OSError) as error:  # it takes a form for granted
        raise unusable(kubeconfig, " ".join(str(error).split())[:200]) from error
    _strip_token(settings)
    ask = api.call_api

    def bounded(*words: Any, _request_timeout: Any = None, **named: Any) -> Any:
        return ask(*words, **named | {"_request_timeout": _request_timeout or (CONNECT_SECONDS, REQUEST_SECONDS)})

    api.call_api = bounded  # type: ignore[method-assign]
    return api


def _strip_token(settings: client.Configuration) -> None:
    """Leave the line end of a token's file out, as kubectl does: no HTTP header may have one."""
    refresh = settings.refresh_api_key_hook

    def stripped(current: client.Configuration) -> None:
        if refresh:
            refresh(current)
        if "BearerToken" in current.api_key:
            current.api_key["BearerToken"] = current.api_key["BearerToken"].strip()

    settings.refresh_api_key_hook = stripped  # type: ignore[assignment]  # the client declares None


@contextmanager
def _login_errors(kubeconfig: Path) -> Iterator[None]:
    """Raise what the client only logs: that the program which logs a user in has failed."""
    warnings: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
    if warnings:
        raise unusable(kubeconfig, f"its user's login fails: {' '.join(warnings[0].split())[:200]}", f"log in again, {ANOTHER}")


def require_cluster(kubeconfig: Path, context: str | None) -> None:
    """Make sure that a cluster answers, before anything is begun.

    Raises:
        OpsError: the kubeconfig or its context is missing, or the cluster does not answer or refuses its user.
    """
    from kubernetes import client  # noqa: PLC0415 - heavy
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - of the client

    api = connection(kubeconfig, context)
    try:
        version = client.VersionApi(api).get_code(_request_timeout=ANSWER_SECONDS)
    except client.ApiException as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise no_api_server(api.configuration.host) from error
        raise refusal(error) from error
    except (ValueError, TypeError, AttributeError):  # what it says is not a version
        version = None
    except HTTPError as error:
        raise no_answer(error, str(kubeconfig)) from error
    if getattr(version, "git_version", None) is None:
        raise no_api_server(api.configuration.host)


def require_namespace(kubeconfig: Path, context: str | None, namespace: str, stack: str) -> None:
    """Make sure that a cluster is the one where ``stack`` was deployed, as far as the namespace of its objects shows that.

    Skip the check if the user may not read namespaces: they cannot read its objects either, so nothing is dropped from the state.

    Raises:
        OpsError: the cluster has no such namespace, or does not answer.
    """
    from kubernetes import client  # noqa: PLC0415 - heavy

    try:
        client.CoreV1Api(connection(kubeconfig, context)).read_namespace(namespace, _request_timeout=ANSWER_SECONDS)
    except client.ApiException as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return
        if error.status != HTTPStatus.NOT_FOUND:
            raise refusal(error) from error
        named = context_of(kubeconfig, context)
        raise OpsError(
            f"the cluster of {kubeconfig} (context '{named}') has no namespace '{namespace}', in which stack {stack} is deployed.",
            "if it is the wrong cluster, name the right one: KUBECONFIG=..., or cluster.context of the stack file. If all was "
            "lost, a plain 'pulumi refresh' removes it from the state (docs/operate/lost.md#cluster-lost). "
            "Nothing was changed.",
        ) from error
