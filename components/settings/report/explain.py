"""From pydantic's errors to problems in the words of a stack file."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from components.settings.report import fixes
from components.settings.report.discretion import shown, shown_at
from components.settings.report.fixes import SECRET_NAME, allowed_value, as_entries, as_texts, below, close_to, fix_of, is_slip, plain
from components.settings.report.locate import NAMED, TAGS, Path, Place, copied, find, keys_of, setting_meant, tag_of, value_at
from components.settings.report.plaintext_secrets import swapped_keys
from components.settings.report.problems import HIDDEN, UNSET, Problem
from components.settings.report.redaction import assigns_a_secret
from components.settings.sections.kubernetes import EnvVar
from components.settings.types.base import RULE, Section, camel_case
from components.settings.types.secrets import EXISTING, ExistingSecret
from components.settings.types.values import is_object_name

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


SECTION: Final = "must be a section with its own keys"

KINDS: Final[Mapping[str, str]] = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "model_type": SECTION,
    "dict_type": SECTION,
    "tuple_type": "must be a list",
    "enum": "must be one of {choices}",
    "literal_error": "must be one of {choices}",
    "union_tag_invalid": "must be one of {choices}",
    "greater_than_equal": "must be a number from {least} to {most}",
    "less_than_equal": "must be a number from {least} to {most}",
    "too_short": "must have at least one entry",
}
"""pydantic's kinds of errors; ``tests/settings`` holds that each is met and no other is."""

NAMES_A_SECRET: Final = frozenset({"existingSecret", "existingSecretName", "existing_secret", "secretName", "secretRef", "secretKeyRef"})
"""Keys by which charts name a Secret."""

MOST_OWNERS: Final = 3
"""Sections in which a key may be known, so that the report names them all."""

FROM_A_SECRET: Final = "write {name: <name>, valueFrom: {secretKeyRef: {name: <Secret>, key: <key>}}}"  # noqa: S105 - it names one

GENERIC: Final = frozenset({"name", "kind", "type", "enabled", "key", "value", "host", "port", "labels", "annotations"})
"""Keys that so many sections have that another one's says nothing of what was meant."""


def explain(entries: Sequence[ErrorDetails], raw: Mapping[str, object], encrypted: Callable[[Path], bool]) -> list[Problem]:
    """Return one problem for each of pydantic's errors, in the file's own keys."""
    inside = {entry["loc"][:length] for entry in entries for length in range(len(entry["loc"]))}
    strange = {entry["loc"][:-1] for entry in entries if entry["type"] == "extra_forbidden"}

    written = {(*loc[:-1], key) for loc, _, key in _written_instead(entries, raw)}

    def follows(entry: ErrorDetails) -> bool:
        """Whether ``entry`` only says again what another one does."""
        missing = entry["type"] == "missing" and entry["loc"][:-1] in strange
        lacks = missing and (EXISTING in entry["loc"] or entry["loc"] in written)
        return lacks or (entry["type"] == "too_short" and entry["loc"] in inside)

    left = [entry for entry in entries if not follows(entry)]
    whole = {**_no_references(left, raw, encrypted), **_lists_of_sections(left, raw, encrypted), **_lists_of_texts(left, raw)}
    swapped = swapped_keys(left, raw, encrypted)
    rest = [_problem(entry, raw, encrypted) for entry in left if entry["loc"][:-1] not in whole and entry["loc"] not in swapped]
    return [*whole.values(), *filter(None, swapped.values()), *rest]


def _written_instead(entries: Sequence[ErrorDetails], raw: Mapping[str, object]) -> Iterator[tuple[Path, Place, str]]:
    """Yield, for each unknown key, the keys beside it that its fix tells to write: they are not missing."""
    for entry in entries:
        place = find(entry["loc"], raw)
        text = _unknown(place) if entry["type"] == "extra_forbidden" else ""
        if text.startswith(("write '", "write it under '")):
            yield from ((entry["loc"], place, key) for key in re.findall(r"'(?:portus:)?(\w+)[:']", text))


def told_to_write(entries: Sequence[ErrorDetails], raw: Mapping[str, object]) -> set[str]:
    """Return the settings that the fixes of unknown keys tell to write: no rule may call them missing."""
    return {Place((*place.path[:-1], key), ()).dotted for _, place, key in _written_instead(entries, raw)}


def _no_references(entries: Sequence[ErrorDetails], raw: Mapping[str, object], encrypted: Callable[[Path], bool]) -> dict[Path, Problem]:
    """Return one problem for each secret that is given as a section, such as a key file in JSON, and names no Secret by any of its keys."""
    found: dict[Path, Problem] = {}
    known = {*keys_of((ExistingSecret,)), *ExistingSecret.synonyms, *ExistingSecret.moved_keys} - {"Secure", "encrypted"}
    for loc in dict.fromkeys(entry["loc"][:-1] for entry in entries if entry["type"] == "extra_forbidden"):
        place = find(loc, raw)
        given = value_at(raw, place.path)
        if loc[-1:] == (EXISTING,) and isinstance(given, Mapping) and not known & set(given):
            seen = "" if encrypted(place.path) else "replace the secret, because the file exposes it, then "
            rule = "must be one encrypted text, or {secret: <name>, key: <key>}"
            found[loc] = Problem(key=place.dotted, value=HIDDEN, rule=rule, fix=seen + place.encrypted)
    return found


def _lists_of_sections(
    entries: Sequence[ErrorDetails], raw: Mapping[str, object], encrypted: Callable[[Path], bool]
) -> dict[Path, Problem]:
    """Return one problem for each list of texts that has several entries as Kubernetes writes them (``- name: text``)."""
    found: dict[Path, Problem] = {}
    wrong = Counter(entry["loc"][:-1] for entry in entries if entry["type"] == "string_type" and isinstance(entry["loc"][-1], int))
    for loc, count in wrong.items():
        place = find(loc, raw)
        given = value_at(raw, place.path)
        texts = as_texts(given)
        if count > 1 and texts:
            hidden = HIDDEN in (shown_at(Place((*place.path, index), place.models), text, encrypted) for index, text in enumerate(texts))
            value, fix = HIDDEN if hidden else shown(given), f"write [{', '.join(texts)}]"
            found[loc] = Problem(key=place.dotted, value=value, rule="must be a list of texts", fix=fix)
    return found


def _lists_of_texts(entries: Sequence[ErrorDetails], raw: Mapping[str, object]) -> dict[Path, Problem]:
    """Return one problem for each list of sections that has several texts or numbers instead (``ports: [443, 8443]``)."""
    found: dict[Path, Problem] = {}
    wrong = Counter(entry["loc"][:-1] for entry in entries if entry["type"] == "model_type" and isinstance(entry["loc"][-1], int))
    for loc, count in wrong.items():
        place = find(loc, raw)
        given = value_at(raw, place.path)
        sections = as_entries(place, given) if count > 1 and isinstance(given, list) and len(given) == count else None
        if sections and not SECRET_NAME.search(json.dumps(given)):
            rule, fix = "must be a list of sections", f"write [{', '.join(sections)}]"
            found[loc] = Problem(key=place.dotted, value=shown(given), rule=rule, fix=fix)
    return found


def _problem(entry: ErrorDetails, raw: Mapping[str, object], encrypted: Callable[[Path], bool]) -> Problem:
    place, kind = find(entry["loc"], raw), entry["type"]
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        place = Place((*place.path, str(entry["ctx"]["discriminator"]).strip("'")), tuple(place.inner))
    if kind == "union_tag_not_found" and (mistyped := mistyped_tag(place.key, entry["input"])):
        return Problem(key=Place((*place.path[:-1], mistyped), ()).dotted, value="", rule="unknown key", fix=f"did you mean '{place.key}'?")
    if kind == "union_tag_not_found" and (moved := _moved(place, entry["input"])):
        return Problem(key=Place((*place.path[:-1], moved[0]), ()).dotted, value="", rule="unknown key", fix=moved[1])
    if kind in {"missing", "union_tag_not_found"}:
        return Problem(key=place.dotted, value="", rule=UNSET, fix=_missing(place, entry["input"]))
    given = value_at(raw, place.path, entry["input"])
    value = shown_at(place, given, encrypted)
    assigns = value != HIDDEN and kind != RULE and isinstance(given, str) and assigns_a_secret(given)
    value = HIDDEN if assigns else value
    rule, fix = _words(entry, place, given if value != HIDDEN else None)
    if assigns:
        fix = FROM_A_SECRET if EnvVar in place.inner and not place.is_list else fix
        fix = f"{fix}; replace the secret, because the file exposes it"
    return Problem(key=place.dotted, value=value, rule=rule, fix=fix)


def _moved(place: Place, section: Mapping[str, object]) -> tuple[str, str] | None:
    """Return a key of ``section`` that belongs elsewhere, and where, if it has no other keys: then its tag is not missing."""
    elsewhere = {key: text for model in place.models for key, text in model.moved_keys.items()}
    return next(((key, elsewhere[key]) for key in section), None) if section and set(section) <= set(elsewhere) else None


def mistyped_tag(tag: str, section: Mapping[str, object]) -> str | None:
    """Return the key of ``section`` for ``tag``, by which its union is distinguished; None where none does."""
    return next((key for key in section if close_to(key, [tag])), "type" if "type" in section else None)


def _missing(place: Place, section: object) -> str:
    """Return how to set the key of ``place`` that ``section`` lacks."""
    purpose = place.purpose.replace("``", "")
    if place.inner and tag_of(place.inner[0])[0]:
        return f"set it: {below(place.inner, None)}"
    if place.key not in TAGS and place.inner and SecretStr not in place.kinds:
        item = "- " if place.is_list else ""
        keys = " and ".join(
            f"'{item}{each.key}: {{{inner[0].key}: ...}}'" if (inner := _needed(each)) else f"'{item}{each.key}' ({allowed_value(each)})"
            for each in _needed(place)
        )
        return f"set it: write {keys} below it" if keys else f"set it. {purpose}".strip()
    if place.key not in TAGS:
        return f"set it: {allowed_value(place)}. {purpose}".strip()
    if kind := _kind_that_fits(place.models, section):
        return f"set it to {kind}, to which the other keys belong"
    tags = [str(tag_of(model)[1]) for model in place.models]
    nested = next((tag for tag in tags if isinstance(section, Mapping) and tag in section), None)
    if nested:
        return f"write '{place.key}: {nested}', and move the keys below '{nested}' beside it"
    return f"set it to one of {', '.join(tags)}"


def _kind_that_fits(models: Sequence[type[Section]], section: object) -> str | None:
    """Return the kind of the only one of ``models`` that knows all keys of ``section``, None for none or several."""
    keys = {camel_case(key) for key in section} if isinstance(section, Mapping) else set()
    fit = [model for model in models if keys and keys <= set(map(camel_case, keys_of((model,))))]
    return str(tag_of(fit[0])[1]) if len(fit) == 1 else None


def _needed(place: Place) -> list[Place]:
    """Return the keys that the section at ``place`` must have."""
    (model, *_) = place.inner or (None,)
    fields = {} if model is None else model.model_fields
    return [Place((field.alias or name,), (model,)) for name, field in fields.items() if model and field.is_required()]


def _words(entry: ErrorDetails, place: Place, given: object) -> tuple[str, str]:
    """Return rule and fix; ``given`` is None where it must not be shown."""
    kind, context = entry["type"], entry.get("ctx", {})
    if kind == RULE:
        looks = place.takes_existing_secret and _may_name_a_secret(entry["input"])
        return str(context["rule"]), f"{context['fix']}{NAMED if looks else ''}"
    if kind == "extra_forbidden":
        return "unknown key", _unknown(place)
    if kind not in KINDS:
        return f"must be valid: {entry['msg']}", f"write {allowed_value(place)}"
    if kind == "string_type" and SecretStr in place.kinds:
        reference = ", or {secret: <name>, key: <key>}" if place.takes_existing_secret else "; it may name no existing Secret"
        return f"must be an encrypted text{reference}", place.encrypted
    if kind == "string_type" and isinstance(given, int | float) and (broken := place.rule_for(json.dumps(given))):
        return broken
    least, most = place.bounds
    rule = KINDS[kind].format(choices=", ".join(_choices(context)), least=least, most=most)
    rule = rule.replace(f"from {least} to None", f"of {least} or more")
    fix = fix_of(kind, place, given, _choices(context))
    if entry["input"] is None or (entry["input"] == "" and kind in {"model_type", "dict_type", "tuple_type"}):
        fix = _filled(place, fix)
    return rule, fix or f"write {allowed_value(place)}"


def _may_name_a_secret(given: object) -> bool:
    text = given.get_secret_value() if isinstance(given, SecretStr) else given
    return isinstance(text, str) and is_object_name(text) and not re.fullmatch("[a-z0-9]{16,}", text)


def _filled(place: Place, fix: str | None) -> str:
    """Return what to do with a key without a value: null in YAML, and on the top level an empty text for Pulumi."""
    fix = fix or f"write {allowed_value(place)}"
    return fix if any(field.is_required() for field in place.fields) else f"remove it, or {fix}"


def _unknown(place: Place) -> str:
    elsewhere = next((model.moved_keys[place.key] for model in place.models if place.key in model.moved_keys), None)
    if (setting := setting_meant(place)) and not elsewhere and not meant(place):
        elsewhere = f"write {_nested(setting, place)} instead"
    if elsewhere:
        return elsewhere
    synonym = next((model.synonyms[place.key] for model in place.models if place.key in model.synonyms), None)
    owners = [] if synonym else [tag_of(sibling) for sibling in place.siblings if place.key in keys_of((sibling,))]
    if owners:
        values = " or ".join(str(value) for _, value in owners)
        return f"it belongs to {owners[0][0]}: {values}; remove it, or use {'one of those' if len(owners) > 1 else 'that'}"
    if _is_dotted(place):
        section, _, rest = place.key.partition(".")
        where = f"'portus:{section}'; pulumi config set needs --path for it" if len(place.path) == 1 else f"'{section}'"
        return f"write {_as_sections(rest)} below {where}"
    if any(place.key == tag_of(model)[1] for model in place.models):
        return f"move its keys directly below '{place.path[-2]}'"
    if other := _under(place) or _secret_named(place) or _joined(place):
        return f"write {other}"
    close = meant(place)
    return f"did you mean '{close}'?" if close else fixes.without_a_guess(place.key, keys_of(place.models))


def _nested(setting: str, place: Place) -> str:
    """Return how ``setting`` is written in place of a key of ``place``: below the sections that both have in common."""
    above = Place(place.path[:-1], ()).dotted
    return _as_sections(setting.removeprefix(f"{above}.") if above and setting.startswith(f"{above}.") else f"portus:{setting}")


def _as_sections(dotted: str) -> str:
    first, *rest = dotted.split(".")
    return f"'{first}: {''.join(f'{{{step}: ' for step in rest)}...{'}' * len(rest)}'"


def _is_dotted(place: Place) -> bool:
    """Whether the key is a path: ``signup.enabled`` for ``enabled`` below ``signup``."""
    section, dot, _ = place.key.partition(".")
    return bool(dot) and (len(place.path) == 1 or section in keys_of(place.models))


def meant(place: Place) -> str | None:
    """Return the key of the same section that an unknown one most likely is, None where nothing comes close."""
    if (inner := place.key.rpartition(":")[2]) in keys_of(place.models):
        return inner
    if _is_dotted(place):
        return None
    if setting := setting_meant(place):
        above, _, last = setting.rpartition(".")
        return last if above == Place(place.path[:-1], ()).dotted else None
    synonym = next((model.synonyms[place.key] for model in place.models if place.key in model.synonyms), None)
    if synonym:
        return synonym
    beside = _under(place) or _secret_named(place) or _joined(place) or any(place.key in model.moved_keys for model in place.models)
    beside = beside or any(place.key in keys_of((sibling,)) for sibling in place.siblings)
    beside = beside or any(place.key == tag_of(model)[1] for model in place.models)
    return None if beside else fixes.key_close_to(place.key, keys_of(place.models))


def _under(place: Place) -> str:
    """Return how to write the key of ``place`` below the few beside it that know it, "" where there are none, or many."""
    beside = [Place((*place.path[:-1], key), place.models) for key in keys_of(place.models)]
    for key in () if place.key in GENERIC else dict.fromkeys((place.key, camel_case(place.key))):
        sections = [other.key for other in beside if key in keys_of(tuple(each for each in other.inner if each is not ExistingSecret))]
        if 0 < len(sections) <= MOST_OWNERS:
            return f"{'it' if key == place.key else key} under {' or '.join(map(repr, sections))}"
    return ""


def _secret_named(place: Place) -> str:
    """Return how to name a Secret for the secrets beside ``place``, whose key does so in the way of charts; "" for another key."""
    if place.key not in NAMES_A_SECRET:
        return ""
    beside = [Place((*place.path[:-1], key), place.models) for key in keys_of(place.models)]
    return " and ".join(f"'{other.key}: {{secret: <name>, key: <key>}}'" for other in beside if other.takes_existing_secret)


def _joined(place: Place) -> str:
    """Return how a key is written that joins a section's and one inside it, such as ``serviceAccountName``; "" for another one."""
    known = {plain(key): key for key in keys_of(place.models)}
    words = [] if plain(place.key) in known else re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", place.key)
    for end in range(len(words) - 1, 0, -1):
        section = Place((*place.path[:-1], known.get(plain("".join(words[:end])), "")), place.models)
        inner = next((key for key in keys_of(tuple(section.inner)) if plain(key) == plain("".join(words[end:]))), None)
        if inner and not section.is_list:
            return _nested(f"{section.dotted}.{inner}", place)
    return ""


def _choices(context: Mapping[str, Any]) -> list[str]:
    text = str(context.get("expected_tags") or context.get("expected") or "")
    return re.findall(r"'([^']*)'", text) or [part.strip() for part in re.split(r",| or ", text) if part.strip()]


class Reading:
    """A stack file's data with mistyped keys under their right names, so that one wrong letter is one problem.

    Without this the section would lack the key that was meant, and whatever depends on it would be reported as well.

    Args:
        raw: as the file has it.
    """

    def __init__(self, raw: Mapping[str, object]) -> None:
        self.raw: dict[str, Any] = copied(raw)
        self._written: dict[Path, Path] = {}

    def correct(self, entries: list[ErrorDetails]) -> list[ErrorDetails]:
        """Rename each unknown key among ``entries`` that was most likely meant as one that is missing beside it; return their entries."""
        return [entry for entry in entries if self._renames(entry)]

    def _renames(self, entry: ErrorDetails) -> bool:
        place, right = find(entry["loc"], self.raw), None
        if entry["type"] == "extra_forbidden":
            right = meant(place)
        elif entry["type"] == "union_tag_not_found":
            right = str(entry["ctx"]["discriminator"]).strip("'")
            mistyped = mistyped_tag(right, entry["input"])
            if mistyped is None and (kind := _kind_that_fits(place.inner, entry["input"])):
                value_at(self.raw, place.path)[right] = kind
                return True
            place = Place((*place.path, mistyped or right), ())
        section = self._section(place.path)
        if right is None or section is None or right in section or place.path[-1] not in section:
            return False
        self._written[*place.path[:-1], right] = self.written(place.path)
        section[right] = section.pop(str(place.path[-1]))
        return True

    def _section(self, path: Path) -> dict[str, Any] | None:
        node = value_at(self.raw, path[:-1])
        return node if isinstance(node, dict) else None

    def written(self, path: Path) -> Path:
        """Return ``path`` of the corrected data as the file spells it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._written:
                return (*self._written[path[:length]], *path[length:])
        return path

    def written_key(self, key: str) -> str:
        """Return a problem's ``key`` as the file spells it."""
        for right, wrong in sorted(self._written.items(), key=lambda pair: -len(pair[0])):
            dotted = Place(right, ()).dotted
            if key == dotted or key.startswith((f"{dotted}.", f"{dotted}[")):
                return Place(wrong, ()).dotted + key[len(dotted) :]
        return key

    def is_guess(self, key: str) -> bool:
        """Whether ``key`` of a problem is a mistyped one whose value does not fit what it was read as: then it was no slip of the pen.

        ``ca_certificate`` is none: it is ``caCertificate`` for sure.
        """
        guesses = (right for right, wrong in self._written.items() if camel_case(str(wrong[-1])) != right[-1])
        return any(key == Place(right, ()).dotted for right in guesses)

    def is_inside_a_guess(self, key: str) -> bool:
        """Whether ``key`` of a problem is inside another word than the one that it was read as: it may be right for what was meant."""
        words = (Place(right, ()).dotted for right, wrong in self._written.items() if not is_slip(str(wrong[-1]), str(right[-1])))
        return any(key.startswith((f"{word}.", f"{word}[")) for word in words)
