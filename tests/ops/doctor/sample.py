"""What the doctor prints of a stack whose database refuses Portus: the sample in its manual."""

from __future__ import annotations

import io

from rich.console import Console

from ops.doctor.chain import examine
from ops.doctor.facts import Denied
from ops.doctor.report import show
from tests.ops.doctor.stage import healthy

SECONDS = 3.2


def sample() -> str:
    """Return the report, without colours."""
    sink = io.StringIO()
    findings = examine(healthy(database=Denied("Access denied for user 'portus'", 1045, has_account=True)))
    show("prod", findings, Console(file=sink, width=200, soft_wrap=True), SECONDS)
    return sink.getvalue().strip()
