"""What to write in place of a value that does not fit."""

from __future__ import annotations

import contextlib
import difflib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from components.common import pem
from components.settings.report.locate import Place, keys_of, tag_of
from components.settings.types.base import Section

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

CALLED: Final = {
    **dict.fromkeys(("aws", "amazon", "minio", "ceph"), "s3"),
    **dict.fromkeys(("local", "disk", "file", "volume", "pvc"), "filesystem"),
    **dict.fromkeys(("google", "gcp"), "gcs"),
    **dict.fromkeys(("aliyun", "alibaba"), "oss"),
    "openstack": "swift",
    **dict.fromkeys(("letsencrypt", "acme"), "cert_manager"),
    **dict.fromkeys(("manual", "custom", "own"), "provided"),
    "secret": "existing_secret",
    **dict.fromkeys(("ldaps", "ssl"), "simple_tls"),
}
"""Other words for a choice."""

Fix = Callable[[Place, object, list[str]], str | None]


def fix_of(kind: str, place: Place, given: object, choices: list[str]) -> str | None:
    """Return what would make ``given`` right at ``place``, None if that cannot be known.

    Args:
        kind: pydantic's kind of error.
        choices: the allowed values, if there is a choice.
    """
    find = _BY_KIND.get(kind)
    return find(place, given, choices) if find else None


def _text(_place: Place, given: object, _choices: list[str]) -> str | None:
    if isinstance(given, int | float):
        return f'put it in quotes: "{json.dumps(given)}"'
    if (
        isinstance(given, Mapping)
        and set(given) >= {"repository", "tag"}
        and not set(given) - {"registry", "repository", "tag", "pullPolicy"}
    ):
        parts = [str(given[key]) for key in ("registry", "repository") if given.get(key)]
        return f"write {'/'.join(parts)}:{given['tag']}"
    if (text := only_text(given)) is not None and isinstance(given, Mapping):
        return f"write only {text}, without '{next(iter(given))}:'"
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], str) and not pem.holds_content(given[0]):
        return f"write {given[0]}"
    if isinstance(given, list) and given and all(isinstance(item, str) and pem.holds_content(item) for item in given):
        return "write one text after '|', with all certificates in it and without '-'"
    return "write one text, without keys or a list below it" if isinstance(given, Mapping | list) else None


def only_text(given: object) -> str | None:
    """Return the one text that the mapping ``given`` holds, None where it holds something else."""
    text = next(iter(given.values())) if isinstance(given, Mapping) and len(given) == 1 else None
    return text if isinstance(text, str) else None


def _choice(_place: Place, given: object, choices: list[str]) -> str | None:
    if isinstance(given, int | float) and str(given) in choices:
        return f'put it in quotes: "{given}"'
    if isinstance(given, str) and given in choices:
        return "write it without quotes"
    if isinstance(given, str) and (close := close_to(given.strip(), choices)):
        return f"did you mean '{close}'?"
    if isinstance(given, str) and (known := CALLED.get(given.strip().lower())) in choices:
        return f"write {known} for {given.strip()}"
    return f"write one of {', '.join(choices)}" if len(choices) > 1 else f"write {choices[0]}"


def _number(place: Place, _given: object, _choices: list[str]) -> str | None:
    least, most = place.bounds
    return f"write {least} or more" if most is None else f"write a number from {least} to {most}"


def _whole_number(place: Place, given: object, _choices: list[str]) -> str | None:
    if not isinstance(given, str):
        return None
    size = re.fullmatch(r"([0-9]+)\s*([KMG])i?B?", given.strip(), re.IGNORECASE)
    least, most = place.bounds
    if size and isinstance(least, int) and isinstance(most, int):
        count = int(size[1]) * 1024 ** (1 + "KMG".index(size[2].upper()))
        return f"write {count}" if least <= count <= most else None
    return ("write it without quotes" if str(int(given)) == given else f"write {int(given)}") if given.lstrip("-").isdigit() else None


def _truth(_place: Place, given: object, _choices: list[str]) -> str | None:
    if isinstance(given, Mapping) and len(given) == 1 and isinstance(value := next(iter(given.values())), bool):
        return f"write only {json.dumps(value)}, without '{next(iter(given))}:'"
    truth = TRUTH.get(str(given).lower())
    quoted = isinstance(given, str) and given.lower() in {"true", "false"}  # yes and on are texts in YAML 1.2, with and without quotes
    return None if truth is None else f"write {truth}" + (", without quotes" if quoted else "")


def _section(place: Place, given: object, _choices: list[str]) -> str | None:
    return below(place.inner, given)


def _list(place: Place, given: object, _choices: list[str]) -> str | None:
    if isinstance(given, Mapping) and given:
        return _as_list(place, given)
    if isinstance(given, str) and pem.holds_content(given):
        return "write '- |' on the line before it and indent it: each entry of the list is one text"
    parts = [part for part in re.split(r"[,;\s]+", given) if part] if isinstance(given, str) else []
    if place.inner:
        entries = as_entries(place, parts or [given])
        return f"write [{', '.join(entries)}]" if entries else None
    if not parts:
        return None
    if broken := place.rule_for(parts):
        return f"write a list, '-' before each entry; {broken[1]}"
    return f"write [{', '.join(parts)}]" if _takes(place, parts) else None


def _takes(place: Place, value: object) -> bool:
    """Whether ``value`` would be right at ``place``; yes at a key that the user names."""
    for field in place.fields:
        with contextlib.suppress(ValidationError):
            TypeAdapter[Any](field.rebuild_annotation()).validate_json(json.dumps(value))
            return True
    return not place.fields


def _entry(_place: Place, _given: object, _choices: list[str]) -> str | None:
    return "add an entry, or remove the key"


_BY_KIND: Final[Mapping[str, Fix]] = {
    "string_type": _text,
    **dict.fromkeys(("enum", "literal_error", "union_tag_invalid"), _choice),
    **dict.fromkeys(("greater_than_equal", "less_than_equal"), _number),
    "int_type": _whole_number,
    "bool_type": _truth,
    **dict.fromkeys(("model_type", "dict_type"), _section),
    "tuple_type": _list,
    "too_short": _entry,
}


def allowed_value(place: Place) -> str:
    """Return in words what ``place`` may contain."""
    from components.settings.reference.entries import in_words  # noqa: PLC0415 - the manual's words, which only a report needs

    words = next((in_words(field) for field in place.fields), "a value")
    words = re.sub(r"^(.*) \(list\)$", r"a list; each entry is \1", words)
    return re.sub(r"^number, (\S+) to (\S+)$", r"a number from \1 to \2", re.sub("^list, each ", "a list; each entry is ", words))


def _as_list(place: Place, given: Mapping[str, object]) -> str:
    """Return how the mapping ``given`` is written as the list that belongs at ``place``."""
    keys = keys_of(tuple(place.inner))
    texts = [item for item in given.values() if isinstance(item, str)]
    if not keys and not any(SECRET_NAME.search(str(key)) for key in given):
        if texts and all(map(pem.holds_content, texts)):
            return f"write '- |' instead of '{next(iter(given))}: |', and do the same for every other key"
        if entries := next((each for each in (texts, list(given)) if each and _takes(place, each)), None):
            return f"write [{', '.join(entries)}]"
    if keys and set(given) & set(keys):
        return f"write '- ' before its first key, {next(iter(given))}: it is a list of such entries"
    if "name" in keys and all(isinstance(item, Mapping) for item in given.values()):
        return f"write '- name: {next(iter(given))}' with its keys below it, instead of '{next(iter(given))}:'"
    if {"name", "value"} <= set(keys) and len(texts) == len(given):
        return f"write [{', '.join(f'{{name: {key}, value: {json.dumps(value)}}}' for key, value in given.items())}]"
    return "write a list, '-' before each entry" + (f", with the keys {', '.join(keys)}" if keys else "")


def as_texts(given: object) -> list[str] | None:
    """Return the texts of the list ``given`` of texts and of mappings with one text each, None for another list."""
    texts = [item if isinstance(item, str) else only_text(item) for item in given] if isinstance(given, list) else []
    return [text for text in texts if text is not None] if texts and None not in texts else None


def as_entries(place: Place, given: list[object]) -> list[str] | None:
    """Return the entries of the list at ``place`` for the texts and numbers ``given``, None where not all can be known."""
    (section, *others) = place.inner or (None,)
    if section is None or others or not all(isinstance(item, str | int) and not isinstance(item, bool) for item in given):
        return None
    entries = [_entry_of(section, str(item)) for item in given]
    return [entry for entry in entries if entry] if all(entries) else None


def below(sections: list[type[Section]], given: object) -> str:
    """Return what to write below a key that has ``given`` in place of one of ``sections``."""
    pairs = [_pair(item) for item in given] if isinstance(given, list) else []
    if pairs and not keys_of(tuple(sections)) and all(pairs):
        return f"write {{{', '.join(f'{key}: {value}' for key, value in filter(None, pairs))}}}"
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], Mapping):
        return "remove the '-' before its first key"
    if isinstance(given, str | int) and not isinstance(given, bool) and (text := _for_text(sections, str(given))):
        return text
    kinds = {str(value): f"'{key}: {value}'" for key, value in map(tag_of, sections) if key}
    if kinds:
        meant = close_to(given, list(kinds)) if isinstance(given, str) else None
        return f"write {kinds[meant] if meant else ' or '.join(kinds.values())} below it"
    keys = keys_of(tuple(sections))
    if text := _for_scalar(keys, given):
        return text
    below = "below it, without '-'" if isinstance(given, list) else "below it"
    return f"write keys {below}: {', '.join(keys)}" if keys else f"write 'key: value' {below}"


def _for_text(sections: list[type[Section]], given: str) -> str | None:
    """Return what to write for the text ``given`` in a section's place."""
    if re.match(r"\s*([{[]|[\w.-]+:(\s|$))", given):
        flow = given.lstrip()[0] in "{["
        return (
            "write it without quotes around it" if flow else "write its lines as keys below it, without '|' and without quotes around them"
        )
    if choice := next((key for section in sections for key in keys_of((section,)) if _is_choice(section, key, given)), None):
        return f"write '{choice}: {given}' below it"
    if not keys_of(tuple(sections)) and (pair := _pair(given)):
        return f"write {{{pair[0]}: {pair[1]}}}"
    if "host" in keys_of(tuple(sections)) and re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", given):
        return f"write 'host: {given}' below it"
    if set(keys_of(tuple(sections))) == {"accessModes", "size", "storageClassName"}:
        return "write 'size: ...' below it; a claim that exists has the key existingClaim"
    entry = _entry_of(sections[0], given) if len(sections) == 1 else None
    return f"write {entry}" if entry else None


def _is_choice(section: type[Section], key: str, given: str) -> bool:
    """Whether ``given`` is one of the words that the setting ``key`` may have, and not the key that names its kind."""
    field = next(field for name, field in section.model_fields.items() if key == (field.alias or name))
    return key != tag_of(section)[0] and given in _words_of(field.annotation)


def _words_of(annotation: object) -> tuple[object, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else tuple(w for each in get_args(annotation) for w in _words_of(each))


def _for_scalar(keys: list[str], given: object) -> str | None:
    """Return what to write for a value in the place of a section with ``keys``."""
    truth = TRUTH.get(str(given).lower())
    if keys == ["value"] and not isinstance(given, bool) and (number := re.match("[0-9]+", str(given))):
        return f"write 'value: {number[0]}' below it"
    return f"write 'enabled: {truth}' below it" if truth and "enabled" in keys else None


def _entry_of(section: type[Section], given: str) -> str | None:
    """Return ``section`` with the text ``given`` in it, None if its place cannot be known or the text does not fit there."""
    if (pair := _pair(given)) and {"name", "value"} <= set(keys_of((section,))):
        return f"{{name: {pair[0]}, value: {pair[1]}}}" if _fits(section, {"name": pair[0], "value": json.loads(pair[1])}) else None
    if (ports := re.fullmatch(r"([0-9]+)[-:]([0-9]+)", given)) and {"port", "endPort"} <= set(keys_of((section,))):
        return f"{{port: {ports[1]}, endPort: {ports[2]}}}" if int(ports[1]) < int(ports[2]) else None
    entry = _with(section, given)
    inner = {key: _with(each, given) for key in keys_of((section,)) for each in Place((key,), (section,)).inner if _needed(each)}
    entries = [entry] if entry else [{key: each} for key, each in inner.items() if each]
    return _flow(entries[0]) if len(entries) == 1 and _fits(section, entries[0]) else None


def _needed(section: type[Section]) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items() if field.is_required()]


def _with(section: type[Section], given: str) -> dict[str, object] | None:
    """Return ``section`` with ``given`` at the only key that it must have, None where it does not fit there."""
    needed = _needed(section)
    if len(needed) != 1:
        return None
    is_number = Place((needed[0],), (section,)).kinds == {int} and given.isdigit()
    entry: dict[str, object] = {needed[0]: int(given) if is_number else given}
    return entry if _fits(section, entry) else None


def _fits(section: type[Section], entry: Mapping[str, object]) -> bool:
    try:
        section.model_validate_json(json.dumps(entry))
    except ValidationError:
        return False
    return True


def _flow(value: object) -> str:
    """Return ``value`` as YAML in one line, a text in quotes only where it needs them."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_flow(item)}' for key, item in value.items())}}}"
    is_plain = isinstance(value, str) and re.fullmatch("[A-Za-z][A-Za-z0-9./-]*|[0-9.]+/[0-9]+", value)
    return str(value) if is_plain else json.dumps(value)


def _pair(item: object) -> tuple[str, str] | None:
    """Return key and value of an entry such as ``key=value`` or ``{name: key, value: value}``, None for another one."""
    if isinstance(item, str) and (pair := re.fullmatch(r"([^=:\s]+)[=:]\s*(.+)", item)):
        return pair[1], json.dumps(pair[2])
    if isinstance(item, Mapping) and set(item) in ({"name", "value"}, {"key", "value"}):
        return str(item.get("name", item.get("key"))), json.dumps(item["value"])
    return None


def _version(major: str, minor: str | None, valid: list[str]) -> str | None:
    """Return the version of ``valid`` of which a more, or less, exact one was given; never a neighbour."""
    same = [choice for choice in valid if choice.partition(".")[0] == major and minor in {None, choice.partition(".")[2]}]
    return same[0] if len(same) == 1 else None


ALIKE: Final = 0.85
"""Ratio of letters that two words share in their order, from which on one is the other with a slip of the pen."""


def plain(key: str) -> str:
    """Return the letters and digits of ``key``, all small: what its spellings have in common."""
    return re.sub(r"[^a-z0-9]", "", key.lower())


def is_slip(given: str, meant: str) -> bool:
    """Whether ``given`` has the letters of ``meant``, all but one or two of them in their order: no other word for it."""
    one, other = plain(given), plain(meant)
    return sorted(one) == sorted(other) or difflib.SequenceMatcher(None, one, other).ratio() >= ALIKE


NEGATIONS: Final = ("un", "in", "dis", "no", "non", "not", "skip", "without")
"""How a key begins that says the opposite of another one."""
SHORTEST: Final = 4
"""Letters of a word that can follow a negation."""


def _is_opposite(one: str, other: str) -> bool:
    """Whether two keys say the opposite of each other, as ``disabled`` and ``enabled`` do: the same value would be the wrong one."""
    for given, meant in ((plain(one), plain(other)), (plain(other), plain(one))):
        if given.startswith("disabl") and meant.startswith("enabl"):
            return True
        for negation in (each for each in NEGATIONS if given.startswith(each)):
            rest, word = given[len(negation) :].replace("skip", ""), meant.replace("skip", "")
            if min(len(rest), len(word)) >= SHORTEST and (rest.startswith(word) or word.startswith(rest)):
                return True
    return False


def key_close_to(given: str, keys: list[str]) -> str | None:
    """Return the key that ``given`` may have meant, None for one of the opposite sense."""
    close = close_to(given, keys)
    return None if close and _is_opposite(given, close) else close


def without_a_guess(given: str, keys: list[str]) -> str:
    """Return what to do with the unknown key ``given`` that is close to none of ``keys``, or says the opposite of one."""
    opposite = [key for key in keys if _is_opposite(given, key)]
    return f"write '{opposite[0]}' with the opposite value" if len(opposite) == 1 else f"remove it; known here: {', '.join(keys)}"


def close_to(given: str, valid: list[str]) -> str | None:
    """Return what ``given`` may have meant: the same letters, its beginning, or nearly the same."""
    if version := re.fullmatch(r"v?([0-9]+)(?:\.([0-9]+))?(?:[.-].*)?", given):
        return _version(version[1], version[2], valid)
    names = {plain(choice): choice for choice in valid}
    key = plain(given)
    if key in names:
        return names[key]
    anagrams = [choice for name, choice in names.items() if sorted(name) == sorted(key)]
    if len(anagrams) == 1 and not key.isdigit():
        return anagrams[0]
    begun = [choice for name, choice in names.items() if key and (name.startswith(key) or key.startswith(name))]
    if len(begun) == 1:
        return begun[0]
    if key.isdigit():  # sizes: the nearest spelling is another one, not the one meant
        return None
    close = difflib.get_close_matches(given, valid, n=1)
    return close[0] if close else None
