"""The images that a stack file names in place of this program's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from components.settings.report.problems import Problem
from components.settings.rules.rule import rule
from components.settings.stack import StackSettings
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


@rule()
def images_run_the_program_of_their_setting(stack: StackSettings) -> Iterator[Problem]:
    """Another program finds neither its data nor its configuration there, or worse: MySQL does not read MariaDB's files."""
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
    named = re.match(r"v?(2\.[0-5])(?![0-9])", tag or "")
    if named and named[1] != version:
        yield Problem(
            key="images.portus",
            value=json.dumps(stack.images.portus),
            rule=f"must be an image of Portus {version}, which portus.version names",
            fix=f'name an image of {version}, or set portus.version: "{named[1]}"',
        )
