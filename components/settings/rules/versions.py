"""What the chosen version of Portus knows, and the images that a stack file names in place of this program's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import SecretStr

from components.common.versions import PORTUS_IMAGES, PortusVersion
from components.settings.report.problems import HIDDEN, Problem
from components.settings.rules.rule import rule
from components.settings.sections.portus import WebSettings
from components.settings.sections.portus_config import Since, leaves
from components.settings.sections.portus_config.flatten import known_keys
from components.settings.stack import StackSettings
from components.settings.types.base import Section, key_of
from components.settings.types.known_by import EVERY
from components.settings.types.secrets import ExistingSecret
from components.settings.types.values import image_tag

PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "portus": ("portus",),
    "registry": ("registry", "distribution"),
    "mariadb": ("mariadb",),
    "edge": ("haproxy",),
    "client": ("curl",),
    "redis": ("redis", "valkey"),
}
"""Image setting -> words in the names of images that fit."""

OTHERS: Final = ("mysql", "percona", "postgres", "nginx", "traefik", "envoy", "httpd", "memcached", "keydb", "clair", "harbor", "nexus")
"""Words in the names of images that fit none of the settings."""


@rule(requires=("portus.version",), voids=True)
def version_knows_each_setting(stack: StackSettings) -> Iterator[Problem]:
    """A key of another version would be ignored in silence by Portus."""
    version = stack.portus.version
    for key, value, versions in _unknown(stack.portus.config, "portus.config", version, EVERY):
        what = "section" if isinstance(value, Section) and not isinstance(value, ExistingSecret) else "setting"
        nearest = versions.first if version < PortusVersion(versions.first) else versions.last
        yield Problem(
            key=key,
            value=_shown(value) if what == "setting" else "",
            rule=f"must not be set for Portus {version}; versions that know this {what}: {versions}",
            fix=f'remove it, or set portus.version: "{nearest}"',
        )


def _unknown(section: Section, path: str, version: PortusVersion, outer: Since) -> Iterator[tuple[str, object, Since]]:
    """Yield (key, value, versions) of each setting that ``version`` does not know; one for a section that is unknown as a whole."""
    if not section.model_fields_set:
        return
    for name, step, known in known_keys(type(section), outer):
        value, key = getattr(section, name), f"{path}.{step}"
        inner = isinstance(value, Section) and not isinstance(value, ExistingSecret)
        if not known.knows(version):
            if any(leaves(value)) if inner else value is not None:
                yield key, value, known
        elif inner:
            yield from _unknown(value, key, version, known)


@rule(requires=("portus.version",), voids=True)
def puma_settings_need_puma(stack: StackSettings) -> Iterator[Problem]:
    """2.0-2.2 run Passenger inside Apache and have no worker."""
    if stack.portus.version.is_puma:
        return
    unknown = [
        *(f"web.{key_of(WebSettings, name)}" for name in ("puma_workers", "puma_max_threads") if name in stack.portus.web.model_fields_set),
        *(["logLevel"] if "log_level" in stack.portus.model_fields_set else []),
        *(["worker"] if "worker" in stack.portus.model_fields_set else []),
    ]
    for name in unknown:
        yield Problem(
            key=f"portus.{name}",
            value="",
            rule=f"must not be set for Portus {stack.portus.version}, which runs Apache; versions that know this setting: 2.3 to 2.5",
            fix="remove it",
        )


@rule(requires=("portus.version",))
def old_image_family_names_its_image(stack: StackSettings) -> Iterator[Problem]:
    """No public registry has an image of 2.0-2.2 that this program could choose."""
    if stack.images.portus is None and stack.portus.version not in PORTUS_IMAGES:
        yield Problem(
            key="images.portus",
            value="",
            rule=f"must be set for Portus {stack.portus.version}: its image was never published",
            fix="name the image that your team built from openSUSE/docker-containers",
        )


@rule()
def images_run_the_program_of_their_setting(stack: StackSettings) -> Iterator[Problem]:
    """Another program finds neither its data nor its configuration there. MySQL cannot read MariaDB's files."""
    for setting, own in PROGRAMS.items():
        image = getattr(stack.images, setting)
        name = "" if image is None else re.split("[:@]", image.rpartition("/")[2])[0]
        foreign = (*OTHERS, *(word for other, words in PROGRAMS.items() if other != setting for word in words if other != "client"))
        words = re.split(r"[._-]+", name)
        if image is not None and not set(own) & set(words) and not name.startswith(own) and set(words) & set(foreign):
            yield Problem(
                key=f"images.{setting}",
                value=json.dumps(image),
                rule=f"must be an image of {' or '.join(own)}",
                fix="remove it: this program then chooses the image",
            )


@rule(requires=("portus.version",))
def portus_image_is_of_its_version(stack: StackSettings) -> Iterator[Problem]:
    """Variables, paths and the database's migrations follow from portus.version."""
    tag, version = image_tag(stack.images.portus or ""), stack.portus.version.value
    named = re.match(r"(?:(?:portus|release|branch|stable|opensuse|suse|leap)[._-])*v?(2\.[0-5])(?![0-9])", tag or "")
    if named and named[1] != version:
        yield Problem(
            key="images.portus",
            value=json.dumps(stack.images.portus),
            rule=f"must be an image of Portus {version}, which portus.version names",
            fix=f'name an image of {version}, or set portus.version: "{named[1]}"',
        )


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, ExistingSecret):
        return f"{{secret: {value.secret}, key: {value.key}}}"
    return str(value).lower() if isinstance(value, bool) else str(value)
