"""What a rule is: a function over the objects of a stack that says of each object it concerns whether it keeps the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lab.manifests.objects import Objects, Workload
from lab.manifests.results import Result

Verdict = tuple[str, str | None]
"""``Kind/name`` of an object, and what is wrong with it (None: nothing)."""
Judge = Callable[[Objects], Iterable[Verdict]]

TOOLS: Final = ("kube-linter", "kubesec", "polaris")
"""The tools whose checks the rules replace."""

RULES: Final[dict[str, Rule]] = {}
"""Every rule by name."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: what it is called in tests and reports.
        text: the rule in words.
        checks: ``tool/check`` of each check that it replaces.
    """

    name: str
    text: str
    checks: tuple[str, ...]
    judge: Judge

    def results(self, objects: Objects) -> Iterator[Result]:
        """Yield a result for each check and object."""
        for reference, problem in self.judge(objects):
            for check in self.checks:
                tool, _, name = check.partition("/")
                yield Result(tool, name, reference, problem)


def rule(*checks: str) -> Callable[[Judge], Judge]:
    """Make a rule of a function over all objects; its docstring is the rule's text."""

    def register(function: Judge) -> Judge:
        name = function.__name__.replace("_", "-")
        RULES[name] = Rule(name, (function.__doc__ or "").strip(), checks, function)
        return function

    return register


def pod_rule(*checks: str) -> Callable[[Callable[[Workload], str | None]], Callable[[Workload], str | None]]:
    """Make a rule of a function over one workload's Pods that returns what is wrong."""

    def register(function: Callable[[Workload], str | None]) -> Callable[[Workload], str | None]:
        def judge_all(objects: Objects) -> Iterator[Verdict]:
            yield from ((each.reference, function(each)) for each in objects.workloads)

        _named(judge_all, function)
        rule(*checks)(judge_all)
        return function

    return register


ContainerCheck = Callable[[Mapping[str, Any], Workload], str | None]


def container_rule(*checks: str, lasting: bool = False) -> Callable[[ContainerCheck], ContainerCheck]:
    """Make a rule of a function over one container; with ``lasting`` only those that do not end by themselves are looked at."""

    def register(function: ContainerCheck) -> ContainerCheck:
        def judge_pod(workload: Workload) -> str | None:
            containers = workload.lasting if lasting else workload.containers
            problems = [f"{each['name']}: {problem}" for each in containers if (problem := function(each, workload))]
            return "; ".join(problems) or None

        _named(judge_pod, function)
        pod_rule(*checks)(judge_pod)
        return function

    return register


def judge(objects: Objects) -> list[Result]:
    """Return every rule's results."""
    return [result for each in RULES.values() for result in each.results(objects)]


def _named(wrapper: Callable[..., Any], function: Callable[..., Any]) -> None:
    wrapper.__name__, wrapper.__doc__ = function.__name__, function.__doc__
