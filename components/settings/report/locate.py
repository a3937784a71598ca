"""Where in the models an error is: the way from pydantic's location to the stack file's key and its field."""

from __future__ import annotations

import ast
import difflib
import inspect
import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from components.settings.sections.portus_config import PortusConfig
from components.settings.sections.storage import DRIVERS
from components.settings.stack import StackSettings
from components.settings.types.base import RULE, Section, names_and_keys
from components.settings.types.secrets import EXISTING, TEXT, ExistingSecret


@cache
def documentation(model: type[Section]) -> Mapping[str, str]:
    """Return field name -> its text, on one line; the fields of the model's bases included.

    pydantic's ``use_attribute_docstrings`` would read and parse every model's source at each start of the program, which only a
    report and the manual needs: 40 ms of every preview.
    """
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Section) and base is not Section:
            texts |= _own(base)
    return {name: text for name, text in texts.items() if name in model.model_fields}


def _own(model: type[Section]) -> dict[str, str]:
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in itertools.pairwise(_classes(model.__module__)[model.__name__].body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


@cache
def _classes(module: str) -> Mapping[str, ast.ClassDef]:
    """Return the classes of a module by name; ``inspect.getsource`` of a class would parse the whole module for each of them."""
    return {node.name: node for node in ast.parse(inspect.getsource(sys.modules[module])).body if isinstance(node, ast.ClassDef)}


Path = tuple[str | int, ...]

MAPPING_KEY: Final = "[key]"
"""pydantic's last step where the key of a mapping is wrong."""

NAMED: Final = "; or name a Secret of the namespace: {secret: <name>, key: <key>}"
"""The other way to give a secret, behind the first one of a fix."""

TAGS: Final = ("source", "kind", "driver")
"""The keys by which unions of sections tell their members apart."""


@dataclass(frozen=True, slots=True)
class Place:
    """A key of the stack file and the sections that it may belong to.

    Args:
        path: as the file spells it.
        models: the sections of which the last key is, or should be, a field.
        siblings: the other members of their union.
    """

    path: Path
    models: tuple[type[Section], ...]
    siblings: tuple[type[Section], ...] = ()

    @property
    def key(self) -> str:
        """The last key that is not an index."""
        return next((step for step in reversed(self.path) if isinstance(step, str)), "")

    @property
    def dotted(self) -> str:
        """The path as the report writes it."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text

    @property
    def fields(self) -> list[FieldInfo]:
        """The fields that the last key may mean."""
        key = self.key
        return [fields[key] for fields in map(_fields_by_key, self.models) if key in fields]

    @property
    def inner(self) -> list[type[Section]]:
        """The sections that the key, or an entry of its list, may contain."""
        if self.path and isinstance(self.path[-1], int) and not self.fields:
            return list(self.models)
        key = self.key
        return [section for model in self.models for section in _sections_by_key(model).get(key, ())]

    @property
    def purpose(self) -> str:
        """What the key is for, by its own words or its section's."""
        names = [(model, name) for model in self.models for name, field in model.model_fields.items() if self.key == (field.alias or name)]
        text = next((documentation(model)[name] for model, name in names if name in documentation(model)), None)
        text = text or (self.inner[0].__doc__ if len(self.inner) == 1 else None) or ""
        return " ".join(text.split())

    @property
    def kinds(self) -> set[type]:
        """The plain types of the key's value."""
        key = self.key
        return {kind for model in self.models for kind in _kinds_by_key(model).get(key, ())}

    @property
    def bounds(self) -> tuple[object, object]:
        """The least and the greatest number, None where there is none."""
        return next((bounds_of(field) for field in self.fields), (None, None))

    @property
    def is_list(self) -> bool:
        """Whether the key holds a list."""
        return any(get_origin(each) is tuple for field in self.fields for each in (field.annotation, *get_args(field.annotation)))

    @property
    def encrypted(self) -> str:
        """How a secret is given."""
        section, _, rest = self.dotted.partition(".")
        command = f"pulumi config set --secret --path 'portus:{section}.{rest}'"
        return command + (NAMED if self.takes_existing_secret else "")

    @property
    def takes_existing_secret(self) -> bool:
        """Whether the key may name an existing Secret."""
        return any(ExistingSecret in sections_of(field.annotation) for field in self.fields)

    def rule_for(self, value: object) -> tuple[str, str] | None:
        """Return rule and fix that ``value`` would break if it stood at the key, None for none of ours."""
        for field in self.fields:
            try:
                TypeAdapter[Any](field.rebuild_annotation()).validate_python(value)
            except ValidationError as error:
                context = next((entry["ctx"] for entry in error.errors() if entry["type"] == RULE), None)
                if context:
                    return str(context["rule"]), str(context["fix"])
        return None


@cache
def _fields_by_key(model: type[Section]) -> Mapping[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


@cache
def _kinds_by_key(model: type[Section]) -> Mapping[str, set[type]]:
    return {key: kinds_of(field.annotation) for key, field in _fields_by_key(model).items()}


@cache
def _sections_by_key(model: type[Section]) -> Mapping[str, list[type[Section]]]:
    return {key: sections_of(field.annotation) for key, field in _fields_by_key(model).items()}


def copied(value: Any) -> Any:
    """Return ``value``, data of a stack file, with sections and lists that may be changed."""
    if isinstance(value, dict):
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value


def value_at(raw: object, path: Path, otherwise: object = None) -> Any:
    """Return what ``raw`` has at ``path``, ``otherwise`` where it has no such path."""
    node: Any = raw
    for step in path:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return otherwise
    return node


def find(location: Path, raw: Mapping[str, object]) -> Place:
    """Return the place of pydantic's ``location`` in ``raw``: without the union tags that pydantic puts in."""
    node: Any = raw
    path: list[str | int] = []
    models: tuple[type[Section], ...] = (StackSettings,)
    siblings: tuple[type[Section], ...] = ()
    steps = [step for step in location if step not in {TEXT, EXISTING, MAPPING_KEY}]
    for index, step in enumerate(steps):
        is_last = index == len(steps) - 1
        inside = (isinstance(node, Mapping) and step in node) or (isinstance(node, list) and isinstance(step, int))
        if not is_last and (not inside or _is_tag(step, node, models)):
            chosen = tuple(model for model in models if tag_of(model)[1] in {None, step}) or models
            models, siblings = chosen, tuple(model for model in models if model not in chosen)
            continue
        path.append(step)
        if not is_last:
            node = node[step]
            models = tuple(Place((step,), models).inner) or models
            siblings = ()
    return Place(tuple(path), models, siblings)


def _is_tag(step: str | int, node: Any, models: tuple[type[Section], ...]) -> bool:
    """Return whether ``step`` is the tag that pydantic puts in, not the key of the same name (``driver: s3`` beside ``s3:``)."""
    tags = [tag_of(model) for model in models] if isinstance(node, Mapping) and len(models) > 1 else []
    return any(step == value == node.get(key) for key, value in tags)


@cache
def tag_of(model: type[Section]) -> tuple[str, object]:
    """Return key and value by which a union knows ``model``; ("", None) when it is in none."""
    for name in TAGS:
        if name in model.model_fields:
            choices = get_args(model.model_fields[name].annotation)
            return (name, choices[0]) if len(choices) == 1 else ("", None)
    return "", None


def keys_of(models: tuple[type[Section], ...]) -> list[str]:
    """Return the keys of ``models``."""
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


def sections_of(annotation: object) -> list[type[Section]]:
    """Return the sections that ``annotation`` is made of."""
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation] if issubclass(annotation, Section) else []
    return [model for argument in get_args(annotation) for model in sections_of(argument)]


def bounds_of(field: FieldInfo) -> tuple[object, object]:
    """Return the least and the greatest number that ``field`` takes, None where there is none."""
    found = annotations_of(field)
    least = next((entry.ge for entry in found if isinstance(entry, Ge)), None)
    return least, next((entry.le for entry in found if isinstance(entry, Le)), None)


def annotations_of(field: FieldInfo) -> list[object]:
    """Return everything in a field's ``Annotated``, also inside a union."""
    return [*field.metadata, *_inside(field.annotation)]


def _inside(annotation: object) -> list[object]:
    """Return the metadata inside ``annotation``, e.g. of ``Annotated[int, Field(ge=1)] | None``."""
    found: list[object] = list(getattr(annotation, "__metadata__", ()))
    found = [entry for outer in found for entry in (outer.metadata if isinstance(outer, FieldInfo) else [outer])]
    return found + [entry for argument in get_args(annotation) if get_args(argument) for entry in _inside(argument)]


def kinds_of(annotation: object) -> set[type]:
    """Return the plain types that ``annotation`` is made of."""
    if isinstance(annotation, type) and not get_args(annotation):
        return {annotation} | ({str} if issubclass(annotation, str) else set())
    if get_origin(annotation) is Literal:
        return {type(choice) for choice in get_args(annotation)}
    return {kind for argument in get_args(annotation) for kind in kinds_of(argument)}


_VARIABLES: Final[Mapping[str, str]] = {
    "PORTUS_MACHINE_FQDN_VALUE": "host",
    "PORTUS_SECRET_KEY_BASE": "credentials.existing.secretKeyBase",
    "PORTUS_PASSWORD": "credentials.existing.portusPassword",
    "PORTUS_PORTUS_PASSWORD": "credentials.existing.portusPassword",
    "PORTUS_LOG_LEVEL": "portus.logLevel",
    "PORTUS_PUMA_WORKERS": "portus.web.pumaWorkers",
    "PORTUS_PUMA_MAX_THREADS": "portus.web.pumaMaxThreads",
    "PORTUS_PUMA_TLS_CERT": "tls.certificate",
    "PORTUS_PUMA_TLS_KEY": "tls.privateKey",
    "PORTUS_KEY_PATH": "tls.privateKey",
    "PORTUS_DB_ADAPTER": "database.adapter",
    "PORTUS_DB_PORT": "database.port",
    **dict.fromkeys(("PORTUS_DB_HOST", "MARIADB_SERVICE_HOST"), "database.host"),
    **dict.fromkeys(("PORTUS_DB_USERNAME", "MARIADB_USER", "MYSQL_USER"), "database.user"),
    **dict.fromkeys(("PORTUS_DB_DATABASE", "MARIADB_DATABASE", "MYSQL_DATABASE"), "database.name"),
    **dict.fromkeys(("MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"), "credentials.existing.databaseRoot"),
    "REGISTRY_HTTP_SECRET": "credentials.existing.httpSecret",
    **dict.fromkeys(("REGISTRY_LOG_LEVEL", "REGISTRY_LOGLEVEL"), "registry.logLevel"),
    "REGISTRY_STORAGE": "registry.storage.driver",
    "REGISTRY_STORAGE_DELETE_ENABLED": "registry.deleteEnabled",
    "REGISTRY_STORAGE_REDIRECT_DISABLE": "registry.redirect.disable",
    "REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED": "registry.maintenance.readonly.enabled",
    "REGISTRY_CATALOG_MAXENTRIES": "registry.catalogMaxEntries",
    "REGISTRY_REDIS_ADDR": "registry.redis.addr",
    "REGISTRY_REDIS_PASSWORD": "registry.redis.password",
    "AWS_ACCESS_KEY_ID": "registry.storage.accesskey",
    "AWS_SECRET_ACCESS_KEY": "registry.storage.secretkey",
    "GOOGLE_APPLICATION_CREDENTIALS": "registry.storage.keyfile",
}
"""Variable of an image -> the setting from which this program makes it, where its name does not follow from the setting's."""


@cache
def settings_by_variable() -> Mapping[str, str]:
    """Return the variables of the images, each with the setting that decides it: cconfig's, the registry's, and `_VARIABLES`."""
    variables = {f"PORTUS_{'_'.join(path).upper()}": f"portus.config.{'.'.join(path)}" for path in _leaves(PortusConfig)}
    for driver, model in DRIVERS.items():
        for path in _leaves(model):
            variables[f"REGISTRY_STORAGE_{driver}_{'_'.join(path)}".upper()] = f"registry.storage.{'.'.join(path)}"
    return {**variables, **_VARIABLES}


def _leaves(model: type[Section], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, key in names_and_keys(model):
        inner = [each for each in sections_of(model.model_fields[name].annotation) if each is not ExistingSecret]
        for each in inner:
            yield from _leaves(each, (*above, key))
        if not inner:
            yield (*above, key)


def setting_of_variable(name: str) -> str | None:
    """Return the setting that decides the variable ``name`` of an image, None where none does."""
    return settings_by_variable().get(name) or settings_by_variable().get(name.removesuffix("_FILE"))


def setting_meant(place: Place) -> str | None:
    """Return the setting whose variable the key of ``place`` is, also without its first words where these are above it."""
    key, above = place.key.upper(), [str(step).upper() for step in place.path[:-1]]
    if "_" not in key:
        return None
    if place.key == key:
        names = [key, f"PORTUS_{key}"]
    elif above[:2] == ["PORTUS", "CONFIG"]:
        names = ["_".join(["PORTUS", *above[2:], key]), f"PORTUS_{key}"]
    else:
        return None
    setting = next(filter(None, map(setting_of_variable, names)), None)
    if setting is None and key.startswith("PORTUS_"):
        setting = next((settings_by_variable()[each] for each in difflib.get_close_matches(key, settings_by_variable(), 1, 0.9)), None)
    return setting
