"""Secrets inside texts: where a report would show them, and where a setting would carry them into an object that is not secret."""

from __future__ import annotations

import re
from typing import Final

from components.common import pem
from components.settings.report.problems import HIDDEN

_USERINFO: Final = re.compile(r"(?<=://)[^\s/?#@:\"']*:(?!\d{1,5}(?:[/?#\"'\s]|$))[^\s\"']*(?=@)")
"""User and password of a URL; no port follows the colon."""
_BARE_USERINFO: Final = re.compile(r"(?<![^\s\"'=,(])[^\s:/@\"',=(]+:[^\s@\"',/]+(?=@(?!sha\d+:))")
"""The same without a scheme; ``name:tag@sha256:`` of an image is none."""
_SECRET_PARAMETER: Final = re.compile(
    r"(?<=[?&;])(?P<name>[\w.%-]*?(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|auth|credentials?|signature|sig|jwt))"
    r"=(?P<value>[^\s&;#\"']+)",
    re.IGNORECASE,
)
_ASSIGNED: Final = re.compile(
    r"(?<![\w?&;%-])(?P<name>[\w.-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|(?:api|access|account|private)[_-]?key|secretkey|credentials?))"
    r"=(?P<value>[^\s&;,#\"'\[{<]+)",
    re.IGNORECASE,
)
"""A variable with its value, as a shell or Docker Compose has it."""
_ASSIGNS: Final = re.compile(
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|(?:api|access|account|private|secret)[_-]?key|credentials?)[\"']?\s*[:=]\s*[\"']?[^\s\"'{<\[]",
    re.IGNORECASE,
)
"""The same or a line of YAML, in a text that holds several."""
_CREDENTIALS: Final = re.compile(
    r"\b(?P<scheme>Basic|Bearer|Token|ApiKey|Digest|AWS4-HMAC-SHA256)\s+(?P<value>(?=[^\s\"']*(?:\d|=|[^\s\"'][A-Z]))[^\s\"']{8,})",
    re.IGNORECASE,
)
"""As in the header Authorization; a word behind the scheme, as in "Basic authentication", is none."""
_HEADER: Final = re.compile(
    r"(Basic|Bearer|Token|ApiKey)\s+[A-Za-z0-9+/=._~-]{8,}|(Digest|AWS4-HMAC-SHA256)\s+\w+=.*", re.IGNORECASE | re.DOTALL
)
_HEADER_INSIDE: Final = re.compile(
    r"(?:authorization[\"'\s:=]{1,8}(?:Basic|Bearer|Token|ApiKey|Digest)\s+|x-[\w-]*(?:token|key)[\"'\s:=]{1,8})(?P<value>[A-Za-z0-9+/=._~-]{8,})",
    re.IGNORECASE,
)
"""A header in a snippet of a web server's configuration; a variable begins with ``$``."""
_JWT: Final = re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+")
_SECRET_NAME: Final = re.compile(
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|credentials?)$", re.IGNORECASE
)
_ANNOTATION_NAME: Final = re.compile(r"(?:^|[-_./])(?:pass(?:word|wd|phrase)?|token|api[_-]?key)$", re.IGNORECASE)
"""Annotations called a secret name one: auth-tls-secret."""
_NO_SECRET: Final = re.compile(r"/.*|true|false|\d{0,2}", re.IGNORECASE | re.DOTALL)
"""A path, a truth value, a small number."""


PEM: Final = "[PEM]"
"""Shown in place of certificates, which fill a screen and do not help."""


def redacted(text: str) -> str:
    """Return ``text`` without the secrets that their form shows."""
    if pem.holds_content(text):
        return HIDDEN if pem.holds_a_private_key(text) else PEM
    for pattern in (_USERINFO, _BARE_USERINFO, _JWT):
        text = pattern.sub(HIDDEN, text)
    text = _HEADER_INSIDE.sub(lambda match: match[0].replace(match["value"], HIDDEN), text)
    for pattern in (_SECRET_PARAMETER, _ASSIGNED):
        text = pattern.sub(lambda match: f"{match['name']}={HIDDEN}", text)
    return _CREDENTIALS.sub(lambda match: f"{match['scheme']} {HIDDEN}", text)


def without_userinfo(text: str) -> str | None:
    """Return ``text`` without user and password of its URLs, None where it has none."""
    plain = _USERINFO.sub("", text)
    return None if plain == text else plain.replace("://@", "://")


def assigns_a_secret(text: str) -> bool:
    """Whether ``text`` gives a value to a name of a secret: ``DB_PASSWORD=...``, or lines of YAML in a text."""
    return _ASSIGNS.search(text) is not None


def secret_parameters(text: str) -> list[str]:
    """Return the names of the parameters that hold a secret: of a URL's query, or of a connection string (parts joined by ``;``)."""
    is_url = "://" in text
    return [match["name"] for match in _SECRET_PARAMETER.finditer(text) if is_url or text[match.start() - 1] == ";"]


def holds_credentials(text: str) -> bool:
    """Whether ``text`` is the value of an Authorization header, or holds one with its name, or a JSON Web Token."""
    inside = _HEADER_INSIDE.search(text)
    named = inside is not None and re.search(r"[0-9=]|[a-z][A-Z]", inside["value"]) is not None
    return named or _HEADER.fullmatch(text.strip()) is not None or _JWT.search(text) is not None


def is_secret_variable(name: str, value: str) -> bool:
    """Whether a variable called ``name`` holds its secret itself, not the path to it."""
    return _SECRET_NAME.search(name) is not None and _NO_SECRET.fullmatch(value) is None


def is_secret_annotation(name: str, value: str) -> bool:
    """Whether an annotation called ``name`` holds a secret."""
    return _ANNOTATION_NAME.search(name) is not None and _NO_SECRET.fullmatch(value) is None
