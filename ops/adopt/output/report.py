"""The report: names first, then what is missing, the questions, and what happens to each key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ops.adopt import keys
from ops.adopt.classify.overview import RECORD_QUERY, Names
from ops.adopt.model import Fate, Findings, Source, Verdict


def render(source: Source, findings: Findings, names: Names, stack: str, *, pending: Sequence[str], why_pending: str) -> str:
    """Return the report as Markdown. It shows no value that might be secret."""
    parts = [f"# Adopting Portus as the stack `{stack}`", *_names(names), *_missing(findings)]
    parts += _secrets(findings, pending, why_pending)
    questions = decisions(findings)
    parts += [f"\n## Decisions: {len(questions)}\n", *questions]
    parts += _table(findings.verdicts)
    parts += [f"{note}\n" for note in source.notes]
    return "\n".join(parts)


def summary(findings: Findings) -> str:
    """Return the number of keys by fate, in one line; decisions, which are not only about keys, are counted by `decisions`."""
    count = Counter(verdict.fate for verdict in findings.verdicts)
    parts = [f"{count[fate]} {fate.value}" for fate in Fate if fate is not Fate.DECISION]
    return ", ".join([*parts, "the others need a decision"] if count[Fate.DECISION] else parts)


def _names(names: Names) -> Iterator[str]:
    yield "\n## Names of the images\n"
    if names.survive:
        yield f"**They survive**: `{names.old}/...` before and after ({names.why})."
    elif not names.old:
        yield f"**Not known**: {names.why}."
    else:
        yield f"**They do not survive**: `{names.old}/...` becomes `{names.new or 'the name that you choose'}/...` ({names.why})."
        yield "Every `FROM`, manifest and pipeline that pulls by the old name must change. Digests stay the same."
    yield f"\nWhat clients really use, the old database says: `{RECORD_QUERY}`; `external_hostname` counts, else `hostname`."


def _missing(findings: Findings) -> Iterator[str]:
    if findings.missing:
        yield "\n## Missing: the stack file does not load until these are set\n"
        yield from (f"- `{keys.PREFIX}{key}`: {what}" for key, what in findings.missing.items())


def _secrets(findings: Findings, pending: Sequence[str], why_pending: str) -> Iterator[str]:
    if not findings.secrets:
        return
    yield "\n## Secrets\n"
    if pending:
        yield f"Not yet in the stack file ({why_pending}). Each command reads its secret from standard input:\n"
        yield "```sh\n" + "\n".join(pending) + "\n```"
    else:
        yield "Encrypted in the stack file: " + ", ".join(f"`{keys.PREFIX}{key}`" for key in findings.secrets) + "."


def decisions(findings: Findings) -> list[str]:
    """Return everything that the reader must decide, one line each."""
    return list(_decisions(findings))


def _decisions(findings: Findings) -> Iterator[str]:
    for verdict in _sorted(findings.verdicts):
        if verdict.fate is Fate.DECISION:
            yield f"- `{verdict.item.key}` ({verdict.item.place}): {verdict.text}"
    yield from (f"- {question}" for question in findings.questions)
    for waiver, why in sorted(findings.accepted.items()):
        yield f"- `{keys.PREFIX}{keys.ACCEPT}` has `{waiver}`: {why}. Remove it when that is corrected."


def _table(verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield f"\n## Each key\n\n{len(verdicts)} keys.\n"
    yield "| source | key | result | |\n|---|---|---|---|"
    for verdict in _sorted(verdicts):
        target = f"`{keys.PREFIX}{verdict.target}` " if verdict.target else ""
        yield f"| {verdict.item.place} | `{verdict.item.key}` | {verdict.fate.value} | {target}{_cell(verdict.text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _sorted(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return sorted(verdicts, key=lambda verdict: (verdict.item.place, verdict.item.key))
