"""Our own form of the checks of kube-linter, polaris and kubesec, which no package registry holds; each rule in our own words.

A rule names the checks that it replaces, so that a waiver names what its readers know.
"""

from lab.manifests.rules import containers, pods, workloads
from lab.manifests.rules.rule import RULES, TOOLS, Rule, judge

__all__ = ["RULES", "TOOLS", "Rule", "containers", "judge", "pods", "workloads"]
