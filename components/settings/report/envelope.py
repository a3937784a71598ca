"""What is wrong with a stack file that holds no settings at all."""

from __future__ import annotations

from collections.abc import Mapping

from components.settings.report.problems import Problem
from components.settings.report.remedies import close_to

EXAMPLE = "config:, and below it portus:host, portus:portus and portus:exposure (stacks/ has examples)"


def without_settings(content: object, project: str) -> Problem:
    """Return the one problem of a stack file without any of the program's keys.

    Args:
        content: the file as YAML; None where it is missing or empty.
        project: the text before each key's colon.
    """
    key, value, rule = "config", "", "must have the settings of this program"
    if not isinstance(content, Mapping) or not content:
        remedy = f"the file is empty or missing: write {EXAMPLE}"
    elif "config" not in content:
        mistyped = next((str(name) for name in content if close_to(str(name), ["config"])), None)
        bare = [str(name) for name in content if str(name).startswith(f"{project}:")]
        if mistyped:
            key, rule, remedy = mistyped, "unknown key", "did you mean 'config'?"
        elif bare:
            remedy = f"write 'config:' above {bare[0]}, and all keys that begin with '{project}:' below it, indented"
        else:
            remedy = f"write {EXAMPLE}"
    else:
        settings = content["config"]
        bare = [str(name) for name in settings if ":" not in str(name)] if isinstance(settings, Mapping) else []
        remedy = f"write '{project}:{bare[0]}' instead of '{bare[0]}', and the same for every other key" if bare else f"write {EXAMPLE}"
    return Problem(namespace="", key=key, value=value, rule=rule, remedy=remedy)
