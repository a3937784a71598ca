"""LDAP's own texts: search filters, distinguished names and bind accounts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator

from components.settings.types.base import Checked, broken

_ATTRIBUTE: Final = re.compile(r"[-A-Za-z0-9_:.]*[A-Za-z0-9_]")
_OPERATOR: Final = re.compile(r"<=|>=|!=|:=|=")
_VALUE: Final = re.compile(r"(?:[-\[\]{}A-Za-z0-9_*.+/:@=,#$%&!'^~\s]|[^\x00-\x7f]|\\[0-9A-Fa-f]{2})+")
_UNREADABLE: Final = re.compile(r"[;\"<>?`]|\\[*()]|\\(?![0-9A-Fa-f]{2})")
"""What a value may hold by RFC 4515, or by habit, and net-ldap does not read; ``\\*`` is the star itself in other programs."""
_BLANK: Final = re.compile(r"\s*")
_VARIABLE: Final = re.compile(r"%[suUv]\b|%[{(]\w+[})]|\$\{\w+\}|\{(?:\d?|\w*(?:user|login|name|uid)\w*)\}", re.IGNORECASE)
"""By which other programs' filters ask for the name of the user who logs in: Apache, nginx, Grafana, GitLab, Harbor, Jenkins."""

_PAIR: Final = (
    r"\s*(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*)\s*=\s*"
    r'(?:"(?:[^"\\]|\\.)*"|(?:[^",\\]|\\(?:[0-9A-Fa-f]{2}|[ "#+,;<=>\\]))+)\s*'
)
_NAME: Final = re.compile(rf"{_PAIR}(?:,{_PAIR})*")
_ACCOUNT: Final = re.compile(r"[^\s@\\,=\"]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[A-Za-z0-9][A-Za-z0-9.-]*\\[^\s@\\,=\"]+")


class _FilterError(Exception):
    """The rule that a filter breaks, and the character at which it does."""

    def __init__(self, rule: str, position: int) -> None:
        self.rule = rule
        self.position = position
        super().__init__(rule)


class _FilterParser:
    """Takes what RFC 4515 allows and net-ldap reads as RFC 4515 means it.

    net-ldap (``FilterParser`` of 0.16, which Portus has) ends at the end of the first expression and drops the rest. In a value it reads
    fewer characters than RFC 4515. It also takes spaces around each part, ``!=``, and one comparison without parentheses.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parse(self) -> None:
        self._scan(_BLANK)
        if self._peek("("):
            self._expression()
        else:
            self._comparison()
        self._scan(_BLANK)
        if set(self._text[self._at :]) == {")"}:
            raise self._error("must have a '(' for each ')'")
        if self._at < len(self._text):
            raise self._error("must be one filter expression: Portus ignores what follows the first, so more users could log in")

    def _expression(self) -> None:
        self._take()
        operator = self._text[self._at : self._at + 1]
        if operator and operator in "&|!":
            self._take()
            self._operands(operator)
        else:
            self._comparison()
        self._scan(_BLANK)
        if self._at == len(self._text):
            raise self._error("must have a ')' for each '('")
        if not self._peek(")"):
            between = operator and operator in "&|!"
            raise self._error("must not have text between two expressions" if between else self._unreadable())
        self._take()

    def _operands(self, operator: str) -> None:
        """Read the expressions after ``operator``: one after ``!``, one or more after the others."""
        if not self._peek("("):
            raise self._error(f"must have an expression in parentheses after '{operator}'")
        self._expression()
        while self._peek("("):
            if operator == "!":
                raise self._error("must have only one expression after '!'")
            self._expression()

    def _comparison(self) -> None:
        self._scan(_BLANK)
        if not self._scan(_ATTRIBUTE):
            raise self._error("must begin each expression with an attribute, '&', '|' or '!'")
        self._scan(_BLANK)
        if not self._scan(_OPERATOR):
            raise self._error("must compare an attribute by =, >=, <= or :=; Portus does not support ~= or attribute options")
        self._scan(_BLANK)
        if not self._scan(_VALUE).strip():
            nothing = self._at == len(self._text) or self._peek(")")
            raise self._error("must have a value after each comparison (* is any value)" if nothing else self._unreadable())

    def _unreadable(self) -> str:
        if self._text[self._at] == '"' and self._text[: self._at].rstrip().endswith("="):
            return "must have no quotes around a value: they would be a part of it"
        match = _UNREADABLE.match(self._text, self._at)
        sign = match[0] if match else self._text[self._at]
        return f"must write '{sign}' inside a value as \\{ord(sign[-1]):02x}, the only form that Portus reads"

    def _scan(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return match[0] if match else ""

    def _peek(self, sign: str) -> bool:
        return self._text.startswith(sign, self._at)

    def _take(self) -> None:
        self._at += 1
        self._scan(_BLANK)

    def _error(self, rule: str) -> _FilterError:
        return _FilterError(rule, self._at)


def _joined(text: str) -> str:
    return f"(&{text})"


def _bracketed(text: str) -> str:
    return f"({text})"


def _without_separators(text: str) -> str:
    return re.sub(r"\)[\s,;]+(?=[()])", ")", text)


def _unquoted(text: str) -> str:
    return re.sub(r'=\s*"([^"()]*)"(?=\s*(?:\)|$))', r"=\1", text)


def _escaped(text: str) -> str:
    return _UNREADABLE.sub(lambda sign: f"\\{ord(sign[0][-1]):02x}", text)


def _bracketed_once(text: str) -> str:
    return re.sub(r"\(\s*(\([^()]*\))\s*\)", r"\1", text)


def _closed(text: str) -> str:
    return text + ")" * max(0, text.count("(") - text.count(")"))


def _not_closed_twice(text: str) -> str:
    return text.removesuffix(")") if text.count(")") > text.count("(") else text


def _compared(text: str) -> str:
    return re.sub(r"~=|==", "=", re.sub(r"(?<=\w)([<>])(?!=)=?", r"\1=", text))


def _negated(text: str) -> str:
    return re.sub(r"!\s*([^()&|!=\s]+=[^()]+)", r"!(\1)", re.sub(r"!\s*((?:\([^()]*\)){2,})", r"!(&\1)", text))


def _valued(text: str) -> str:
    return re.sub(r"=\s*(?=\)|$)", "=*", text)


def _operator_first(text: str) -> str:
    return re.sub(r"^(\(.*\))\s*([&|])\s*(\(.*\))$", r"(\2\1\3)", text)


_REPAIRS: Final[tuple[Callable[[str], str], ...]] = (
    _without_separators,
    _unquoted,
    _escaped,
    _not_closed_twice,
    _closed,
    _compared,
    _negated,
    _valued,
    _operator_first,
    _bracketed_once,
    _bracketed,
    _joined,
)
"""Common mistakes undone; none of them drops a condition."""


def _repaired(text: str) -> str | None:
    """Return the filter that ``text`` most likely means, None where nothing simple makes it one."""
    once = [repair(text) for repair in _REPAIRS]
    twice = [repair(first) for first in once for repair in _REPAIRS]
    return next((fixed for fixed in (*once, *twice) if _parses(fixed)), None)


def _parses(text: str) -> bool:
    try:
        _FilterParser(text).parse()
    except _FilterError:
        return False
    return True


def _filter(value: str) -> str:
    """An LDAP filter."""
    if not value.strip():
        raise broken("must be an LDAP filter", "remove the key: without a filter every user below ldap.base can log in")
    if not value.isprintable():
        raise broken("must be an LDAP filter on one line", "write it on one line, without tabs")
    if (variable := _VARIABLE.search(value)) is not None:
        raise broken(
            f"must be the same for every user: Portus puts no name in the place of {variable[0]}",
            "remove that comparison: Portus adds (<ldap.uid>=<name of the user>) itself; without another condition remove the key",
        )
    try:
        _FilterParser(value).parse()
    except _FilterError as error:
        fixed = _repaired(value.strip())
        where = f"the mistake is at character {error.position + 1}; a correct filter is e.g. (&(objectClass=person)(ou=staff))"
        raise broken(error.rule, f"write {fixed}" if fixed else where) from None
    return value


def _account(value: str) -> str:
    """A distinguished name, or an account as Active Directory names it."""
    if not value.isprintable() or not (_NAME.fullmatch(value) or _ACCOUNT.fullmatch(value)):
        raise broken(
            "must be a distinguished name, or an account of Active Directory: name@domain or DOMAIN\\name",
            "write e.g. cn=portus,ou=services,dc=example,dc=com or portus@corp.example.com",
        )
    return value


LdapFilter = Annotated[str, AfterValidator(_filter)]
"""One LDAP filter expression that Portus reads as it is meant."""

LdapName = Annotated[
    str,
    Checked(
        lambda v: v.isprintable() and v == v.strip() and _NAME.fullmatch(v) is not None,
        "must be a distinguished name: attribute=value pairs joined by commas",
        "write e.g. ou=users,dc=example,dc=com",
    ),
]
"""A distinguished name (RFC 4514), also with the quoted values of RFC 2253."""

LdapAccount = Annotated[str, AfterValidator(_account)]
"""Who binds: a distinguished name or, in Active Directory, also ``name@domain`` or ``DOMAIN\\name``."""
