"""Secrets inside texts: where a report would show them, and where a setting would carry them into an object that is not secret."""

from __future__ import annotations

import re
from typing import Final

from components.common import pem
from components.settings.report.problems import HIDDEN

_USERINFO: Final = re.compile(
    r"(?:(?<=//)|(?<=:/)|(?<=\\\\))"  # as in a URL, or with a slash too few, or backslashes
    r"[^\s/?#@:\"'\[]*(?::(?!\d{1,5}(?:[/?#\"'\s]|$))|%3a)(?:[^\s\"']|[\"'](?!$|[\s\"',:;)}\]]))*(?=@(?!sha\d+:))"
    r"|(?:(?<=http://)|(?<=https://))(?=[^\s@]*\d)[\w%.~+-]{12,}(?=@)",
    re.IGNORECASE,
)
"""User and password of a URL, also with the colon encoded (no port follows it), or a token without a user."""
_BARE_USERINFO: Final = re.compile(r"(?<![^\s\"'=,(])[^\s:/@\"',=(]+:[^\s@\"',/]+(?=@(?!sha\d+:))")
"""The same without a scheme; ``name:tag@sha256:`` of an image is none."""
_DATA_SOURCE: Final = re.compile(
    r"(?<![^\s\"'=,(])(?!sips?:|xmpp:)[^\s:/@\"',=(]+:(?!//)[^\s@\"']+@(?:(?:tcp|udp|unix)\(|[\w.-]+:\d{2,5}(?!\w))", re.IGNORECASE
)
"""The same in front of a server and its port, as Go's and Python's database drivers have it; an address of mail has no port."""
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
_GIVEN: Final = re.compile(
    r"(?:(?:pass(?:word|wd|phrase)?|pwd|(?:api|access|account|private|secret)[_-]?key)(?:=|[\"']?\s*:\s*[\"']?(?=[^\s,;]*\d))|(?:secret|token)=)"
    r"(?P<value>(?!true\b|false\b|\d{1,6}(?!\w))[^\s\"'\[{<$%/,;&]{4,})",
    re.IGNORECASE,
)
"""A secret behind its name, as in ``host=db password=...`` and in JSON; no variable, path or number and, behind a colon, no mere word."""
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
    for pattern in (_HEADER_INSIDE, _GIVEN):
        text = pattern.sub(lambda match: match[0].replace(match["value"], HIDDEN), text)
    for pattern in (_SECRET_PARAMETER, _ASSIGNED):
        text = pattern.sub(lambda match: f"{match['name']}={HIDDEN}", text)
    return _CREDENTIALS.sub(lambda match: f"{match['scheme']} {HIDDEN}", text)


def secrets_in(text: str) -> list[str]:
    """Return the secrets that their form shows in ``text``, without the users and names before them."""
    accounts = [match[0] for pattern in (_USERINFO, _BARE_USERINFO, _JWT) for match in pattern.finditer(text)]
    named = [
        match["value"]
        for pattern in (_HEADER_INSIDE, _GIVEN, _SECRET_PARAMETER, _ASSIGNED, _CREDENTIALS)
        for match in pattern.finditer(text)
    ]
    return [re.split(":|%3[Aa]", account, maxsplit=1)[-1] for account in accounts] + named


def without_userinfo(text: str) -> str | None:
    """Return ``text`` without user and password of its URLs, None where it has none."""
    plain = _USERINFO.sub("", text)
    return None if plain == text else re.sub(r"([/\\])@", r"\1", plain)


def assigns_a_secret(text: str) -> bool:
    """Whether ``text`` gives a value to a name of a secret: ``DB_PASSWORD=...``, or lines of YAML in a text."""
    return _ASSIGNS.search(text) is not None


def gives_a_secret(text: str) -> bool:
    """Whether a free text has a secret behind its name, or an account in front of a database server."""
    return _GIVEN.search(text) is not None or _DATA_SOURCE.search(text) is not None


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
