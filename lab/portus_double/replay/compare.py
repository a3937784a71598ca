"""Comparing an answer with the recorded one: all of it must fit, but for the limits in tests/lab/portus_double/recordings/README.md."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from lab.portus_double.replay.recording import Case

_PLACEHOLDER: Final = re.compile(r"<([a-z][a-z0-9+-]*(?::\d+)?)>")
_TIMESTAMP: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"
_FREE: Final = {
    "timestamp": _TIMESTAMP,
    "plain-token": r"[A-Za-z0-9_-]{8,}",
    "value": r"[^;]+",
    "bcrypt": r"\$2[aby]\$\d\d\$.{53}",
    "client-addr": r"[\d.:]+",
    "client-ip": r"[\d.]+",
    "registry-addr": r"\S+",
    "jwt": r"[\w-]+\.[\w-]+\.[\w-]+",
}
_BOUND: Final = {"digest": r"[0-9a-f]{12,64}", "uuid": r"[0-9a-fA-F-]{36}"}


class Values:
    """The values of the placeholders so far.

    Args:
        known: placeholder without its brackets -> value (``registry``, ``portus``, a saved token's name ...).
    """

    def __init__(self, known: dict[str, str]) -> None:
        self._known = dict(known)

    def learn(self, name: str, value: str) -> None:
        """Let ``<name>`` mean ``value`` from now on."""
        self._known[name] = value

    def fill(self, content: Any) -> Any:
        """Return content with every known placeholder replaced, in keys and nested parts, too."""
        if isinstance(content, str):
            return _PLACEHOLDER.sub(lambda match: self._known.get(match.group(1), match.group()), content)
        if isinstance(content, list):
            return [self.fill(part) for part in content]
        if isinstance(content, dict):
            return {name: self.fill(part) for name, part in content.items()}
        return content

    def matches(self, expected: str, actual: str) -> bool:
        """Return whether a text fits one with placeholders; numbered ones are bound at first sight."""
        filled = self.fill(expected)
        names: list[str] = []
        pattern = ""
        end = 0
        for match in _PLACEHOLDER.finditer(filled):
            name = match.group(1)
            shape = _FREE.get(name) or _BOUND.get(name.rpartition("-")[0])
            if shape is None:
                continue
            pattern += re.escape(filled[end : match.start()]) + f"({shape})"
            names.append(name)
            end = match.end()
        found = re.fullmatch(pattern + re.escape(filled[end:]), actual, re.DOTALL)
        if found is None:
            return False
        for name, value in zip(names, found.groups(), strict=True):
            if name not in _FREE and self._known.setdefault(name, value) != value:
                return False
        return True


_RECORDED_HEADERS: Final = (
    "Content-Type",
    "WWW-Authenticate",
    "Location",
    "Set-Cookie",
    "Link",
    "X-Total",
    "X-Total-Pages",
    "X-Page",
    "X-Per-Page",
    "X-Next-Page",
    "X-Prev-Page",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Headers",
    "Access-Control-Request-Method",
)
"""The recorder kept these and dropped every other one, so an answer with more of these differs."""

_HTML_TEXT: Final = 300
_RELATIVE: Final = re.compile(r"<iat(?:([+-])(\d+))?>")
_LENGTH: Final = re.compile(r"<jti:(\d+)>")
_NOT: Final = re.compile(r"take only that it is not (\d{3})")


@dataclass(frozen=True)
class Answer:
    """What the double answered, the rows it added, and its token decoded (its signature checked) with the id of its key."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    events_added: list[dict[str, Any]]
    jwt: dict[str, Any] | None
    key_id: str

    def header(self, name: str) -> list[str]:
        """Return a header's values."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


def differences(case: Case, answer: Answer, values: Values) -> Iterator[str]:
    """Yield a line for each difference; none means the case passes.

    With a ``caution``, only what it leaves is compared: the status (or that it is not a certain one) and the names in the message.
    """
    if match := _NOT.search(case.caution):
        if answer.status == int(match.group(1)):
            yield f"status: must not be {match.group(1)}"
        return
    expected = case.response
    if answer.status != expected["status"]:
        yield f"status: recorded {expected['status']}, got {answer.status}"
    if case.caution:
        yield from _cautious(expected.get("body"), _content(answer), case.caution)
        return
    if expected.get("headers") is not None:
        yield from _headers(expected["headers"], answer, values, empty=expected.get("body") == "")
    if expected.get("body") is not None:
        yield from _body(expected["body"], answer, values)
    if case.jwt is not None:
        yield from _token(case.jwt, answer, values)
    if case.events_added is not None:
        yield from compared(case.events_added, answer.events_added, values, "registry_events_added")


def _headers(expected: dict[str, Any], answer: Answer, values: Values, *, empty: bool) -> Iterator[str]:
    for name in _RECORDED_HEADERS:
        actual = answer.header(name)
        recorded = expected.get(name)
        recorded = [] if recorded is None else recorded if isinstance(recorded, list) else [recorded]
        if name == "Content-Type" and empty:
            continue  # the recorded servers' own doing
        if name == "Set-Cookie":  # flags and values are not the application's
            recorded = [cookie.split("=")[0] for cookie in recorded]
            actual = [cookie.split("=")[0] for cookie in actual]
        if len(recorded) != len(actual) or not all(values.matches(w, g) for w, g in zip(recorded, actual, strict=True)):
            yield f"header {name}: recorded {_short(values.fill(recorded))}, got {_short(actual)}"


def _body(expected: Any, answer: Answer, values: Values) -> Iterator[str]:
    content = _content(answer)
    if isinstance(expected, dict) and {"html_title", "html_text"} <= set(expected):
        actual = {"html_title": _title(answer), "html_text": _text(answer)}
        yield from compared(expected, actual, values, "page")
    else:
        yield from compared(expected, content, values, "body")


def _content(answer: Answer) -> Any:
    text = answer.body.decode("utf-8", "replace")
    if not text:
        return ""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _cautious(expected: Any, actual: Any, caution: str) -> Iterator[str]:
    if "names" not in caution or not isinstance(expected, dict):
        return
    recorded = _names(expected.get("message"))
    found = _names(actual.get("message") if isinstance(actual, dict) else None)
    if recorded != found:
        yield f"names in the message: recorded {sorted(recorded)}, got {sorted(found)}"


def _names(message: Any) -> set[str]:
    return {re.sub(r'["\[\] ]+', ".", key).strip(".") for key in message} if isinstance(message, dict) else set()


def compared(expected: Any, actual: Any, values: Values, where: str) -> Iterator[str]:
    """Yield a line for each difference of two contents; ids are compared only by kind, since a double may number otherwise."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        yield from _objects(expected, actual, values, where)
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield f"{where}: recorded {len(expected)} entries, got {len(actual)}: {_short(actual)}"
        for index, (one, other) in enumerate(zip(expected, actual, strict=False)):
            yield from compared(one, other, values, f"{where}[{index}]")
    elif isinstance(expected, str) and isinstance(actual, str):
        if not values.matches(expected, actual):
            yield f"{where}: recorded {_short(values.fill(expected))}, got {_short(actual)}"
    elif expected != actual or isinstance(expected, bool) != isinstance(actual, bool):
        yield f"{where}: recorded {_short(expected)}, got {_short(actual)}"


def _objects(expected: dict[str, Any], actual: dict[str, Any], values: Values, where: str) -> Iterator[str]:
    for name in [*expected, *(name for name in actual if name not in expected)]:
        place = f"{where}.{name}"
        if name not in actual:
            yield f"{place}: recorded {_short(expected[name])}, missing"
        elif name not in expected:
            yield f"{place}: not recorded, got {_short(actual[name])}"
        elif not (_is_id(name) and isinstance(expected[name], int) and isinstance(actual[name], int)):
            yield from compared(expected[name], actual[name], values, place)


def _is_id(name: str) -> bool:
    return name == "id" or (name.endswith("_id") and name != "event_id")


def _token(expected: dict[str, Any], answer: Answer, values: Values) -> Iterator[str]:
    if answer.jwt is None:
        yield "token: none, or not signed by the application's key"
        return
    issued = answer.jwt["claims"].get("iat", 0)
    filled = {"header": dict(expected["header"]), "claims": dict(expected["claims"])}
    filled["header"] = {name: answer.key_id if value == "<libtrust-key-id>" else value for name, value in filled["header"].items()}
    for name, value in filled["claims"].items():
        if isinstance(value, str) and (match := _RELATIVE.fullmatch(value)):
            filled["claims"][name] = issued + int((match.group(1) or "+") + (match.group(2) or "0"))
    length = _LENGTH.fullmatch(str(filled["claims"].get("jti")))
    unique = answer.jwt["claims"].get("jti")
    if length and isinstance(unique, str) and len(unique) == int(length.group(1)):
        filled["claims"]["jti"] = unique
    yield from compared(filled, answer.jwt, values, "token")


def _title(answer: Answer) -> str | None:
    found = re.search(r"<title>(.*?)</title>", answer.body.decode("utf-8", "replace"), re.DOTALL)
    return html.unescape(found.group(1)).strip() if found else None


def _text(answer: Answer) -> str:
    page = answer.body.decode("utf-8", "replace")
    page = re.sub(r"<(head|script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)).strip()[:_HTML_TEXT]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _HTML_TEXT else text[: _HTML_TEXT - 1] + "…"
