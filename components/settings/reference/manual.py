"""The manual of every setting, as Markdown."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from components.settings.reference.entries import Entry, entries

HEAD: Final = """# Settings

<!-- Written by `python -m components.settings.reference` from the models in components/settings; a test fails where it is stale. -->

Look up every key of a stack file. A stack is described by `stacks/Pulumi.<stack>.yaml`, under `config:`. Each section
begins with `portus:`:

```yaml
# yaml-language-server: $schema=stack.schema.json
config:
  portus:host: portus.example.com
  portus:portus:
    version: "2.5"
  portus:exposure:
    kind: load_balancer
```

The first line lets editors complete and check as you type. `pulumi preview` checks everything before anything is
created: unknown keys, types, ranges, and rules across settings. It reports every problem at once, with its line and
fix.

A **secret** must be encrypted: `pulumi config set --secret --path 'portus:database.password'`. If the type says so, it
may instead be a key of an existing Secret in the stack's namespace: `{secret: <name>, key: <key>}`. The program cannot
check such a Secret, and its change restarts no Pod: restart them by hand.

*Unset* means that Portus, the registry or the cluster keeps its own default. *A later change* says what happens to a
running stack when you change the setting.
"""

WIDTH: Final = 120
"""Characters a line of a page may have; a table's row cannot be broken."""

CONFIG: Final = "portus.config"
"""The section whose settings differ by Portus' version."""


def manual() -> str:
    """Return docs/reference/settings.md."""
    groups = [(key, list(group)) for key, group in itertools.groupby(entries(), key=lambda entry: entry.key.partition(".")[0])]
    parts = [HEAD, *(_lines(f"- [`portus:{key}`](#portus{key}): {_summary(group)}") for key, group in groups)]
    for key, group in groups:
        parts += _section(key, group)
    return "\n".join(parts).rstrip() + "\n"


def _summary(group: list[Entry]) -> str:
    """Return the first sentence of a section's meaning, or its kinds."""
    head, *rest = group
    if head.meaning.startswith("One of the kinds"):
        kinds = dict.fromkeys(entry.variant for entry in rest if ":" in entry.variant and entry.key.count(".") == 1)
        key = next(iter(kinds)).partition(":")[0]
        return f"by `{key}`: {', '.join(kind.partition(': ')[2] for kind in kinds)}."
    return head.meaning.partition(". ")[0].rstrip(".") + "."


def _lines(text: str) -> str:
    """Return a paragraph or a list's entry in lines of a page's width."""
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(text.replace("``", "`"), WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _section(key: str, group: list[Entry]) -> Iterator[str]:
    head, *rest = group
    yield f"\n## `portus:{key}`\n"
    yield _lines(head.meaning) + "\n"
    if not head.section:
        yield from _facts(head)
        return
    if head.default is None:
        yield "Required.\n"
    for index, (variant, members) in enumerate(itertools.groupby(rest, key=lambda entry: entry.variant)):
        plain, config = _parted(members)
        if variant:
            yield f"\n### `{variant}`\n"
        elif index:  # back from the kinds of one of its keys
            yield f"\n### The rest of `portus:{key}`, from `{plain[0].key.removeprefix(f'{key}.')}` on\n"
        yield from _table(plain, versions=False)
        if config:
            yield f"\n### `portus:{CONFIG}`\n"
            yield _lines(f"{config[0].meaning} A later change: {config[0].later}, if the table says nothing else.") + "\n"
            yield from _table(config[1:], versions=True)


def _parted(members: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    plain: list[Entry] = []
    config: list[Entry] = []
    for entry in members:
        (config if f"{entry.key}.".startswith(f"{CONFIG}.") else plain).append(entry)
    return plain, config


def _facts(entry: Entry) -> Iterator[str]:
    yield _lines(f"- type: {entry.type}")
    yield _lines(f"- default: {_default(entry)}")
    yield _lines(f"- a later change: {entry.later}")


def _table(members: list[Entry], *, versions: bool) -> Iterator[str]:
    usual = members[0].later if versions else ""
    yield f"| key | type | default | {'Portus' if versions else 'a later change'} | meaning |"
    yield "|---|---|---|---|---|"
    for entry in members:
        key = entry.key.removeprefix(f"{CONFIG}." if versions else f"{entry.key.partition('.')[0]}.")
        note = str(entry.versions) if versions else entry.later
        later = f" A later change: {entry.later}." if versions and entry.later != usual else ""
        cells = (f"`{key}`", "" if entry.section else entry.type, _default(entry), note, entry.meaning + later)
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("``", "`") for cell in cells) + " |"


def _default(entry: Entry) -> str:
    if entry.default is None:
        return "**required**"
    return entry.default if entry.default in {"", "unset"} else f"`{entry.default}`"
