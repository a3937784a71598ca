"""Every setting with what a reader has to know of it, taken from the models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, SecretStr
from pydantic.fields import FieldInfo

from components.settings.report.locate import Place, annotations_of, bounds_of, documentation, kinds_of, sections_of, tag_of
from components.settings.sections.portus_config.flatten import versions_of
from components.settings.sections.portus_config.shapes import Feature
from components.settings.stack import StackSettings
from components.settings.types.base import ChangeImpact, Checked, KubernetesShape, Matching, Section
from components.settings.types.known_by import EVERY, Since
from components.settings.types.secrets import ExistingSecret


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting.

    Args:
        key: from the section on, as the stack file spells it (``registry.storage.claim.size``).
        variant: the choices above it (``kind: external``) without which it does not exist.
        type: in words.
        default: as YAML, "" where a section is made of its keys' defaults, None where the setting is required.
        meaning: what it is, units and the default's reason.
        versions: of Portus that know it.
        later: what a later change does.
        section: whether it is made of keys of its own.
    """

    key: str
    variant: str
    type: str
    default: str | None
    meaning: str
    versions: Since
    later: str
    section: bool


@dataclass(frozen=True, slots=True)
class _Above:
    """What a section hands down to its settings."""

    key: str = ""
    variant: str = ""
    versions: Since = EVERY
    later: str = ""
    defaults: Section | None = None


def entries() -> Iterator[Entry]:
    """Yield every setting in the order of the models, a section before its keys."""
    yield from _entries(StackSettings, _Above())


def _entries(model: type[Section], above: _Above) -> Iterator[Entry]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        here = _Above(
            key=f"{above.key}.{key}".lstrip("."),
            variant=above.variant,
            versions=versions_of(field, above.versions),
            later=next((entry.effect for entry in annotations_of(field) if isinstance(entry, ChangeImpact)), above.later),
            defaults=_defaults(field, name, above),
        )
        inner = [
            section
            for section in sections_of(field.annotation)
            if section is not ExistingSecret and not issubclass(section, KubernetesShape)
        ]
        yield Entry(
            key=here.key,
            variant=here.variant,
            type="section" if inner else _type(field),
            default=_default(field, name, above),
            meaning=_meaning(model, name, key, inner),
            versions=here.versions,
            later=here.later,
            section=bool(inner),
        )
        for section in inner:
            tag, value = tag_of(section) if len(inner) > 1 else ("", None)
            defaults = here.defaults if isinstance(here.defaults, section) else None
            variant = f"{tag}: {value}" if tag else here.variant
            yield from _entries(section, _Above(here.key, variant, here.versions, here.later, defaults))


def _meaning(model: type[Section], name: str, key: str, inner: list[type[Section]]) -> str:
    if len(inner) > 1 and name not in documentation(model):
        return _choice(inner)
    needed = " Required once ``enabled`` is true." if issubclass(model, Feature) and name in model.needs else ""
    return Place((key,), (model,)).purpose + needed


def _choice(members: list[type[Section]]) -> str:
    key = tag_of(members[0])[0]
    return f"One of the kinds below, by ``{key}``."


def _defaults(field: FieldInfo, name: str, above: _Above) -> Section | None:
    """Return the section that counts if the stack file sets none: the one above may have another default than the field."""
    default = getattr(above.defaults, name) if above.defaults else field.get_default(call_default_factory=True)
    return default if isinstance(default, Section) else None


def _default(field: FieldInfo, name: str, above: _Above) -> str | None:
    if above.defaults is not None:
        default = getattr(above.defaults, name)
    elif field.is_required():
        return None
    else:
        default = field.get_default(call_default_factory=True)
    return "" if isinstance(default, Section) else shown(default)


def shown(value: object) -> str:
    """Return ``value`` as YAML."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(shown(item) for item in value)}]"
    return "{}" if value == {} else str(value)


def _type(field: FieldInfo) -> str:
    if SecretStr in kinds_of(field.annotation):
        rule = next((_rule(entry) for entry in annotations_of(field) if _rule(entry)), None)
        existing = ", or the name of an existing Secret and a key in it" if ExistingSecret in sections_of(field.annotation) else ""
        return "secret" + (f": {rule}" if rule else "") + existing
    return in_words(field)


def in_words(field: FieldInfo) -> str:
    """Return what a field may contain."""
    shapes = [section.__name__ for section in sections_of(field.annotation) if issubclass(section, KubernetesShape)]
    if shapes:
        return f"Kubernetes' {' or '.join(shapes)}" + (" (list)" if "tuple" in str(field.annotation) else "")
    choices = _literals(field.annotation)
    if choices:
        many = " (list)" if "tuple" in str(field.annotation) else ""
        return "one of " + ", ".join(choices) + many
    if mapping := _mapping(field.annotation):
        return mapping
    plain = [kind for kind in _plain(field.annotation) if kind is not type(None)]
    if plain == [bool]:
        return "true or false"
    rule = next((_rule(entry) for entry in annotations_of(field) if _rule(entry)), "")
    if plain == [int]:
        least, most = bounds_of(field)
        return rule or f"number, {least} to {most}"
    rule = rule or "text"
    return f"list, each {rule}" if "tuple" in str(field.annotation) else rule


def _mapping(annotation: object) -> str:
    """Return a mapping in words, "" for what is none."""
    if get_origin(annotation) in {dict, Mapping}:
        values = get_args(annotation)[1]
        if values is Any:  # registry.extraConfig alone
            return "any keys of config.yml"
        return "mapping of lists of texts" if get_origin(values) is tuple else "mapping of texts"
    return next((words for argument in get_args(annotation) if (words := _mapping(argument))), "")


def _plain(annotation: object) -> list[object]:
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    return [kind for argument in get_args(annotation) for kind in _plain(argument)] if get_args(annotation) else [annotation]


def _literals(annotation: object) -> list[str]:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(member.value) for member in annotation]
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return [choice for argument in get_args(annotation) for choice in _literals(argument)]


def _rule(entry: object) -> str:
    if isinstance(entry, Matching | Checked):
        return entry.rule.removeprefix("must be ")
    if isinstance(entry, AfterValidator) and entry.func.__doc__:
        text = entry.func.__doc__.rstrip(".")
        return text[0].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
    return ""
