"""Waiting for an object to become ready, or to be gone, with its progress on screen and its Pods' own words in a failure.

The ``pulumi.com/waitFor`` annotation says readiness in the user's own terms, by JSONPath or by condition.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from lab.engine.plugins.codec import Properties
from lab.engine.plugins.kube import readiness
from lab.engine.plugins.kube.cluster import Cluster
from lab.engine.plugins.kube.objects import (
    SKIP_AWAIT,
    TIMEOUT_SECONDS,
    WAIT_FOR,
    ObjectKind,
    annotation,
    id_of,
    kind_of,
    metadata,
    name_of,
    namespace_of,
)
from lab.engine.plugins.kube.readiness import READ_RULES, SKIP_DELETE_WAIT, Look, Progress, Rule, rule_for
from lab.engine.plugins.provider import ProviderError, Urn
from lab.engine.plugins.serve import Engine
from ops.kube.status import condition

_STEP: Final = re.compile(
    r"""\.(?P<name>[\w$-]+)|\[(?P<index>\d+)\]|\[(?P<all>\*)\]|\[(?P<quote>['"])(?P<key>.+?)(?P=quote)\]"""
    r"""|\[\?\(@\.(?P<field>[\w.-]+)\s*==\s*["'](?P<value>[^"']*)["']\)\]"""
)


def wait_for_rule(inputs: Any) -> Rule | None:
    """Return the rule that the annotation describes, None without one.

    Raises:
        ProviderError: the annotation cannot be understood.
    """
    text = annotation(inputs, WAIT_FOR)
    if not text:
        return None
    rules = [_rule(expression) for expression in _expressions(text)]
    if not rules:
        raise ProviderError(f"the annotation {WAIT_FOR} names no condition.")

    def all_of(look: Look) -> Progress:
        progress = [rule(look) for rule in rules]
        return next((found for found in progress if not found.ready), progress[-1])

    return all_of


def _expressions(text: str) -> Sequence[str]:
    try:
        found = json.loads(text)
    except ValueError:
        return [text]
    return found if isinstance(found, list) else [text]


def _rule(expression: str) -> Rule:
    kind, _, rest = expression.partition("=")
    if kind == "jsonpath":
        return _json_path_rule(expression, rest)
    if kind == "condition":
        name, _, value = rest.partition("=")
        expected = value or "True"
        return lambda look: Progress(condition(look.obj, name).get("status", "").lower() == expected.lower(), f"waiting for {expression}")
    raise ProviderError(f"the annotation {WAIT_FOR} begins with 'jsonpath=' or 'condition=', not '{expression}'.")


def _json_path_rule(expression: str, rest: str) -> Rule:
    path, closed, value = rest.partition("}") if rest.startswith("{") else rest.partition("=")
    expected = value.lstrip("=") if closed else None
    steps = _steps(path.strip("{} "), expression)

    def rule(look: Look) -> Progress:
        found = evaluate(look.obj, steps)
        return Progress(bool(found) and (not expected or all(_text(item) == expected for item in found)), f"waiting for {expression}")

    return rule


def _steps(path: str, expression: str) -> list[re.Match[str]]:
    path = path.removeprefix("$")
    path = path if path.startswith((".", "[")) else f".{path}"
    steps, position = [], 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise ProviderError(f"the annotation {WAIT_FOR} holds a JSONPath that the lab's plugin does not know: '{expression}'.")
        steps.append(step)
        position = step.end()
    return steps


def evaluate(value: Any, steps: Sequence[re.Match[str]]) -> list[Any]:
    """Return every value that the steps lead to."""
    found = [value]
    for step in steps:
        found = [item for parent in found for item in _children(parent, step)]
    return found


def _children(parent: Any, step: re.Match[str]) -> list[Any]:
    name = step["name"] or step["key"]
    if name is not None:
        return [parent[name]] if isinstance(parent, dict) and name in parent else []
    if not isinstance(parent, list):
        return []
    if step["index"] is not None:
        return parent[int(step["index"]) :][:1]
    if step["all"]:
        return parent
    return [item for item in parent if isinstance(item, dict) and _text(item.get(step["field"])) == step["value"]]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


DEFAULT_SECONDS: Final = 600.0
"""How long a wait may take: the genuine plugin's ten minutes."""

CLAIM: Final = ObjectKind("v1", "PersistentVolumeClaim")

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0
_GROWTH: Final = 1.25


class NotReadyError(ProviderError):
    """The object exists but is not ready. ``live`` is how it was seen last."""

    def __init__(self, message: str, live: Properties, reasons: list[str]) -> None:
        super().__init__(message)
        self.live = live
        self.reasons = reasons


def timeout_of(obj: Mapping[str, Any], custom: float) -> float:
    """Return the seconds that a wait may take: custom timeouts, then the annotation, then ``DEFAULT_SECONDS``."""
    text = annotation(obj, TIMEOUT_SECONDS)
    return custom or (float(text) if text.isdigit() else DEFAULT_SECONDS)


class Waiter:
    """Waits on one cluster; ``cancelled`` ends every wait."""

    def __init__(self, cluster: Cluster, engine: Engine, cancelled: threading.Event) -> None:
        self._cluster = cluster
        self._engine = engine
        self._cancelled = cancelled

    def until_ready(self, urn: Urn, inputs: Properties, live: Properties, custom_timeout: float) -> Properties:
        """Wait until the object is ready and return it as it is then.

        Raises:
            NotReadyError: it failed, was deleted, took too long, or the engine cancelled.
        """
        rule = None if annotation(inputs, SKIP_AWAIT) == "true" else wait_for_rule(inputs) or rule_for(live)
        if rule is None:
            return live
        limit = timeout_of(inputs, custom_timeout)
        began, last_message = time.monotonic(), ""
        progress = Progress(ready=False, message="")
        for seconds in self._ticks(began, limit):
            progress = rule(Look(self._cluster, live, seconds))
            if progress.ready:
                if last_message:
                    self._engine.status("", urn)
                return live
            if progress.failed:
                raise self._failure(progress.message, live, progress)
            last_message = self._tell(urn, last_message, progress)
            current = self._cluster.get(kind_of(live), namespace_of(live), name_of(live))
            if current is None:
                raise NotReadyError(f"'{id_of(live)}' was deleted while it was waited for", live, [])
            live = current
        if self._cancelled.is_set():
            raise NotReadyError(f"the wait for '{id_of(live)}' was cancelled: {progress.message}", live, list(progress.problems))
        raise self._failure(f"'{id_of(live)}' timed out after {limit:.0f} s: {progress.message}", live, progress)

    def look(self, inputs: Properties, live: Properties) -> None:
        """Judge the object as it is now.

        Raises:
            NotReadyError: it is not ready.
        """
        rule = rule_for(live) if kind_of(live) in READ_RULES and annotation(inputs, SKIP_AWAIT) != "true" else None
        progress = rule(Look(self._cluster, live, DEFAULT_SECONDS)) if rule is not None else None
        if progress is not None and not progress.ready:
            raise NotReadyError(f"'{id_of(live)}' is not ready: {progress.message}", live, list(progress.problems))

    def until_gone(self, urn: Urn, obj: Properties, custom_timeout: float) -> None:
        """Wait until the object, or the one of its name and uid, is gone.

        Raises:
            ProviderError: it took too long, or the engine cancelled.
        """
        if annotation(obj, SKIP_AWAIT) == "true" and kind_of(obj) in SKIP_DELETE_WAIT:
            return
        limit = timeout_of(obj, custom_timeout)
        uid, last_message, holders = metadata(obj).get("uid"), "", ""
        began = time.monotonic()
        for seconds in self._ticks(began, limit):
            current = self._cluster.get(kind_of(obj), namespace_of(obj), name_of(obj))
            if current is None or (uid and metadata(current).get("uid") != uid):
                if last_message:
                    self._engine.status("", urn)
                return
            holders = self._holders(current)
            message = "waiting until it is gone" + (f", held by {holders}" if holders else "")
            if seconds > 1.0 and last_message != message:
                self._engine.status(message, urn)
                last_message = message
        why = "was cancelled" if self._cancelled.is_set() else f"timed out after {limit:.0f} s"
        raise ProviderError(f"the delete of '{id_of(obj)}' {why}; it is still there" + (f", held by {holders}." if holders else "."))

    def _holders(self, obj: Properties) -> str:
        """Return what keeps an object that is to go: its finalizers, and of a claim the Pods that mount it, ended ones included."""
        finalizers = ", ".join(metadata(obj).get("finalizers") or ())
        if kind_of(obj) != CLAIM or not finalizers:
            return f"the finalizers {finalizers}" if finalizers else ""
        found = readiness.mounting(self._cluster, namespace_of(obj), name_of(obj))
        return ", ".join(f"Pod {name_of(pod)} ({(pod.get('status') or {}).get('phase', 'Unknown')})" for pod in found) or finalizers

    def _ticks(self, began: float, limit: float) -> Iterator[float]:
        """Yield the seconds since ``began``, often at first, until the limit or a cancel."""
        pause = _FIRST_PAUSE
        while True:
            seconds = time.monotonic() - began
            yield seconds
            if seconds >= limit or self._cancelled.wait(min(pause, max(limit - seconds, 0.0))):
                return
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)

    def _tell(self, urn: Urn, last_message: str, progress: Progress) -> str:
        message = "; ".join([progress.message, *progress.problems])
        if message != last_message:
            self._engine.status(message, urn)
        return message

    def _failure(self, message: str, live: Properties, progress: Progress) -> NotReadyError:
        owned = [live] if kind_of(live) == readiness.POD else readiness.selected(self._cluster, live) if _has_pods(live) else []
        reasons = [*progress.problems, *readiness.warnings(self._cluster, owned)]
        return NotReadyError(message, live, list(dict.fromkeys(reasons)))


def _has_pods(live: Mapping[str, Any]) -> bool:
    return isinstance((live.get("spec") or {}).get("template"), dict)
