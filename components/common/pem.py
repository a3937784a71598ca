"""PEM texts: the blocks in one however it was copied, and the one form that every program of the stack reads.

Without the library that understands what is inside: its import alone is a tenth of the program's memory.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

CERTIFICATE: Final = "CERTIFICATE"
PRIVATE_KEY: Final = "PRIVATE KEY"

_URL_SAFE: Final = str.maketrans("-_", "+/")

LINE: Final = 64
"""Characters of a line of base64 (RFC 7468)."""

_BEGIN: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_READABLE: Final = re.compile(
    r"^-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n(?:[ \t]*[A-Za-z0-9+/=]+[ \t]*\r?\n)+-----END \1-----[ \t]*(?:\r?\n|\Z)", re.MULTILINE
)
_DASH: Final = r"[-\u2010-\u2015\u2212]"
"""As a text processor writes it, too."""
_PRIVATE: Final = re.compile(
    rf"{_DASH}\s*BEGIN[A-Z0-9 +_%]*[ +_0]PRIVATE(?:[ +_]|%20)KEY|PuTTY-User-Key-File-|AGE-SECRET-KEY-1", re.IGNORECASE
)
"""The frame of a private key, also with its signs exchanged or encoded: nothing reads the key then, but it is exposed. PuTTY's and age's
keys have no frame."""
_JSON_KEY: Final = re.compile(
    r"[\"']kty[\"']\s*:.*[\"']d[\"']\s*:\s*[\"'][\w-]{16}|[\"']d[\"']\s*:\s*[\"'][\w-]{16}.*[\"']kty[\"']\s*:", re.DOTALL
)
"""A private key as a JSON Web Key."""
_DER_KEY: Final = re.compile(r"\x30(?:\x82..|\x81.|[\x20-\x7f])\x02\x01(?:\x00[\x30\x02]|\x01\x04|\x03\x30)", re.DOTALL)
"""The first bytes of a private key (PKCS #8 and #1, SEC 1) and of a PKCS #12 file, each as one character."""
_CONTENT: Final = re.compile(rf"{_DASH}\s*BEGIN[A-Z0-9 +_%]+{_DASH}+(?:\\[nr]|\s|%0[AD])*[A-Za-z0-9+/]{{16}}", re.IGNORECASE)
_INVISIBLE: Final = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]+")
_ENCODED: Final = re.compile(r"LS0tLS1CRUdJT[A-Za-z0-9+/=\s]+")
"""The base64 of ``-----BEGIN``, as the data of a Secret or of a kubeconfig show it."""
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}(?:\s+[A-Za-z0-9+/_-]{16,}={0,2})*")
"""What may be base64, perhaps on several lines."""
_LAYERS: Final = 3
"""How often base64 may be around a key: a Secret's data have it once, and a tool may add it again."""


@dataclass(frozen=True, slots=True)
class Block:
    """One PEM block.

    Args:
        label: what it says it is, e.g. ``CERTIFICATE``.
        der: its content; None where that is not base64: encrypted in the old form, cut off or damaged.
    """

    label: str
    der: bytes | None

    @property
    def text(self) -> str:
        """The block as OpenSSL writes it.

        Raises:
            ValueError: its content is not base64.
        """
        if self.der is None:
            raise ValueError(f"the content of a {self.label} is not base64")
        body = base64.b64encode(self.der).decode()
        lines = [body[start : start + LINE] for start in range(0, len(body), LINE)]
        return "\n".join([f"-----BEGIN {self.label}-----", *lines, f"-----END {self.label}-----", ""])


def blocks(text: str) -> list[Block]:
    r"""Return the blocks in ``text`` in their order, also where line ends are missing, doubled or written as ``\\n``.

    Byte-order marks, indentation and text between the blocks are left out. A block without its end has no content.
    """
    plain = text.replace("\\r", "").replace("\\n", "\n")
    begins = list(_BEGIN.finditer(plain))
    return [_block(match[1], plain[match.end() : _start(begins, number + 1, plain)]) for number, match in enumerate(begins)]


def _start(begins: Sequence[re.Match[str]], number: int, plain: str) -> int:
    return begins[number].start() if number < len(begins) else len(plain)


def _block(label: str, rest: str) -> Block:
    body, end, _ = rest.partition(f"-----END {label}-----")
    return Block(label, _decoded(body) if end else None)


def readable_as_is(text: str) -> list[str]:
    """Return the labels of the blocks that OpenSSL (hence HAProxy and Ruby) and Go find in ``text`` without rewriting it.

    Each begins and ends with a line of its own, with nothing before it; ``tests/components/test_pem.py`` holds it to OpenSSL.
    """
    return _READABLE.findall(text)


def encoded(text: str) -> str:
    """Return the PEM text that ``text`` holds in base64, "" where there is none."""
    found = [_decoded(match[0]) or _decoded(match[0].split()[0]) for match in _ENCODED.finditer(text)]
    return "".join(one.decode(errors="replace") for one in found if one)


def holds_content(text: str) -> bool:
    """Whether ``text`` holds the content of a PEM block, and not its frame alone, as a sentence about PEM does."""
    return _CONTENT.search(text) is not None or bool(encoded(text)) or any(map(_is_private, _inside(text)))


def holds_a_private_key(text: str) -> bool:
    """Whether ``text`` holds a private key, whole or in part, also in base64 once more, without its frame, or as JSON."""
    return _PRIVATE.search(text) is not None or _JSON_KEY.search(text) is not None or any(map(_is_private, _inside(text)))


def _is_private(content: str) -> bool:
    """Whether ``content``, which was in base64, is or holds a private key."""
    return _DER_KEY.match(content) is not None or _PRIVATE.search(content) is not None or _JSON_KEY.search(content) is not None


def _inside(text: str, layers: int = _LAYERS) -> Iterator[str]:
    """Yield what ``text`` holds in base64, each byte as one character, and what that holds again."""
    for match in _RUN.finditer(text) if layers else ():
        run = re.sub(r"[\s=]", "", match[0]).strip("-_").translate(_URL_SAFE)
        content = base64.b64decode(run[: len(run) - (len(run) % 4 == 1)] + "===").decode("latin-1")
        yield content
        yield from _inside(content, layers - 1)


def certificates(pem: str) -> list[str]:
    """Return each certificate of a chain, in its order, in the form that every program reads."""
    return [block.text for block in blocks(pem) if block.label == CERTIFICATE]


def _decoded(body: str) -> bytes | None:
    compact = _INVISIBLE.sub("", body)
    try:
        return base64.b64decode(compact, validate=True) or None
    except binascii.Error:
        return None
