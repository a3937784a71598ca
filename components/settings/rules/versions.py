"""What the chosen version of Portus knows."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import SecretStr

from components.common.versions import PORTUS_IMAGES, PortusVersion
from components.settings.report.problems import HIDDEN, Problem
from components.settings.rules.rule import rule
from components.settings.sections.portus import WebSettings
from components.settings.sections.portus_config import Since, leaves
from components.settings.sections.portus_config.leaves import known_keys
from components.settings.stack import StackSettings
from components.settings.types.base import Section, key_of
from components.settings.types.known_by import EVERY
from components.settings.types.secrets import ExistingSecret


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
    said = [
        *(f"web.{key_of(WebSettings, name)}" for name in ("puma_workers", "puma_max_threads") if name in stack.portus.web.model_fields_set),
        *(["logLevel"] if "log_level" in stack.portus.model_fields_set else []),
        *(["worker"] if "worker" in stack.portus.model_fields_set else []),
    ]
    for name in said:
        yield Problem(
            key=f"portus.{name}",
            value="",
            rule=f"must not be set for Portus {stack.portus.version}, which runs Apache; versions that know this setting: 2.3 to 2.5",
            fix="remove it",
        )


@rule(requires=("portus.version",))
def old_generation_names_its_image(stack: StackSettings) -> Iterator[Problem]:
    """No registry holds an image of 2.0-2.2 that this program could choose."""
    if stack.images.portus is None and stack.portus.version not in PORTUS_IMAGES:
        yield Problem(
            key="images.portus",
            value="",
            rule=f"must be set for Portus {stack.portus.version}: its image was never published",
            fix="name the image that your team built from openSUSE/docker-containers",
        )


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, ExistingSecret):
        return f"{{secret: {value.secret}, key: {value.key}}}"
    return str(value).lower() if isinstance(value, bool) else str(value)
