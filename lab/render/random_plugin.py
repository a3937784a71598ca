"""The random plugin of a render: see ``lab.render.generated``. Started by the engine."""

from __future__ import annotations

from lab.engine.plugins.random_plugin import KINDS
from lab.engine.plugins.serve import run
from lab.render.generated import MarkingProvider

if __name__ == "__main__":
    run(lambda _engine: MarkingProvider("random", KINDS), "pulumi-random")
