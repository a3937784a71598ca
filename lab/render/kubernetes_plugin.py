"""A kubernetes plugin that deploys nothing: it writes down, redacted, what a preview would create. Started by the engine.

It needs no cluster and no kubeconfig, and it sees what no other view of a preview shows: which single value of a Secret or a list is secret
or not known yet (``pulumi preview --json`` masks a Secret whole, and the genuine plugin leaves out what only the server could tell).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from typing_extensions import override

from lab.engine.plugins.codec import Properties, plain
from lab.engine.plugins.provider import ChangeCall, CheckCall, Checked, Live, Provider, ReadCall
from lab.engine.plugins.serve import Engine, run
from lab.render.objects import manifest, outputs, with_name

FOLDER: Final = "PORTUS_RENDER_FOLDER"
"""Environment variable: where the objects go, one JSON file each."""


class Renderer(Provider):
    """Takes each object of a preview of a stack that was never deployed."""

    package = "kubernetes"

    def __init__(self, engine: Engine) -> None:
        del engine
        self._folder = Path(os.environ[FOLDER])

    @override
    def check(self, call: CheckCall) -> Checked:
        return Checked(with_name(call.new, call.urn.name))

    @override
    def create(self, call: ChangeCall) -> tuple[str, Properties]:
        found = manifest(call.urn.type, call.urn.name, call.new)
        (self._folder / f"{found.file_name}.json").write_text(json.dumps(found.document), encoding="utf-8")
        return "", outputs(plain(call.new))

    @override
    def read(self, call: ReadCall) -> Live:
        """Return an object of somebody else, of which nothing is known and nothing shown: that it is there."""
        return Live(call.resource_id, {}, {})


if __name__ == "__main__":
    run(Renderer, "pulumi-kubernetes")
