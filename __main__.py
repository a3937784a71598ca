"""The Pulumi program: the stack file's settings in, one `PortusStack`, its outputs out."""

from __future__ import annotations

import signal

import pulumi

from components.cluster import provider
from components.settings.load import load_or_end
from components.stack import PortusStack

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Pulumi interrupts a program when it refuses a preview; a traceback would follow the reason

settings = load_or_end()
portus = PortusStack(
    "stack",
    stack=settings,
    instance=pulumi.get_stack(),
    opts=pulumi.ResourceOptions(providers={"kubernetes": provider(settings)}),
)

for name, value in portus.outputs.items():
    pulumi.export(name, value)
