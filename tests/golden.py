"""The golden files, so that a change is reviewed: what each stack registers (``names.yaml``), the objects that come of it (``render/``),
and the pictures of README and docs.

``python -m tests.golden`` writes them anew (``make golden``); the difference is for review.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from components.common.versions import RegistryVersion
from components.observability.dashboard import dashboard
from tests.ops.doctor.stage import sample
from tests.recorder import ROOT, STACKS, Program, Registered, run_program

FOLDER = ROOT / "tests" / "golden"

NAMES = FOLDER / "names.yaml"
"""Type, parent and name of each resource, by stack."""

RENDERED = ("lab", "lab-apache", "prod")
"""The stacks whose objects are kept: both image families, and a production with every part. The others add nothing to review."""


def golden_files(programs: Mapping[str, Program]) -> Iterator[tuple[Path, str]]:
    """Yield each golden file, and what is in it for ``programs``, which ran without a preview."""
    yield NAMES, "\n".join(f"{stack}:\n{names(program)}" for stack, program in programs.items())
    for stack in RENDERED:
        yield FOLDER / "render" / f"{stack}.yaml", run_program(stack, preview=True).render()


def names(program: Program) -> str:
    """Return type, parent and name of each resource of ``program``, as a list of YAML."""
    return "".join(sorted(f"  - {each.type} {each.parent or '-'} {each.name}\n" for each in program.resources))


def stale_renders(files: set[Path]) -> list[Path]:
    """Return golden files of stacks that are gone."""
    return sorted(set(FOLDER.glob("render/*.yaml")) - files)


# The pictures between two marks of README and docs, as mermaid: who connects to whom, and the tree of the resources. Also the dashboard's
# layout and a sample of the doctor's report.


DRAWN: Final = "prod"
"""The stack that is drawn."""

PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "README.md": ("architecture", "tree"),
    "docs/reference/resources.md": ("resources",),
    "docs/operate/observability.md": ("dashboard",),
    "docs/operate/doctor.md": ("sample",),
}

COMPONENT: Final = "app.kubernetes.io/component"

OUTSIDE: Final = "outside"

TITLES: Final = {
    "edge": "front proxy",
    "web": "Portus web server",
    "worker": "Portus worker",
    "registry": "registry",
    "cache": "Redis",
    "database": "MariaDB",
    "bootstrap": "migration, first set-up",
    "backup": "backups",
}


def architecture(program: Program) -> str:
    """Return workloads, their claims, and the flows that the NetworkPolicies allow."""
    lines = ["flowchart LR", '  clients(["clients"])']
    claims: list[str] = []
    for component, workloads in sorted(_by_component(program).items(), key=lambda item: list(TITLES).index(item[0])):
        lines.append(f'  {component}["{TITLES[component]}<br/>{_counted(workloads)}"]')
        names = sorted({name for workload in workloads for name in _claims(workload)})
        claims += [f'  {component} --- {_id(name)}[("{name}")]' for name in names]
    flows: dict[tuple[str, str], set[str]] = {}
    for policy in program.all("NetworkPolicy"):
        for source, target, ports in _flows(policy):
            flows.setdefault((target, ports), set()).add(source)
    if any(target == OUTSIDE for target, _ in flows):
        lines.append(f'  {OUTSIDE}(["servers outside the stack"])')
    return "\n".join(
        [*lines, *claims, *sorted(f"  {' & '.join(sorted(by))} -->|{ports}| {target}" for (target, ports), by in flows.items())]
    )


def tree(program: Program) -> str:
    """Return the components that have resources, with the kinds of these and their number."""
    lines = ["flowchart LR"]
    for component in _components(program):
        counted = _counted(_children(program, component))
        if counted or any(each.parent == component.name for each in program.resources):
            text = f"<b>{component.name}</b>: {counted or component.type}"
            lines.append(f'  {_below(component)}{_id(component.name)}["{text}"]')
    return "\n".join(lines)


def resources(program: Program) -> str:
    """Return every resource below its component, with type and logical name."""
    lines = ["flowchart LR"]
    for component in _components(program):
        lines.append(f'  {_below(component)}{_id(component.name)}["<b>{component.name}</b><br/>{component.type}"]')
        children = "<br/>".join(f"{_kind(child)} {child.name}" for child in _children(program, component))
        if children:
            lines.append(f'  {_id(component.name)} --> {_id(component.name)}_resources["{children}"]')
    return "\n".join(lines)


def layout() -> str:
    """Return the panels of the Grafana dashboard where Grafana shows them."""
    panels = json.loads(dashboard("Portus", "portus", RegistryVersion.V3_1))["panels"]
    rows: dict[int, dict[int, str]] = {}
    for panel in panels:
        rows.setdefault(panel["gridPos"]["y"], {})[panel["gridPos"]["x"]] = panel["title"]
    lines = [" | ".join(title for _, title in sorted(row.items())) for _, row in sorted(rows.items())]
    return "\n".join(["| left | right |", "| --- | --- |", *(f"| {line} |" for line in lines)])


def pages(program: Program) -> Iterator[tuple[Path, str]]:
    """Yield each page that has pictures, and its text with fresh ones."""
    drawn: dict[str, Callable[[], str]] = {
        "architecture": lambda: _fenced("mermaid", architecture(program)),
        "tree": lambda: _fenced("mermaid", tree(program)),
        "resources": lambda: _fenced("mermaid", resources(program)),
        "dashboard": layout,
        "sample": lambda: _fenced("text", sample()),
    }
    for name, pictures in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for picture in pictures:
            before, _, rest = text.partition(f"<!-- {picture}: ")
            _, end, after = rest.partition(f"<!-- end of {picture} -->")
            assert end, f"{name} has no place for {picture}"
            text = f"{before}<!-- {picture}: written by make golden -->\n\n{drawn[picture]()}\n\n{end}{after}"
        yield ROOT / name, text


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _kind(resource: Registered) -> str:
    return resource.type.rpartition(":")[2]


def _counted(resources: Iterable[Registered]) -> str:
    kinds = sorted(Counter(_kind(each) for each in resources).items())
    return ", ".join(f"{number} x {kind}" if number > 1 else kind for kind, number in kinds)


def _id(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _components(program: Program) -> list[Registered]:
    return sorted((each for each in program.resources if each.type.startswith("portus:")), key=lambda each: (each.parent, each.name))


def _children(program: Program, component: Registered) -> list[Registered]:
    found = [each for each in program.resources if each.parent == component.name and not each.type.startswith("portus:")]
    return sorted(found, key=_order)


def _order(resource: Registered) -> tuple[str, str]:
    return _kind(resource), resource.name


def _below(component: Registered) -> str:
    return f"{_id(component.parent)} --> " if component.parent else ""


def _by_component(program: Program) -> dict[str, list[Registered]]:
    found: dict[str, list[Registered]] = {}
    for workload in program.workloads():
        found.setdefault(_component(workload.inputs["metadata"]["labels"]), []).append(workload)
    return found


def _component(labels: Mapping[str, str]) -> str:
    return labels.get(COMPONENT, "")


def _claims(workload: Registered) -> Iterator[str]:
    for volume in workload.pod.get("volumes", []):
        if "persistentVolumeClaim" in volume:
            yield volume["persistentVolumeClaim"]["claimName"]


def _flows(policy: Registered) -> Iterator[tuple[str, str, str]]:
    """Yield who connects to whom on which ports; DNS and the Pods' connections to themselves are left out."""
    own = _component(policy.spec["podSelector"].get("matchLabels", {}))
    if not own:
        return
    for rule in policy.spec.get("ingress", []):
        if not rule.get("from"):
            yield "clients", own, _ports(rule)
    for rule in policy.spec.get("egress", []):
        for peer in rule.get("to") or [{}]:
            target = _component(peer.get("podSelector", {}).get("matchLabels", {})) or OUTSIDE
            if target != own and "namespaceSelector" not in peer:
                yield own, target, _ports(rule)


def _ports(rule: Mapping[str, Any]) -> str:
    return ", ".join(str(port["port"]) for port in rule.get("ports", []))


def main() -> None:
    """Write every golden file; remove those of stacks that are gone."""
    found = dict(golden_files({stack: run_program(stack) for stack in STACKS}))
    found.update(pages(run_program(DRAWN)))
    for path, text in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in stale_renders(set(found)):
        path.unlink()


if __name__ == "__main__":
    main()
