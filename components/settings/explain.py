"""From pydantic's errors to problems in the words of who writes a stack file."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr, ValidationError

from components.settings.base import RULE, Section
from components.settings.discretion import shown
from components.settings.places import TAGS, Path, Place, find, keys_of, tag_of
from components.settings.report import HIDDEN, Problem

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SECTION: Final = "is a section with keys of its own"

KINDS: Final[Mapping[str, str]] = {
    "string_type": "is a text",
    "int_type": "is a whole number",
    "bool_type": "is true or false",
    "model_type": SECTION,
    "dict_type": SECTION,
    "tuple_type": "is a list",
    "enum": "is one of {choices}",
    "literal_error": "is one of {choices}",
    "union_tag_invalid": "is one of {choices}",
    "greater_than_equal": "is a number from {least} to {most}",
    "less_than_equal": "is a number from {least} to {most}",
    "too_short": "has an entry at least",
}
"""pydantic's kinds of errors; ``tests/settings`` holds that each is met and no other is."""

TRUTH: Final = {
    "1": "true",
    "yes": "true",
    "on": "true",
    "y": "true",
    "0": "false",
    "no": "false",
    "off": "false",
    "n": "false",
    "true": "true",
    "false": "false",
}
"""Words of YAML 1.1 and of people for the two truth values."""

SECRET_NAME: Final = re.compile(r"pas+w|pass|pwd|secret|token|private|credential|key$", re.IGNORECASE)
"""A mistyped key may still hold a secret: what looks like one is not shown."""

COUNTED: Final = re.compile("[0-9]{1,2}")
"""A number of two digits counts something (``types.Generation``), also beside secrets; nobody's password is as short."""


def explain(error: ValidationError, raw: Mapping[str, object], encrypted: Callable[[Path], bool]) -> list[Problem]:
    """Return one problem for each error, in the file's own keys."""
    entries = error.errors(include_url=False)
    inside = {entry["loc"][:length] for entry in entries for length in range(len(entry["loc"]))}
    return [_problem(entry, raw, encrypted) for entry in entries if not (entry["type"] == "too_short" and entry["loc"] in inside)]


def _problem(entry: ErrorDetails, raw: Mapping[str, object], encrypted: Callable[[Path], bool]) -> Problem:
    place, kind = find(entry["loc"], raw), entry["type"]
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        place = Place((*place.path, str(entry["ctx"]["discriminator"]).strip("'")), tuple(place.inner))
    if kind == "union_tag_not_found" and (mistyped := next((key for key in entry["input"] if _close(key, [place.key])), None)):
        return Problem(
            key=Place((*place.path[:-1], mistyped), ()).dotted, value="", rule="unknown key", remedy=f"did you mean '{place.key}'?"
        )
    if kind in {"missing", "union_tag_not_found"}:
        return Problem(key=place.dotted, value="", rule="is required", remedy=_missing(place, entry["input"]))
    given = _at(raw, place.path, entry["input"])
    value = _shown(place, given, encrypted)
    rule, remedy = _words(entry, place, given if value != HIDDEN else None)
    return Problem(key=place.dotted, value=value, rule=rule, remedy=remedy)


def _missing(place: Place, section: object) -> str:
    """Return how to set the key of ``place`` that ``section`` lacks."""
    if place.inner and tag_of(place.inner[0])[0]:
        return f"set it: {_below(place.inner, None)}"
    if place.key not in TAGS:
        return f"set it. {_purpose(place)}".strip()
    tags = [str(tag_of(model)[1]) for model in place.models]
    nested = next((tag for tag in tags if isinstance(section, Mapping) and tag in section), None)
    if nested:
        return f"write '{place.key}: {nested}', and what stands below '{nested}' directly beside it"
    return f"set it to one of {', '.join(tags)}"


def _purpose(place: Place) -> str:
    return place.purpose.replace("``", "")


def _words(entry: ErrorDetails, place: Place, given: object) -> tuple[str, str]:
    """Return rule and remedy; ``given`` is None where it must not be shown."""
    kind, context = entry["type"], entry.get("ctx", {})
    if kind == RULE:
        return str(context["rule"]), str(context["remedy"])
    if kind == "extra_forbidden":
        return "unknown key", _unknown(place)
    if kind not in KINDS:
        return entry["msg"], f"correct it. {_purpose(place)}".strip()
    if kind == "string_type" and SecretStr in place.kinds:
        command = f"pulumi config set --secret --path 'portus:{place.dotted}'"
        return "is an encrypted text, or {secret: <name>, key: <key>}", f"{command}, or name an existing Secret"
    if kind == "string_type" and isinstance(given, int | float) and (broken := place.rule_for(json.dumps(given))):
        return broken
    least, most = place.bounds
    rule = KINDS[kind].format(choices=", ".join(_choices(context)), least=least, most=most)
    remedy = _remedy(kind, place, given, _choices(context))
    if entry["input"] is None or (entry["input"] == "" and kind in {"model_type", "dict_type", "tuple_type"}):
        remedy = _filled(place, remedy)
    return rule, remedy or f"correct it. {_purpose(place)}".strip()


def _filled(place: Place, remedy: str | None) -> str:
    """Return what to do with a key without a value: null in YAML, and on the top level an empty text for Pulumi."""
    remedy = remedy or f"write a value. {_purpose(place)}".strip()
    return remedy if any(field.is_required() for field in place.fields) else f"remove it, or {remedy}"


def _unknown(place: Place) -> str:
    elsewhere = next((model.elsewhere[place.key] for model in place.models if place.key in model.elsewhere), None)
    if elsewhere:
        return elsewhere
    owners = [tag_of(sibling) for sibling in place.siblings if place.key in keys_of((sibling,))]
    if owners:
        values = " or ".join(str(value) for _, value in owners)
        return f"it belongs to {owners[0][0]}: {values}; remove it, or choose {'one of those' if len(owners) > 1 else 'that'}"
    if len(place.path) == 1 and "." in place.key:
        section, _, rest = place.key.partition(".")
        return f"write '{rest.replace('.', ': ')}' below 'portus:{section}'; pulumi config set needs --path for it"
    if any(place.key == tag_of(model)[1] for model in place.models):
        return f"write what stands below it directly below '{place.path[-2]}'"
    if under := _under(place):
        return f"write it under {under}"
    valid = keys_of(place.models)
    close = _close(place.key, valid)
    return f"did you mean '{close}'?" if close else f"remove it; known here: {', '.join(valid)}"


def _under(place: Place) -> str:
    """Return the keys beside ``place`` below which its key is known, "" where there is none."""
    beside = (Place((*place.path[:-1], key), place.models) for key in keys_of(place.models))
    return " or ".join(f"'{other.key}'" for other in beside if place.key in keys_of(tuple(other.inner)))


def _remedy(kind: str, place: Place, given: object, choices: list[str]) -> str | None:
    """Return what would make ``given`` right, None where nobody can know."""
    remedy = None
    match kind:
        case "string_type" if isinstance(given, int | float):
            remedy = f'put it in quotes: "{json.dumps(given)}"'
        case "string_type" if isinstance(given, Mapping | list):
            remedy = "write one text, with neither keys nor a list below it"
        case "enum" if isinstance(given, int | float) and str(given) in choices:
            remedy = f'put it in quotes: "{given}"'
        case "enum" | "literal_error" | "union_tag_invalid" if isinstance(given, str) and (close := _close(given, choices)):
            remedy = f"did you mean '{close}'?"
        case "int_type" if isinstance(given, str) and given.lstrip("-").isdigit():
            remedy = "write it without quotes"
        case "bool_type" if str(given).lower() in TRUTH:
            remedy = f"write {TRUTH[str(given).lower()]}" + (", without quotes" if isinstance(given, str) else "")
        case "model_type" | "dict_type":
            remedy = _below(place.inner, given)
        case "tuple_type" if isinstance(given, str) and given:
            remedy = f"write [{given}]"
        case "tuple_type" if isinstance(given, Mapping):
            keys = keys_of(tuple(place.inner))
            remedy = "write a list, '-' before each entry" + (f", with the keys {', '.join(keys)}" if keys else "")
    return remedy


def _below(sections: list[type[Section]], given: object) -> str:
    """Return what to write below a key at which ``given`` stands instead of one of ``sections``."""
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], Mapping):
        return "remove the '-' before its first key"
    kinds = {str(value): f"'{key}: {value}'" for key, value in map(tag_of, sections) if key}
    if kinds:
        meant = _close(given, list(kinds)) if isinstance(given, str) else None
        return f"write {kinds[meant] if meant else ' or '.join(kinds.values())} below it"
    keys = keys_of(tuple(sections))
    truth = TRUTH.get(str(given).lower())
    if truth and "enabled" in keys:
        return f"write 'enabled: {truth}' below it"
    below = "below it, without '-'" if isinstance(given, list) else "below it"
    return f"write keys {below}: {', '.join(keys)}" if keys else f"write 'key: value' {below}"


def _choices(context: Mapping[str, Any]) -> list[str]:
    text = str(context.get("expected_tags") or context.get("expected") or "")
    return re.findall(r"'([^']*)'", text) or [part.strip() for part in re.split(r",| or ", text) if part.strip()]


def _close(given: str, valid: list[str]) -> str | None:
    """Return what ``given`` may have meant: the same letters, its beginning, or nearly the same."""
    plain = {re.sub(r"[^a-z0-9]", "", choice.lower()): choice for choice in valid}
    key = re.sub(r"[^a-z0-9]", "", given.lower())
    if key in plain:
        return plain[key]
    begun = [choice for name, choice in plain.items() if key and (name.startswith(key) or key.startswith(name))]
    if len(begun) == 1:
        return begun[0]
    if key.isdigit():  # versions and sizes: the nearest spelling is another one, not the one meant
        return None
    close = difflib.get_close_matches(given, valid, n=1)
    return close[0] if close else None


def _at(raw: object, path: Path, otherwise: object) -> object:
    node: Any = raw
    for step in path:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return otherwise
    return node


def _shown(place: Place, value: object, encrypted: Callable[[Path], bool]) -> str:
    if any(encrypted(place.path[: length + 1]) for length in range(len(place.path))) or _may_be_secret(place, value):
        return HIDDEN
    return shown(value)


def _may_be_secret(place: Place, value: object) -> bool:
    """Return whether ``value`` may be a secret: by its setting's type, and where that does not fit by the names around it."""
    if value is None:
        return False
    close = _close(place.key, keys_of(place.models))
    meant = place.kinds or (Place((close,), place.models).kinds if close else set())
    if SecretStr in meant:
        return True
    if isinstance(value, bool) or (isinstance(value, int | str) and COUNTED.fullmatch(str(value))):
        return False
    if isinstance(value, Mapping | list) and SECRET_NAME.search(json.dumps(value, default=str)):
        return True
    return type(value) not in place.kinds and any(SECRET_NAME.search(str(step)) for step in place.path)
